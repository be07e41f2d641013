"""What stands before a change of one document: the lease, the document, what it holds."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from cim.delivery_rows import holdings_of
from cim.device import Held, held_devices, is_device
from cim.merge import Holding
from cim.model import Entity, Kind, Verb
from cim.placement import Placement, placement
from cim.ports import Activation, Graph
from identity.errors import NotFound


@dataclass(frozen=True, slots=True)
class Before:
    """What the city knows of the document when the lease is taken.

    ``held``: its things by key; ``devices``: its sensors by their codes.
    """

    document: Entity | None
    held: Mapping[str, Holding]
    devices: Mapping[str, Held] = field(default_factory=dict)

    def fact(self, name: str, default: Any = None) -> Any:
        """Return a property of the document's entity."""
        return default if self.document is None else self.document.properties.get(name, default)

    def placement(self) -> Placement:
        """Return the placement of the current version (none at all before the first)."""
        return placement(self.fact("placement") or {})


@asynccontextmanager
async def lease(graph: Graph, holder: str, wait_s: float) -> AsyncIterator[Activation]:
    """Take the lease; whatever goes wrong inside leaves nothing visible and gives it back."""
    activation = await graph.activate(holder, wait_s=wait_s)
    try:
        yield activation
    except BaseException:
        await activation.abort()
        raise


async def document_before(graph: Graph, g: int, document: str) -> Before:
    """Read what a document is and holds at ``g``."""
    found = await graph.entities(g, [document])
    held = await graph.relations(g, [document], [Verb.DELIVERED_IN], incoming=True)
    things = [relation for relation in held if not is_device(relation)]
    return Before(found[0] if found else None, holdings_of(things), held_devices(held))


async def known(graph: Graph, activation: Activation, document: str) -> Before:
    """Read a document that must be there. Raises NotFound("model_unknown")."""
    before = await document_before(graph, activation.base, document)
    if before.document is None or before.document.kind is not Kind.DOCUMENT:
        raise NotFound("model_unknown", model=document)
    return before
