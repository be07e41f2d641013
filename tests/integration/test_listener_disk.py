"""A disk that is full, and one that fails to sync: nothing acknowledged is lost, and it goes on."""

import os
import shutil
import subprocess
from contextlib import contextmanager, suppress

import pytest

from tests.integration.listening import build_city
from tests.integration.test_listener_kills import Sqlite
from tests.parts.listener import Device, Listener
from tests.parts.ports import free_port
from tests.parts.twin_process import until

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
TOPIC = "city/demo/d1/counter"
DISK_BYTES = 24 * 1024 * 1024
PIECE = 200

SHIM = """
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <dlfcn.h>
#include <unistd.h>

static int broken(void) {
  const char *flag = getenv("SYNC_FAILS_WHILE");
  return flag != NULL && access(flag, F_OK) == 0;
}
int fdatasync(int fd) {
  if (broken()) { errno = EIO; return -1; }
  return ((int (*)(int)) dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
int fsync(int fd) {
  if (broken()) { errno = EIO; return -1; }
  return ((int (*)(int)) dlsym(RTLD_NEXT, "fsync"))(fd);
}
"""


@contextmanager
def small_disk(folder):
    """Mount a tmpfs of DISK_BYTES, which takes the rights of root."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here: the full disk is not tested")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def failing_sync(tmp_path):
    """Return (library, flag): syncs fail while the flag's file is there."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler: failing syncs are not tested")
    source, library = tmp_path / "shim.c", tmp_path / "shim.so"
    source.write_text(SHIM)
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library, tmp_path / "broken"


async def unharmed(tmp_path, data, breaking, mending, **settings):
    """Publish, break the disk, go on until it is noticed, mend it; every reading is there once."""
    await build_city(data)
    port, store = free_port(), Sqlite(data)
    with Listener(
        tmp_path, TWIN_DATA_DIR=data, TWIN_MQTT_BIND=f"127.0.0.1:{port}", **settings
    ) as listener:
        device = Device(port, TOPIC)
        device.publish(1_000)
        device.settle()
        breaking()
        until(lambda: more(device) and "journal_write_failed" in listener.printed(), "a refusal")
        acknowledged = device.acknowledged
        device.publish(PIECE)
        assert device.in_flight >= PIECE
        assert device.acknowledged == acknowledged, "a broken disk acknowledges nothing"
        mending()
        device.settle()
        device.publish(1_000)
        device.settle()
        until(lambda: store.committed() >= store.journalled(), "everything applied")
        device.close()
        assert "listener_part_ended" not in listener.printed(), "no process died of it"
    assert device.acknowledged == device.sent
    assert list(range(device.sent)) == store.values()


def more(device):
    """Publish a little more, unless much is waiting already."""
    if device.in_flight < 4_000:
        device.publish(PIECE)
    return True


async def test_a_full_disk_acknowledges_nothing_and_goes_on_once_there_is_room(tmp_path):
    with small_disk(tmp_path / "disk") as disk:
        filler = disk / "filler"

        def fill():
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while True:
                    file.write(bytes(64 * 1024))

        await unharmed(tmp_path, disk, fill, filler.unlink)


async def test_a_sync_that_fails_acknowledges_nothing_and_goes_on_once_it_works(
    tmp_path, failing_sync
):
    library, flag = failing_sync
    (tmp_path / "data").mkdir()
    settings = {"LD_PRELOAD": library, "SYNC_FAILS_WHILE": flag}
    await unharmed(tmp_path, tmp_path / "data", flag.touch, flag.unlink, **settings)
