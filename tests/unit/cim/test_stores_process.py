"""Whether the process that held the lease is still there."""

import os
import subprocess
import sys

import pytest

from cim.stores.process import is_gone, process_name


def other(pid, start=None):
    host, _, own_start = process_name().split(":")
    return f"{host}:{pid}:{start or own_start}"


def test_this_process_is_there():
    assert process_name().split(":")[1] == str(os.getpid())
    assert is_gone(process_name()) is False


def test_an_ended_process_is_gone_even_before_it_is_waited_for():
    code = "from cim.stores.process import process_name; print(process_name(), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    name = child.stdout.readline().strip()
    assert is_gone(name) is False
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_gone(name) is True
    child.communicate()
    assert is_gone(name) is True


def test_a_process_number_that_was_given_again_is_another_process():
    assert is_gone(other(os.getpid(), start="1")) is True


STRANGE = pytest.param(other("x"), id="a start that is no number")


@pytest.mark.parametrize("name", ["", "x", "elsewhere:1:1", "elsewhere:1", STRANGE, ":::"])
def test_what_cannot_be_known_counts_as_alive(name):
    assert is_gone(name) is False
