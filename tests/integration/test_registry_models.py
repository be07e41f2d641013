"""A demo building that two firms deliver as IFC files becomes one thing, and stays it."""

from pathlib import Path

import ifcopenshell
import pytest

from bim.demo import district
from bim.ingest import withdraw
from cim.model import Kind, Verb
from cim.registry_change import Registry
from identity import code as uic
from tests.corpus.test_whole_way import PRODUCTS, Firm
from tests.parts import ifc_edit
from tests.parts.cities import OPTIONS, open_stores
from tests.parts.register import WHO

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
PUMPS = "nanhu-pump-station.ifc"
BUILT = (*PRODUCTS, Kind.FACILITY)


@pytest.fixture
async def firm(tmp_path):
    stores = await open_stores(f"sqlite:///{tmp_path / 'graph.db'}", tmp_path)
    made = Firm(stores, tmp_path / "uploads")
    made.folder.mkdir()
    yield made
    await stores.graph.close()


def file_of(folder: Path, salt: str = "") -> Path:
    """The pump station as its first firm exports it, or as another draws it: all GUIDs differ."""
    path = folder / f"{salt}{PUMPS}"
    next(m for m in district() if m.file_name == PUMPS).write(path)
    if salt:
        text = path.read_text(encoding="utf-8")
        path.write_text(ifc_edit.new_guids(text, salt), encoding="utf-8")
    return path


def renamed(source: Path, target: Path) -> Path:
    """The next version: one wall has another name."""
    model = ifcopenshell.open(str(source))
    min(model.by_type("IfcWall"), key=lambda wall: wall.GlobalId).Name = "rebuilt"
    model.write(str(target))
    return target


async def codes_drawn(firm, model):
    """The roots of a model's tiles, and which of some codes stand in their bytes."""
    tiles = [t for t in await firm.stores.graph.tiles(await firm.head()) if t.document == model]
    return {t.root for t in tiles}, b"".join([await firm.stores.blobs.get(t.blob) for t in tiles])


async def test_two_firms_pump_station_is_merged_and_later_versions_keep_it(firm):
    source = file_of(firm.folder)
    first, _ = await firm.upload(source, project="water works", document="shape")
    second, _ = await firm.upload(file_of(firm.folder, "b"), project="pipes", document="pipes")
    mine = await firm.things(first.model, kinds=BUILT)
    theirs = await firm.things(second.model, kinds=BUILT)
    root = {uic.root_of(c) for c in mine.values() if "-" in c}
    heir = {uic.root_of(c) for c in theirs.values() if "-" in c}
    (a,), (b,) = root, heir
    stores = firm.stores
    register = Registry(stores.graph, stores.codes, stores.blobs, 1.0)
    await register.merge(a, b, **WHO)
    roots, data = await codes_drawn(firm, first.model)
    assert roots == {b}
    parts = [c.encode() for c in mine.values() if "-" in c]
    assert sum(part in data for part in parts) > 10
    again, result = await firm.upload(
        renamed(source, firm.folder / "next.ifc"), project="water works", document="shape"
    )
    counts = tuple(result[name] for name in ("version", "added", "changed", "removed", "code"))
    assert counts == (2, 0, 1, 0, b)
    after = await firm.things(again.model, kinds=BUILT)
    assert set(after.values()) == set(mine.values()) - {a} | {b}
    assert {guid: code for guid, code in mine.items() if code != a}.items() <= after.items()
    assert await firm.things(second.model, kinds=BUILT) == theirs
    await withdraw(stores, second.model, options=OPTIONS)
    assert await stores.graph.entities(await firm.head(), [b])
    held = await stores.graph.relations(await firm.head(), [b], [Verb.DELIVERED_IN])
    assert [row.target for row in held] == [first.model]
