"""Hourly air quality of Beijing: NA stays NA, and no order or repetition changes the end.

Expected is a plain fold of the files themselves: the newest row by its time.
"""

import csv
import gzip
import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import pytest

from sensors.bindings import Bind
from tests.parts.replay import digest, town

pytestmark = [pytest.mark.anyio, pytest.mark.corpus, pytest.mark.timeout(3600)]

BEIJING = timezone(timedelta(hours=8))
SEED = 20261125
COLUMNS = {
    "PM2.5": ("pm25", "ug/m3"),
    "PM10": ("pm10", "ug/m3"),
    "SO2": ("so2", "ug/m3"),
    "NO2": ("no2", "ug/m3"),
    "CO": ("co", "ug/m3"),
    "O3": ("o3", "ug/m3"),
    "TEMP": ("temperature", "Cel"),
    "PRES": ("air_pressure", "hPa"),
    "DEWP": ("dew_point", "Cel"),
    "RAIN": ("rainfall", "mm"),
    "wd": ("wind_direction", ""),
    "WSPM": ("wind_speed", "m/s"),
}
MAPPING = {
    "device": "$.station",
    "time": "$.time",
    "na": ["NA"],
    "values": [
        {"property": f"={name}", "value": f'$["{column}"]'} | ({"unit": f"={unit}"} if unit else {})
        for column, (name, unit) in COLUMNS.items()
    ],
}


def messages(folder, rows_a_station):
    """Return (station, time, row) of the first rows of each station."""
    found = []
    for path in sorted(folder.glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="") as text:
            for number, row in enumerate(csv.DictReader(text)):
                if number >= rows_a_station:
                    break
                hour = (int(row[name]) for name in ("year", "month", "day", "hour"))
                found.append((row["station"], datetime(*hour, tzinfo=BEIJING), row))
    return found


def payload(station, at, row):
    said = {"station": station, "time": at.astimezone(UTC).isoformat()}
    return f"air/{station}", json.dumps(said | {column: row[column] for column in COLUMNS})


@pytest.mark.parametrize(
    "rows", [500, pytest.param(35_064, marks=pytest.mark.long)], ids=["weeks", "years"]
)
async def test_na_is_never_zero_and_order_and_repetition_change_nothing(shared_dir, tmp_path, rows):
    told = messages(shared_dir / "data/airweather-beijing-prsa", rows)
    stations = sorted({station for station, _, _ in told})
    chance = random.Random(SEED)
    shuffled = [*told, *chance.choices(told, k=len(told) // 4)]
    chance.shuffle(shuffled)
    ends = {}
    for name, sent in (("in order", told), ("shuffled and repeated", shuffled)):
        async with town(tmp_path / name.split()[0]) as city:
            codes = dict(zip(stations, await city.build(len(stations)), strict=True))
            await city.bind([Bind(station, codes[station]) for station in stations])
            await city.states.put_rule("mapping", "air/+", MAPPING)
            await city.publish([payload(*one) for one in sent])
            assert await city.quarantined() == []
            states = await city.all_states()
            ends[name] = digest(states)
            await holds(city, told, codes, states)
    print(f"{len(told)} rows, then {len(shuffled)} shuffled: {ends}")
    assert len(set(ends.values())) == 1


async def holds(city, told, codes, states):
    """Every state is the newest row's, and history holds each NA as NA and each number as it is."""
    newest = {}
    for station, at, row in told:
        newest[station] = max(newest.get(station, (at, row)), (at, row), key=lambda one: one[0])
    for state in states:
        station = next(s for s, code in codes.items() if code == state.code)
        at, row = newest[station]
        column = next(c for c, (name, _) in COLUMNS.items() if name == state.property)
        assert state.observed_at == at.timestamp()
        assert state.value == expected(row[column])
    assert len(states) == len(codes) * len(COLUMNS)
    counts = Counter()
    ordered = sorted(told, key=lambda one: one[1])
    for station, code in codes.items():
        rows = [row for s, _, row in ordered if s == station]
        for column, (name, _) in COLUMNS.items():
            samples = await city.history(code, name)
            raw = [expected(row[column]) for row in rows]
            assert [s.value for s in samples] == raw
            counts["na"] += sum(value is None for value in raw)
            counts["zero"] += sum(value == 0 for value in raw)
            counts["all"] += len(raw)
    print(f"history: {dict(counts)}")


def expected(text):
    """Return what a cell says: a number, a word, or None for NA."""
    if text == "NA":
        return None
    try:
        return float(text)
    except ValueError:
        return text
