"""Real files through the whole import: codes, documents, versions."""

import shutil
from pathlib import Path

import pytest

from bim.ingest import ingest, receive, withdraw
from cim import batches
from cim.model import Kind, Verb
from cim.ports import Filter
from identity import code as uic
from tests.parts import ifc_edit
from tests.parts.cities import OPTIONS, open_stores

pytestmark = [pytest.mark.anyio, pytest.mark.corpus, pytest.mark.timeout(300)]
DUPLEX = "Duplex_A_20110907_georeferenced.ifc"
ROOT_FILES = [
    "ROOT-kalkzandsteen.ifc",
    "ROOT-kapconstructie_dakkapellen_platdak.ifc",
    "ROOT-houten_kozijnen.ifc",
]
PRODUCTS = (Kind.ELEMENT, Kind.SPACE, Kind.STOREY, Kind.BUILDING, Kind.SITE)


class Firm:
    """Uploads files into a city of its own."""

    def __init__(self, stores, folder: Path) -> None:
        self.stores, self.folder, self.number = stores, folder, 0

    async def upload(self, file: Path, **names):
        self.number += 1
        home = self.folder / str(self.number)
        (home / "work").mkdir(parents=True)
        copy = shutil.copy(file, home / file.name)
        receipt = await receive(self.stores, Path(copy), filename=file.name, **names)
        result = await ingest(self.stores, receipt, work_dir=home / "work", options=OPTIONS)
        return receipt, result

    async def head(self) -> int:
        return (await self.stores.graph.head()).generation

    async def things(self, document: str | None = None, kinds=PRODUCTS) -> dict[str, str]:
        """Return guid -> code of all (or of what one document holds)."""
        g = await self.head()
        found, after = {}, ""
        while after is not None:
            page = await self.stores.graph.find(g, Filter(kinds=kinds), limit=1000, after=after)
            found |= {e.properties["ifc_guid"]: e.code for e in page.items}
            after = page.next
        if document is None:
            return found
        held = await self.stores.graph.relations(g, [document], [Verb.DELIVERED_IN], incoming=True)
        mine = {r.source for r in held}
        return {guid: code for guid, code in found.items() if code in mine}


@pytest.fixture
async def firm(tmp_path):
    stores = await open_stores(f"sqlite:///{tmp_path / 'graph.db'}", tmp_path)
    yield Firm(stores, tmp_path / "uploads")
    await stores.graph.close()


async def test_three_disciplines_of_one_project_are_one_building(firm, shared_dir):
    documents = {}
    for name in ROOT_FILES:
        receipt, _ = await firm.upload(shared_dir / "ifc" / name, project="ROOT")
        documents[name] = receipt.model
    buildings = await firm.things(kinds=(Kind.BUILDING,))
    assert 1 == len(buildings)
    (building,) = buildings.values()
    elements = await firm.things(kinds=(Kind.ELEMENT,))
    by_document = [await firm.things(d, kinds=(Kind.ELEMENT,)) for d in documents.values()]
    assert all(by_document)
    assert {building} == {uic.root_of(code) for code in elements.values()}
    g = await firm.head()
    assert {building} >= {t.root for t in await firm.stores.graph.tiles(g)} - set(
        (await firm.things(kinds=(Kind.SITE,))).values()
    )
    before = await facts(firm)
    changed = await reexport(firm, shared_dir / "ifc" / ROOT_FILES[0])
    receipt, result = await firm.upload(changed, project="ROOT")
    assert documents[ROOT_FILES[0]] == receipt.model
    assert "why_same_guids" == receipt.why
    assert (2, 0, 0, 0) == tuple(result[k] for k in ("version", "added", "changed", "removed"))
    assert before == await facts(firm)


async def reexport(firm, file: Path) -> Path:
    """Return the same file with a new header time: other bytes, the same model."""
    text = file.read_text("latin-1")
    target = firm.folder / file.name
    start = text.index("FILE_NAME")
    header = text[start:].replace("T", "T", 1)
    stamp = header.index("'", header.index(","))
    header = header[:stamp] + "'2026-11-22T12:00:00" + header[header.index("'", stamp + 1) :]
    target.write_text(text[:start] + header, encoding="latin-1")
    return target


async def facts(firm):
    """Return everything that is visible of built things."""
    g = await firm.head()
    codes = sorted((await firm.things()).values())
    return await batches.entities(firm.stores.graph, g, codes)


async def test_a_next_version_counts_one_of_each_and_keeps_every_other_code(firm, shared_dir):
    source = shared_dir / "ifc" / DUPLEX
    receipt, _ = await firm.upload(source)
    before = await firm.things()
    firm.folder.mkdir(exist_ok=True)
    touched = ifc_edit.next_version(source, firm.folder / "next.ifc")
    again, result = await firm.upload(firm.folder / "next.ifc")
    assert (receipt.model, receipt.project) == (again.model, again.project)
    assert (2, 1, 1, 1) == tuple(result[k] for k in ("version", "added", "changed", "removed"))
    after = await firm.things()
    assert {touched["removed"]} == set(before) - set(after)
    assert {touched["added"]} == set(after) - set(before)
    assert [] == [guid for guid in set(before) & set(after) if before[guid] != after[guid]]


async def test_the_same_file_under_another_project_gets_codes_of_its_own(firm, shared_dir):
    source = shared_dir / "ifc" / DUPLEX
    first, _ = await firm.upload(source)
    mine = await firm.things(first.model)
    second, _ = await firm.upload(source, project="another")
    codes = set((await firm.things(second.model)).values())
    assert len(mine) == len(codes)
    assert set() == codes & set(mine.values())


async def test_the_same_bytes_again_are_the_same_version(firm, shared_dir, tmp_path):
    source = shared_dir / "ifc" / DUPLEX
    first, _ = await firm.upload(source)
    copy = Path(shutil.copy(source, tmp_path / "again.ifc"))
    again = await receive(firm.stores, copy, filename=DUPLEX)
    assert (first.model, 1) == (again.model, again.version)


async def test_a_withdrawn_model_is_gone_and_comes_back_with_its_codes(firm, shared_dir):
    source = shared_dir / "ifc" / DUPLEX
    receipt, _ = await firm.upload(source, project="P", document="D")
    before = await firm.things()
    await withdraw(firm.stores, receipt.model, options=OPTIONS)
    assert {} == await firm.things()
    _, result = await firm.upload(source, project="P", document="D")
    assert (before, 2) == (await firm.things(), result["version"])
