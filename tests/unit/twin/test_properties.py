"""The table of properties: data that decides when state is stale."""

import pytest

from identity.errors import Invalid
from twin.properties import STALE_AFTER_S, default_table, fresh, known, load, parse, plausible
from twin.reading import Quality, State


def state(quality=Quality.GOOD, name="temperature"):
    return State("c", name, "s", 1, "", 1000.0, 1000.0, 1000.0, quality)


@pytest.mark.parametrize(
    ("age_s", "interval_s", "quality"),
    [
        (900, None, Quality.GOOD),
        (901, None, Quality.STALE),
        (901, 60, Quality.STALE),
        (901, 600, Quality.GOOD),
        (1801, 600, Quality.STALE),
    ],
)
def test_state_is_stale_after_its_propertys_limit_or_three_announced_intervals(
    age_s, interval_s, quality
):
    assert fresh(state(), 1000.0 + age_s, interval_s=interval_s) is quality


def test_an_unknown_property_has_the_general_limit():
    old = state(name="unheard_of")

    assert fresh(old, 1000.0 + STALE_AFTER_S) is Quality.GOOD
    assert fresh(old, 1001.0 + STALE_AFTER_S) is Quality.STALE


@pytest.mark.parametrize(
    ("said", "told"),
    [(Quality.BAD, Quality.BAD), (Quality.UNCERTAIN, Quality.STALE), (Quality.GOOD, Quality.STALE)],
)
def test_bad_stays_bad_when_it_is_old(said, told):
    assert fresh(state(said), 1e9) is told


def test_a_city_replaces_the_table_by_a_file(tmp_path):
    (tmp_path / "p.json").write_text(
        '{"水位": {"unit": "m", "low": 0, "stale_after_s": 5}}', "utf-8"
    )
    table = load(tmp_path / "p.json")

    assert fresh(state(name="水位"), 1006.0, table=table) is Quality.STALE
    assert (plausible("水位", -1, "m", table=table), plausible("水位", 0, "", table=table)) == (
        False,
        True,
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
