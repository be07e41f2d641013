"""A city of 500 houses and a list of foreign codes of them, as a spreadsheet saves it."""

import csv
import io
import time

from api.bootstrap import open_services
from api.services import Door
from api.settings import load
from cim.model import Entity, Kind
from cim.ports import Batch
from identity import code as universal
from tests.parts.foreign_codes import MAKERS

COUNT, PER_KIND = 10_000, 50
HOUSES = [universal.issue(universal.prefix("420111", "House"), n) for n in range(1, 501)]


def official(draw):
    """A code of CJ/T 553 shape of another city's table, without our check."""
    return f"420106{draw.randint(1, 89):02d}0203{draw.randint(1, 10**9 - 1):09d}"


KINDS = {**MAKERS, "uic": official}


async def furnished(folder):
    """A door over ``folder`` with 500 houses."""
    settings = load(data_dir=folder)
    door = Door(settings)
    services = await door.open(lambda: open_services(settings, time.time))
    activation = await services.graph.activate("test", wait_s=1)
    await activation.write(Batch(entities=[Entity(code, Kind.HOUSE, "house") for code in HOUSES]))
    await activation.commit({"event": "test"})
    return door, services


def listed(rows):
    """The rows as a spreadsheet saves them; each row's thing under one of its names."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["code", "scheme", "value", "source"])
    for number, (scheme, value) in enumerate(rows, start=1):
        writer.writerow([thing(number), scheme, value, "land office"])
    return out.getvalue().encode()


def thing(number):
    house = HOUSES[number % len(HOUSES)]
    return (house, f"urn:uic:cn:{house}", f" {house} ")[number % 3]
