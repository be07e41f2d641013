"""The grid over HTTP: a cell tells its family, a cover covers; what is no cell is refused."""

import time

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import grid

pytestmark = pytest.mark.anyio

CELL = grid.encode(114.41, 30.51, 5)
SQUARE = [[114.40, 30.50], [114.42, 30.50], [114.42, 30.52], [114.40, 30.52]]


@pytest.fixture
async def client(tmp_path):
    app = create_app(Door(load(data_dir=tmp_path)), Tokens([]))
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made


async def test_a_cell_tells_its_outline_and_family(client):
    said = (await client.get(f"/grid/{CELL.lower()}")).json()
    assert (said["cell"], said["level"], said["heights_m"]) == (CELL, 5, None)
    assert said["bbox"] == list(grid.decode(CELL))
    assert said["polygon"]["coordinates"][0][0] == said["bbox"][:2]
    assert said["parents"] == grid.ancestors(CELL)
    assert said["children"] == grid.children(CELL)
    for other in said["neighbours"]:
        assert CELL in (await client.get(f"/grid/{other}")).json()["neighbours"]


async def test_the_finest_cell_has_no_children_and_a_solid_one_has_heights(client):
    finest = grid.encode(114.41, 30.51)
    assert (await client.get(f"/grid/{finest}")).json()["children"] == []
    solid = grid.encode_3d(114.41, 30.51, 25.0, 6)
    low_m, high_m = (await client.get(f"/grid/{solid}")).json()["heights_m"]
    assert low_m <= 25.0 < high_m


async def test_a_polygon_and_a_box_are_covered(client):
    said = await client.post("/grid/cover", json={"polygon": [SQUARE], "level": 5})
    assert said.json()["items"] == grid.cover([SQUARE], level=5)
    body = {"box": [114.40, 30.50, 114.42, 30.52], "bottom_m": 0, "top_m": 60, "max_count": 20}
    cells = (await client.post("/grid/cover", json=body)).json()["items"]
    assert 0 < len(cells) <= 20
    assert all(grid.is_3d(cell) for cell in cells)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"level": 5}, 422, "grid_cover_shape"),
        ({"box": [1, 1, 2, 2], "level": 5}, 422, "grid_cover_shape"),
        ({"polygon": [SQUARE]}, 422, "grid_cover_choice"),
        ({"polygon": [SQUARE], "level": 10}, 413, "grid_cover_limit"),
        ({"polygon": [SQUARE], "level": 11}, 422, "request_invalid"),
    ],
)
async def test_a_cover_that_cannot_be_is_refused(client, body, status, code):
    refused = await client.post("/grid/cover", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_what_is_no_cell_is_refused(client):
    assert (await client.get("/grid/N5")).status_code == 422


LON, LAT, HEIGHT_M = 114.41, 30.51, 25.0
HIGH, LOW = (f"42011199010100000{n}" for n in ("0015", "0023"))


@pytest.fixture
async def city(tmp_path):
    """A client of a city with two things over one point, 200 m apart."""
    door = Door(load(data_dir=tmp_path))
    services = await door.open(lambda: open_services(load(data_dir=tmp_path), time.time))
    said = {"height_datum": "1985", "geoid_separation_m": -12.0}
    things = [
        Entity(code, Kind.BUILDING, code, lon=LON, lat=LAT, height_m=height_m,
               grid2d=grid.encode(LON, LAT), properties=said)
        for code, height_m in ((HIGH, HEIGHT_M + 200), (LOW, HEIGHT_M))
    ]  # fmt: skip
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=things))
    await activation.commit({"event": "test"})
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as made:
        yield made
    await door.close()


async def found(city, cell):
    """(by the list, by the resolver) in a cell."""
    listed = (await city.get("/objects", params={"grid": cell})).json()["items"]
    said = (await city.get(f"/codes/{cell}")).json()
    answers = said.get("items", [said])
    return [row["code"] for row in listed], [row.get("code") for row in answers]


async def test_a_flat_cell_is_searched_and_resolved_at_every_cut(city):
    code = grid.encode(LON, LAT)
    for cut in grid.LEGAL_CUTS[1:]:
        assert await found(city, code[:cut]) == ([HIGH, LOW], [HIGH, LOW])
    assert (await found(city, "N"))[0] == [HIGH, LOW]


async def test_a_solid_cell_is_searched_and_resolved_at_every_cut_by_the_ellipsoidal_height(city):
    for level, cut in enumerate(grid.LEGAL_CUTS_3D[1:], start=1):
        cell = grid.encode_3d(LON, LAT, HEIGHT_M - 12.0)[:cut]
        both = cell == grid.encode_3d(LON, LAT, HEIGHT_M + 188.0)[:cut]
        wanted = [HIGH, LOW] if both else [LOW]
        assert await found(city, cell) == (wanted, wanted), level
        assert both == (level < 5)
    seen = (await city.get(f"/codes/{LOW}")).json()["position"]
    assert seen["grid3d"] == grid.encode_3d(LON, LAT, HEIGHT_M - 12.0)
    assert (seen["height_datum"], seen["height_uncertain"]) == ("1985", False)


async def test_a_list_of_what_is_no_cell_is_refused(city):
    refused = await city.get("/objects", params={"grid": "N50H08"})
    assert (refused.status_code, refused.json()["code"]) == (422, "grid_shape")
