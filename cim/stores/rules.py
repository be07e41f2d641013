"""What every adapter of the graph keeps in the same way: limits, order, lease times, capacity.

Pure. The contract suite (tests/contract) holds the adapters to these rules; an adapter that can do
the work in its database does it there, and takes only the constants and the checks from here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from cim.model import Box, Entity, Lifecycle
from cim.ports import BATCH_ROWS, DOSSIERS_LIMIT, LOOKUP_LIMIT, PAGE_LIMIT, Batch, Filter
from cim.terms import QUERY_TERMS_MAX, entity_terms, query_terms
from identity.errors import Conflict, Invalid, TooLarge
from identity.ports import Alias, AliasFact

OPEN = 2**63 - 1  # g_to of a row that nothing has ended
LEASE_TTL_S = 15.0  # a lease not renewed for so long may be taken by another
LEASE_POLL_S = 0.05  # how often a waiting writer looks at the lease
LEASE_NEXT_POLL_S = 0.01  # how often the one looks whose turn is next
TICKET_TTL_S = 10.0  # a waiting writer not heard of for so long loses its turn
SERIALS = 10**8 - 1  # serials of a 12-digit prefix: eight decimal digits
PART_SERIALS = 32**7 - 1  # serials of a part prefix: seven digits of base 32
SCALARS = (str, bool, int, float, type(None))
_DECODER = msgspec.json.Decoder(dict[str, Any])  # made once: naming the type again costs 2 µs a row


def check_batch(batch: Batch) -> None:
    """Raise TooLarge("batch_limit"), or Invalid("box_invalid") for a box or point that is none."""
    if batch.rows() > BATCH_ROWS:
        raise TooLarge("batch_limit", rows=batch.rows(), limit=BATCH_ROWS)
    for entity in batch.entities:
        point = [v for v in (entity.lon, entity.lat, entity.height_m) if v is not None]
        if not all(map(math.isfinite, point)):
            raise Invalid("position_invalid", entity=entity.code)
        if entity.box is not None:
            check_box(entity.box)


def check_box(box: Box) -> None:
    """Raise Invalid("box_invalid") unless west <= east, south <= north, all finite."""
    west, south, east, north = box
    if not (all(map(math.isfinite, box)) and west <= east and south <= north):
        raise Invalid("box_invalid", box=[str(v) for v in box])


def check_lookup(values: Sequence[Any]) -> None:
    """Raise TooLarge("lookup_limit") for more than LOOKUP_LIMIT values in one call."""
    if len(values) > LOOKUP_LIMIT:
        raise TooLarge("lookup_limit", count=len(values), limit=LOOKUP_LIMIT)


def check_dossiers(codes: Sequence[str]) -> None:
    """Raise TooLarge("lookup_limit") for more than DOSSIERS_LIMIT codes in one call."""
    if len(codes) > DOSSIERS_LIMIT:
        raise TooLarge("lookup_limit", count=len(codes), limit=DOSSIERS_LIMIT)


def check_page(limit: int) -> None:
    """Raise unless 1 <= limit <= PAGE_LIMIT."""
    if limit < 1:
        raise Invalid("page_size_invalid", size=limit)
    if limit > PAGE_LIMIT:
        raise TooLarge("page_limit", size=limit, limit=PAGE_LIMIT)


def check_filter(where: Filter) -> None:
    """Raise for a box that is none, a property compared with a list or object, or a q too long."""
    if where.q is not None and len(query_terms(where.q)) > QUERY_TERMS_MAX:
        raise TooLarge("query_limit", limit=QUERY_TERMS_MAX)
    if where.box is not None:
        check_box(where.box)
    check_lookup(tuple(where.codes))
    for name, value in where.properties.items():
        if not isinstance(value, SCALARS):
            raise Invalid("property_filter_invalid", property=name)


def next_serials(prefix: str, blocks: Iterable[range], last: int, count: int) -> tuple[range, bool]:
    """Return the serials for an owner that holds ``blocks``, and whether they are a new block.

    The oldest block that is long enough is given again, so a repeated import gets what it had.
    ``last`` is the highest serial of ``prefix`` handed out so far (0: none).
    """
    if count < 0:
        raise Invalid("serial_count_invalid", count=count)
    for block in blocks:
        if len(block) >= count:
            return block[:count], False
    capacity = PART_SERIALS if "-" in prefix else SERIALS
    if last + count > capacity:
        raise Conflict("serials_exhausted", prefix=prefix, capacity=capacity, count=count)
    return range(last + 1, last + 1 + count), count > 0


def ended(g_to: int, g: int) -> int | None:
    """Return where a row ended as it is known at ``g``; None: it has not."""
    return g_to if g_to <= g else None


def gone(entity: Entity) -> Entity:
    """Return the last facts of an ended entity as they are answered: a code never dies."""
    return replace(entity, lifecycle=Lifecycle.GONE)


def alias_order(alias: Alias) -> tuple[str, str, str, str]:
    """Order of aliases in every answer."""
    return (alias.scheme, alias.scope, alias.value, alias.code)


def alias_fact_order(fact: AliasFact) -> tuple[int, str, str, str]:
    """Order of a code's aliases over time: the newest beginnings first."""
    return (-fact.g_from, fact.alias.scheme, fact.alias.scope, fact.alias.value)


def resolved(rows: Iterable[tuple[int, int, Alias]], g: int, *, retired: bool) -> list[Alias]:
    """Return what (g_from, g_to, alias) rows of one value answer at ``g``: visible ones first.

    ``retired``: behind them the newest ended alias of each code that no visible one leads to.
    The flag ``retired`` is an answer; what was put with it is stored without it.
    """
    visible: list[Alias] = []
    ended: dict[str, tuple[int, Alias]] = {}
    for g_from, g_to, alias in rows:
        if g_from <= g < g_to:
            visible.append(alias)
        elif g_to <= g and g_to > ended.get(alias.code, (0, alias))[0]:
            ended[alias.code] = (g_to, replace(alias, retired=True))
    answer = sorted(visible, key=alias_order)
    if retired:
        codes = {alias.code for alias in visible}
        left = (alias for _, alias in ended.values() if alias.code not in codes)
        answer += sorted(left, key=alias_order)
    return answer


def encode_properties(properties: Mapping[str, Any]) -> bytes:
    """Return JSON (UTF-8); NaN becomes null, never a number."""
    return msgspec.json.encode(dict(properties))


def decode_properties(text: bytes | str) -> dict[str, Any]:
    """Return what ``encode_properties`` wrote."""
    return _DECODER.decode(text)


def encode_list(values: Sequence[Any]) -> str:
    """Return a JSON list, the way a list is passed as one parameter."""
    return msgspec.json.encode(list(values)).decode()


def touches(entity: Entity, box: Box) -> bool:
    """Whether ``box`` intersects the entity's box or holds its point (borders count)."""
    west, south, east, north = box
    if entity.box is not None:
        w, s, e, n = entity.box
        if w <= east and e >= west and s <= north and n >= south:
            return True
    if entity.lon is None or entity.lat is None:
        return False
    return west <= entity.lon <= east and south <= entity.lat <= north


def same_scalar(left: Any, right: Any) -> bool:
    """JSON equality: 1 equals 1.0, but true is not 1."""
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def matches(entity: Entity, where: Filter) -> bool:
    """Whether every given condition of ``where`` holds: the meaning the adapters are held to."""
    if where.kinds and entity.kind not in where.kinds:
        return False
    if where.codes and entity.code not in where.codes:
        return False
    if where.box is not None and not touches(entity, where.box):
        return False
    if where.grid is not None and not (entity.grid2d or "").startswith(where.grid):
        return False
    if where.q is not None and not found(entity, where.q):
        return False
    return all(
        name in entity.properties and same_scalar(entity.properties[name], value)
        for name, value in where.properties.items()
    )


def found(entity: Entity, q: str) -> bool:
    """Whether all terms of ``q`` occur; a ``q`` without a single term finds nothing."""
    wanted = query_terms(q)
    return bool(wanted) and set(wanted) <= set(entity_terms(entity).split())
