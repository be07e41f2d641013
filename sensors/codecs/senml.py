"""SenML in JSON (RFC 8428): records with base fields, resolved one by one.

A record's name is base name + name; what stands behind its last ``/`` or ``:`` is the property,
what stands before is the device (``/`` in it becomes ``:``). Where the topic names the device
(``senml/{tenant}/{device}``), that counts, whatever the record says. A sum (``s``) is the
property ``{property}.sum``. Units are SenML's names.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from identity.errors import Invalid
from sensors.codecs.said import Said, bounded, countable, read_json, wanted
from sensors.ports import Message
from twin.units import of_senml

VERSION_MAX = 10  # RFC 8428 4.4: what we know
RELATIVE_BELOW_S = 2.0**28  # 4.5.3: a smaller time is relative to now
BASE = ("bn", "bt", "bu", "bv", "bs", "bver")
VALUES = ("v", "vs", "vb", "vd")


def read(message: Message) -> list[Said]:
    """Return the readings of a pack; Invalid("senml_…") says which record is wrong."""
    levels = message.topic.split("/")
    tenant, device, *_ = [*levels[1:], "", ""] if levels[0] == "senml" else ("", "")
    pack = wanted(read_json(message.payload), list, "$")
    return bounded(list(_records(pack, message.received_at, tenant, device)))


def _records(pack: list[Any], received_at: float, tenant: str, device: str) -> Iterator[Said]:
    base: dict[str, Any] = {}
    for place, said in enumerate(pack):
        record = wanted(said, dict, f"$[{place}]")
        _understood(record, place)
        base |= {name: record[name] for name in BASE if name in record}
        held = [name for name in VALUES if name in record]
        if len(held) > 1:
            raise Invalid("senml_record", place=place, field=", ".join(held))
        if not held and "s" not in record:
            continue
        where = (tenant, *_name(base, record, place, device))
        at = _time(base, record, place, received_at)
        unit = of_senml(_text(record.get("u", base.get("bu", "")), place, "u"))
        if held:
            yield Said(*where, _value(base, record, held[0], place), at, unit)
        if "s" in record:
            total = _number(record["s"], place, "s") + _number(base.get("bs", 0), place, "bs")
            yield Said(*where[:2], f"{where[2]}.sum", total, at, unit)


def _understood(record: Mapping[str, Any], place: int) -> None:
    """Refuse what must not be ignored: a later version, a field whose name ends in ``_`` (4.4)."""
    version = record.get("bver", VERSION_MAX)
    if not isinstance(version, int) or version > VERSION_MAX:
        raise Invalid("senml_record", place=place, field="bver")
    for name in record:
        if name.endswith("_"):
            raise Invalid("senml_record", place=place, field=name)


def _name(
    base: Mapping[str, Any], record: Mapping[str, Any], place: int, device: str
) -> tuple[str, str]:
    name = _text(base.get("bn", ""), place, "bn") + _text(record.get("n", ""), place, "n")
    at = max(name.rfind("/"), name.rfind(":"))
    before, name_ = name[: max(at, 0)].strip("/:"), name[at + 1 :]
    if not name_ or not (device or before):
        raise Invalid("senml_record", place=place, field="n")
    return device or before.replace("/", ":"), name_


def _time(
    base: Mapping[str, Any], record: Mapping[str, Any], place: int, received_at: float
) -> float | None:
    """Return Unix seconds; None is now (a record that says neither bt nor t, or 0)."""
    at = _number(base.get("bt", 0), place, "bt") + _number(record.get("t", 0), place, "t")
    if at >= RELATIVE_BELOW_S:
        return at
    return received_at + at if at else None


def _value(base: Mapping[str, Any], record: Mapping[str, Any], field: str, place: int) -> Any:
    value = record[field]
    if field == "v":
        added = base.get("bv", 0)
        return _number(value, place, "v") + _number(added, place, "bv") if added else value
    if field == "vb" and not isinstance(value, bool):
        raise Invalid("senml_record", place=place, field="vb")
    return value if field == "vb" else _text(value, place, field)


def _number(value: Any, place: int, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Invalid("senml_record", place=place, field=field)
    return countable(value)


def _text(value: Any, place: int, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid("senml_record", place=place, field=field)
    return value
