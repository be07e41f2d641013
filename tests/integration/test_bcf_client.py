"""Our BCF files are opened by bcf-client, and follow the schemas that buildingSMART published."""

import io
import zipfile

import pytest

from bim import bcf
from bim.bcf import Delivery, Topic, archive
from bim.findings import wire
from bim.rows import Finding, Severity
from identity.errors import catalogue
from tests.parts import bcf_client, bcf_schemas

GUID = "3vB2YO$MX4xv5uCqZZG05x"
ROOM = (10.0, 0.0, 0.0, 14.0, 5.0, 3.0)
TOPICS = [
    Topic("a" * 16, "error", "缺少楼层 <一>", "说明\n建议", "storey_missing", GUID, "42", ROOM),
    Topic("b" * 16, "info", "no element", "d", "unit_odd"),
]
DELIVERY = Delivery("420111990101000000017", "光谷", "塔楼.ifc", 1_795_000_000.0, [ROOM])
ODD_TEXTS = ("", "  ", "\x00\ud800<&>\"'", "𠀀 光谷]]>", "字" * 5_000)
ODD_GUIDS = (None, "", f"{GUID}#2", "墙" * 22, "a,b" + "0" * 19, "0" * 22)
FAR = float("inf")
ODD_BOXES = (None, ROOM, (0.0,) * 6, (FAR,) * 6, (float("nan"),) * 6, (-1e300,) * 3 + (1e300,) * 3)
PLANTED = {  # of a part that every file has: what is put wrong in it
    "bcf.version": (b"VersionId=", b"Version="),
    "project.bcfp": (b"ProjectId=", b"Id="),
    "markup.bcf": (b"<Title>", b"<Titel/><Title>"),
    "viewpoint.bcfv": (b"<X>", b"<X>east"),
    "extensions.xml": (b"<Users>", b"<Persons/><Users>"),
}


@pytest.mark.parametrize("version", bcf.VERSIONS)
def test_bcf_client_reads_topics_views_and_components(tmp_path, version):
    path = tmp_path / "findings.bcf"
    path.write_bytes(archive(TOPICS, DELIVERY, version))
    seen = bcf_client.opened(path)
    assert (seen.version, seen.project) == (version, "光谷")
    told = {topic["title"]: topic for topic in seen.topics}
    assert {
        "guid": bcf.topic_guid(DELIVERY.model, "a" * 16),
        "title": "缺少楼层 <一>",
        "description": f"说明\n建议\nIFC GUID: {GUID}\n万物码: 42",
        "type": "Error",
        "priority": "High",
        "labels": ["storey_missing"],
        "selected": [GUID],
        "snapshots": ["89504e47"],
        "fields_of_view_deg": [60.0],
    } == told["缺少楼层 <一>"]
    assert ("Info", "Low", []) == tuple(
        told["no element"][name] for name in ("type", "priority", "snapshots")
    )


def every_finding():
    """Return a topic for each code that there is a text for, in both languages; and odd topics."""
    told = [
        (row, lang)
        for code in catalogue()
        for severity in Severity
        for row in [wire(Finding(code, severity, {"count": 3}, GUID, 7))]
        for lang in row["text"]
    ]
    topics = [
        Topic(f"{n:016x}", row["severity"], row["text"][lang], row["hint"][lang], row["code"], GUID)
        for n, (row, lang) in enumerate(told)
    ]
    odd = [
        Topic(f"{a}{b}{c}", "warning", text, text, "odd", guid, None, box)
        for a, text in enumerate(ODD_TEXTS)
        for b, guid in enumerate(ODD_GUIDS)
        for c, box in enumerate(ODD_BOXES)
    ]
    return topics, odd


@pytest.mark.parametrize("version", bcf.VERSIONS)
def test_every_part_follows_the_published_schemas(version):
    schemas = bcf_schemas.folder()
    topics, odd = every_finding()
    nameless = Delivery("m", " ", "", 0.0, [ROOM])
    read = 0
    for start in range(0, len(topics), bcf.TOPICS_MAX):
        piece = topics[start : start + bcf.TOPICS_MAX]
        found, parts = bcf_schemas.violations(archive(piece, DELIVERY, version), version, schemas)
        assert [] == found[:3]
        read += parts
    for delivery in (DELIVERY, nameless):
        found, parts = bcf_schemas.violations(archive(odd, delivery, version), version, schemas)
        assert [] == found[:3]
        read += parts
    assert read > len(topics) + 2 * len(odd)
    print(f"BCF {version}: {read} parts of {len(topics)} + {len(odd)} topics, against")
    print("\n".join(bcf_schemas.digests(schemas, version)))


@pytest.mark.parametrize("version", bcf.VERSIONS)
@pytest.mark.parametrize("part", PLANTED)
def test_what_is_planted_in_a_part_is_found_there(version, part):
    schemas = bcf_schemas.folder()
    whole = zipfile.ZipFile(io.BytesIO(archive(TOPICS, DELIVERY, version)))
    if version == "2.1" and part == "extensions.xml":
        assert part not in whole.namelist()  # its extensions are a schema, and ours has none
        return
    right, wrong = PLANTED[part]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name in whole.namelist():
            content = whole.read(name)
            assert not name.endswith(part) or right in content
            file.writestr(name, content.replace(right, wrong) if name.endswith(part) else content)
    found, _ = bcf_schemas.violations(held.getvalue(), version, schemas)
    assert {True} == {name.endswith(part) for name, _ in found}
