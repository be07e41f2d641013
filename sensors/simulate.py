"""Seeded demo devices: which things they watch, and what they measure at any time.

Pure: the value of a device at a time follows from its seed and that time alone, so a day can be
replayed, history be made up backwards, and two runs agree. ``sensors.simulate_client`` publishes.
Daily curves follow Beijing time; workdays differ from weekends.
"""

import json
import math
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from hashlib import blake2b
from typing import Any, Protocol

from cim.device import is_name

COUNT = 200
TENANT = "demo"
INTERVAL_S = 60.0  # of what a model does not tell the interval of
BEIJING = timezone(timedelta(hours=8))

_WEEKEND = 5  # Saturday and Sunday are 5 and 6
_DAY_S = 86_400.0


class Target(Protocol):
    """What a device can watch: an entity of the city (``cim.model.Entity``)."""

    @property
    def code(self) -> str:
        """Its universal code."""
        ...

    @property
    def kind(self) -> str:
        """Its kind: "Space", "Building" …."""
        ...

    @property
    def name(self) -> str:
        """Its name."""
        ...

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its facts; ``psets`` tells a parking space."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """One simulated device: ``property`` of ``code``, in ``unit`` (UCUM), each ``interval_s``.

    ``name`` is for people; ``seed`` makes its values its own.
    """

    device: str
    property: str
    unit: str
    code: str
    name: str
    interval_s: float
    seed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind of device: what it watches, how often it reports, how its curve goes.

    ``share`` is how many of each round are of this kind; 0: one for every match, before all others.
    """

    stem: str
    label: str
    property: str
    unit: str
    interval_s: float
    share: int
    watches: Callable[[Target], bool]


def devices(targets: Iterable[Target], seed: int = 2026, count: int = COUNT) -> list[Device]:
    """Return at most ``count`` devices on ``targets``, chosen by ``seed``, by device name.

    Every building gets a meter, every pool a water gauge; the rest are parking spaces, and rooms
    with temperature or CO2. Fewer come back where there are not enough targets.
    """
    chance = random.Random(seed)  # noqa: S311 - a demo's dice, not a secret
    ordered = sorted(targets, key=lambda target: target.code)
    queues = {plan.stem: _matches(plan, ordered, chance) for plan in PLANS}
    chosen = [(plan, target) for plan in PLANS if not plan.share for target in queues[plan.stem]]
    rounds = [plan for plan in PLANS for _ in range(plan.share)]
    while len(chosen) < count and any(queues[plan.stem] for plan in rounds):
        chosen += [(plan, queues[plan.stem].pop()) for plan in rounds if queues[plan.stem]]
    return _named(chosen[:count], seed)


def standing(sensor: Target, code: str, seed: int = 2026) -> Device | None:
    """Return the device that a Sensor of a model is; None where no curve is of what it measures.

    ``code``: of what it observes.
    """
    device, measured, unit = (str(sensor.properties[n]) for n in ("device", "property", "unit"))
    if measured not in _CURVES:
        return None
    own = _hash(seed, *device.encode())
    return Device(device, measured, unit, code, sensor.name, INTERVAL_S, own)


def value(device: Device, t: float) -> float | bool:
    """Return what ``device`` measures at ``t`` (Unix seconds); the same for the same interval."""
    return _CURVES[device.property](device, math.floor(t / device.interval_s) * device.interval_s)


def readings(
    every: Iterable[Device], start: float, stop: float
) -> Iterator[tuple[float, Device, float | bool]]:
    """Yield (time, device, value) for ``start <= time < stop``, device by device in time order."""
    for device in every:
        first = math.ceil(start / device.interval_s)
        last = math.ceil(stop / device.interval_s)
        for n in range(first, last):
            t = n * device.interval_s
            yield t, device, value(device, t)


def messages(device: Device, t: float, tenant: str = TENANT) -> tuple[str, bytes]:
    """Return topic and payload of the reading at ``t`` in the default form (ARCHITECTURE §9)."""
    said = {
        "v": value(device, t),
        "t": datetime.fromtimestamp(t, UTC).astimezone(BEIJING).isoformat(timespec="milliseconds"),
        "u": device.unit,
        "n": round(t * 1000),  # one number a message, growing also over a restart
    }
    return f"city/{tenant}/{device.device}/{device.property}", json.dumps(said).encode()


def is_parking(target: Target) -> bool:
    """Whether a space is a parking space, by its property sets."""
    sets = target.properties.get("psets") or {}
    return target.kind == "Space" and ("Pset_SpaceParking" in sets or "车位信息" in sets)


def is_room(target: Target) -> bool:
    """Whether a space is an office or a meeting room, by its name."""
    return target.kind == "Space" and any(word in target.name for word in ("办公", "会议"))


def _is_pool(target: Target) -> bool:
    return target.kind == "Space" and "池" in target.name


def _is_building(target: Target) -> bool:
    return target.kind == "Building"


PLANS = (
    Plan("level", "水位", "level", "m", 60.0, 0, _is_pool),
    Plan("power", "用电功率", "power", "kW", 60.0, 0, _is_building),
    Plan("pm25", "PM2.5", "pm25", "ug/m3", 300.0, 0, _is_building),
    Plan("park", "车位占用", "occupied", "", 30.0, 6, is_parking),
    Plan("temp", "温度", "temperature", "Cel", 60.0, 2, is_room),
    Plan("co2", "二氧化碳", "co2", "ppm", 60.0, 2, is_room),
)


def _matches(plan: Plan, ordered: list[Target], chance: random.Random) -> list[Target]:
    found = [target for target in ordered if plan.watches(target)]
    chance.shuffle(found)
    return found


def _named(chosen: list[tuple[Plan, Target]], seed: int) -> list[Device]:
    """Name devices by what they watch where that can stand in a topic, else by number."""
    made: dict[str, Device] = {}
    for number, (plan, target) in enumerate(chosen, start=1):
        readable = target.name.isascii() and is_name(target.name)
        name = f"sim-{plan.stem}-{target.name if readable else f'{number:04d}'}"
        if name in made:
            name = f"{name}-{number:04d}"
        own = _hash(seed, number)
        label = f"{target.name} {plan.label}"
        made[name] = Device(
            name, plan.property, plan.unit, target.code, label, plan.interval_s, own
        )
    return [made[name] for name in sorted(made)]


def _temperature(device: Device, t: float) -> float:
    warmth = 23.0 + 1.6 * math.sin((_hour(t) - 9) / 24 * 2 * math.pi)
    return round(warmth + _own(device, 1.5) + 0.4 * _drift(device, t, 1800), 1)


def _co2(device: Device, t: float) -> float:
    people = _presence(t) * (0.6 + 0.4 * _chance(device.seed, _day(t)))
    return float(round(430 + 620 * people + 40 * _drift(device, t, 900)))


def _occupied(device: Device, t: float) -> bool:
    """Throw the dice anew every 20 to 60 minutes, each bay its own: a car stays for a while."""
    stay_s = 1200 + 2400 * _chance(device.seed, 1)
    visit = math.floor(t / stay_s)
    return _chance(device.seed, visit) < 0.3 + 0.6 * _presence(visit * stay_s)


def _power(device: Device, t: float) -> float:
    base_kw = 60 + 240 * _chance(device.seed, 2)
    return round(base_kw * (0.35 + 0.65 * _presence(t) + 0.05 * _drift(device, t, 600)), 2)


def _level(device: Device, t: float) -> float:
    """Swing slowly; on a day in five rain fills the pool for some hours."""
    swing = 0.25 * math.sin(2 * math.pi * t / (12.42 * 3600)) + 0.04 * _drift(device, t, 1200)
    rains = _chance(device.seed, _day(t), 3) < 0.2  # noqa: PLR2004 - a day in five
    peak_hour = 6 + 14 * _chance(device.seed, _day(t), 4)
    rain = 1.1 * math.exp(-(((_hour(t) - peak_hour) / 2.2) ** 2)) if rains else 0.0
    return round(1.6 + swing + rain, 3)


def _pm25(device: Device, t: float) -> float:
    rush = _bump(_hour(t), 8.5, 2.0) + _bump(_hour(t), 19.0, 2.5)
    air = 28 + 22 * rush + 14 * _drift(device, t, 6 * 3600) + 4 * _drift(device, t, 1800)
    return round(max(air + _own(device, 4), 3.0), 1)


_CURVES: dict[str, Callable[[Device, float], float | bool]] = {
    "temperature": _temperature,
    "co2": _co2,
    "occupied": _occupied,
    "power": _power,
    "level": _level,
    "pm25": _pm25,
}


def _presence(t: float) -> float:
    """Return how full a workplace is, 0 … 1: mornings rise, lunch dips, weekends are thin."""
    hour = _hour(t)
    full = _bump(hour, 10.5, 2.2) + _bump(hour, 15.5, 2.6) - 0.2 * _bump(hour, 12.7, 0.6)
    return min(max(full, 0.0), 1.0) * (0.25 if _local(t).weekday() >= _WEEKEND else 1.0)


def _bump(hour: float, at: float, wide: float) -> float:
    return math.exp(-(((hour - at) / wide) ** 2))


def _own(device: Device, spread: float) -> float:
    """Return the device's own constant offset, within ± spread."""
    return spread * (2 * _chance(device.seed, 0) - 1)


def _drift(device: Device, t: float, period_s: float) -> float:
    """Return smooth noise within ±1: cosines between dice thrown each period."""
    step, part = divmod(t / period_s, 1)
    a, b = (_chance(device.seed, int(step) + n, int(period_s)) for n in (0, 1))
    return 2 * (a + (b - a) * (1 - math.cos(math.pi * part)) / 2) - 1


def _chance(*numbers: int) -> float:
    return _hash(*numbers) / 2**32


def _hash(*numbers: int) -> int:
    packed = struct.pack(f"<{len(numbers)}q", *numbers)
    return int.from_bytes(blake2b(packed, digest_size=4).digest(), "little")


def _local(t: float) -> datetime:
    return datetime.fromtimestamp(t, BEIJING)


def _hour(t: float) -> float:
    return (t + 8 * 3600) % _DAY_S / 3600


def _day(t: float) -> int:
    return math.floor((t + 8 * 3600) / _DAY_S)
