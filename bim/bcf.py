"""Findings as a BCF file, 3.0 or 2.1 (buildingSMART BCF-XML): one topic for each, in one zip.

A topic's GUID follows from the model and the finding's id, so the same fault in the next delivery
is the same topic in the firm's tool. Equal input gives equal bytes. Coordinates are those of the
file, in metres.
"""

import io
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from xml.sax.saxutils import escape, quoteattr

from bim.bcf_view import Camera, camera, snapshot
from cim.placement import Box3
from identity.errors import Invalid

VERSIONS = ("3.0", "2.1")
TOPICS_MAX = 500  # of one file; tools open it as a list
AUTHOR = "wanwu-twin"
STATUS = "Open"
BLANK = "-"  # for a text of nothing but spaces, which 3.0 forbids
FAR_M = 1e9  # a box that reaches beyond it is damaged, and nothing to look at
COLOUR = "FFFF3B30"  # alpha, red, green, blue
TYPES = {"error": "Error", "warning": "Warning", "info": "Info"}
_PRIORITIES = {"error": "High", "warning": "Normal", "info": "Low"}
_SPACE = uuid.UUID("6f0c2f0e-6a0b-5b9e-9d51-5d8f3d0f6a11")  # of our topics' GUIDs

_IFC_GUID = re.compile("[0-9A-Za-z_$]{22}")
_UNSAYABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Topic:
    """One finding. ``box_m``: of its element, if any."""

    id: str
    severity: str
    title: str
    description: str
    code: str
    guid: str | None = None
    element: str | None = None
    box_m: Box3 | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the topics are about. ``created_at``: Unix seconds. ``boxes_m``: of its elements."""

    model: str
    project: str
    filename: str
    created_at: float
    boxes_m: Sequence[Box3] = ()


def archive(topics: Sequence[Topic], of: Delivery, version: str = VERSIONS[0]) -> bytes:
    """Return the BCF file of the first TOPICS_MAX topics; Invalid("bcf_version_unknown")."""
    if version not in VERSIONS:
        raise Invalid("bcf_version_unknown", version=version[:20], known=list(VERSIONS))
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as file:
        written = [_drawable(topic) for topic in topics[:TOPICS_MAX]]
        for name, content in _files(written, of, version):
            info = zipfile.ZipInfo(name)  # of 1980: the bytes depend on nothing but the topics
            info.compress_type = zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return held.getvalue()


def topic_guid(model: str, finding: str) -> str:
    """Return the GUID of a finding's topic: the same in each version of the model."""
    return str(uuid.uuid5(_SPACE, f"{model}/{finding}"))


def _files(topics: Sequence[Topic], of: Delivery, version: str) -> Iterator[tuple[str, bytes]]:
    yield "bcf.version", _document("Version", {"VersionId": version}, _version(version))
    named = _tag("Name", of.project)
    project = _tag("Project", named, raw=True, ProjectId=topic_guid(of.model, "project"))
    if version == "3.0":
        yield "project.bcfp", _document("ProjectInfo", {}, project)
        labels = sorted({topic.code for topic in topics})
        yield "extensions.xml", _document("Extensions", {}, _extensions(labels))
    else:
        extension = project + _tag("ExtensionSchema", "", raw=True)
        yield "project.bcfp", _document("ProjectExtension", {}, extension)
    markup = _markup_3 if version == "3.0" else _markup_2
    for number, topic in enumerate(topics):
        guid = topic_guid(of.model, topic.id)
        seen = None if topic.box_m is None else camera(topic.box_m)
        yield f"{guid}/markup.bcf", _document("Markup", {}, markup(topic, of, number))
        if seen is not None and topic.box_m is not None:
            said = {"Guid": _view_guid(of, topic)}
            yield (
                f"{guid}/viewpoint.bcfv",
                _document("VisualizationInfo", said, _view(topic, seen, version)),
            )
            yield f"{guid}/snapshot.png", snapshot(seen, topic.box_m, of.boxes_m)


def _drawable(topic: Topic) -> Topic:
    """Return the topic without a box that is infinite, no number, or far beyond any building."""
    known = topic.box_m is not None and all(abs(at) < FAR_M for at in topic.box_m)
    return topic if known else replace(topic, box_m=None)


def _version(version: str) -> str:
    return "" if version == "3.0" else _tag("DetailedVersion", version)


def _extensions(labels: Sequence[str]) -> str:
    def several(group: str, one: str, values: Sequence[str]) -> str:
        return _tag(group, "".join(_tag(one, value) for value in values), raw=True)

    return (
        several("TopicTypes", "TopicType", list(TYPES.values()))
        + several("TopicStatuses", "TopicStatus", [STATUS, "Closed"])
        + several("Priorities", "Priority", list(_PRIORITIES.values()))
        + several("TopicLabels", "TopicLabel", labels)
        + several("Users", "User", [AUTHOR])
    )


def _markup_3(topic: Topic, of: Delivery, number: int) -> str:
    file = _tag("File", _file_of(of), raw=True, IsExternal="true")
    header = _tag("Header", _tag("Files", file, raw=True), raw=True)
    labels = _tag("Labels", _tag("Label", topic.code), raw=True)
    inner = _head(topic, of, number, labels)
    if topic.box_m is not None:
        inner += _tag("Viewpoints", _viewpoint(topic, of, "ViewPoint"), raw=True)
    return header + _topic(topic, of, inner)


def _markup_2(topic: Topic, of: Delivery, number: int) -> str:
    header = _tag("Header", _tag("File", _file_of(of), raw=True, isExternal="true"), raw=True)
    inner = _head(topic, of, number, _tag("Labels", topic.code))
    views = "" if topic.box_m is None else _viewpoint(topic, of, "Viewpoints")
    return header + _topic(topic, of, inner) + views


def _topic(topic: Topic, of: Delivery, inner: str) -> str:
    said = {
        "Guid": topic_guid(of.model, topic.id),
        "TopicType": TYPES.get(topic.severity, topic.severity),
        "TopicStatus": STATUS,
    }
    return _tag("Topic", inner, raw=True, **said)


def _head(topic: Topic, of: Delivery, number: int, labels: str) -> str:
    """Return what both versions say of a topic, in their order."""
    return (
        _tag("Title", topic.title)
        + _tag("Priority", _PRIORITIES.get(topic.severity, "Normal"))
        + _tag("Index", str(number))
        + labels
        + _tag("CreationDate", _date(of.created_at))
        + _tag("CreationAuthor", AUTHOR)
        + _tag("Description", _description(topic))
    )


def _description(topic: Topic) -> str:
    places = [f"{name}: {told}" for name, told in _places(topic) if told]
    return "\n".join([topic.description, *places])


def _places(topic: Topic) -> tuple[tuple[str, str | None], ...]:
    return ("IFC GUID", topic.guid), ("万物码", topic.element)


def _file_of(of: Delivery) -> str:
    return _tag("Filename", of.filename) + _tag("Date", _date(of.created_at))


def _viewpoint(topic: Topic, of: Delivery, name: str) -> str:
    files = _tag("Viewpoint", "viewpoint.bcfv") + _tag("Snapshot", "snapshot.png")
    return _tag(name, files, raw=True, Guid=_view_guid(of, topic))


def _view_guid(of: Delivery, topic: Topic) -> str:
    return topic_guid(of.model, f"{topic.id}/view")


def _view(topic: Topic, seen: Camera, version: str) -> str:
    components = ""
    if topic.guid and _IFC_GUID.fullmatch(topic.guid):  # "<guid>#2" is none
        one = _tag("Component", "", raw=True, IfcGuid=topic.guid)
        visible = _tag("Visibility", "", raw=True, DefaultVisibility="true")
        several = _tag("Components", one, raw=True) if version == "3.0" else one
        colour = _tag("Color", several, raw=True, Color=COLOUR)
        chosen = _tag("Selection", one, raw=True)
        parts = chosen + visible + _tag("Coloring", colour, raw=True)
        components = _tag("Components", parts, raw=True)
    aspect = _tag("AspectRatio", repr(seen.aspect)) if version == "3.0" else ""
    return components + _tag(
        "PerspectiveCamera",
        _point("CameraViewPoint", seen.eye_m)
        + _point("CameraDirection", seen.direction)
        + _point("CameraUpVector", seen.up)
        + _tag("FieldOfView", repr(seen.field_of_view_deg))
        + aspect,
        raw=True,
    )


def _point(name: str, at: Sequence[float]) -> str:
    inner = "".join(_tag(axis, repr(float(v))) for axis, v in zip("XYZ", at, strict=True))
    return _tag(name, inner, raw=True)


def _date(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).isoformat()


def _tag(name: str, inner: str, *, raw: bool = False, **attributes: str) -> str:
    """Return an element; ``raw``: ``inner`` is XML already."""
    told = "".join(f" {key}={quoteattr(_plain(value))}" for key, value in attributes.items())
    return f"<{name}{told}>{inner if raw else escape(_plain(inner))}</{name}>"


def _plain(text: str) -> str:
    """Return a text without what XML 1.0 (2.2) has no way to say; it is shown as U+FFFD."""
    return _UNSAYABLE.sub("\ufffd", text) if text.strip(" \t\r\n") else BLANK


def _document(name: str, attributes: Mapping[str, str], inner: str) -> bytes:
    root = _tag(name, inner, raw=True, **attributes)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{root}\n'.encode()
