"""The port through which codes are issued and identifiers resolved; adapters lie in cim/stores.

Writing aliases is part of an activation (``cim.ports.Activation``), so that the codes and aliases
of an import become visible with its generation; only the reservation of serials stands alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

OWN_CODE = "uic"  # the scheme of the alias that leads from a registered code to itself
LOOKUP_LIMIT = 10_000  # identifiers a call


@dataclass(frozen=True, slots=True)
class Alias:
    """One foreign identifier of one code.

    ``scope`` narrows the scheme (an IFC GUID is unique in its project only; "" = city-wide);
    comparison is case-sensitive. ``retired`` aliases are kept: they lead to the code that was.
    """

    scheme: str
    scope: str
    value: str
    code: str
    source: str = ""
    confidence: float = 1.0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class AliasFact:
    """An alias a code had from generation ``g_from`` to ``g_to`` (None: it has it still)."""

    alias: Alias
    g_from: int
    g_to: int | None


class Codes(Protocol):
    """Issue serials in blocks and look identifiers up."""

    async def reserve(self, prefix: str, count: int, owner: str) -> range:
        """Return ``count`` serials of ``prefix`` never handed out before, starting at 1.

        ``prefix`` is the 12 digits region + class, or ``<21 digits>-<part letter>``.
        The same (prefix, owner) gets the same serials again (a longer ``count`` gets a new block),
        so that an import retried after a kill issues the same codes. Atomic across processes,
        durable when it returns. Takes no lease.
        Raises Conflict("serials_exhausted") beyond the prefix's capacity.
        """
        ...

    async def resolve(
        self,
        g: int,
        values: Sequence[str],
        *,
        scheme: str | None = None,
        scope: str | None = None,
        retired: bool = False,
    ) -> dict[str, list[Alias]]:
        """Return the aliases visible at generation ``g``, by value; unknown values are absent.

        ``retired=True`` also returns aliases that ended at or before ``g`` (the newest per code).
        At most ``LOOKUP_LIMIT`` values, else TooLarge("lookup_limit").
        """
        ...

    async def aliases(self, g: int, codes: Sequence[str]) -> dict[str, list[Alias]]:
        """Return the aliases of each code visible at ``g``, sorted by (scheme, scope, value)."""
        ...

    async def alias_history(self, g: int, code: str, *, limit: int) -> list[AliasFact]:
        """Return what aliases a code had up to ``g``, the newest beginnings first.

        Those of one beginning by (scheme, scope, value). An end above ``g`` has not happened.
        """
        ...
