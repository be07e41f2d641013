import pytest

from tests.unit.sensors.small_city import City


@pytest.fixture
async def city(tmp_path):
    made = City(tmp_path)
    await made.build()
    return made
