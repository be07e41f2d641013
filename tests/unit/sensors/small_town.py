"""The small city with places, a project with GUIDs, and an address; and its register of devices."""

from cim.model import Entity, Kind, Relation, Verb
from cim.ports import Batch
from identity import code as universal
from identity.ports import Alias
from sensors.register import Register, Wanted, devices
from sensors.registering import Registering
from tests.unit.sensors.small_city import BUILDING, HALL, NOW, REGION, ROOM

GUID, OTHER_GUID = "2O2Fr$t4X7Zf8NOew3FNr2", "1hOSvn6df7F8_7GcBWlRGQ"
PROJECT = universal.issue(universal.prefix(REGION, "Project"), 1)
ADDRESS = universal.issue(universal.prefix(REGION, "Address"), 1)
GARAGE = universal.issue(universal.prefix(REGION, "Facility"), 1)
PLACES = {
    ROOM: (114.40000, 30.50000, 114.40005, 30.50005, 20.0),
    HALL: (114.40010, 30.50000, 114.40020, 30.50005, 20.0),
    BUILDING: (114.40000, 30.50000, 114.40020, 30.50005, 18.0),
    GARAGE: (114.41, 30.51, 114.411, 30.511, None),
}


async def settle(city):
    """Give the things of the city places, GUIDs and addresses."""
    kinds = {ROOM: Kind.SPACE, HALL: Kind.SPACE, BUILDING: Kind.BUILDING, GARAGE: Kind.FACILITY}
    things = [
        Entity(
            code,
            kinds[code],
            name=code[-4:],
            lon=(w + e) / 2,
            lat=(s + n) / 2,
            height_m=up,
            box=(w, s, e, n),
            properties={"address": "珞喻路 1 号车库"} if code == GARAGE else {},
        )
        for code, (w, s, e, n, up) in PLACES.items()
    ]
    things += [
        Entity(PROJECT, Kind.PROJECT, "光谷项目"),
        Entity(ADDRESS, Kind.ADDRESS, "珞喻路 1 号"),
    ]
    aliases = [
        Alias("ifc_guid", PROJECT, GUID, ROOM),
        Alias("ifc_guid", "other", GUID, HALL),
        Alias("ifc_guid", PROJECT, OTHER_GUID, HALL),
        Alias("project", "", "光谷项目", PROJECT),
        Alias("address", "", "珞喻路 1 号", ADDRESS),
    ]
    activation = await city.graph.activate("test", wait_s=1)
    located = [Relation(Verb.LOCATED_AT, BUILDING, ADDRESS)]
    await activation.write(Batch(entities=things, aliases=aliases, relations=located))
    await activation.commit({})


def registering(city):
    register = Register(city.graph, city.graph, city.states)
    return Registering(register, city.clock, REGION, "somebody")


async def listed(city, now=NOW, **wanted):
    g = (await city.graph.head()).generation
    found = await devices(registering(city).register, Wanted(**wanted), g, now)
    return found["items"]
