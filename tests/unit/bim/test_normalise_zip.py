"""A ZIP at the door: exactly one IFC, within limits, or a refusal that says why."""

import io
import zipfile

import pytest

from bim.normalise import normalise, product_guids
from identity.errors import Invalid, TooLarge
from tests.parts.ifc_text import HOUSE, WALL, ifc


def packed(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def refused(tmp_path, data, kind=Invalid, **options):
    source = tmp_path / "in.ifczip"
    source.write_bytes(data)
    with pytest.raises(kind) as refusal:
        normalise(source, tmp_path / "out.ifc", **options)
    assert "{" not in refusal.value.text("en")[0] + refusal.value.text("zh")[0]
    return refusal.value.code


def test_the_one_ifc_of_a_zip_is_read_and_what_systems_add_is_ignored(tmp_path):
    source = tmp_path / "in.ifczip"
    noise = [("__MACOSX/._a.ifc", b"x"), ("b/.DS_Store", b"x"), ("b/readme.txt", b"x")]
    source.write_bytes(packed([*noise, ("b/A.IFC", ifc(*HOUSE))]))
    said = normalise(source, tmp_path / "out.ifc")
    assert (tmp_path / "out.ifc").read_bytes() == ifc(*HOUSE)
    assert said.declared == len(HOUSE)
    assert product_guids(source) == {WALL}


@pytest.mark.parametrize(
    "name", ["../a.ifc", "a/../../b.ifc", "/etc/a.ifc", "C:\\a.ifc", "..\\a.ifc"]
)
def test_a_name_that_leaves_its_folder_is_refused(tmp_path, name):
    assert refused(tmp_path, packed([(name, ifc(*HOUSE))])) == "zip_traversal"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([], "zip_without_ifc"),
        ([("a.txt", b"x")], "zip_without_ifc"),
        ([("a.ifc", b"1"), ("b.ifc", b"2")], "zip_several"),
        ([("a.zip", b"PK")], "zip_nested"),
        ([("a.ifcxml", b"<x/>")], "ifc_not_ifc"),
        ([("a.ifc", b"")], "ifc_empty"),
        ([("a.ifc", b"<html>")], "ifc_not_ifc"),
        ([("a.ifc", ifc(*HOUSE)[:-20])], "ifc_truncated"),
    ],
)
def test_a_zip_without_one_whole_ifc_is_refused(tmp_path, members, code):
    assert refused(tmp_path, packed(members)) == code


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path):
    data = packed([("a.ifc", ifc(*HOUSE) + b" " * 5_000_000)])
    assert refused(tmp_path, data, TooLarge) == "zip_ratio"


def test_a_model_over_the_limit_is_refused_by_its_unpacked_size(tmp_path):
    data = packed([("a.ifc", ifc(*HOUSE))])
    assert refused(tmp_path, data, TooLarge, limit_bytes=500) == "ifc_size"


def test_too_many_files_are_refused(tmp_path):
    data = packed([(f"{i}.txt", b"") for i in range(1_001)], zipfile.ZIP_STORED)
    assert refused(tmp_path, data, TooLarge) == "zip_entries"


def test_an_encrypted_member_is_refused(tmp_path):
    data = bytearray(packed([("a.ifc", ifc(*HOUSE))]))
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    data[6] |= 1
    assert refused(tmp_path, bytes(data)) == "zip_encrypted"


def test_a_lying_size_does_not_unpack_more_than_it_says(tmp_path):
    """The directory says 500 bytes: reading stops there and the check of the whole fails."""
    data = bytearray(packed([("a.ifc", ifc(*HOUSE))]))
    central = data.index(b"PK\x01\x02")
    data[central + 24 : central + 28] = (500).to_bytes(4, "little")
    assert refused(tmp_path, bytes(data)) in {"zip_damaged", "ifc_truncated"}


@pytest.mark.parametrize("cut", [30, 200, -30])
def test_a_damaged_zip_is_refused(tmp_path, cut):
    assert refused(tmp_path, packed([("a.ifc", ifc(*HOUSE))])[:cut]) == "zip_damaged"


def test_an_offset_that_points_outside_is_damage(tmp_path):
    data = bytearray(packed([("a.ifc", ifc(*HOUSE))]))
    end = data.index(b"PK\x05\x06")
    data[end + 12 : end + 16] = (2**31).to_bytes(4, "little")  # size of the directory
    assert refused(tmp_path, bytes(data)) == "zip_damaged"


def test_damaged_bytes_inside_a_zip_are_refused(tmp_path):
    data = bytearray(packed([("a.ifc", ifc(*HOUSE))]))
    data[60:90] = bytes(30)
    assert refused(tmp_path, bytes(data)) == "zip_damaged"
