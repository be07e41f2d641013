"""The grid over HTTP: a cell tells its family, a cover covers; what is no cell is refused."""

import httpx
import pytest

from api.app import create_app
from api.services import Door
from api.settings import load
from api.tokens import Tokens
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
