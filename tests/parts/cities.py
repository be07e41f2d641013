"""Opening a city for tests, and its digest: what a reader sees at one moment."""

import hashlib
import os
from pathlib import Path

import msgspec

from bim import child
from bim.door import Stores
from bim.ingest import Options
from bim.tiles import tileset
from cim.ports import PAGE_LIMIT, Filter, Graph
from cim.stores.files import FileBlobs
from identity.ports import Codes
from tests.parts.graphs import open_graph

LEASE_TTL_S = 2.0
OPTIONS = Options(
    holder=f"test:{os.getpid()}", limits=child.Limits(wall_s=600.0), lease_wait_s=30.0
)


async def open_stores(url: str, folder: Path) -> Stores:
    """Open the graph of ``url`` (see ``graphs``) and blobs in ``folder``."""
    graph = await open_graph(url, LEASE_TTL_S)
    return Stores(graph, graph, FileBlobs(folder / "blobs"))


async def digest(graph: Graph, codes: Codes, guid: str) -> tuple[int, str]:
    """Return (generation, hash) of the full object list, one GUID and tileset.json at one head."""
    g = (await graph.head()).generation
    seen, after = hashlib.sha256(), ""
    while True:
        page = await graph.find(g, Filter(), limit=PAGE_LIMIT, after=after)
        seen.update(msgspec.json.encode(page.items, order="sorted"))
        if page.next is None:
            break
        after = page.next
    known = await codes.resolve(g, [guid], scheme="ifc_guid")
    tiles = tileset(await graph.tiles(g), lambda tile: f"{tile.blob}.glb")
    seen.update(msgspec.json.encode([sorted(a.code for a in known.get(guid, [])), tiles]))
    return g, seen.hexdigest()
