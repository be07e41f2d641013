"""Messages become readings, or rows of the quarantine with a reason. Pure: no I/O, no clock.

``take`` → what the messages say (codecs) → the devices are looked up → ``bind`` → readings

A part of a message that names several devices is kept in quarantine as a message of its own, in the
city's form: so a row of 500 unknown car parks does not keep its message 500 times, and adoption
does not depend on the mapping of that day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import msgspec

from cim.device import NAME_CHARS_MAX, is_name
from identity.errors import CityError, Invalid
from sensors.codecs import json as own
from sensors.codecs.said import Said
from sensors.lookup import Binding, Known, bound
from sensors.ports import Message
from sensors.routes import Routes
from sensors.topics import TOPICS_CACHED, Device, address
from twin.ports import Commit
from twin.quarantine import Kept, Quarantined
from twin.reading import Reading
from twin.reading_checks import FUTURE_S_MAX, accept, finite
from twin.times import rfc3339

OLDEST_S = 631_152_000.0  # 1990-01-01T00:00:00Z; what is older comes from a clock never set
ANONYMOUS = "mqtt"  # the source of a message that names a code and has no usable client id

Row = tuple[str, str, str]
"""(reason, device, topic) of a quarantine row."""


@dataclass(slots=True)
class Decoded:
    """What messages came to, in order.

    Refused messages of one device, topic and reason are one row: the newest sample, a count, and
    the whole messages. ``reasons``: message index -> why something of it was refused.
    """

    routes: Routes
    future_s_max: float = FUTURE_S_MAX
    readings: list[Reading] = field(default_factory=list)
    refused: dict[Row, Quarantined] = field(default_factory=dict)
    reasons: dict[int, set[str]] = field(default_factory=dict)
    seen: int = 0
    _said: list[tuple[int, Message, list[Said]]] = field(default_factory=list)
    _whole: dict[Row, dict[tuple[int, bytes], Kept]] = field(default_factory=dict)

    def take(self, messages: Sequence[Message]) -> None:
        """Read further messages; what they say waits for ``bind``."""
        for message in messages:
            try:
                self._said.append((self.seen, message, self.routes.read(message)))
            except CityError as error:
                self.refuse(message, error)
            except Exception as error:  # noqa: BLE001 - no message may stop the loop; it is kept
                self.refuse(message, _unexpected(error))
            self.seen += 1

    def devices(self) -> set[Device]:
        """Return what has to be looked up before ``bind``."""
        named = {said[:2] for _, _, several in self._said for said in several}
        return {Device(*device) for device in named if is_named(*device)}

    def bind(self, known: Known, limit: int) -> None:
        """Make readings of the next ``limit`` messages.

        Times are checked against each message's own time of receipt, so that a replay of the
        journal gives the same result on any later day.
        """
        slice_, self._said = self._said[:limit], self._said[limit:]
        for index, message, several in slice_:
            for said in several:
                try:
                    self.readings.append(reading_of(message, said, known, self.future_s_max))
                except CityError as error:
                    self._refuse(index, _part(message, said, len(several)), error, said)
                except Exception as error:  # noqa: BLE001 - as above
                    self._refuse(index, message, _unexpected(error), said)

    def refuse(self, message: Message, error: CityError) -> None:
        """Quarantine one message whole."""
        self._refuse(self.seen, message, error, None)

    def quarantined(self) -> list[Quarantined]:
        """Return the rows to keep, with their whole messages."""
        return [
            replace(row, messages=tuple(self._whole[key].values()))
            for key, row in self.refused.items()
        ]

    def commit(self, journal: str, offset: int) -> Commit:
        """Return the transaction that applies all of it and moves the journal's offset."""
        rows = self.quarantined()
        return Commit(self.readings, quarantined=rows, journal=journal, offset=offset)

    def adoption(self, row: Quarantined, kept: Sequence[Kept]) -> tuple[Commit, int]:
        """Return the transaction that adopts ``kept`` (they were decoded here), and how many.

        What is refused for another reason now moves to that row; what is still refused for the
        same reason stays where it is.
        """
        stays = {index for index, reasons in self.reasons.items() if row.reason in reasons}
        released = [message.id for index, message in enumerate(kept) if index not in stays]
        moved = [one for one in self.quarantined() if one.reason != row.reason]
        commit = Commit(self.readings, quarantined=moved, released=released)
        return commit, len(kept) - len(self.reasons)

    def _refuse(self, index: int, kept: Message, error: CityError, said: Said | None) -> None:
        row = _row(kept, error, said)
        key = (row.reason, row.device, row.topic)
        before = self.refused.get(key)
        self.refused[key] = replace(row, count=before.count + 1) if before else row
        self.reasons.setdefault(index, set()).add(row.reason)
        whole = Kept(kept.payload, kept.received_at, kept.client, kept.retained)
        self._whole.setdefault(key, {})[index, kept.payload] = whole


def quarantine(message: Message, error: CityError) -> Decoded:
    """Return the one message as refused by ``error``."""
    decoded = Decoded(Routes())
    decoded.refuse(message, error)
    return decoded


def reading_of(message: Message, said: Said, known: Known, future_s_max: float) -> Reading:
    """Return one reading of a message, bound and checked; raises why it is none."""
    binding, name = _bound(said, known)
    if message.retained and said.observed_at is None:
        raise Invalid("retained_without_time")
    return _young(
        accept(
            code=binding.target or "",
            property=name,
            value=said.value,
            source=binding.source or _writer(message.client),
            received_at=message.received_at,
            now=message.received_at,
            observed_at=said.observed_at,
            unit=said.unit,
            channel=binding.channel(name),
            n=said.n,
            future_s_max=future_s_max,
        )
    )


def _bound(said: Said, known: Known) -> tuple[Binding, str]:
    """Return the binding and the property, which may be the only one of the device."""
    if not is_named(*said[:2]):
        raise Invalid("device_invalid", device=said.device[:NAME_CHARS_MAX], limit=NAME_CHARS_MAX)
    binding = known[said[:2]]
    if said.property:
        return bound(said.device, binding, said.property), said.property
    channels = list(binding.channels or ()) if binding is not None else []
    found = bound(said.device, binding, channels[0] if channels else "")
    if len(channels) != 1:
        raise Invalid("property_open", device=said.device, count=len(channels))
    return found, channels[0]


def _young(reading: Reading) -> Reading:
    if reading.observed_at < OLDEST_S:
        oldest = rfc3339(OLDEST_S)
        raise Invalid("time_too_old", time=rfc3339(reading.observed_at), oldest=oldest)
    return reading


def _writer(client: str) -> str:
    return client if is_name(client) else ANONYMOUS


@lru_cache(TOPICS_CACHED)
def is_named(tenant: str, device: str) -> bool:
    """Whether both can be levels of a topic: what is looked up."""
    return is_name(device) and (not tenant or is_name(tenant))


def _part(message: Message, said: Said, of: int) -> Message:
    """Return one of several readings as a message in the city's own form.

    The whole message where it is the only one, or where the own form cannot say it.
    """
    topic = f"city/{said.tenant}/{said.device}/{said.property}"
    if of == 1 or address(topic) is None or not finite(said.value):
        return message
    return msgspec.structs.replace(
        message, topic=topic, payload=own.encode(said, message.received_at)
    )


def _row(message: Message, error: CityError, said: Said | None) -> Quarantined:
    named = said if said is not None and is_named(*said[:2]) else address(message.topic)
    return Quarantined(
        error.code,
        named.device if named else "",
        message.topic,
        message.payload,
        message.received_at,
        error.facts,
        tenant=named.tenant if named else "",
    )


def _unexpected(error: Exception) -> Invalid:
    return Invalid("message_refused", reason=f"{type(error).__name__}: {error}")
