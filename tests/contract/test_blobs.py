"""Bytes under the name of their content."""

import hashlib

import pytest

from identity.errors import Invalid, NotFound

pytestmark = pytest.mark.anyio

DATA = bytes(range(256)) * 3_000
NAME = hashlib.sha256(DATA).hexdigest()
UNKNOWN = hashlib.sha256(b"unknown").hexdigest()


async def joined(chunks):
    return b"".join([piece async for piece in chunks])


async def test_bytes_come_back_under_the_name_of_their_content(blobs):
    assert await blobs.put(DATA) == NAME
    assert await blobs.get(NAME) == DATA
    assert await blobs.size(NAME) == len(DATA)
    assert (await blobs.local(NAME)).read_bytes() == DATA


async def test_equal_bytes_are_kept_once(blobs):
    assert await blobs.put(DATA) == await blobs.put(DATA)
    assert await blobs.get(NAME) == DATA


async def test_no_bytes_are_bytes_too(blobs):
    name = await blobs.put(b"")
    assert await blobs.get(name) == b""
    assert await blobs.size(name) == 0
    assert await joined(blobs.chunks(name)) == b""


@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, None), (0, 0), (5, 9), (300_000, 600_000), (700_000, None), (767_999, 800_000)],
)
async def test_a_range_is_read_in_pieces(blobs, start, stop):
    await blobs.put(DATA)
    assert await joined(blobs.chunks(NAME, start=start, stop=stop)) == DATA[start:stop]


async def test_a_large_blob_comes_in_several_pieces(blobs):
    await blobs.put(DATA)
    assert len([piece async for piece in blobs.chunks(NAME)]) > 1


async def test_a_finished_file_is_moved_in(blobs, tmp_path):
    path = tmp_path / "finished.glb"
    path.write_bytes(DATA)
    await blobs.adopt(path, NAME)
    assert not path.exists()
    assert await blobs.get(NAME) == DATA
    path.write_bytes(DATA)
    await blobs.adopt(path, NAME)
    assert not path.exists()
    assert await blobs.get(NAME) == DATA


async def test_a_file_that_is_not_what_it_is_called_is_refused(blobs, tmp_path):
    path = tmp_path / "finished.glb"
    path.write_bytes(DATA + b"!")
    with pytest.raises(Invalid) as refused:
        await blobs.adopt(path, NAME)
    assert refused.value.code == "blob_mismatch"
    assert path.exists()
    assert await blobs.size(NAME) is None


async def test_an_unknown_blob_is_not_found(blobs):
    assert await blobs.size(UNKNOWN) is None
    for call in (blobs.get, blobs.local, lambda name: joined(blobs.chunks(name))):
        with pytest.raises(NotFound) as refused:
            await call(UNKNOWN)
        assert refused.value.code == "blob_unknown"


@pytest.mark.parametrize(
    "name", ["", "x" * 64, NAME.upper(), NAME + "0", NAME[:63], "../" + NAME[3:], NAME + "\n"]
)
async def test_what_is_no_name_is_refused(blobs, tmp_path, name):
    path = tmp_path / "file"
    path.write_bytes(DATA)
    calls = (
        blobs.get,
        blobs.size,
        blobs.local,
        lambda n: joined(blobs.chunks(n)),
        lambda n: blobs.adopt(path, n),
    )
    for call in calls:
        with pytest.raises(Invalid) as refused:
            await call(name)
        assert refused.value.code == "blob_name_invalid"


async def test_a_removed_blob_is_unknown_and_may_come_again(blobs):
    await blobs.put(DATA)
    await blobs.remove(NAME)
    await blobs.remove(NAME)
    assert await blobs.size(NAME) is None
    assert await blobs.put(DATA) == NAME
    assert await blobs.get(NAME) == DATA
