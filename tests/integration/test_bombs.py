"""Small files made to kill, hang or fill their reader: each is decided, and every death is told."""

import resource
import time
from dataclasses import replace

import pytest

from bim import child, extract, mesh, steps
from identity.errors import CityError
from tests.parts import mesh_deaths
from tests.parts.bombs import BOMB, BOMBS, CYCLES

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(120)]

MEMORY_MB = 2_048
LIMITS = child.Limits(memory_mb=MEMORY_MB, cpu_s=8, wall_s=4.0)
SHORT = [
    "placement in itself",
    "40 mapped items doubled",
    "90 cuts by solids",
    "knots 2,000,000,000 times",
]
HARMLESS = {"type that is its own type", "group in itself"}  # no reader follows these relations
READ = replace(LIMITS, wall_s=8.0)
FAULTS = {"child_died", "child_failed"}  # a reader that meets its limit is a refusal, not a fault
CASES = [
    pytest.param(name, marks=() if name in SHORT else pytest.mark.long, id=name) for name in BOMBS
]


@pytest.fixture
def deaths(monkeypatch):
    """The codes with which meshing children ended, as they come."""
    ended = []
    mesh_deaths.tell(monkeypatch, ended.append)
    return ended


async def decided(data, folder):
    """Return (refusal, None, []) or (None, meshes, findings): what the intake's children say."""
    source, safe, rows = folder / "in.ifc", folder / "safe.ifc", folder / "rows"
    source.write_bytes(data)
    try:
        said = await child.call("bim.steps:normalise_file", str(source), str(safe), limits=READ)
        await child.call("bim.extract:extract_file", str(safe), str(rows), limits=READ)
        meshes = await mesh.mesh(safe, folder / "mesh", limits=LIMITS, kernel_s=1.0)
    except CityError as error:
        return error, None, []
    found = [steps.finding(fields) for fields in said["findings"]]
    return None, meshes, [*found, *extract.load(rows).findings, *meshes.findings]


@pytest.mark.parametrize("name", CASES)
async def test_a_bomb_is_refused_or_its_element_is_shaped_or_named(tmp_path, deaths, name):
    start = time.monotonic()
    refusal, meshes, findings = await decided(BOMBS[name], tmp_path)
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    said = [str(refusal.facts)[:90]] if refusal else [finding.code for finding in findings]
    print(f"{name}: {said} {deaths} {time.monotonic() - start:.1f} s, {peak_mb} MB")
    assert peak_mb <= MEMORY_MB
    if name in CYCLES.keys() - HARMLESS:  # refused before a parser sees it
        assert (refusal.code, refusal.facts["kind"][-6:]) == ("ifc_hazard", "_cycle")
    if refusal is not None:
        assert refusal.code not in FAULTS
        assert all(refusal.text(language)[0] for language in ("en", "zh"))
        return
    kernels = {shape.guid: shape.kernel for shape in meshes.shapes}
    said_of_it = {finding.guid for finding in findings} | {finding.code for finding in findings}
    assert kernels[BOMB] in mesh.KERNELS or not said_of_it.isdisjoint({BOMB, "mesh_no_faces"})
    told = [finding.facts["ended"].split(", ") for finding in findings if "ended" in finding.facts]
    assert len(deaths) == sum(map(len, told))


def test_the_corpus_is_as_large_as_promised_and_no_bomb_is_twice_in_it():
    assert len(BOMBS) >= 60
    assert len(BOMBS) == len(set(BOMBS.values()))
