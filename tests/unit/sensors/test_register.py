"""The register of devices: however a target is said, proposals, newest values, clocks, undo."""

from dataclasses import replace

import pytest

from cim.model import Entity, Kind
from identity.errors import Conflict, Invalid, NotFound
from sensors import targets
from sensors.bindings import Bind
from sensors.register import skew
from sensors.registering import Asked
from sensors.targets import Target
from tests.unit.sensors.small_city import BUILDING, HALL, NOW, REGION, ROOM, said
from tests.unit.sensors.small_town import GARAGE, GUID, OTHER_GUID, PROJECT, listed, registering
from twin.channels import Calibration
from twin.ports import Sample
from twin.reading import Quality

pytestmark = pytest.mark.anyio


async def bound(city, device="d1", *, target=None, **facts):
    wanted = target or Target(ROOM)
    return await registering(city).bind(Asked(Bind(device, **facts), wanted))


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (Target(ROOM), ROOM),
        (Target(ROOM.lower()), ROOM),
        (Target(ifc_guid=GUID, project=PROJECT), ROOM),
        (Target(ifc_guid=GUID, project="光谷项目"), ROOM),
        (Target(ifc_guid=OTHER_GUID), HALL),
        (Target(address="珞喻路 1 号"), BUILDING),
        (Target(address="珞喻路 1 号车库"), GARAGE),
    ],
)
async def test_a_device_is_bound_to_what_a_code_a_guid_or_an_address_means(town, target, code):
    assert (await bound(town, target=target))["code"] == code


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (Target(REGION), "target_unknown"),
        (Target(ifc_guid=GUID), "target_ambiguous"),
        (Target(ifc_guid=GUID, project="nowhere"), "target_unknown"),
        (Target(address="珞喻路 2 号"), "target_unknown"),
        (Target(), "target_missing"),
    ],
)
async def test_a_target_that_means_nothing_or_several_is_refused(town, target, code):
    with pytest.raises((NotFound, Conflict, Invalid)) as refused:
        await bound(town, target=target)
    assert refused.value.code == code


async def test_a_place_proposes_what_stands_there_and_waits_for_a_person(town):
    inside_the_room = Target(place=(114.40002, 30.50002, 21.5))
    async with town.listening() as intake:
        await town.publish(intake, said("city/a/d1/temperature", "20"))
        row = await bound(town, target=inside_the_room, property="temperature", unit="Cel")
        await town.publish(intake, said("city/a/d1/temperature", "21"))
        assert (row["status"], row["code"], row["position"]) == (
            "proposed",
            None,
            [114.40002, 30.50002, 21.5],
        )
        first, *others = row["candidates"]
        assert (first["code"], first["distance_m"]) == (ROOM, 0.0)
        assert first["confidence"] > max(other["confidence"] for other in others)
        assert await town.values(ROOM) == {}
        assert [r["device"] for r in await listed(town, status="proposed")] == ["d1"]

        confirmed = await registering(town).confirm("d1", "", ROOM)
        assert await intake.adopt("d1") == 2
    assert (confirmed["status"], confirmed["code"], confirmed["candidates"]) == ("bound", ROOM, [])
    assert confirmed["channels"] == {"temperature": {"unit": "Cel"}}
    assert await town.values(ROOM) == {("temperature", row["sensor"]): 21}
    assert await listed(town, status="proposed") == []


async def test_only_a_candidate_of_a_proposed_device_can_be_confirmed(town):
    await bound(town, target=Target(place=(114.4, 30.5, None)))
    await bound(town, "d2")
    refusals = []
    for device, code in (("d1", GARAGE), ("d2", ROOM), ("d3", ROOM)):
        with pytest.raises((Conflict, NotFound)) as refused:
            await registering(town).confirm(device, "", code)
        refusals.append(refused.value.code)
    assert refusals == ["candidate_unknown", "device_bound", "device_unknown"]


async def test_where_nothing_stands_near_nothing_is_proposed(town):
    assert (await bound(town, target=Target(place=(0.0, 0.0, None))))["candidates"] == []


def test_a_candidates_confidence_falls_with_its_distance_and_never_is_certain():
    room = Entity(ROOM, Kind.SPACE, box=(114.4, 30.5, 114.4001, 30.5001))
    far = replace(room, code=HALL, box=(114.401, 30.5, 114.4011, 30.5001))
    inside = targets.ranked([far, room], (114.40005, 30.50005, 1.0))

    assert [c["code"] for c in inside] == [ROOM, HALL]
    assert 0.7 < inside[0]["confidence"] < 1
    assert inside[1]["distance_m"] == pytest.approx(91, abs=1)
    assert targets.ranked([room], (114.4005, 30.5, 1.0))[0]["confidence"] < 0.1


def test_without_a_height_thirty_rooms_above_each_other_do_not_outweigh_their_building():
    box = (114.4, 30.5, 114.4001, 30.5001)
    rooms = [
        Entity(f"{BUILDING}-R{n:08}", Kind.SPACE, height_m=4.0 * n, box=box) for n in range(30)
    ]
    tower = [*rooms, Entity(BUILDING, Kind.BUILDING, box=box)]
    flat = targets.ranked(tower, (114.40005, 30.50005, None))
    high = targets.ranked(tower, (114.40005, 30.50005, 41.0))

    assert flat[0]["code"] == BUILDING
    assert flat[0]["confidence"] > 0.5
    assert [c["code"] for c in high[:2]] == [rooms[10].code, BUILDING]


async def test_a_device_above_another_floor_is_nearer_to_the_room_of_its_height(town):
    row = await bound(town, target=Target(place=(114.40002, 30.50002, 60.0)))
    (room,) = [c for c in row["candidates"] if c["code"] == ROOM]

    assert room["distance_m"] == 36.0


async def test_a_device_is_listed_with_its_newest_values_their_age_and_quality(town):
    row = await bound(town, property="temperature", unit="Cel", interval_s=60, high=30)
    async with town.listening() as intake:
        await town.publish(
            intake, said("city/a/d1/temperature", '{"v":31,"t":"2026-11-22T07:59:00+08:00"}')
        )
    (listed_,) = await listed(town, now=NOW + 5)
    last = listed_["last"]["temperature"]
    assert (last["value"], last["age_s"], last["quality"]) == (31, 65, "uncertain")
    assert last["reasons"] == ["out_of_range"]
    assert listed_["sensor"] == row["sensor"]
    (later,) = await listed(town, now=NOW + 500)
    assert later["last"]["temperature"]["quality"] == "stale"


async def test_devices_are_found_by_words_owner_property_and_what_they_observe(town):
    await bound(town, "meter-7", property="power", owner="水务", name="main meter")
    await bound(town, "d2", target=Target(HALL), property="noise", owner="环保")

    for wanted, names in (
        ({"q": "main"}, ["meter-7"]),
        ({"q": "meter-7"}, ["meter-7"]),
        ({"owner": "环保"}, ["d2"]),
        ({"property": "power"}, ["meter-7"]),
        ({"code": HALL}, ["d2"]),
        ({"code": HALL, "property": "power"}, []),
        ({"status": "bound", "q": "nothing"}, []),
    ):
        assert [row["device"] for row in await listed(town, **wanted)] == names


def sample(lag_s, at=1000.0):
    return Sample(at, at + lag_s, 1, "", Quality.GOOD, "s")


@pytest.mark.parametrize(
    ("lags", "seconds"),
    [
        ([0.2, 0.3, 0.2, 0.4], 0.2),
        ([-60.1, -60.0, -59.9, -60.0, 3600], -60.0),
        ([0.1, 3600, 3000, 2400, 0.2, 0.3], 0.225),
        ([-250, 1, 1, 1, 1, 1], 1),
        ([0.0] * 50, None),
        ([-5, -5], None),
        ([], None),
    ],
)
def test_the_clocks_skew_is_a_low_quartile_that_few_outliers_lead_astray(lags, seconds):
    told = skew([sample(lag) for lag in lags])

    assert told == (None if seconds is None else pytest.approx(seconds, abs=0.05))


async def test_the_skew_of_a_device_is_told_with_it(town):
    await bound(town)
    async with town.listening() as intake:
        for age in range(5):
            at = NOW + 90 - age  # its clock is a minute and a half ahead
            await town.publish(intake, said("city/a/d1/p", f'{{"v":1,"t":{at}}}'))
    (row,) = await listed(town)

    assert row["skew_s"] == pytest.approx(-89, abs=1)
    assert row["last"]["p"]["reasons"] == ["clock_ahead"]


async def test_binding_again_without_a_target_changes_facts_and_leaves_it_where_it_is(town):
    first = await bound(town, property="temperature", unit="Cel")
    again = await bound(town, target=Target(), property="temperature", unit="K", interval_s=5)

    assert (again["sensor"], again["code"]) == (first["sensor"], ROOM)
    assert again["channels"] == {"temperature": {"unit": "K", "interval_s": 5}}


async def test_calibrations_are_kept_with_their_dates_and_applied_from_then_on(town):
    await bound(town, property="temperature", unit="Cel", calibration=Calibration(NOW - 60, 1, 0.5))
    row = await bound(town, property="temperature", calibration=Calibration(NOW - 600, 2, 0))
    async with town.listening() as intake:
        for age in (700, 300, 0):
            at = NOW - age
            await town.publish(intake, said("city/a/d1/temperature", f'{{"v":10,"t":{at}}}'))
    assert [c["since"] for c in row["channels"]["temperature"]["calibrations"]] == [
        NOW - 600,
        NOW - 60,
    ]
    assert [s.value for s in await town.samples(ROOM, "temperature")] == [10, 20, 10.5]


async def test_an_unbound_device_comes_back_as_it_was_and_its_history_says_who(town):
    row = await bound(town, property="level", unit="m", interval_s=60, owner="水务", high=5)
    gone = await registering(town).unbind("d1", "")
    assert (gone["code"], await listed(town)) == (ROOM, [])
    back = await registering(town).undo("d1", "")

    assert back == row
    moves = await town.graph.moves(1, limit=100)
    assert [(m.event["event"], m.event["who"]) for m in moves if "who" in m.event] == [
        ("devices_bound", "somebody"),
        ("device_unbound", "somebody"),
        ("devices_bound", "somebody"),
    ]


async def test_what_was_never_unbound_cannot_be_brought_back(town):
    await bound(town)
    with pytest.raises(NotFound):
        await registering(town).undo("d1", "")
    with pytest.raises(NotFound):
        await registering(town).undo("d9", "")
