"""The rules of matching, in their order: data, so that they can be read and argued about."""

from dataclasses import dataclass

from cim.model import Kind

PROJECTS = frozenset({Kind.PROJECT})
PLACES = frozenset({Kind.SITE, Kind.BUILDING, Kind.FACILITY})
STOREYS = frozenset({Kind.STOREY})
SPACES = frozenset({Kind.SPACE})
THINGS = frozenset({Kind.SPACE, Kind.ELEMENT, Kind.FACILITY})


@dataclass(frozen=True, slots=True)
class Rule:
    """Pairs what agrees in ``needs`` (none of them empty) and ``also`` (may be empty).

    Alone among what is left on either side; ``whole``: alone in the whole of both files.
    ``tags_agree``: two different tags forbid the pair.
    """

    name: str
    confidence: float
    kinds: frozenset[Kind]
    needs: tuple[str, ...]
    also: tuple[str, ...] = ()
    whole: bool = False
    tags_agree: bool = False

    @property
    def reason(self) -> str:
        """The features that agree."""
        return ", ".join((*self.needs, *self.also))


LIKENESS = ("name", "type", "meaning", "drawn")

RULES = (
    Rule("container", 0.99, PROJECTS, ("kind",), whole=True),
    Rule("container", 0.95, PLACES, ("sort", "name"), ("parent",), whole=True),
    Rule("container", 0.90, PLACES, ("sort",), whole=True),
    Rule("container", 0.99, STOREYS, ("name", "elevation"), ("parent",), whole=True),
    Rule("container", 0.90, STOREYS, ("elevation",), ("parent",), whole=True),
    Rule("container", 0.90, STOREYS, ("name",), ("parent",), whole=True),
    Rule("tag", 0.99, THINGS, ("sort", "tag"), whole=True),
    Rule("tag", 0.99, THINGS, ("sort", "tag", "place"), LIKENESS),
    Rule("tag", 0.97, THINGS, ("sort", "tag", "spot")),
    Rule("tag", 0.95, THINGS, ("sort", "tag"), (*LIKENESS, "storey", "size"), whole=True),
    # What lies where it lay. A shape of its own makes a place worth more than an origin does.
    Rule("place", 0.97, THINGS, ("sort", "place"), (*LIKENESS, "parent")),
    Rule("place", 0.97, THINGS, ("sort", "place"), LIKENESS),
    Rule("place", 0.95, THINGS, ("sort", "spot"), ("name", "type")),
    Rule("place", 0.90, THINGS, ("sort", "spot", "name")),
    Rule("place", 0.85, THINGS, ("sort", "spot", "type")),
    Rule("place", 0.75, THINGS, ("sort", "spot", "drawn")),
    Rule("number", 0.95, SPACES, ("sort", "name"), ("storey",), whole=True),
    # What moved: only when nothing else in either file looks like it.
    Rule(
        "fingerprint",
        0.80,
        THINGS,
        ("sort", "name"),
        ("type", "meaning", "drawn", "storey", "size"),
        whole=True,
        tags_agree=True,
    ),
)
"""Every confidence is a judgement, not a measured rate; the order is what decides."""
