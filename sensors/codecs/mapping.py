"""A mapping says how the JSON of some topic is read: data, written by a person, tried on a sample.

    {"each": "$.readings", "device": "topic[1]", "time": "@.ts", "time_format": "epoch_ms",
     "values": [{"property": "=temperature", "value": "@.t", "unit": "=Cel", "scale": 0.1}]}

``each``: an array or object whose entries are items; without it the message is the only item.
``skip``: keys of ``each`` that are none. ``values``: what each item tells; each may have
``device``, ``time``, ``unit`` and ``n`` of its own. ``scale``, ``offset``: value × scale + offset.
``words``: what texts stand for, {"OPEN": true}. ``na``: texts that mean not available. ``blank``:
"skip" (an empty text is no reading; the old value stays) or "na". ``zone``: of times that name
none, "+08:00".
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import msgspec

from identity.errors import Invalid
from sensors.codecs.paths import MISSING, Path, Scope, parse
from sensors.codecs.said import Said, bounded, countable, read_json
from sensors.ports import Message

VALUES_MAX = 100  # of one mapping
WORDS_MAX = 200  # of one value, and of ``na`` and ``skip``
NUMBER_CHARS_MAX = 64  # of a number written as text
TIME_FORMATS = {"rfc3339": 1.0, "epoch_s": 1.0, "epoch_ms": 1e-3, "epoch_us": 1e-6}
_ZONE = re.compile(r"Z|[+-]\d{2}:\d{2}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one item tells of one property; paths as texts, see ``sensors.codecs.paths``."""

    property: str
    value: str
    unit: str = ""
    device: str = ""
    time: str = ""
    n: str = ""
    scale: float = 1.0
    offset: float = 0.0
    words: dict[str, float | int | str | bool | None] = msgspec.field(default_factory=dict)


class Form(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping as it is written down."""

    values: list[Value]
    device: str = ""
    tenant: str = ""
    each: str = ""
    skip: list[str] = msgspec.field(default_factory=list)
    time: str = ""
    time_format: str = "rfc3339"
    zone: str = ""
    n: str = ""
    na: list[str] = msgspec.field(default_factory=list)
    blank: str = "skip"


@dataclass(frozen=True, slots=True)
class _Told:
    """One value of a mapping with its paths parsed."""

    form: Value
    property: Path
    value: Path
    device: Path
    unit: Path | None
    time: Path | None
    n: Path | None


class Mapping:
    """A checked mapping; ``read`` is a codec."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._each = parse(form.each) if form.each else None
        self._tenant = parse(form.tenant) if form.tenant else None
        self._values = [_told(form, value) for value in form.values]
        self._skip, self._na = frozenset(form.skip), frozenset(form.na)

    @classmethod
    def of(cls, written: Any) -> "Mapping":
        """Return the mapping of a JSON object; Invalid("mapping_invalid" / "mapping_path")."""
        try:
            form = msgspec.convert(written, Form)
        except msgspec.ValidationError as error:
            raise Invalid("mapping_invalid", reason=str(error)) from error
        _check(form)
        return cls(form)

    def read(self, message: Message) -> list[Said]:
        """Return every reading that the message tells; a field that is missing tells none.

        Raises Invalid("mapping_found_nothing") when there is not a single one but blanks.
        """
        levels = tuple(message.topic.split("/"))
        whole = read_json(message.payload)
        said: list[Said] = []
        for scope in self._items(whole, levels):
            said += self._item(scope)
            bounded(said)
        if not said and not self._blanks(whole, levels):
            raise Invalid("mapping_found_nothing")
        return said

    def _items(self, whole: Any, levels: tuple[str, ...]) -> Iterator[Scope]:
        outer = Scope(whole, whole, "", levels)
        if self._each is None:
            yield outer
            return
        found = self._each.find(outer)
        if isinstance(found, dict):
            rows: Any = found.items()
        elif isinstance(found, list):
            rows = enumerate(found)
        else:
            raise Invalid("payload_field", field=self._form.each, wanted="array")
        for key, item in rows:
            if key not in self._skip:
                yield Scope(whole, item, key, levels)

    def _item(self, scope: Scope) -> Iterator[Said]:
        tenant = _name(self._tenant, scope) if self._tenant else ""
        for told in self._values:
            value = self._value(told, scope)
            if value is not MISSING:
                yield Said(
                    tenant,
                    _name(told.device, scope),
                    _name(told.property, scope),
                    value,
                    self._time(told.time, scope),
                    _name(told.unit, scope) if told.unit else None,
                    _present(told.n, scope),
                )

    def _value(self, told: _Told, scope: Scope) -> Any:
        found = told.value.find(scope)
        if isinstance(found, str):
            found = self._text(told, found)
        elif isinstance(found, bool) and told.form.words:
            found = told.form.words.get(str(found).lower(), found)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return _scaled(found, told.form)
        return found

    def _text(self, told: _Told, text: str) -> Any:
        if text in told.form.words:
            return told.form.words[text]
        if text in self._na:
            return None
        if not text.strip():
            return MISSING if self._form.blank == "skip" else None
        if _is_number(text.strip()):
            return _number(text.strip())
        return text

    def _time(self, path: Path | None, scope: Scope) -> str | float | None:
        found = _present(path, scope)
        if found is None:
            return None
        if self._form.time_format != "rfc3339":
            return _epoch(found, TIME_FORMATS[self._form.time_format])
        if not isinstance(found, str):
            raise Invalid("time_unreadable", time=str(found)[:64])
        return _zoned(found, self._form.zone)

    def _blanks(self, whole: Any, levels: tuple[str, ...]) -> bool:
        """Whether a value that is looked for stands there, though it is blank."""
        scopes = self._items(whole, levels)
        return any(
            told.value.find(scope) is not MISSING for scope in scopes for told in self._values
        )


def _told(form: Form, value: Value) -> _Told:
    device, time, n = value.device or form.device, value.time or form.time, value.n or form.n
    return _Told(
        value,
        parse(value.property),
        parse(value.value),
        parse(device),
        parse(value.unit) if value.unit else None,
        parse(time) if time else None,
        parse(n) if n else None,
    )


def _check(form: Form) -> None:
    """Refuse what no field of its own can tell."""
    wrong = None
    if not 1 <= len(form.values) <= VALUES_MAX:
        wrong = f"values: 1 to {VALUES_MAX} are possible"
    elif form.time_format not in TIME_FORMATS:
        wrong = f"time_format: {', '.join(TIME_FORMATS)} are possible"
    elif form.blank not in {"skip", "na"}:
        wrong = "blank: skip, na are possible"
    elif form.zone and not _ZONE.fullmatch(form.zone):
        wrong = "zone: Z or +08:00"
    elif any(
        len(words) > WORDS_MAX for words in (form.skip, form.na, *(v.words for v in form.values))
    ):
        wrong = f"words, na, skip: {WORDS_MAX} at most"
    if wrong:
        raise Invalid("mapping_invalid", reason=wrong)


def _present(path: Path | None, scope: Scope) -> Any:
    found = MISSING if path is None else path.find(scope)
    return None if found is MISSING else found


def _name(path: Path, scope: Scope) -> str:
    """Return the text at a path: a device's name may be a number."""
    found = _present(path, scope)
    if isinstance(found, str):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise Invalid("payload_field", field="device", wanted="text")


def _scaled(number: float, form: Value) -> float:
    if form.scale == 1 and not form.offset:
        return number
    changed = countable(number) * form.scale + form.offset
    if not isfinite(changed):
        raise Invalid("value_not_finite", value=str(changed))
    return changed


def _number(text: str) -> float:
    number = int(text) if text.lstrip("+-").isdecimal() else float(text)
    if not isfinite(countable(number)):
        raise Invalid("value_not_finite", value=text)
    return number


def _is_number(text: str) -> bool:
    return len(text) <= NUMBER_CHARS_MAX and _NUMBER.fullmatch(text) is not None


def _epoch(found: Any, second: float) -> float:
    if isinstance(found, str) and _is_number(found.strip()):
        found = _number(found.strip())
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise Invalid("time_unreadable", time=str(found)[:64])
    # Divided, not multiplied by a fraction that no float holds: 1_700_000_000_123 ms stays .123 s.
    return countable(found) / round(1 / second)


def _zoned(text: str, zone: str) -> str:
    """Return an RFC 3339 text; one that names no zone gets that of the mapping."""
    if not zone:
        return text
    try:
        named = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        raise Invalid("time_unreadable", time=text[:64]) from None
    return text if named else text + zone
