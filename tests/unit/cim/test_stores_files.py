"""Where the files of blobs lie, and what a killed or full store leaves."""

import hashlib
from errno import EXDEV

import pytest

from cim.stores.files import FileBlobs
from identity.errors import Unavailable

pytestmark = pytest.mark.anyio

DATA = b"glTF" * 100
NAME = hashlib.sha256(DATA).hexdigest()


async def test_a_blob_lies_in_two_levels_of_folders(tmp_path):
    blobs = FileBlobs(tmp_path)
    assert await blobs.put(DATA) == NAME
    assert await blobs.local(NAME) == tmp_path / NAME[:2] / NAME[2:4] / NAME
    assert list((tmp_path / "incoming").iterdir()) == []


async def test_what_a_killed_writer_left_is_not_served_and_not_in_the_way(tmp_path):
    blobs = FileBlobs(tmp_path)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / NAME).write_bytes(DATA[:10])
    assert await blobs.size(NAME) is None
    await blobs.put(DATA)
    assert await blobs.get(NAME) == DATA


async def test_another_process_sees_what_one_stored(tmp_path):
    await FileBlobs(tmp_path).put(DATA)
    assert await FileBlobs(tmp_path).get(NAME) == DATA


async def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    blocked = tmp_path / "blobs"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(Unavailable) as refused:
        await FileBlobs(blocked).put(DATA)
    assert refused.value.code == "blobs_unavailable"
    source = tmp_path / "source"
    source.write_bytes(DATA)
    with pytest.raises(Unavailable):
        await FileBlobs(blocked).adopt(source, NAME)
    assert source.read_bytes() == DATA


async def test_a_sweep_removes_what_a_killed_writer_left_and_no_blob(tmp_path):
    blobs = FileBlobs(tmp_path)
    await blobs.put(DATA)
    (tmp_path / "incoming" / f"host.1.2.{NAME}").write_bytes(DATA[:10])
    assert (await blobs.sweep(), await blobs.sweep()) == (1, 0)
    assert await blobs.get(NAME) == DATA


async def test_a_file_of_another_file_system_is_copied_in_and_removed_there(tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.write_bytes(DATA)

    def other_device(_path, _target):
        raise OSError(EXDEV, "cross-device link")

    monkeypatch.setattr(type(source), "rename", other_device)
    await FileBlobs(tmp_path / "blobs").adopt(source, NAME)
    assert await FileBlobs(tmp_path / "blobs").get(NAME) == DATA
    assert not source.exists()
    assert list((tmp_path / "blobs" / "incoming").iterdir()) == []
