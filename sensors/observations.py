"""Readings given over HTTP: raw items become readings, or rejections with index and reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from identity import code as universal
from identity.errors import CityError, Invalid, NotFound, TooLarge
from sensors.lookup import Known, bound
from sensors.topics import Device
from twin.ports import COMMIT_READINGS, Outcome
from twin.reading import Reading
from twin.reading_checks import FUTURE_S_MAX, accept


@dataclass(frozen=True, slots=True)
class Request:
    """Items of one call, who writes them, when they came (Unix seconds), how far ahead they are."""

    items: Sequence[Mapping[str, Any]]
    who: str
    now: float
    future_s_max: float = FUTURE_S_MAX

    @classmethod
    def of(
        cls,
        items: Sequence[Mapping[str, Any]],
        who: str,
        now: float,
        future_s_max: float = FUTURE_S_MAX,
    ) -> Self:
        """Return the request. Raises TooLarge("observations_limit") beyond COMMIT_READINGS."""
        if len(items) > COMMIT_READINGS:
            raise TooLarge("observations_limit", count=len(items), limit=COMMIT_READINGS)
        return cls(items, who, now, future_s_max)

    def devices(self) -> set[Device]:
        """Return what has to be looked up; items that name nothing are left out."""
        return {device for item in self.items if (device := named(item)) is not None}

    def read(self, known: Known) -> tuple[list[Reading], list[dict[str, Any]]]:
        """Return the readings in order, and the rejections with their index."""
        readings: list[Reading] = []
        rejected: list[dict[str, Any]] = []
        for index, item in enumerate(self.items):
            try:
                readings.append(self._reading(item, known))
            except CityError as error:
                rejected.append(_rejection(index, error))
        return readings, rejected

    def _reading(self, item: Mapping[str, Any], known: Known) -> Reading:
        device = named(item)
        if device is None:
            raise Invalid("reading_incomplete", field="code")
        if "value" not in item:
            raise Invalid("reading_incomplete", field="value")
        if known.get(device) is None and item.get("code"):
            raise NotFound("target_unknown", target=str(item["code"]))
        binding = bound(device.name, known.get(device), str(item.get("property")))
        return accept(
            code=binding.target or "",
            property=item.get("property"),
            value=item["value"],
            source=binding.source or self.who,
            received_at=self.now,
            now=self.now,
            observed_at=item.get("observed_at"),
            unit=item.get("unit"),
            channel=binding.channel(str(item.get("property"))),
            quality=item.get("quality"),
            n=item.get("n"),
            future_s_max=self.future_s_max,
        )


def named(item: Any) -> Device | None:
    """Return what an item names: its ``code``, or ``sensor`` (a code, device, tenant/device)."""
    text = (item.get("code") or item.get("sensor")) if isinstance(item, Mapping) else None
    if not isinstance(text, str) or not text:
        return None
    try:
        return Device("", universal.parse(text).text)
    except Invalid:
        tenant, _, name = text.rpartition("/")
        return Device(tenant, name)


def answer(outcome: Outcome, rejected: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the wire answer of POST /observations."""
    counts = {result: outcome.count(result) for result in ("applied", "duplicate", "late")}
    return {**counts, "rejected": list(rejected)}


def _rejection(index: int, error: CityError) -> dict[str, Any]:
    message, hint = error.text()
    return {
        "index": index,
        "code": error.code,
        "message": message,
        "hint": hint,
        "facts": error.facts,
    }
