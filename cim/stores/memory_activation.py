"""The writer of the graph in memory."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cim.ports import Batch, Head
from cim.stores import rules

if TYPE_CHECKING:
    from cim.stores.memory import MemoryGraph


class MemoryActivation:
    """One writer of a ``MemoryGraph``; implements ``cim.ports.Activation``."""

    def __init__(self, graph: "MemoryGraph", fence: int, holder: str, base: int) -> None:
        self._graph = graph
        self._fence = fence
        self._holder = holder
        self._base = base

    @property
    def base(self) -> int:
        """The generation that was head when the lease was taken."""
        return self._base

    @property
    def generation(self) -> int:
        """``base + 1``."""
        return self._base + 1

    async def write(self, batch: Batch) -> None:
        """Write rows above head and renew the lease."""
        rules.check_batch(batch)
        await self.renew()
        self._graph.apply(batch, self.generation)
        await self.renew()

    async def renew(self) -> None:
        """Renew the lease."""
        self._graph.renew(self._fence, self._holder)

    async def commit(self, event: Mapping[str, Any]) -> Head:
        """Move head, put ``event`` into the outbox, give the lease back."""
        await self.renew()
        return self._graph.move(self.generation, event)

    async def abort(self) -> None:
        """Undo what was written and give the lease back."""
        await self.renew()
        self._graph.undo()
        self._graph.release()
