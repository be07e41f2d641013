"""The table of properties: data that decides when state is stale."""

import pytest

from identity.errors import Invalid
from twin.properties import default_table, known, load, parse, within_range
from twin.reading import Quality
from twin.units import unit


def test_a_city_replaces_the_table_by_a_file(tmp_path):
    (tmp_path / "p.json").write_text(
        '{"水位": {"unit": "m", "low": 0, "stale_after_s": 5}}', "utf-8"
    )
    table = load(tmp_path / "p.json")

    row = known("水位", table)
    assert (row.unit, row.stale_after_s) == ("m", 5)
    assert (within_range(row, -1, "m"), within_range(row, 0, "")) == (
        Quality.UNCERTAIN,
        Quality.GOOD,
    )


@pytest.mark.parametrize("text", ["", "[]", '{"a": {"colour": 1}}', '{"a": 5}'])
def test_a_table_that_is_none_is_refused(text):
    with pytest.raises(Invalid) as refused:
        parse(text)

    assert refused.value.code == "property_table_unreadable"


def test_every_row_that_comes_with_the_product_is_whole():
    assert [row.name for row in default_table().values()] == list(default_table())
    assert all(row.stale_after_s > 0 for row in default_table().values())
    assert known("temperature").unit == "Cel"


def test_every_unit_of_the_table_is_one():
    assert all(unit(row.unit) for row in default_table().values() if row.unit)
