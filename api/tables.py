"""The tables a city may replace: classes of codes, and schemes whose layout only the city knows."""

from api.settings import Settings
from cim.issued import check_meanings
from cim.model import Kind
from cim.ports import Graph
from identity import classes
from identity.code import PART_LETTERS
from identity.schemes import SCHEMES, opaque

KINDS = frozenset(kind.value for kind in Kind) - PART_LETTERS.keys()
"""The kinds that have a class; storeys, spaces and elements are coded as parts."""


def put_in_force(settings: Settings) -> None:
    """Read the files that the settings name; without one the package's own table holds.

    Raises Invalid("table_unreadable", "class_table", "class_meaning", "scheme_table").
    """
    table, schemes = settings.class_table, settings.scheme_table
    classes.use(None if table is None else classes.load(table, KINDS))
    opaque.use(None if schemes is None else opaque.load(schemes, SCHEMES))


async def check_issued(settings: Settings, graph: Graph) -> None:
    """Raise Invalid("class_meaning") where issued codes would come to mean something else."""
    if settings.class_table is not None:
        await check_meanings(graph, settings.region, classes.current())
