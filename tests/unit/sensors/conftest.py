import pytest

from tests.unit.sensors.small_city import City
from tests.unit.sensors.small_town import settle


@pytest.fixture
async def city(tmp_path):
    made = City(tmp_path)
    await made.build()
    return made


@pytest.fixture
async def town(city):
    await settle(city)
    return city
