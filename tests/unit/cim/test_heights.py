"""Every height keeps its datum; a changed setting reinterprets nothing that stands."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as always
from hypothesis import strategies as st

from cim import delivery
from cim.heights import CityHeights, named, of_entity
from cim.model import Entity, Kind
from cim.placement import Placement, counted, given, placement, positions
from cim.stores.memory import MemoryGraph
from identity import grid
from identity.errors import Invalid
from identity.grid import Datum
from tests.unit.cim.test_delivery import Office, house, wall

pytestmark = pytest.mark.anyio

POINT = {"lon": 114.4, "lat": 30.5, "height_m": 25.0}
CITY = CityHeights(Datum.YELLOW_SEA_1985, -12.0)
UNSURE = CityHeights()
metres = st.floats(-500, 9_000)


def up_m(where):
    """How far the origin of a tile lies from the centre of the Earth."""
    return float(np.linalg.norm(where.transform()[12:15]))


def test_what_nobody_says_is_the_city_s_and_what_somebody_says_is_kept():
    where = counted(given(POINT), CITY)
    assert (where.height_datum, where.height_provenance) == ("1985", "assumed")
    assert where.geoid_separation_m == -12.0
    said = counted(given({**POINT, "height_datum": "ellipsoidal"}), CITY)
    assert (said.height_datum, said.height_provenance) == ("ellipsoidal", "confirmed")
    assert said.geoid_separation_m is None
    own = counted(given({**POINT, "height_datum": "local", "geoid_separation_m": -9.5}), CITY)
    assert (own.height_datum, own.geoid_separation_m) == ("local", -9.5)
    assert counted(given({**POINT, "height_datum": "local"}), CITY).geoid_separation_m is None
    assert counted(given({**POINT, "height_datum": "1956"}), CITY).geoid_separation_m == -12.0
    assert counted(Placement(), CITY) == Placement()
    for each in (where, said, own):
        assert placement(each.as_dict()) == each


def test_a_tile_lies_at_the_ellipsoidal_height():
    flat = given(POINT)
    assert up_m(counted(flat, UNSURE)) == up_m(flat)
    assert up_m(counted(flat, CITY)) - up_m(flat) == pytest.approx(-12.0, abs=1e-3)
    older = counted(given({**POINT, "height_datum": "1956"}), CITY)
    assert up_m(older) - up_m(flat) == pytest.approx(-12.029, abs=1e-3)


def test_a_placement_from_before_datums_is_read_as_what_it_was():
    old = {"lon": 114.4, "lat": 30.5, "height_m": 25.0, "provenance": "declared", "method": "site"}
    where = placement(old)
    assert (where.height_datum, where.heights()) == ("", {})
    assert up_m(where) == up_m(given(POINT))
    height = of_entity(Entity("c", Kind.BUILDING, height_m=25.0))
    assert height == (25.0, True)


@always(metres, st.sampled_from([*Datum]), st.none() | st.floats(-150, 150))
def test_the_ellipsoidal_height_is_sure_exactly_where_the_separation_is_known(
    height_m, datum, separation_m
):
    said = {"height_datum": datum.value}
    said |= {} if separation_m is None else {"geoid_separation_m": separation_m}
    found = of_entity(Entity("c", Kind.BUILDING, height_m=height_m, properties=said))
    assert found == grid.ellipsoidal_height_m(height_m, datum, separation_m)
    assert found.uncertain == (datum != Datum.ELLIPSOIDAL and separation_m is None)


@pytest.mark.parametrize(
    ("text", "datum"),
    [
        ("1985国家高程基准", "1985"),
        ("EPSG:5737", "1985"),
        ("1956年黄海高程系", "1956"),
        ("CGCS2000 大地高", "ellipsoidal"),
        ("Ellipsoidal height", "ellipsoidal"),
        ("NAVD88", None),
        ("", None),
    ],
)
def test_the_words_of_files_name_a_datum_or_none(text, datum):
    assert named(text) == datum


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"height_datum": "NAP"}, "height_datum"),
        ({"geoid_separation_m": 151}, "placement_invalid"),
        ({"geoid_separation_m": "deep"}, "placement_invalid"),
        ({"height_provenance": "declared"}, "placement_invalid"),
    ],
)
def test_a_wrong_datum_or_separation_is_refused(fields, code):
    with pytest.raises(Invalid) as caught:
        given(POINT | fields)
    assert caught.value.code == code


async def heights_of(graph):
    """name -> (height, datum, provenance, separation) of the walls."""
    g = (await graph.head()).generation
    codes = {n: c for n, c in (await Office(graph).codes()).items() if n.startswith("w")}
    return {
        e.name: (
            e.height_m,
            *[e.properties.get(n) for n in ("height_datum", "height_provenance")],
            e.properties.get("geoid_separation_m"),
        )
        for e in await graph.entities(g, list(codes.values()))
    }


async def test_every_delivered_height_keeps_its_datum_and_only_a_new_statement_changes_it():
    graph = MemoryGraph(lambda: 1_700_000_000.0)
    office = Office(graph)
    old = await office.make(house("w1", "w2"), where=given(POINT))
    await office.run(old)
    before = await heights_of(graph)
    assert {row[1:] for row in before.values()} == {(None, None, None)}
    stands = given(POINT | {"height_m": before["w1"][0]})
    assert stands.height_m == pytest.approx(25.0)
    where = counted(given(POINT), CITY)
    await office.deliver([*house("w1"), wall("w2", digest="new")], where=where)
    now = await heights_of(graph)
    assert {row[1:] for row in now.values()} == {("1985", "assumed", -12.0)}
    assert [row[0] for row in now.values()] == [row[0] for row in before.values()]
    said = replace(where, height_datum="ellipsoidal", geoid_separation_m=None)
    await delivery.place(graph, old.document, said, holder="test", wait_s=1)
    assert {row[1] for row in (await heights_of(graph)).values()} == {"ellipsoidal"}
    assert {row[3] for row in (await heights_of(graph)).values()} == {None}
    await delivery.place(graph, old.document, Placement(), holder="test", wait_s=1)
    assert set((await heights_of(graph)).values()) == {(None, None, None, None)}


@pytest.mark.parametrize(
    ("lon", "lat", "level"),
    [(114.3, 30.6, 10), (-43.2, -22.9, 10), (-6.0, 10.0, 10), (0.0, 0.0, 10), (10.0, 89.9, 2)],
)
def test_a_position_has_the_finest_cell_of_its_place_on_the_earth(lon, lat, level):
    where = given({"lon": lon, "lat": lat})
    for found in positions([(0.0,) * 6, (-3.0, -2.0, 0.0, 4.0, 5.0, 3.0)], where):
        assert found.grid2d == grid.encode(found.lon, found.lat, level)
