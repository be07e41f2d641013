"""Finding entities: every condition alone, combined, and in pages that stay whole."""

import pytest

from cim.model import Entity, Kind
from cim.ports import LOOKUP_LIMIT, PAGE_LIMIT, Batch, Filter, Page
from cim.terms import QUERY_TERMS_MAX
from identity.errors import Invalid, TooLarge

pytestmark = pytest.mark.anyio

TOWER = Entity(
    "420111990101000000011",
    Kind.BUILDING,
    "光谷广场A座",
    lon=114.3987,
    lat=30.5062,
    box=(114.398, 30.505, 114.399, 30.507),
    grid2d="N50H0513548370124463",
    properties={"address": "珞喻路726号", "number": "A-001", "storeys": 30, "open": True},
)
WALL = Entity(
    "420111990101000000011-E0000001W",
    Kind.ELEMENT,
    "Basic Wall:外墙-200",
    properties={"ifc_class": "IfcWall", "type": "外墙-200", "storeys": 1, "open": 1, "fire": None},
)
DOOR = Entity(
    "420111990101000000011-E00100002",
    Kind.ELEMENT,
    "防火门 FM0921",
    properties={"ifc_class": "IfcDoor", "tag": "B-17", "open": False, "list": [1]},
)
ROOM = Entity("420111990101000000011-R0000001Z", Kind.SPACE, "会议室 Ä", properties={"n": 1.5})
PUMP = Entity(
    "420111990501000000028", Kind.FACILITY, "南湖泵站", lon=114.3, lat=30.5, grid2d="N50H0513547"
)
CAR_PARK = Entity(
    "420111990501000000036", Kind.FACILITY, "停车场", box=(114.40, 30.50, 114.41, 30.51)
)
ALL = [TOWER, WALL, DOOR, ROOM, PUMP, CAR_PARK]


@pytest.fixture
async def city(graph, change):
    await change(graph, Batch(entities=ALL))
    return graph


async def found(graph, g=1, **where):
    return (await graph.find(g, Filter(**where), limit=100)).items


FILTERS = {
    "nothing asked": ({}, ALL),
    "one kind": ({"kinds": (Kind.ELEMENT,)}, [WALL, DOOR]),
    "two kinds": ({"kinds": (Kind.SPACE, Kind.BUILDING)}, [TOWER, ROOM]),
    "a kind of which there is none": ({"kinds": (Kind.ALERT,)}, []),
    "two characters inside a name": ({"q": "谷广"}, [TOWER]),
    "one character": ({"q": "门"}, [DOOR]),
    "characters that do not stand together": ({"q": "谷场"}, []),
    "a longer run": ({"q": "光谷广场"}, [TOWER]),
    "a run that only begins alike": ({"q": "光谷广电"}, []),
    "two words, both must occur": ({"q": "光谷 珞喻路"}, [TOWER]),
    "two words, one does not": ({"q": "光谷 南湖"}, []),
    "letters in any case": ({"q": "BASIC wall"}, [WALL]),
    "an accent kept": ({"q": "ä"}, [ROOM]),
    "full-width letters": ({"q": "ＦＭ０９２１"}, [DOOR]),
    "a number with letters": ({"q": "A-001"}, [TOWER]),
    "a part of such a number": ({"q": "001"}, [TOWER]),
    "a tag": ({"q": "b-17"}, [DOOR]),
    "an IFC class": ({"q": "ifcwall"}, [WALL]),
    "mixed script": ({"q": "外墙-200"}, [WALL]),
    "a part code": ({"q": "420111990101000000011-E00100002"}, [DOOR]),
    "no word at all": ({"q": " -，"}, []),
    "a query with signs of a query language": ({"q": '光谷" OR *'}, []),
    "a box that holds a point": ({"box": (114.29, 30.49, 114.31, 30.51)}, [PUMP]),
    "a box inside a box": ({"box": (114.405, 30.505, 114.4051, 30.5051)}, [CAR_PARK]),
    "boxes that touch": ({"box": (114.41, 30.51, 115.0, 31.0)}, [CAR_PARK]),
    "a box beside": ({"box": (114.41001, 30.50, 115.0, 31.0)}, []),
    "a box a metre beside": ({"box": (114.39901, 30.50, 114.39999, 30.52)}, []),
    "a point on the border": ({"box": (114.3, 30.5, 114.3, 30.5)}, [PUMP]),
    "the whole city": ({"box": (113.0, 29.0, 116.0, 32.0)}, [TOWER, PUMP, CAR_PARK]),
    "a grid cell": ({"grid": "N50H0513548"}, [TOWER]),
    "a larger cell": ({"grid": "N50H051354"}, [TOWER, PUMP]),
    "a cell finer than what is known": ({"grid": "N50H051354700"}, []),
    "a text property": ({"properties": {"type": "外墙-200"}}, [WALL]),
    "an IFC class exactly": ({"properties": {"ifc_class": "IfcDoor"}}, [DOOR]),
    "an IFC class in another case": ({"properties": {"ifc_class": "IFCDOOR"}}, []),
    "a number": ({"properties": {"storeys": 30}}, [TOWER]),
    "a number as a float": ({"properties": {"storeys": 1.0}}, [WALL]),
    "a fraction": ({"properties": {"n": 1.5}}, [ROOM]),
    "true is not 1": ({"properties": {"open": True}}, [TOWER]),
    "1 is not true": ({"properties": {"open": 1}}, [WALL]),
    "false": ({"properties": {"open": False}}, [DOOR]),
    "null": ({"properties": {"fire": None}}, [WALL]),
    "a text is not a number": ({"properties": {"storeys": "30"}}, []),
    "a property nobody has": ({"properties": {"nobody": "x"}}, []),
    "two properties": ({"properties": {"ifc_class": "IfcWall", "storeys": 1}}, [WALL]),
    "everything at once": (
        {
            "kinds": (Kind.BUILDING, Kind.SITE),
            "box": (114.3, 30.5, 114.4, 30.6),
            "q": "光谷",
            "grid": "N50H",
            "properties": {"address": "珞喻路726号", "storeys": 30},
        },
        [TOWER],
    ),
    "everything but one": (
        {"kinds": (Kind.BUILDING,), "q": "光谷", "properties": {"storeys": 31}},
        [],
    ),
    "a kind in a box": ({"kinds": (Kind.FACILITY,), "box": (114.0, 30.0, 114.35, 31.0)}, [PUMP]),
    "a kind in a cell": ({"kinds": (Kind.FACILITY,), "grid": "N50H"}, [PUMP]),
    "some codes": ({"codes": frozenset({PUMP.code, DOOR.code, "nobody"})}, [DOOR, PUMP]),
    "codes and a kind": (
        {"codes": frozenset({PUMP.code, DOOR.code}), "kinds": (Kind.FACILITY,)},
        [PUMP],
    ),
    "codes and words": ({"codes": frozenset({PUMP.code, DOOR.code}), "q": "南湖"}, [PUMP]),
    "codes in a box": (
        {"codes": frozenset({TOWER.code, PUMP.code}), "box": (114.29, 30.49, 114.31, 30.51)},
        [PUMP],
    ),
    "a class in words": ({"q": "basic", "properties": {"ifc_class": "IfcWall"}}, [WALL]),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_a_filter_finds_what_it_says(city, name):
    where, expected = FILTERS[name]
    assert await found(city, **where) == expected


async def test_every_generation_is_searched_by_itself(city, change):
    moved = Entity(PUMP.code, Kind.FACILITY, "北湖泵站", lon=114.5, lat=30.6, grid2d="N50H0600000")
    await change(city, Batch(entities=[moved], end_entities=[CAR_PARK.code]))
    old_place, new_place = (114.29, 30.49, 114.31, 30.51), (114.49, 30.59, 114.51, 30.61)
    assert await found(city, 1, q="南湖") == [PUMP]
    assert await found(city, 2, q="南湖") == []
    assert await found(city, 2, q="北湖") == [moved]
    assert await found(city, 1, box=old_place) == [PUMP]
    assert await found(city, 2, box=old_place) == []
    assert await found(city, 2, box=new_place) == [moved]
    assert await found(city, 1, grid="N50H06") == []
    assert await found(city, 2, grid="N50H06") == [moved]
    assert await found(city, 2, q="停车场") == []
    assert await found(city, 1, q="停车场") == [CAR_PARK]


async def test_what_an_aborted_writer_left_is_not_found(city, change):
    activation = await city.activate("w", wait_s=0)
    await activation.write(Batch(entities=[Entity(PUMP.code, Kind.FACILITY, "东湖泵站")]))
    await activation.abort()
    other = Entity("420111990501000000044", Kind.FACILITY, "沙湖泵站")
    await change(city, Batch(entities=[other]))
    assert await found(city, 2, q="东湖") == []
    assert await found(city, 2, q="泵站") == [PUMP, other]


async def test_pages_join_to_the_whole_list(city):
    for where in (Filter(), Filter(box=(113.0, 29.0, 116.0, 32.0)), Filter(q="4")):
        whole = (await city.find(1, where, limit=100)).items
        joined, after = [], ""
        while True:
            page = await city.find(1, where, limit=2, after=after)
            joined += page.items
            if page.next is None:
                break
            assert page.next == page.items[-1].code
            after = page.next
        assert joined == whole


async def test_a_page_that_ends_with_the_last_item_has_no_next(city):
    assert await city.find(1, Filter(kinds=(Kind.ELEMENT,)), limit=2) == Page([WALL, DOOR], None)
    page = await city.find(1, Filter(kinds=(Kind.ELEMENT,)), limit=1)
    assert page == Page([WALL], WALL.code)


async def test_paging_goes_on_in_its_generation_while_the_city_changes(city, change):
    first = await city.find(1, Filter(), limit=3)
    await change(
        city,
        Batch(
            entities=[Entity("420111990501000000030", Kind.FACILITY, "new")],
            end_entities=[ROOM.code, PUMP.code, TOWER.code],
        ),
    )
    second = await city.find(1, Filter(), limit=3, after=first.next)
    assert first.items + second.items == ALL
    assert second.next is None


async def test_odd_property_names_and_values_are_data(graph, change):
    odd = {
        'a"b': "x'y",
        "c\\d": 'z"',
        "名.称$[0]": "\n",
        "": "empty",
        "big": 2**70,
        "neg": -(2**63),
    }
    entity = Entity(TOWER.code, Kind.BUILDING, properties=odd)
    await change(graph, Batch(entities=[entity]))
    for name, value in odd.items():
        assert [e.code for e in await found(graph, properties={name: value})] == [TOWER.code]
    assert await found(graph, properties={'a"b': "x"}) == []


@pytest.mark.parametrize("limit", [0, -1])
async def test_a_page_holds_at_least_one(city, limit):
    with pytest.raises(Invalid) as refused:
        await city.find(1, Filter(), limit=limit)
    assert refused.value.code == "page_size_invalid"


async def test_a_page_has_a_limit(city):
    assert len((await city.find(1, Filter(), limit=PAGE_LIMIT)).items) == len(ALL)
    with pytest.raises(TooLarge) as refused:
        await city.find(1, Filter(), limit=PAGE_LIMIT + 1)
    assert refused.value.code == "page_limit"


@pytest.mark.parametrize(
    "box", [(2.0, 0.0, 1.0, 1.0), (0.0, 2.0, 1.0, 1.0), (0.0, 0.0, float("nan"), 1.0)]
)
async def test_a_box_that_is_none_is_refused(city, box):
    with pytest.raises(Invalid) as refused:
        await city.find(1, Filter(box=box), limit=1)
    assert refused.value.code == "box_invalid"
    activation = await city.activate("w", wait_s=0)
    with pytest.raises(Invalid) as refused:
        await activation.write(Batch(entities=[Entity("x", Kind.SITE, box=box)]))
    assert refused.value.code == "box_invalid"
    with pytest.raises(Invalid) as refused:
        await activation.write(Batch(entities=[Entity("x", Kind.SITE, lon=float("inf"), lat=0.0)]))
    assert refused.value.code == "position_invalid"


async def test_a_query_has_a_limit(city):
    words = " ".join(f"w{n}" for n in range(QUERY_TERMS_MAX))
    assert await found(city, q=words) == []
    with pytest.raises(TooLarge) as refused:
        await found(city, q=words + " more")
    assert refused.value.code == "query_limit"


async def test_as_many_codes_as_one_call_may_name(city):
    codes = frozenset(map(str, range(LOOKUP_LIMIT)))
    assert await found(city, codes=codes) == []
    with pytest.raises(TooLarge, match="lookup_limit"):
        await found(city, codes=codes | {"one more"})


async def test_a_property_is_compared_with_plain_values_only(city):
    with pytest.raises(Invalid) as refused:
        await found(city, properties={"list": [1]})
    assert refused.value.code == "property_filter_invalid"
