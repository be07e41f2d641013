"""What a text means to the city: foreign codes in every form, and what an unknown one is."""

import json

import pytest

from cim.model import Entity, Kind
from cim.ports import Batch
from cim.stores.memory import MemoryGraph
from identity import code as universal
from identity.errors import Invalid, NotFound
from identity.ports import Alias
from twin.city import City
from twin.meanings import unknown as told_unknown
from twin.stores.memory import MemoryStates

pytestmark = pytest.mark.anyio

HOUSE = universal.issue(universal.prefix(universal.REGION, "House"), 1)
FIRM = universal.issue(universal.prefix(universal.REGION, "Unit"), 1)
PUMP = universal.issue(universal.prefix(universal.REGION, "Facility"), 1)
OFFICIAL = "420111010203000000011"
UNIT = "370105012002GB00001F00010751"
NAMES = [
    Alias("bdcdy28", "", UNIT, HOUSE),
    Alias("jgj246", "", "42010601200200800000100010", HOUSE),
    Alias("uscc", "", "91110000600037341L", FIRM),
    Alias("gs1dl", "", "01/06901234567892/21/A1", PUMP),
    Alias("oid", "", "1.2.156.1000.7", PUMP),
    Alias("handle", "", "10.1000/abc", PUMP),
    Alias("gb2260", "", "420111", FIRM),
    Alias("device", "", "37010501200201000010017514x", PUMP),
    Alias("vendor", "", "86.1/Pump", PUMP),
]


class Counting(MemoryGraph):
    """Counts what is asked of it."""

    asked = 0

    async def entities(self, *args, **named):
        self.asked += 1
        return await super().entities(*args, **named)

    async def resolve(self, *args, **named):
        self.asked += 1
        return await super().resolve(*args, **named)


@pytest.fixture
async def graph():
    made = Counting(lambda: 1.0)
    kinds = {HOUSE: Kind.HOUSE, FIRM: Kind.UNIT, PUMP: Kind.FACILITY, OFFICIAL: Kind.BUILDING}
    things = [Entity(code, kind, code[-4:]) for code, kind in kinds.items()]
    activation = await made.activate("test", wait_s=1)
    await activation.write(Batch(entities=things, aliases=NAMES))
    await activation.commit({"event": "test"})
    return made


@pytest.fixture
def city(graph):
    return City(graph, graph, MemoryStates(), lambda: 1.0)


async def unknown(city, text):
    with pytest.raises(NotFound) as refused:
        await city.resolve(text)
    return refused.value.facts


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (UNIT, HOUSE),
        (UNIT.lower(), HOUSE),
        ("370105012002 GB00001 F0001 0751", HOUSE),
        ("37010501200201000010017514", HOUSE),
        ("37010501200201000010017519", HOUSE),
        ("４２０１０６" + "01200200800000100010", HOUSE),
        ("91110000600037341l", FIRM),
        ("uscc:9111 0000 6000 3734 1L", FIRM),
        ("(01)06901234567892(21)A1", PUMP),
        ("https://id.example.cn/01/6901234567892/21/A1?17=270101", PUMP),
        ("urn:oid:1.2.156.1000.7", PUMP),
        ("https://doi.org/10.1000/ABC", PUMP),
        ("86.1/Pump", PUMP),
        ("420111", FIRM),
        (OFFICIAL, OFFICIAL),
        ("４２０１１１" + OFFICIAL[6:], OFFICIAL),
    ],
)
async def test_a_foreign_code_leads_to_its_thing_however_it_is_typed(city, text, code):
    assert [code] == [told["code"] for told in await city.resolve(text)]


async def test_a_canonical_form_counts_only_in_its_own_scheme(city, graph):
    activation = await graph.activate("test", wait_s=1)
    await activation.write(Batch(aliases=[Alias("device", "", "10.1000/xyz", PUMP)]))
    await activation.commit({"event": "test"})

    assert len(await city.resolve("10.1000/xyz")) == 1
    assert (await unknown(city, "doi:10.1000/xyz"))["recognised"][0]["valid"]


async def test_an_unknown_right_code_says_what_it_is(city):
    facts = await unknown(city, "320505400202GB00001F00010069")

    (told,) = facts["recognised"]
    assert (told["scheme"], told["valid"], told["name"]["zh"]) == (
        "bdcdy28",
        True,
        "不动产单元代码",
    )
    assert told["segments"][0]["meaning"] == {"zh": "江苏省", "en": "Jiangsu"}
    assert json.loads(json.dumps(facts)) == facts


async def test_an_unknown_wrong_code_says_why_it_is_wrong(city):
    facts = await unknown(city, "91110000600037341M")

    first = facts["recognised"][0]
    assert (first["scheme"], first["valid"]) == ("uscc", False)
    assert first["problems"] == [
        {
            "code": "scheme_check",
            "scheme": "uscc",
            "position": 18,
            "expected": "L",
            "found": "M",
            "zh": "uscc：第 18 位校验位为 M，应为 L。",
            "en": "uscc: the check at position 18 is M, expected L.",
        }
    ]


async def test_a_code_never_issued_is_said_to_be_right_and_unknown(city):
    never = universal.issue(universal.prefix(universal.REGION, "Building"), 77)
    facts = await unknown(city, never)

    assert "position" not in facts
    assert [(r["scheme"], r["valid"], r["check"]) for r in facts["recognised"]] == [
        ("uic", True, "held")
    ]


async def test_plain_words_carry_no_recognition(city):
    assert "recognised" not in await unknown(city, "nothing here")


@pytest.mark.parametrize("text", ["11010519491231002X", "110105 19491231 002x", "110105491231002"])
async def test_an_identity_number_is_refused_before_anything_is_looked_up(city, graph, text):
    with pytest.raises(Invalid) as refused:
        await city.resolve(text)

    assert refused.value.code == "identity_number_refused"
    assert "491231" not in f"{refused.value.facts} {refused.value}"
    assert graph.asked == 0


async def test_a_mistyped_identity_number_is_not_echoed():
    told = told_unknown("110105194912310021", ())  # its check digit is wrong
    assert "19491231" not in str(told) + str(told.facts)
    assert "recognised" not in told.facts
