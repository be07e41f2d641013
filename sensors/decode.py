"""Messages become readings, or rows of the quarantine with a reason. Pure: no I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from identity.errors import CityError, Invalid
from sensors.codecs import json as codec
from sensors.lookup import Known, bound
from sensors.ports import Message
from sensors.topics import address, is_name, parse
from twin.ports import Commit
from twin.quarantine import Kept, Quarantined
from twin.reading import Reading
from twin.reading_checks import FUTURE_S_MAX, accept
from twin.times import rfc3339

OLDEST_S = 631_152_000.0  # 1990-01-01T00:00:00Z; what is older comes from a clock never set
ANONYMOUS = "mqtt"  # the source of a message that names a code and has no usable client id


@dataclass(slots=True)
class Decoded:
    """What messages came to, in order.

    Refused messages of one device, topic and reason are one row: the newest sample, a count, and
    the whole messages. ``reasons``: message index -> why it was refused.
    """

    future_s_max: float = FUTURE_S_MAX
    readings: list[Reading] = field(default_factory=list)
    refused: dict[tuple[str, str, str], Quarantined] = field(default_factory=dict)
    reasons: dict[int, str] = field(default_factory=dict)
    seen: int = 0
    _whole: dict[tuple[str, str, str], list[Kept]] = field(default_factory=dict)

    def take(self, messages: Sequence[Message], known: Known) -> None:
        """Decode further messages; ``known`` holds every device that their topics name.

        Times are checked against each message's own time of receipt, so that a replay of the
        journal gives the same result on any later day.
        """
        for message in messages:
            try:
                self.readings.append(_reading(message, known, self.future_s_max))
            except CityError as error:
                self.refuse(message, error)
            except Exception as error:  # noqa: BLE001 - no message may stop the loop; it is kept
                reason = f"{type(error).__name__}: {error}"
                self.refuse(message, Invalid("message_refused", reason=reason))
            self.seen += 1

    def refuse(self, message: Message, error: CityError) -> None:
        """Quarantine one message."""
        row = _refusal(message, error)
        key = (row.reason, row.device, row.topic)
        before = self.refused.get(key)
        self.refused[key] = replace(row, count=before.count + 1) if before else row
        self.reasons[self.seen] = row.reason
        kept = Kept(message.payload, message.received_at, message.client, message.retained)
        self._whole.setdefault(key, []).append(kept)

    def quarantined(self) -> list[Quarantined]:
        """Return the rows to keep, with their whole messages."""
        return [replace(row, messages=tuple(self._whole[k])) for k, row in self.refused.items()]

    def commit(self, journal: str, offset: int) -> Commit:
        """Return the transaction that applies all of it and moves the journal's offset."""
        rows = self.quarantined()
        return Commit(self.readings, quarantined=rows, journal=journal, offset=offset)

    def adoption(self, row: Quarantined, kept: Sequence[Kept]) -> tuple[Commit, int]:
        """Return the transaction that adopts ``kept`` (they were decoded here), and how many.

        What is refused for another reason now moves to that row; what is still refused for the
        same reason stays where it is.
        """
        stays = {index for index, reason in self.reasons.items() if reason == row.reason}
        released = [message.id for index, message in enumerate(kept) if index not in stays]
        moved = [one for one in self.quarantined() if one.reason != row.reason]
        commit = Commit(self.readings, quarantined=moved, released=released)
        return commit, len(kept) - len(self.reasons)


def quarantine(message: Message, error: CityError) -> Decoded:
    """Return the one message as refused by ``error``."""
    decoded = Decoded()
    decoded.refuse(message, error)
    return decoded


def _reading(message: Message, known: Known, future_s_max: float) -> Reading:
    where = parse(message.topic)
    binding = bound(where.device, known[where[:2]], where.property)
    read = codec.decode(message.payload)
    if message.retained and read.observed_at is None:
        raise Invalid("retained_without_time")
    return _young(
        accept(
            code=binding.target or "",
            property=where.property,
            value=read.value,
            source=binding.source or _writer(message.client),
            received_at=message.received_at,
            now=message.received_at,
            observed_at=read.observed_at,
            unit=read.unit,
            channel=binding.channel(where.property),
            n=read.n,
            future_s_max=future_s_max,
        )
    )


def _young(reading: Reading) -> Reading:
    if reading.observed_at < OLDEST_S:
        oldest = rfc3339(OLDEST_S)
        raise Invalid("time_too_old", time=rfc3339(reading.observed_at), oldest=oldest)
    return reading


def _writer(client: str) -> str:
    return client if is_name(client) else ANONYMOUS


def _refusal(message: Message, error: CityError) -> Quarantined:
    where = address(message.topic)
    return Quarantined(
        error.code,
        where.device if where else "",
        message.topic,
        message.payload,
        message.received_at,
        error.facts,
        tenant=where.tenant if where else "",
    )
