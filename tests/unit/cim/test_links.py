"""Links without a city: what a row wants, and what stands against it."""

import pytest

from cim import link_rules, links
from cim.link_rules import Standing
from cim.links import Checked, Link, Refusal, Row, Unwanted
from cim.model import Entity, Kind
from identity.ports import Alias
from identity.schemes.opaque import table

A, B = "420111990102000000010", "420111990102000000028"
UNIT = "370105012002GB00001F00010751"
BRIDGED = ("37010501200201000010017514", "37010501200201000010017519")
PERSON = "11010519491231002X"
GTIN = "6901234567892"
HOUSES = {code: [Entity(code, Kind.HOUSE, properties={"document": f"d-{code}"})] for code in (A, B)}


def link(value, scheme="", thing=A, scope=""):
    read = links.read(Row(thing, value, scheme, scope))
    assert isinstance(read, Link), read
    return read


def decided(*wanted, held=(), owned=None):
    holders = {}
    for alias in held:
        holders.setdefault((alias.scheme, alias.value), []).append(alias)
    standing = Standing(HOUSES, {"was": [B]}, holders, owned)
    checked = [Checked(n, each) for n, each in enumerate(wanted, start=1)]
    return [_told(each) for each in link_rules.decide(checked, standing)]


def _told(decision):
    if decision.refusal is not None:
        return decision.refusal.problem.code, decision.refusal.problem.found
    return decision.alias and (decision.alias.code, decision.alias.scope)


@pytest.mark.parametrize("value", [UNIT, *BRIDGED])
def test_a_unit_knows_all_its_names(value):
    scheme = "bdcdy28" if value == UNIT else "bdcdy26"
    wanted = {("bdcdy28", UNIT), *(("bdcdy26", text) for text in BRIDGED)}
    assert links.forms(scheme, value)[0] == (scheme, value)
    assert set(links.forms(scheme, value)) == wanted
    assert links.forms("vendor", "V-1") == (("vendor", "V-1"),)


@pytest.mark.parametrize(
    ("scheme", "value", "shared"),
    [
        ("uscc", "91110000600037341L", True),
        ("permit18", "420106201903150119", True),
        ("gs1dl", GTIN, True),
        ("gs1dl", "(01)06901234567892(21)A1", False),
        ("bdcdy28", UNIT, False),
        ("gb2260", "420106", False),
    ],
)
def test_what_several_things_have_by_nature_is_kept_by_thing(scheme, value, shared):
    both = decided(link(value, scheme), link(value, scheme, B))
    if shared:
        assert both == [(A, A), (B, B)]
    else:
        assert both == [(A, ""), ("link_repeated", A)]


def test_a_scope_of_its_own_makes_a_shared_code_one_thing_s_there():
    wanted = [link("91110000600037341L", "uscc", thing, "lease 2026") for thing in (A, B)]
    assert decided(*wanted) == [(A, "lease 2026"), ("link_repeated", A)]


def test_what_stands_is_not_put_twice_and_what_is_taken_names_its_holder():
    held = [Alias("bdcdy26", "", BRIDGED[1], B)]
    assert decided(link(UNIT), held=held) == [("link_taken", B)]
    assert decided(link(UNIT, thing=B), held=held) == [(B, "")]
    assert decided(link(BRIDGED[1], "bdcdy26", B), held=held) == [None]
    assert decided(link(UNIT), link(UNIT)) == [(A, ""), None]


def test_the_thing_must_be_one_living_and_the_caller_s():
    assert decided(link(UNIT, thing="nobody")) == [("link_thing_unknown", "nobody")]
    assert decided(link(UNIT, thing="was")) == [("link_thing_gone", "was")]
    assert decided(link(UNIT), owned=frozenset({f"d-{B}"})) == [("link_of_another", A)]
    assert decided(link(UNIT), owned=frozenset({f"d-{A}"})) == [(A, "")]
    several = Standing({"x": [*HOUSES[A], *HOUSES[B]]}, {}, {})
    (told,) = link_rules.decide([Checked(1, link(UNIT, thing="x"))], several)
    assert (told.refusal.problem.code, told.refusal.problem.expected) == (
        "link_thing_ambiguous",
        f"{A} {B}",
    )


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (Row("", UNIT), [("code", "scheme_empty")]),
        (Row(A, ""), [("value", "scheme_empty")]),
        (Row(A, UNIT, "nothing"), [("scheme", "scheme_unknown")]),
        (Row(A, BRIDGED[0]), [("scheme", "link_scheme_open")]),
        (Row(A, UNIT, confidence=float("nan")), [("confidence", "link_confidence")]),
        (Row(A, UNIT, source="x" * 201), [("source", "scheme_length")]),
        (
            Row(A, "990106201903150120", "permit18"),
            [("value", "scheme_region"), ("value", "scheme_value")],
        ),
        (Row(A, "1hfxWGdQqHqO2q0C1Fr338", scope=B), [("value", "link_scope_managed")]),
        (Row(A, PERSON, source=PERSON), [("value", "identity_number_row")]),
    ],
)
def test_every_fault_of_a_row_is_named_with_its_column(row, wanted):
    found = links.read(row)
    assert [(refusal.column, refusal.problem.code) for refusal in found] == wanted
    assert "19491231" not in str([refusal.told(1) for refusal in found])


def test_a_city_s_own_scheme_is_linked_as_it_says():
    ours = table([{"scheme": "asset", "pattern": "A-[0-9]{4}", "zh": "资产", "en": "asset"}])
    found = links.read(Row(A, "A-0042"), opaque=ours)
    assert (found.scheme, found.value) == ("asset", "A-0042")
    (wrong,) = links.read(Row(A, "A-42", "asset"), opaque=ours)
    assert isinstance(wrong, Refusal)
    assert (wrong.problem.code, wrong.problem.expected) == ("scheme_shape", "A-[0-9]{4}")


def test_the_code_to_take_away_is_meant_in_any_form_and_must_be_one():
    held = [
        Alias("bdcdy28", "", UNIT, A),
        Alias("vendor", "a", "V", A),
        Alias("vendor", "b", "V", A),
    ]
    assert link_rules.meant(held, Unwanted("bdcdy28", f" {UNIT.lower()}")) == held[0]
    assert link_rules.meant(held, Unwanted("vendor", "V")) is None
    assert link_rules.meant(held, Unwanted("vendor", "V", "b")) == held[2]
    assert link_rules.meant(held, Unwanted("bdcdy28", BRIDGED[0])) is None
