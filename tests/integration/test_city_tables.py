"""A city's own tables of classes and schemes, from the settings to what is issued and told."""

import json
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from api.app import create_app
from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from api.tokens import Tokens
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import classes
from identity import code as universal
from identity.errors import Invalid
from identity.ports import Alias
from identity.schemes import opaque
from tests.parts.register import WHO, Town, house

pytestmark = pytest.mark.anyio

OFFICIAL = "420111010203000000019"  # its last digit is none of ours
CLASSES = [
    {"code": "010203", "kind": "Building", "zh": "房屋", "en": "house"},
    {"code": "020101", "kind": "Sensor", "zh": "水位计", "en": "gauge"},
]
SCHEMES = [
    {"scheme": "jgj496", "zh": "房屋建筑统一编码", "en": "building code", "pattern": "[0-9]{19}F"},
    {"scheme": "ezhou", "zh": "鄂州编码", "en": "code of Ezhou", "pattern": None},
]


@pytest.fixture(autouse=True)
def _the_package_s_own_tables_after():
    yield
    classes.use(None)
    opaque.use(None)


@asynccontextmanager
async def opened(tmp_path, **said):
    settings = load({}, data_dir=tmp_path, **said)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    transport = httpx.ASGITransport(app=create_app(door, Tokens([])), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield client, Town(services.graph, services.blobs)
    await door.close()


def written(tmp_path, name, rows):
    path = tmp_path / name
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


async def test_codes_are_issued_under_the_city_s_classes_and_older_ones_keep_theirs(tmp_path):
    async with opened(tmp_path) as (_, town):
        await town.deliver(house("w1"))
        old = await town.of("b")
    table = written(tmp_path, "classes.json", CLASSES)
    async with opened(tmp_path, class_table=table) as (client, town):
        await town.deliver(house("x1"), project="Q")
        new = await town.of("b", "Q")
        assert (old[6:12], new[6:12]) == ("990101", "010203")
        assert (await client.get(f"/codes/{old}")).json()["kind"] == "Building"
        assert "check" not in (await client.get(f"/codes/{new}")).json()
        bound = await client.post("/devices", json={"device": "d", "code": new})
        assert bound.json()["sensor"][6:12] == "020101"
    changed = [CLASSES[0] | {"kind": "House"}, CLASSES[1]]
    table = written(tmp_path, "changed.json", changed)
    with pytest.raises(Invalid) as refused:
        async with opened(tmp_path, class_table=table):
            pass
    facts = {"class_code": "010203", "was": "Building", "kind": "House"}
    assert (refused.value.code, refused.value.facts) == ("class_meaning", facts)


@pytest.mark.parametrize(
    ("setting", "rows", "code"),
    [
        ("class_table", "no json", "table_unreadable"),
        ("class_table", [CLASSES[0] | {"kind": "Storey"}], "class_table"),
        ("class_table", [CLASSES[0] | {"code": "990102"}], "class_meaning"),
        ("scheme_table", "{}", "table_unreadable"),
        ("scheme_table", [SCHEMES[0] | {"pattern": "("}], "scheme_table"),
        ("scheme_table", [SCHEMES[0] | {"scheme": "uscc"}], "scheme_table"),
        ("scheme_table", [SCHEMES[0] | {"scheme": "JGJ 496"}], "scheme_table"),
    ],
)
async def test_a_broken_table_is_refused_at_the_start_and_says_why(tmp_path, setting, rows, code):
    path = written(tmp_path, "table.json", rows)
    with pytest.raises(Invalid) as refused:
        async with opened(tmp_path, **{setting: path}):
            pass
    assert refused.value.code == code
    assert all(refused.value.text(lang)[0] for lang in ("en", "zh"))


async def test_a_missing_table_is_refused(tmp_path):
    with pytest.raises(Invalid) as refused:
        async with opened(tmp_path, class_table=tmp_path / "none.json"):
            pass
    assert refused.value.code == "table_unreadable"


async def test_a_scheme_of_the_city_is_recognised_by_its_pattern_and_by_its_name(tmp_path):
    text = "4201110010010000012F"
    async with opened(tmp_path) as (client, _):
        said = (await client.get(f"/codes/{text}")).json()["facts"]
        assert "jgj496" not in {read["scheme"] for read in said.get("recognised", [])}
    path = written(tmp_path, "schemes.json", SCHEMES)
    async with opened(tmp_path, scheme_table=path) as (client, _):
        read = (await client.get(f"/codes/{text}")).json()["facts"]["recognised"][0]
        assert (read["scheme"], read["valid"], read["check"]) == ("jgj496", True, "none")
        named = (await client.get("/codes/ezhou:A-7")).json()["facts"]["recognised"][0]
        assert (named["scheme"], named["name"]["en"]) == ("ezhou", "code of Ezhou")
        ours = (await client.get("/codes/db42_2175:X1")).json()["facts"]["recognised"][0]
        assert ours["scheme"] == "db42_2175"


async def test_an_official_code_without_our_check_is_a_code_flagged_and_never_refused(tmp_path):
    async with opened(tmp_path) as (client, town):
        await town.deliver(house("w1"))
        named = await town.of("b")
        activation = await town.graph.activate("test", wait_s=1)
        other = OFFICIAL[:-1] + "7"
        await activation.write(
            Batch(
                entities=[Entity(OFFICIAL, Kind.BUILDING, "registered")],
                aliases=[Alias("uic", "", other, named), Alias("uic", "", named, named)],
            )
        )
        await activation.commit({"event": "test"})
        seen = (await client.get(f"/codes/urn:uic:cn:{OFFICIAL}")).json()
        assert (seen["code"], seen["check"]) == (OFFICIAL, "none")
        line = (await client.post("/codes/resolve", content=json.dumps(OFFICIAL))).json()
        assert line["answers"][0]["check"] == "none"
        building = (await client.get(f"/codes/{other}")).json()
        flags = {row["value"]: row.get("check") for row in building["aliases"]}
        assert (flags[other], flags[named], "check" in building) == ("none", None, False)
        unknown = (await client.get(f"/codes/{OFFICIAL[:-2]}99")).json()["facts"]
        assert (unknown["recognised"][0]["check"], unknown.get("reason")) == ("none", None)
        await town.register.merge(named, OFFICIAL, **WHO)
        await town.deliver(house("w1", "w2"))
        added = (await town.held())["w2"]
        assert universal.parse(added).root == OFFICIAL
        assert (await client.get(f"/codes/{added}")).json()["building"]["code"] == OFFICIAL
