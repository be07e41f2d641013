"""A small city whose houses are delivered by firms, and a register that people change."""

from dataclasses import replace

from cim import delivery
from cim.model import Kind, Tile, Verb
from cim.registry_change import Registry
from cim.stores.memory_blobs import MemoryBlobs
from identity.errors import CityError
from tests.unit.cim.test_delivery import BOX, HERE, Office
from tests.unit.cim.test_delivery import house as tree

WHO = {"who": "Li", "why": "one and the same"}
DRAWN = {Kind.ELEMENT, Kind.STOREY, Kind.BUILDING}


def house(*walls, building="b", storey="st", **facts):
    """A project with a site, a building, a storey and walls; ``facts`` of the building."""
    items = tree(*walls, building=building)
    items = [replace(item, **facts) if item.key == building else item for item in items]
    return [_renamed(item, {"st": storey}) for item in items]


def _renamed(item, names):
    told = {name: names.get(getattr(item, name), getattr(item, name)) for name in REFERENCES}
    return replace(item, **told)


REFERENCES = ("key", "parent", "storey")


class Town(Office):
    """Delivers, withdraws, and changes the register of one graph."""

    def __init__(self, graph, blobs=None):
        super().__init__(graph)
        self.blobs = blobs or MemoryBlobs()
        self.register = Registry(graph, graph, self.blobs, 1.0)
        self.documents: dict[str, str] = {}

    async def deliver(self, incoming, project="P", document="arch", **how):
        """Deliver; each building's tile holds the drawn things' codes one behind the other."""
        made = await self.make(incoming, document, project, receipt=how.get("receipt"))
        self.documents[project] = made.document
        return await self.run(made, how.get("tiler") or self.tiler(made))

    def tiler(self, made):
        drawn = [item for item in made.incoming if item.kind in DRAWN]

        async def tiles(issued):
            blob = await self.blobs.put("".join(issued[i.key] for i in drawn).encode())
            roots = [issued[i.key] for i in drawn if i.kind is Kind.BUILDING]
            matrix = HERE.transform()
            return [Tile(root, made.document, blob, 1, 12, 1, BOX, matrix) for root in roots]

        return tiles

    async def withdraw(self, project="P"):
        model = self.documents[project]
        return await delivery.withdraw(self.graph, model, holder="test", wait_s=1)

    async def generation(self):
        return (await self.graph.head()).generation

    async def of(self, key, project="P"):
        """The code that a key of a project leads to now; None: to none."""
        scope = await self.code(Kind.PROJECT, f"project:{project}")
        g = await self.generation()
        found = await self.graph.resolve(g, [key], scheme="ifc_guid", scope=scope)
        return found[key][0].code if key in found else None

    async def held(self, project="P"):
        """Key -> code of what the project's last document holds."""
        g, model = await self.generation(), self.documents[project]
        rows = await self.graph.relations(g, [model], [Verb.DELIVERED_IN], incoming=True)
        return {row.properties["key"]: row.source for row in rows}

    async def entity(self, code):
        """What a code stands for now; None: for nothing that lives."""
        found = await self.graph.entities(await self.generation(), [code])
        return found[0] if found else None

    async def around(self, code, verb, *, incoming=False):
        """What a relation leads to (``incoming``: comes from)."""
        g = await self.generation()
        rows = await self.graph.relations(g, [code], [verb], incoming=incoming)
        return [row.source if incoming else row.target for row in rows]

    async def drawn(self, project="P"):
        """(root, codes) of the tiles of a project's last document."""
        tiles = await self.graph.tiles(await self.generation())
        mine = [tile for tile in tiles if tile.document == self.documents[project]]
        return [(tile.root, (await self.blobs.get(tile.blob)).decode()) for tile in mine]


async def refusal(doing) -> str:
    """The code of the refusal that ``doing`` ends in."""
    try:
        await doing
    except CityError as error:
        return error.code
    raise AssertionError("it was not refused")
