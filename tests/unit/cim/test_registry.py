"""The laws of the register: what is done can be undone, and what left stays known."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim import registry
from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.registry_picture import Picture, apply, difference, picture
from identity.errors import CityError, Conflict, Invalid, NotFound
from identity.ports import Alias

CODES = ["a", "b", "c", "d"]
OTHERS = ["x", "y"]
NOTE = {"action": "test", "generation": 7}

kinds = st.sampled_from([Kind.HOUSE, Kind.ADDRESS, Kind.DOCUMENT])
lives = st.sampled_from([Lifecycle.PLANNED, Lifecycle.UNDER_CONSTRUCTION, Lifecycle.IN_USE])
entities = st.builds(Entity, st.sampled_from(CODES), kinds, st.text(max_size=3), lives)
relations = st.builds(
    Relation,
    st.sampled_from([Verb.OBSERVES, Verb.LOCATED_AT, Verb.CONTAINS, Verb.REPLACES]),
    st.sampled_from(CODES + OTHERS),
    st.sampled_from(CODES + OTHERS),
)
aliases = st.builds(
    Alias,
    st.sampled_from(["device", "tag"]),
    st.just(""),
    st.sampled_from("123"),
    st.sampled_from(CODES),
)
pictures = st.builds(
    picture,
    st.lists(entities, max_size=4),
    st.lists(relations, max_size=6),
    st.lists(aliases, max_size=3),
)
codes = st.sampled_from(CODES)
rules = st.one_of(
    st.builds(lambda c: lambda p: registry.retire(p, c), codes),
    st.builds(lambda c, into: lambda p: registry.merge(p, c, into, NOTE), codes, codes),
    st.builds(
        lambda c, into: lambda p: registry.split(p, c, into, NOTE),
        codes,
        st.lists(codes, min_size=2, max_size=3, unique=True),
    ),
    st.builds(lambda c, to: lambda p: registry.move(p, c, to), codes, st.sampled_from(Lifecycle)),
)


@given(pictures, rules)
def test_what_is_done_and_undone_leaves_the_picture_as_it_was(before, rule):
    with suppress(CityError):
        after = rule(before)
        assert apply(before, difference(before, after)) == after
        assert apply(after, registry.undo(after, before, after)) == before


@given(pictures, pictures)
def test_the_difference_of_two_pictures_leads_from_one_to_the_other(now, wanted):
    assert apply(now, difference(now, wanted)) == wanted


@given(pictures, rules)
def test_no_rule_makes_a_code_and_every_redirect_stays(before, rule):
    with suppress(CityError):
        after = rule(before)
        assert set(after.entities) <= set(before.entities)
        kept = {key for key in before.relations if key[0] is Verb.REPLACES}
        assert kept <= set(after.relations)


@given(pictures, codes, codes)
def test_a_merge_loses_no_alias_and_no_observation(before, code, into):
    with suppress(CityError):
        after = registry.merge(before, code, into, NOTE)
        assert set(after.aliases) == set(before.aliases)
        assert all(alias.code != code for alias in after.aliases.values())
        heard = {s for verb, s, t in before.relations if verb is Verb.OBSERVES and t == code}
        now = {s for verb, s, t in after.relations if verb is Verb.OBSERVES and t == into}
        assert heard - {code, into} <= now


def house(code, lifecycle=Lifecycle.IN_USE):
    return Entity(code, Kind.HOUSE, code, lifecycle)


def test_a_merge_moves_aliases_and_sensors_and_redirects():
    alias, seen = Alias("tag", "", "1", "a"), Relation(Verb.OBSERVES, "x", "a")
    after = registry.merge(picture([house("a"), house("b")], [seen], [alias]), "a", "b", NOTE)
    assert set(after.entities) == {"b"}
    assert after.aliases["tag", "", "1"].code == "b"
    assert set(after.relations) == {(Verb.OBSERVES, "x", "b"), (Verb.REPLACES, "b", "a")}


PICTURE = picture(
    [house("a"), house("b"), house("c"), Entity("d", Kind.ADDRESS), Entity("m", Kind.DOCUMENT)],
    [Relation(Verb.CONTAINS, "a", "x"), Relation(Verb.DELIVERED_IN, "b", "m")],
    [],
)


@pytest.mark.parametrize(
    ("rule", "refused", "code"),
    [
        (lambda p: registry.retire(p, "?"), NotFound, "registry_not_living"),
        (lambda p: registry.retire(p, "a"), Conflict, "registry_has_parts"),
        (lambda p: registry.retire(p, "b"), Conflict, "registry_delivered"),
        (lambda p: registry.retire(p, "m"), Invalid, "registry_managed"),
        (lambda p: registry.merge(p, "c", "c", NOTE), Invalid, "registry_same"),
        (lambda p: registry.merge(p, "c", "d", NOTE), Invalid, "registry_kind"),
        (lambda p: registry.split(p, "c", ["a"], NOTE), Invalid, "registry_split_count"),
        (lambda p: registry.split(p, "c", ["a", "c"], NOTE), Invalid, "registry_same"),
        (lambda p: registry.move(p, "c", Lifecycle.PLANNED), Conflict, "lifecycle_move"),
    ],
)
def test_what_the_rules_forbid_is_refused_by_name(rule, refused, code):
    with pytest.raises(refused) as found:
        rule(PICTURE)
    assert found.value.code == code


def test_an_observed_thing_is_not_split_before_its_sensors_are_bound_anew():
    held = picture([house(c) for c in "abc"], [Relation(Verb.OBSERVES, "x", "a")], [])
    with pytest.raises(Conflict) as found:
        registry.split(held, "a", ["b", "c"], NOTE)
    assert found.value.facts["sensors"] == ["x"]


def test_an_undo_is_refused_when_a_later_change_touched_the_same_rows():
    before = picture([house("a", Lifecycle.PLANNED)], [], [])
    after = registry.move(before, "a", Lifecycle.UNDER_CONSTRUCTION)
    later = registry.move(after, "a", Lifecycle.IN_USE)
    with pytest.raises(Conflict) as found:
        registry.undo(later, before, after)
    assert found.value.code == "undo_blocked"
    assert registry.undo(after, before, after).entities == [before.entities["a"]]


def test_an_empty_picture_differs_from_itself_in_nothing():
    patch = difference(Picture(), Picture())
    assert not any(getattr(patch, name) for name in patch.__dataclass_fields__)
