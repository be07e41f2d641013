"""A BCF file: what is in it, that it is stable, and that its pictures show the element."""

import io
import struct
import zipfile
import zlib
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim import bcf, bcf_view
from bim.bcf import Delivery, Topic, archive, topic_guid
from identity.errors import Invalid

GUID = "3vB2YO$MX4xv5uCqZZG05x"
ROOM = (10.0, 0.0, 0.0, 14.0, 5.0, 3.0)
HOUSE = [(x, 0.0, 0.0, x + 5.0, 5.0, 3.0) for x in range(0, 40, 5)]
WITH_BOX = Topic(
    "a" * 16, "error", "没有楼层", "没有楼层\n请补充", "storey_missing", GUID, "42", ROOM
)
WITHOUT = Topic("b" * 16, "info", "a <b> & c", "d", "unit_odd")
DELIVERY = Delivery("420111990101000000017", "光谷", "塔楼.ifc", 1_795_000_000.0, HOUSE)


def opened(topics, version):
    return zipfile.ZipFile(io.BytesIO(archive(topics, DELIVERY, version)))


def tree(file, name):
    return ET.fromstring(file.read(name))


@pytest.mark.parametrize("version", bcf.VERSIONS)
def test_each_finding_is_a_topic_and_each_box_a_view(version):
    file = opened([WITH_BOX, WITHOUT], version)
    assert tree(file, "bcf.version").get("VersionId") == version
    guids = [topic_guid(DELIVERY.model, topic.id) for topic in (WITH_BOX, WITHOUT)]
    names = {f"{guids[0]}/{name}" for name in ("markup.bcf", "viewpoint.bcfv", "snapshot.png")}
    assert {name for name in file.namelist() if "/" in name} == {*names, f"{guids[1]}/markup.bcf"}

    topic = tree(file, f"{guids[0]}/markup.bcf").find("Topic")
    assert (topic.get("Guid"), topic.get("TopicType")) == (guids[0], "Error")
    assert topic.findtext("Title") == "没有楼层"
    assert topic.findtext("CreationDate") == "2026-11-18T11:06:40+00:00"
    assert {GUID, "42"} <= set(topic.findtext("Description").replace(":", "").split())
    view = tree(file, f"{guids[0]}/viewpoint.bcfv")
    assert [c.get("IfcGuid") for c in view.findall(".//Selection/Component")] == [GUID]
    assert (view.find(".//AspectRatio") is not None) == (version == "3.0")
    assert tree(file, f"{guids[1]}/markup.bcf").find("Topic").findtext("Title") == "a <b> & c"


def test_the_same_topics_are_the_same_bytes_and_keep_their_guids_in_another_version():
    assert archive([WITH_BOX], DELIVERY) == archive([WITH_BOX], DELIVERY)
    assert topic_guid("m", "x") == topic_guid("m", "x")
    assert len({topic_guid(m, f) for m in "mn" for f in "xy"}) == 4


@given(st.text(st.characters(codec=None, exclude_categories=()), max_size=30))
def test_any_text_can_be_told(text):
    topic = Topic("c" * 16, "warning", text, text, "odd")
    for version in bcf.VERSIONS:
        file = opened([topic], version)
        assert tree(file, f"{topic_guid(DELIVERY.model, topic.id)}/markup.bcf") is not None


def test_another_version_is_refused():
    with pytest.raises(Invalid) as refused:
        archive([], DELIVERY, "1.0")
    assert refused.value.code == "bcf_version_unknown"


def test_a_file_holds_a_bounded_number_of_topics(monkeypatch):
    monkeypatch.setattr(bcf, "TOPICS_MAX", 3)
    topics = [Topic(f"{n:016x}", "info", "t", "d", "c") for n in range(9)]
    assert sum(name.endswith("markup.bcf") for name in opened(topics, "3.0").namelist()) == 3


def pixels(data):
    """Read a PNG of ours back: no filter, one piece."""
    size = struct.unpack(">I", data[33:37])[0]
    rows = np.frombuffer(zlib.decompress(data[41 : 41 + size]), np.uint8)
    return rows.reshape(bcf_view.HEIGHT, -1)[:, 1:].reshape(bcf_view.HEIGHT, -1, 3)


def test_a_snapshot_shows_the_element_in_the_middle_and_its_neighbours_around():
    picture = pixels(bcf_view.snapshot(bcf_view.camera(ROOM), ROOM, HOUSE))
    red = (picture == bcf_view._RED).all(axis=2)
    rows, columns = np.nonzero(red)
    assert picture.shape == (bcf_view.HEIGHT, bcf_view.WIDTH, 3)
    assert abs(columns.mean() - bcf_view.WIDTH / 2) < 40
    assert abs(rows.mean() - bcf_view.HEIGHT / 2) < 40
    assert (picture == bcf_view._LINE).all(axis=2).sum() > 500
    alone = pixels(bcf_view.snapshot(bcf_view.camera(ROOM), ROOM))
    assert (alone == bcf_view._LINE).all(axis=2).sum() == 0


def test_a_point_like_element_is_looked_at_from_a_distance():
    seen = bcf_view.camera((1.0, 2.0, 3.0, 1.0, 2.0, 3.0))
    away = np.linalg.norm(np.array(seen.eye_m) - [1.0, 2.0, 3.0])
    assert away == pytest.approx(bcf_view.FAR * bcf_view.HALF_M_MIN)
    assert np.dot(seen.direction, seen.up) == pytest.approx(0.0, abs=1e-6)
