"""Devices as CSV: every bad row is named, and what is written can be read again."""

import csv
import io

import pytest

from identity.errors import Invalid, TooLarge
from sensors import device_table
from sensors.device_table import COLUMNS
from sensors.register import Wanted, devices
from tests.unit.sensors.small_city import HALL, NOW, ROOM
from tests.unit.sensors.small_town import GUID, listed, registering

pytestmark = pytest.mark.anyio


async def read(city, text, *, dry_run=False):
    return await device_table.read(io.StringIO(text), registering(city), dry_run=dry_run)


async def written(city):
    g = (await city.graph.head()).generation
    found = await devices(registering(city).register, Wanted(), g, NOW)
    return device_table.write(found["items"], header=True)


async def test_good_rows_are_bound_and_each_bad_one_is_named_with_its_column(town):
    table = f"""device,code,ifc_guid,project,property,unit,interval_s,lon,lat,name
d1,{ROOM},,,temperature,Cel,60,,,"one, with a comma"
d2,,{GUID},光谷项目,humidity,%,,,,
d3,,,,level,m,,114.40002,30.50002,
,{ROOM},,,,,,,,
d5,nowhere,,,,,,,,
d6,,{GUID},,,,,,,
d7,{ROOM},,,temperature,C,,,,
d8,{ROOM},,,,,often,,,
d9,{ROOM},,,,,,114.4,,
d10,{ROOM}
d11,,,,,,,,,

d12,{ROOM},{GUID},,,,,,,
"""
    report = await read(town, table)
    assert (report.rows, report.bound, report.proposed, report.errors_count) == (12, 2, 1, 9)
    assert [(row["row"], row["column"], row["code"]) for row in report.errors] == [
        (5, "device", "device_invalid"),
        (6, "code", "target_unknown"),
        (7, "ifc_guid", "target_ambiguous"),
        (8, "unit", "unit_unconvertible"),
        (9, "interval_s", "cell_unreadable"),
        (10, "lat", "cell_unreadable"),
        (11, "name", "table_cells"),
        (12, "code", "target_missing"),
        (14, "ifc_guid", "target_missing"),
    ]
    told = {row["device"]: (row["code"], row["status"], row["name"]) for row in await listed(town)}
    assert told == {
        "d1": (ROOM, "bound", "one, with a comma"),
        "d2": (ROOM, "bound", "d2"),
        "d3": (None, "proposed", "d3"),
    }


async def test_a_dry_run_says_the_same_and_writes_nothing(town):
    before = (await town.graph.head()).generation
    report = await read(town, f"device,code\nd1,{ROOM}\nd2,x\n", dry_run=True)

    assert (report.bound, report.errors_count, report.devices) == (1, 1, [])
    assert (await town.graph.head()).generation == before


async def test_what_is_written_can_be_read_again_and_changes_nothing(town):
    columns = "device,tenant,code,lon,lat,height_m,property,unit,name,low,high,owner,gain,offset"
    table = f"""{columns},calibrated_since
d1,a,{ROOM},114.4,30.5,21.5,temperature,Cel,n,-10,40.5,水务,1.02,-0.3,2026-01-02T00:00:00Z
d1,a,{ROOM},114.4,30.5,21.5,temperature,Cel,n,-10,40.5,水务,1.01,0.1,2026-02-02T00:00:00Z
d1,a,{ROOM},114.4,30.5,21.5,humidity,%,n,,,水务,,,
d2,,{HALL},,,,,,d2,,,环保,,,
"""
    assert (await read(town, table)).errors == []
    once = await written(town)
    rows = await listed(town)
    assert (await read(town, once)).errors == []

    assert await written(town) == once
    assert await listed(town) == rows
    assert once.splitlines()[0] == ",".join(COLUMNS)
    assert len(once.splitlines()) == 5


@pytest.mark.parametrize("header", ["", "code", "device,colour", "device,device"])
async def test_a_header_that_is_none_is_refused(town, header):
    with pytest.raises(Invalid) as refused:
        await read(town, header + "\nd1\n")
    assert refused.value.code == "table_columns"


async def test_rows_and_fields_are_bounded(town, monkeypatch):
    monkeypatch.setattr(device_table, "ROWS_MAX", 3)
    with pytest.raises(TooLarge):
        await read(town, "device,code\n" + f"d1,{ROOM}\n" * 4)
    with pytest.raises(Invalid) as refused:
        await read(town, "device,code\nd1," + "x" * 2_000)
    assert refused.value.code == "device_table_unreadable"
    assert csv.field_size_limit() > 2_000  # other lists of this process have limits of their own


async def test_thousands_of_rows_are_taken_in_batches(town):
    rows = "".join(f"d{n},{ROOM},p{n % 7}\n" for n in range(1_000))
    before = (await town.graph.head()).generation
    report = await read(town, "device,code,property\n" + rows)

    assert (report.bound, len(report.devices)) == (1_000, 1_000)
    assert (await town.graph.head()).generation == before + 5
