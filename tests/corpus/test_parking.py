"""Free places of German car parks as scraped: blanks, negatives, unknown ids, new columns.

One MQTT message a row of the file, read by a mapping; expected is what the file itself says.
"""

import csv
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from sensors.bindings import Bind
from tests.parts.replay import town
from twin.channels import Channel, row_of
from twin.judging import judge
from twin.reading import Quality

pytestmark = [pytest.mark.anyio, pytest.mark.corpus, pytest.mark.timeout(1200)]

DAYS = ("2026-08-17", "2026-08-18", "2026-08-19")
TOPIC = "parking/germany"
MAPPING = {
    "each": "$",
    "skip": ["timestamp"],
    "device": "@key",
    "time": "$.timestamp",
    "values": [{"property": "=free_places", "value": "@"}],
}
LATE_CITY = "dresden-"  # its columns are left out of the first day: new ones on the second


@dataclass
class File:
    """One day: its rows, and what they say of each id."""

    day: str
    rows: list
    seen: dict = field(default_factory=dict)  # id -> [(time, value)]
    blanks: int = 0

    @property
    def values(self):
        return sum(map(len, self.seen.values()))


def read(folder, day, *, without=None):
    with (folder / f"{day}.csv").open(encoding="utf-8", newline="") as text:
        rows = [
            {k: v for k, v in row.items() if without is None or not k.startswith(without)}
            for row in csv.DictReader(text)
        ]
    file = File(day, rows)
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"]).timestamp()
        for name, text in row.items():
            if name == "timestamp":
                continue
            if text == "":
                file.blanks += 1
            else:
                file.seen.setdefault(name, []).append((at, int(text)))
    return file


def places(folder):
    """Return id -> capacity (0: not told) of the car parks that are known."""
    with (folder / "meta-data.csv").open(encoding="utf-8", newline="") as text:
        return {row["place_id"]: int(row["num_all"] or 0) for row in csv.DictReader(text)}


def flagged(file, known):
    """Return how many negatives and over-capacity values the file holds of known ids."""
    found = Counter()
    for name, values in file.seen.items():
        for _, value in values:
            if name in known:
                found["negative"] += value < 0
                found["over"] += value >= 0 and 0 < known[name] < value
    return found


@pytest.mark.parametrize(
    "days", [DAYS[:1], pytest.param(DAYS, marks=pytest.mark.long)], ids=["day", "all"]
)
async def test_parking_is_replayed_as_it_was_scraped(shared_dir, tmp_path, days):
    folder = shared_dir / "data/parking-germany"
    known = places(folder)
    files = [read(folder, d, without=LATE_CITY if n == 0 else None) for n, d in enumerate(days)]
    async with town(tmp_path) as city:
        codes = dict(zip(known, await city.build(len(known)), strict=True))
        bound = {
            row["device"]: row["sensor"]
            for row in await city.bind(
                [
                    Bind(name, codes[name], "free_places", "1", low=0, high=capacity or None)
                    for name, capacity in known.items()
                ]
            )
        }
        await city.states.put_rule("mapping", TOPIC, MAPPING)
        before = Counter()
        for file in files:
            await city.publish([(TOPIC, json.dumps(row)) for row in file.rows])
            now = await counted(city, known, codes)
            told = now - before
            before = now
            expected = {
                "applied": sum(len(v) for k, v in file.seen.items() if k in known),
                "unknown": sum(len(v) for k, v in file.seen.items() if k not in known),
                **flagged(file, known),
            }
            print(
                f"{file.day}: {len(file.rows)} rows, {len(file.rows[0]) - 1} columns,"
                f" {file.blanks} blank, {told}"
            )
            assert told == Counter({name: n for name, n in expected.items() if n})
        await holds_the_last_values(city, files, known, codes, bound)
        await adopts_a_new_column(city, files, known)


async def counted(city, known, codes):
    """Count what history and quarantine hold."""
    found = Counter()
    for name in known:
        for sample in await city.history(codes[name], "free_places"):
            found["applied"] += 1
            found["negative"] += sample.quality is Quality.BAD
            found["over"] += sample.quality is Quality.UNCERTAIN
    for row in await city.quarantined():
        assert row.reason == "device_unknown"
        found["unknown"] += row.count
    return +found


async def holds_the_last_values(city, files, known, codes, bound):
    """A blank changes nothing: the value and its time are those of the last cell that was full."""
    states = {(row.code, row.source): row for row in await city.all_states()}
    end = max(at for file in files for values in file.seen.values() for at, _ in values)
    last = {}
    for file in files:
        last |= {name: values[-1] for name, values in file.seen.items() if name in known}
    assert {key[0] for key in states} == {codes[name] for name in last}
    aged = 0
    for name, (at, value) in last.items():
        state = states[codes[name], bound[name]]
        assert (state.value, state.observed_at, state.unit) == (value, at, "1")
        channel = Channel("1", low=0, high=known[name] or None)
        thought = judge(state, end, row_of("free_places", channel))
        aged += "stale" in thought.reasons
        assert ("stale" in thought.reasons) == (end - at > 3_600)
        assert ("out_of_range" in thought.reasons) == (value < 0 or 0 < known[name] < value)
    print(f"{len(last)} car parks hold their last value, {aged} of them older than an hour")


async def adopts_a_new_column(city, files, known):
    """An id that nobody knew is bound: everything that was kept of it is there."""
    name, values = max(
        ((k, v) for k, v in files[-1].seen.items() if k not in known), key=lambda row: len(row[1])
    )
    before = len(await city.quarantined())
    (code,) = (await city.build(len(known) + 1))[-1:]
    await city.bind([Bind(name, code, "free_places", "1")])
    adopted = await city.intake.adopt(name)
    everything = [row for file in files for row in file.seen.get(name, ())]
    assert adopted == len(everything) >= len(values)
    samples = await city.history(code, "free_places")
    assert [(s.observed_at, s.value) for s in samples] == everything
    assert len(await city.quarantined()) == before - 1
    print(f"{before} unknown ids in quarantine; {name} was bound and {adopted} readings adopted")
