"""Lists of codes and QR images by the command line: on its own stores, and at a running server."""

import json
import re
import subprocess
import sys

import pytest

from api import cli_codes, cli_lookup, qr
from api.settings import load
from identity.errors import CityError
from tests.parts.listed_codes import COUNT, HOUSES, KINDS, PER_KIND, furnished, listed
from tests.parts.planted_codes import planted
from tests.parts.twin_process import ROOT, Twin, environment

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]


def commanded(*words, lang="C.UTF-8"):
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", *words],
        env=environment() | {"LC_ALL": lang}, cwd=ROOT, capture_output=True, text=True,
        timeout=200, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done


@pytest.fixture
async def folder(tmp_path):
    """The data folder of a city of 500 houses that no process has open."""
    door, _ = await furnished(tmp_path / "data")
    await door.close()
    return tmp_path / "data"


def counts(done):
    return json.loads(done.stdout[done.stdout.index("{\n") :])


def named(done):
    """{row of the list (without the heading): its line} of what was printed."""
    lines = [line for line in done.stdout.splitlines() if re.match(r"row |第 ", line)]
    return {int(re.search(r"\d+", line)[0]) - 1: line for line in lines}


@pytest.mark.parametrize(
    ("count", "per_kind"), [(1_000, 5), pytest.param(COUNT, PER_KIND, marks=pytest.mark.long)]
)
async def test_every_error_is_named_with_its_place_and_every_right_row_is_linked(
    folder, tmp_path, count, per_kind
):
    rows, wrong = planted(count, per_kind=per_kind, makers=KINDS)
    path = tmp_path / "codes.csv"
    path.write_bytes(listed(rows))
    here = ("--data-dir", str(folder))
    checked = commanded("import", str(path), "--check", *here)
    done = commanded("import", str(path), "--why", "the register", *here)
    assert (checked.returncode, done.returncode) == (1, 1)
    told = named(done)
    assert told == named(checked)
    assert sorted(told) == sorted(wrong)
    assert all(" value [" in line and f"] {wrong[n][0]}: " in line for n, line in told.items())
    said = counts(done)
    assert (said["linked"], said["refused"]) == (count - len(wrong), len(wrong))


@pytest.mark.parametrize("count", [300, pytest.param(COUNT + 1, marks=pytest.mark.long)])
async def test_a_running_server_says_the_same_also_of_a_list_that_becomes_a_job(
    folder, tmp_path, count
):
    rows, wrong = planted(count, per_kind=5, makers=KINDS)
    path = tmp_path / "codes.csv"
    path.write_bytes(listed(rows))
    twin = Twin(tmp_path).start()
    try:
        at = ("--url", f"http://127.0.0.1:{twin.http}")
        done = commanded("import", str(path), "--why", "the register", *at, lang="zh_CN.UTF-8")
        assert done.returncode == 1
        assert sorted(named(done)) == sorted(wrong)
        assert counts(done)["linked"] == count - len(wrong)
        first = next(n for n in range(1, count) if n not in wrong and rows[n - 1][0] == "bdcdy28")
        found = commanded("code", rows[first - 1][1], *at)
        assert json.loads(found.stdout)["code"] == HOUSES[first % len(HOUSES)]
    finally:
        twin.stop()


async def test_the_qr_of_a_code_is_drawn_into_a_file(folder, tmp_path):
    path = tmp_path / "qr.svg"
    done = commanded("code", HOUSES[0], "--qr", str(path), "--data-dir", str(folder))
    assert (done.returncode, json.loads(done.stdout)["code"]) == (0, HOUSES[0])
    assert path.read_bytes() == qr.image(f"http://127.0.0.1:8000/codes/{HOUSES[0]}", "svg", 8)


def test_what_cannot_be_drawn_is_refused_with_its_reason(tmp_path):
    one, two = ({"code": code} for code in HOUSES[:2])
    path = tmp_path / "qr.png"
    cli_lookup.draw([one], path, "x", "https://city.example/")
    assert path.read_bytes() == qr.image(f"https://city.example/codes/{HOUSES[0]}", "png", 8)
    for found, path, code in (
        ([one], tmp_path / "qr.gif", "qr_format_unknown"),
        ([one], tmp_path / "no" / "qr.svg", "file_unwritable"),
        ([one, two], tmp_path / "qr.svg", "code_several"),
    ):
        with pytest.raises(CityError) as refused:
            cli_lookup.draw(found, path, "x", "https://city.example")
        assert refused.value.code == code
    assert not (tmp_path / "qr.svg").exists()


@pytest.mark.parametrize(
    ("name", "why", "code"),
    [
        ("no.csv", "x", "file_unreadable"),
        ("codes.xlsx", "x", "import_media"),
        ("no.csv", "", "reason_invalid"),
    ],
)
async def test_a_list_that_is_none_is_refused_before_anything_is_opened(tmp_path, name, why, code):
    settings = load(data_dir=tmp_path / "data")
    with pytest.raises(CityError) as refused:
        await cli_codes.import_list(settings, cli_codes.List(tmp_path / name, why), "en")
    assert refused.value.code == code
    assert not settings.data_dir.exists()
