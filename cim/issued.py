"""Codes that are issued keep their meaning: a new class table is held against what stands."""

from collections.abc import Iterator

from cim import batches
from cim.ports import LOOKUP_LIMIT, Graph
from identity import classes
from identity import code as uic
from identity.classes import ClassTable
from identity.errors import Invalid

LOOKED_AT_MAX = 100_000  # codes of all classes together
SERIALS_MAX = 256  # of one class, from 1 on: serials are issued in their order


async def check_meanings(graph: Graph, region: str, table: ClassTable) -> None:
    """Raise Invalid("class_meaning") where codes of a class stand, or stood, for another kind.

    Looks at the first serials of each class that is not the package's own, under ``region``.
    """
    g = (await graph.head()).generation
    wanted = dict(_first_codes(region, table))
    for piece in batches.pieces(list(wanted), LOOKUP_LIMIT):
        for entity in await graph.entities(g, piece, ended=True):
            class_code = wanted[entity.code]
            meant = table.by_code[class_code].kind
            if entity.kind.value != meant:
                raise Invalid(
                    "class_meaning", class_code=class_code, was=entity.kind.value, kind=meant
                )


def _first_codes(region: str, table: ClassTable) -> Iterator[tuple[str, str]]:
    """Yield (code, its class)."""
    own = [code for code in table.by_code if classes.default().row(code) is None]
    count = max(1, min(SERIALS_MAX, LOOKED_AT_MAX // max(1, len(own))))
    for class_code in own:
        for serial in range(1, count + 1):
            yield uic.format_code(region + class_code, serial), class_code
