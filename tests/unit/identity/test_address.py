"""Addresses taken apart: the standard's own examples, laws, and what only looks like an ending."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from identity import address
from identity.address_words import GROUPS, default, provinces
from identity.schemes import check_rows, read_as, recognise


def parts(text, words=None):
    return [part.text for part in address.split(text, words).parts]


def sorts(text):
    return [(part.text, part.kind.sort) for part in address.split(text).parts]


@pytest.mark.corpus
def test_every_example_of_the_standard_is_split_as_it_says(vectors):
    rows = vectors("addresses_gbt35639")
    assert len(rows) == 13
    assert [row["parts"] for row in rows] == [parts(row["raw"]) for row in rows]


@pytest.mark.parametrize(
    "whole",
    [
        "湖北省|武汉市|洪山区|珞喻路|1037号|华中科技大学|南一楼",
        "武汉市|武昌区|中南路街道|千家街社区|武珞路|456号|新时代商务中心|18层|1802室",
        "武汉市|东湖新技术开发区|光谷大道|77号|光谷软件园|A2栋|2单元|501",
        "浙江省|杭州市|上城区|中山中路|甲12号|3幢|302室",
        "荆州市|沙市区|解放路|3号",
        "湖南省|津市市|汪家桥街道",
        "济南市|市中区|经四路|12-3号",
        "哈尔滨市|道里区|中央大街|89号附2号",
        "吉林省|吉林市|昌邑区|左家镇",
        "内蒙古|通辽市|库伦旗|库伦镇",
        "上海市|浦东新区|世纪大道|100弄|3号|201室",
        "天津市|河北区|望海楼街道",
        "和平镇|东风村|八组|6号",
        "武汉广场写字楼|28楼",
    ],
)
def test_an_address_is_cut_where_its_components_end(whole):
    assert whole.split("|") == parts(whole.replace("|", ""))


@pytest.mark.parametrize("text", ["北京路12号", "湖北大学3号楼", "新疆路5号"])
def test_a_province_s_name_in_a_street_is_no_province(text):
    assert "province" not in {sort for _, sort in sorts(text)}


def test_a_number_with_no_word_behind_it_is_read_by_what_stands_before():
    assert [("珞喻路", "road"), ("1037", "door")] == sorts("珞喻路1037")
    assert ("1503", "room") == sorts("光谷大道77号3栋1503")[-1]


def test_what_no_rule_reads_is_kept_as_not_recognised():
    assert [("锦园小区", "courtyard"), ("门口", "other")] == sorts("锦园小区门口")
    assert [("天地玄黄", "other")] == sorts("天地玄黄")
    assert [] == parts("")


def test_a_gazetteer_settles_what_endings_leave_open():
    ours = default().knowing({"武汉": "city", "汉口": "zone", "街道口": "zone"})
    assert ["湖北", "武汉", "汉口", "解放大道", "1277号"] == parts(
        "湖北武汉汉口解放大道1277号", ours
    )
    assert ["洪山区", "街道口", "珞喻路", "1号"] == parts("洪山区街道口珞喻路1号", ours)
    assert len(parts("湖北武汉汉口解放大道1277号")) == 3


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("武昌区　八一路 ２９９号（北门）", "武昌区八一路299号(北门)"),
        ("湖北省，武汉市、洪山区", "湖北省武汉市洪山区"),
        ("友谊大道3—5号", "友谊大道3-5号"),
        ("1、2号楼", "1、2号楼"),
    ],
)
def test_one_address_is_written_in_one_way(typed, wanted):
    assert wanted == address.normalise(typed)


PIECES = [
    *("湖北省", "新疆", "武汉市", "洪山区", "市中区", "沙市区", "关东街道", "赵屯乡", "田村"),
    *("珞喻路", "一巷", "开发区", "碧森里小区", "12号", "3栋", "B单元", "5门", "4层", "501室"),
    *("1037", "（东门）", "号", "市", "道", "里", "a", "７", "、", " ", "-", "甲", "某某"),
]
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_the_parts_join_to_the_normalised_text_touch_and_are_never_empty(text):
    found = address.split(text)
    assert found.text == "".join(part.text for part in found.parts)
    assert all(part.text for part in found.parts)
    assert [0, *(part.end for part in found.parts)] == [
        *(part.start for part in found.parts),
        len(found.text),
    ]


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_what_is_normalised_stays_as_it_is(text):
    once = address.normalise(text)
    assert once == address.normalise(once)
    assert address.split(text).parts == address.split(once).parts


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_divisions_and_dwellings_come_in_the_order_of_the_standard(text):
    read = [part.kind for part in address.split(text).parts if part.kind.sort != address.OTHER]
    for group in ("division", "dwelling"):
        ranks = [kind.rank for kind in read if kind.group == group]
        assert ranks == sorted(ranks)


def test_every_class_of_component_has_a_group_with_a_name():
    kinds = default().kinds.values()
    assert {kind.group for kind in kinds} == set(GROUPS)
    assert all(kind.zh and kind.en for kind in kinds)
    assert {"内蒙古", "新疆", "北京", "香港", "湖北省"} <= set(provinces())


def test_an_address_is_recognised_and_says_its_parts():
    (told,) = recognise("武昌区 八一路２９９号")
    assert (told.scheme, told.valid, told.canonical) == ("address", True, "武昌区八一路299号")
    assert [(s.name, s.position) for s in told.segments] == [
        ("county", 1),
        ("road", 4),
        ("door", 7),
    ]


@pytest.mark.parametrize(
    "text", ["光谷之星大厦", "教育建筑", "温度", "一张图", "N50H0513548", "12号"]
)
def test_a_name_or_a_word_is_no_address(text):
    assert "address" not in {told.scheme for told in recognise(text)}


def test_a_text_that_is_no_address_says_where_it_stops_being_one():
    told = read_as("address", "珞喻路天地玄黄宇宙洪荒")
    assert ("address_parts", 4) == (told.problems[0].code, told.problems[0].position)
    ((number, problem),) = check_rows([("address", "天地玄黄")])
    assert (1, "address_parts", "天地玄黄") == (number, problem.code, problem.found)


@pytest.mark.corpus
@pytest.mark.timeout(300)
def test_real_divisions_of_the_country_are_split_at_their_borders(shared_dir):
    """Names only, no gazetteer: what repeats a division or has no ending is beyond it."""
    tried, right = 0, 0
    for names in _divisions(shared_dir / "data/divisions-china"):
        tried += 1
        right += names == parts("".join(names))
    print(f"{right} of {tried} real divisions split at their borders: {right / tried:.2%}")
    assert tried > 2_000
    assert right / tried > 0.96


def _divisions(folder):
    """Yield [province, city, county, town] of every 20th town; places that only count are none."""
    import csv

    def table(name):
        with (folder / f"{name}.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))

    names = {row["code"]: row["name"] for n in ("provinces", "cities", "areas") for row in table(n)}
    counted = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
    for row in table("streets")[::20]:
        above = [names.get(row[key], "") for key in ("provinceCode", "cityCode", "areaCode")]
        kept = [name for name in dict.fromkeys(above) if name and name not in counted]
        yield [*kept, row["name"]]
