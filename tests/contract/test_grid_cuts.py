"""What stands in a cell, at every legal cut of 2D and 3D codes, on every adapter."""

import pytest

from cim import cells
from cim.cells import standing
from cim.model import Entity, Kind
from cim.ports import Batch, Filter
from identity import grid
from identity.errors import Invalid

pytestmark = pytest.mark.anyio

PLACES = {
    "wuhan": (114.3055, 30.5928, 25.0),
    "beside it by a metre": (114.30551, 30.5928, 25.0),
    "above it": (114.3055, 30.5928, 90.0),
    "below it": (114.3055, 30.5928, -30.0),
    "sydney": (151.2152, -33.8568, 10.0),
    "rio": (-43.2105, -22.9519, 710.0),
    "new york": (-74.0445, 40.6892, 93.0),
    "zero": (0.0, 0.0, 0.0),
    "north pole": (10.0, 89.9, 0.0),
    "south pole": (-100.0, -88.2, 2_800.0),
}
CODES = {name: f"42011199010100000{n:03d}1" for n, name in enumerate(PLACES)}


def level_of(lat):
    return grid.POLE_LEVEL_MAX if abs(lat) >= grid.LAT_MAX_DEG else grid.LEVEL_MAX


def thing(name):
    lon, lat, height_m = PLACES[name]
    cell = grid.encode(lon, lat, level_of(lat))
    said = {"height_datum": "ellipsoidal"}
    return Entity(
        CODES[name],
        Kind.BUILDING,
        name,
        lon=lon,
        lat=lat,
        height_m=height_m,
        grid2d=cell,
        properties=said,
    )


@pytest.fixture
async def city(graph, change):
    await change(graph, Batch(entities=[thing(name) for name in PLACES]))
    return graph


def inside(cell):
    """The places in a cell, from its own encoding of each of them at its level."""
    found = set()
    for name, (lon, lat, height_m) in PLACES.items():
        level = grid.level(cell)
        if level > level_of(lat):
            continue
        solid = grid.is_3d(cell)
        code = grid.encode_3d(lon, lat, height_m, level) if solid else grid.encode(lon, lat, level)
        found |= {name} if code == cell else set()
    return found


async def names(graph, cell, limit=100):
    found, after = [], ""
    while after is not None:
        page = await standing(graph, 1, Filter(), cell, limit=limit, after=after)
        found, after = found + [entity.name for entity in page.items], page.next
    return found


@pytest.mark.parametrize("place", PLACES)
async def test_every_cut_of_a_flat_code_finds_what_stands_in_that_cell(city, place):
    _, lat, _ = PLACES[place]
    cuts = [cut for cut in grid.LEGAL_CUTS if cut <= len(thing(place).grid2d)]
    assert len(cuts) == level_of(lat) + 1
    for cut in cuts:
        cell = thing(place).grid2d[:cut]
        found = await names(city, cell.lower())
        assert (len(found), set(found)) == (len(inside(cell)), inside(cell)), cell
        assert place in found


@pytest.mark.parametrize("place", PLACES)
async def test_every_cut_of_a_solid_code_finds_what_stands_in_that_cell(city, place):
    lon, lat, height_m = PLACES[place]
    for level in range(level_of(lat) + 1):
        cell = grid.encode_3d(lon, lat, height_m, level)
        found = await names(city, cell)
        assert (len(found), set(found)) == (len(inside(cell)), inside(cell)), cell
        assert place in found
    assert "above it" not in await names(city, grid.encode_3d(*PLACES["wuhan"], 6))


async def test_pages_of_a_solid_cell_join_also_where_much_stands_below(city, monkeypatch):
    cell = grid.encode_3d(*PLACES["wuhan"], 1)
    whole = await names(city, cell)
    assert len(whole) == 3
    monkeypatch.setattr(cells, "PAGE_LIMIT", 1)
    monkeypatch.setattr(cells, "LOOKED_AT_MAX", 2)
    assert await names(city, cell, limit=2) == whole == await names(city, cell, limit=1)


async def test_other_conditions_hold_in_a_cell_too(city):
    cell = grid.encode_3d(*PLACES["rio"], 3)
    for where, wanted in ((Filter((Kind.BUILDING,)), ["rio"]), (Filter((Kind.SITE,)), [])):
        page = await standing(city, 1, where, cell, limit=10)
        assert [entity.name for entity in page.items] == wanted


@pytest.mark.parametrize("cell", ["N61H00", "N50W00", "N50H08", "N50H051350F", "N50H0", "X", ""])
async def test_what_is_no_cell_is_refused(city, cell):
    with pytest.raises(Invalid):
        await standing(city, 1, Filter(), cell, limit=10)
