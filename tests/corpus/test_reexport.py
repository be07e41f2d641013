"""Codes survive a tool that gives every thing a new GUID; nothing gets the code of another."""

from pathlib import Path

import msgspec
import pytest

from bim.demo import district
from bim.ingest import findings_of
from cim.model import Kind
from tests.corpus.test_whole_way import DUPLEX, PRODUCTS, Firm
from tests.parts.cities import open_stores
from tests.parts.neo4j_wipe import wipe
from tests.parts.reexport import reexport

pytestmark = [pytest.mark.anyio, pytest.mark.corpus, pytest.mark.timeout(600)]
KEPT_SHARE_MIN = 0.99
SEED = 20261122
THINGS = (*PRODUCTS, Kind.FACILITY)


@pytest.fixture(
    params=["sqlite", pytest.param("neo4j", marks=[pytest.mark.neo4j, pytest.mark.long])]
)
async def firm(request, tmp_path):
    url = f"sqlite:///{tmp_path / 'graph.db'}"
    if request.param == "neo4j":
        server = request.getfixturevalue("neo4j")
        await wipe(server.url, server.user, server.password)
        url = server.url.replace("://", f"://{server.user}:{server.password}@")
    stores = await open_stores(url, tmp_path)
    yield Firm(stores, tmp_path / "uploads")
    await stores.graph.close()


def model_file(name: str, shared_dir: Path, folder: Path) -> Path:
    """Return a real file, or a demo building written into ``folder``."""
    if name.endswith(".ifc") and (shared_dir / "ifc" / name).exists():
        return shared_dir / "ifc" / name
    path = folder / name
    next(m for m in district() if m.file_name == name).write(path)
    return path


async def two_exports(firm, source: Path, *, tags: bool):
    """Upload a file and its next export; return (truth, codes before, codes after, result)."""
    await firm.upload(source, project="P", document="D")
    before = await firm.things(kinds=THINGS)
    truth = reexport(source, firm.folder / "next.ifc", seed=SEED, tags=tags)
    receipt, result = await firm.upload(firm.folder / "next.ifc", project="P", document="D")
    return truth, before, await firm.things(receipt.model, kinds=THINGS), result


def kept_share(truth, before, after, old_guids) -> tuple[float, int]:
    """Return the share of the survivors among ``old_guids`` that keep their code, and how many."""
    asked = [n for n, o in truth.same.items() if o in old_guids and n in after]
    kept = sum(1 for new in asked if after[new] == before[truth.same[new]])
    return (kept / len(asked) if asked else 1.0), len(asked)


def wrong(truth, before, after) -> list[str]:
    """Return the new GUIDs that have the code of another old thing."""
    owner = {code: guid for guid, code in before.items()}
    return [n for n, c in after.items() if c in owner and owner[c] != truth.same.get(n)]


FILES = [
    DUPLEX,
    "nanhu-pump-station.ifc",
    pytest.param("LINDEN_-_Kozijnen.ifc", marks=pytest.mark.long),
    pytest.param("guanggu-star-tower.ifc", marks=pytest.mark.long),
]


@pytest.fixture(params=FILES)
def source(request, shared_dir, tmp_path):
    return model_file(request.param, shared_dir, tmp_path)


@pytest.mark.parametrize("tags", [True, False], ids=["tags", "no-tags"])
async def test_codes_outlive_new_guids_and_none_is_given_wrongly(firm, source, tags, capsys):
    truth, before, after, result = await two_exports(firm, source, tags=tags)
    tagged, n_tagged = kept_share(truth, before, after, truth.tagged)
    unmoved = before.keys() - truth.moved - truth.tagged
    others, n_others = kept_share(truth, before, after, unmoved)
    moved, n_moved = kept_share(truth, before, after, truth.moved)
    with capsys.disabled():
        print(
            f"\n{source.name} {tags=}: {n_tagged} tagged {tagged:.4f}, {n_others} unmoved "
            f"others {others:.4f}, {n_moved} moved {moved:.4f}, rematched {result['rematched']}, "
            f"added {result['added']}, changed {result['changed']}, removed {result['removed']}"
        )
    assert [] == wrong(truth, before, after)
    assert tagged >= KEPT_SHARE_MIN
    assert others >= KEPT_SHARE_MIN
    assert truth.removed, "the edit removed nothing"
    assert truth.added <= after.keys()


async def test_a_version_says_what_was_recognised_why_and_what_was_not(firm, tmp_path):
    source = model_file("nanhu-pump-station.ifc", tmp_path, tmp_path)
    truth, _, after, result = await two_exports(firm, source, tags=False)
    (document,) = await firm.stores.graph.entities(await firm.head(), [result["model"]])
    (model,) = await firm.stores.graph.entities(await firm.head(), [document.properties["model"]])
    kept = msgspec.json.decode(await firm.stores.blobs.get(model.properties["matches"]))
    assert result["rematched"] == len(kept["matches"])
    told = {m["key"]: m["former_key"] for m in kept["matches"]}
    assert told == {new: old for new, old in truth.same.items() if new in told}
    assert truth.added == {thing["key"] for thing in kept["unmatched_new"]}
    assert truth.removed == {thing["key"] for thing in kept["unmatched_old"]}
    said = {f.code: f.facts for f in await findings_of(firm.stores, model.properties)}
    assert len(told) == said["rematched"]["count"]
    assert sorted(truth.added) == said["unmatched_new"]["samples"]
    assert after.keys() >= truth.added
