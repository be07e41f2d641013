"""A city's datum of heights over HTTP: said with every height, and never changed behind one."""

import time
from contextlib import asynccontextmanager

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from identity import grid
from identity.errors import Invalid
from tests.parts.register import Town, house

pytestmark = pytest.mark.anyio
HERE = {"lon": 114.4, "lat": 30.5, "height_m": 25.0}


@asynccontextmanager
async def opened(tmp_path, **said):
    """A client and a town under these settings, over the same stores."""
    settings = load({}, data_dir=tmp_path, **said)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, Town(services.graph, services.blobs)
    await door.close()


async def placed(client, model, **said):
    answer = await client.post(f"/models/{model}/placement", json=HERE | said)
    return answer.status_code, answer.json()


async def height_of(client, text="w1"):
    told = (await client.get(f"/codes/{text}")).json()["position"]
    names = ("height_m", "height_datum", "height_provenance", "height_uncertain")
    return *[told[name] for name in names], grid.decode_3d(told["grid3d"])[1]


async def test_a_changed_setting_leaves_what_stands_and_counts_for_what_comes(tmp_path):
    async with opened(tmp_path) as (client, town):
        await town.deliver(house("w1"))
        model = town.documents["P"]
        assert (await placed(client, model))[0] == 200
        height_m, *said, bottom_m = await height_of(client)
        assert (said, bottom_m) == (["1985", "assumed", True], pytest.approx(height_m, abs=0.02))
        before = (await client.get("/tiles/tileset.json")).json()
    async with opened(tmp_path, height_datum="ellipsoidal", geoid_separation_m=-3.0) as (client, _):
        assert (await height_of(client))[1:4] == ("1985", "assumed", True)
        assert (await client.get("/tiles/tileset.json")).json() == before
    async with opened(tmp_path, geoid_separation_m=-12.0) as (client, _):
        assert (await height_of(client))[1:4] == ("1985", "assumed", True)
        await placed(client, model)
        *said, bottom_m = await height_of(client)
        assert said[1:] == ["1985", "assumed", False]
        assert bottom_m == pytest.approx(said[0] - 12.0, abs=0.02)
        assert (await client.get("/tiles/tileset.json")).json() != before


async def test_what_a_person_says_of_a_height_wins_over_the_setting(tmp_path):
    async with opened(tmp_path, geoid_separation_m=-12.0) as (client, town):
        await town.deliver(house("w1"))
        model = town.documents["P"]
        await placed(client, model, height_datum="local", geoid_separation_m=-9.0)
        height_m, *said, bottom_m = await height_of(client)
        assert said == ["local", "confirmed", False]
        assert bottom_m == pytest.approx(height_m - 9.0, abs=0.02)
        kept = (await client.get(f"/models/{model}")).json()["placement"]
        assert (kept["height_datum"], kept["geoid_separation_m"]) == ("local", -9.0)
        for wrong in ({"height_datum": "NAP"}, {"geoid_separation_m": 500}):
            assert (await placed(client, model, **wrong))[0] == 422


@pytest.mark.parametrize(
    "said", [{"height_datum": "sea level"}, {"geoid_separation_m": 151}, {"height_datum": ""}]
)
def test_a_wrong_setting_of_heights_is_refused_at_the_start(tmp_path, said):
    with pytest.raises(Invalid) as refused:
        load({}, data_dir=tmp_path, **said)
    assert refused.value.code == "setting_invalid"
