"""Damaged files through the whole intake: each is imported or refused, in time, and deaths told."""

import asyncio
import collections
import itertools
import json
import shutil
import time
from contextvars import ContextVar

import pytest

from bim import child
from bim.ingest import Options, ingest, receive
from identity.errors import CityError
from tests.parts import mesh_deaths, mutations
from tests.parts.cities import open_stores
from tests.parts.pump import pump
from tests.parts.warm_children import Warm

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(9000)]

SEED = 20261126
SECONDS, BYTES_MIN, STRUCTURES_MIN = 7_200, 20_000, 3_000
MEMORY_MB, DECIDED_S = 2_048, 10.0
OPTIONS = Options(
    holder="mutations",
    limits=child.Limits(memory_mb=MEMORY_MB, cpu_s=8, wall_s=4.0),
    lease_wait_s=30.0,
    kernel_s=1.0,
)
STRUCTURE_EVERY = 7
AT_ONCE = 2
RULES = "data/ifc-gherkin-testfiles/test/files"
FILES = (
    "ifc/pcert-building-architecture.ifc",
    "ifc/xbim_geographic-referencing-gk.ifc",
    f"{RULES}/GRF/grf000/na-grf000-no_georeferencing.ifc",
    f"{RULES}/IFC/ifc102/pass-ifc102-ifc4x3_deprecated_entity_IfcTextLiteralWithExtent.ifc",
    f"{RULES}/GRF/grf006/pass-grf006-valid_wkt_specification.ifc",
    f"{RULES}/SPS/sps005/pass-sps005-250612_wall_with_window.ifc",
    f"{RULES}/GEM/gem052/fail-gem052-scenario02-wrong_subcontext_identifier.ifc",
    f"{RULES}/GEM/gem001/na-gem001-no_window_dev_rac_basic_sample_project.ifc",
    f"{RULES}/GEM/gem011/pass-gem011-scenario02-correct_types.ifc",
)
DEFECTS = {"child_failed"}  # an exception in our own lines is no decision about a file
_ended = ContextVar("_ended")  # the codes with which meshing children of one file ended


@pytest.fixture
async def warm(monkeypatch):
    server = Warm()
    monkeypatch.setattr(child, "_start", server.start)
    mesh_deaths.tell(monkeypatch, lambda code: _ended.get().append(code))
    yield server
    server.close()


async def outcome(data, folder):
    """Return (how, codes said, deaths told) of one upload into an empty city."""
    folder.mkdir()
    path, found = folder / "upload.ifc", []
    path.write_bytes(data)
    stores = await open_stores(f"sqlite:///{folder}/graph.db", folder)
    try:
        receipt = await receive(stores, path, filename="a.ifc")
        await ingest(stores, receipt, work_dir=folder, options=OPTIONS, found=found)
    except CityError as error:
        return "refused", [error.code], [str(error.facts)[:1000]]
    finally:
        await stores.graph.close()
    ends = [row.facts["ended"] for row in found if row.code == "mesh_child_ended"]
    told = [end for line in ends for end in line.split(", ")]
    return "imported", sorted({row.code for row in found}), told


async def row(number, kind, files, folder):
    """Let one mutation through; return what came of it."""
    name, data = mutations.of(SEED, number, files, kind)
    _ended.set([])
    start = time.monotonic()
    try:
        how, said, told = await outcome(data, folder)
    except Exception as error:  # noqa: BLE001 - a row that fails the test, with its number
        how, said, told = "crashed", [repr(error)[:300]], []
    seconds = round(time.monotonic() - start, 3)
    shutil.rmtree(folder)
    return {"number": number, "kind": kind, "file": name, "how": how, "said": said,
            "told": told, "ended": _ended.get(), "s": seconds}  # fmt: skip


async def rows(numbers, files, folder):
    """Yield the rows of these numbers as they come, two at a time, written down too."""
    done = []
    with (folder / "rows.jsonl").open("w") as lines:

        async def work():
            for number in numbers:
                kind = "byte" if number % STRUCTURE_EVERY else "structure"
                done.append(await row(number, kind, files, folder / str(number)))
                print(json.dumps(done[-1]), file=lines, flush=True)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    return done


def faults(done):
    """Return the rows that are no decision, or in which a child's end went unsaid."""
    return [
        row
        for row in done
        if row["how"] not in {"imported", "refused"}
        or DEFECTS & {*row["said"], *row["ended"]}
        or (row["how"] == "imported" and len(row["told"]) != len(row["ended"]))
    ]


def report(done, warm):
    """Print how many of each kind ended how, and the slowest."""
    ends = collections.Counter(
        (row["kind"], row["how"], row["said"][0] if row["how"] == "refused" else "") for row in done
    )
    for end, count in ends.most_common():
        print(count, *end)
    slowest = max(done, key=lambda row: row["s"])
    ended = collections.Counter(code for row in done for code in row["ended"])
    print(f"seed {SEED}, {len(done)} files, children's ends {dict(ended)}, slowest {slowest}")
    print(f"largest child {warm.peak_kb // 1024} MB")


async def test_a_damaged_file_is_imported_or_refused_and_every_childs_end_is_told(warm, tmp_path):
    done = await rows(iter(range(40)), pump(), tmp_path)
    report(done, warm)
    assert [] == faults(done)
    assert {"imported", "refused"} == {row["how"] for row in done}


@pytest.mark.long
@pytest.mark.corpus
async def test_two_hours_of_damaged_files_are_decided_within_their_limits(
    warm, shared_dir, tmp_path
):
    files = pump() | {name: (shared_dir / name).read_bytes() for name in FILES}
    assert {True} == {len(data) <= 300_000 for data in files.values()}
    end = time.monotonic() + SECONDS
    numbers = itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())
    done = await rows(numbers, files, tmp_path)
    report(done, warm)
    kinds = collections.Counter(row["kind"] for row in done)
    assert (True, True) == (kinds["byte"] >= BYTES_MIN, kinds["structure"] >= STRUCTURES_MIN)
    assert warm.peak_kb <= MEMORY_MB * 1024
    assert [] == [row for row in done if row["s"] > DECIDED_S]
    assert [] == faults(done)
