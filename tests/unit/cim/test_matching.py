"""Things are recognised without their GUIDs, or left alone, but never mistaken."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cim.matching import Match, Thing, match
from cim.matching_rules import RULES
from cim.merge import BOX_TOLERANCE_M, Traits
from cim.model import Kind

BOX = (0.0, 0.0, 0.0, 1.0, 0.2, 3.0)


def thing(key, box=BOX, code="", kind=Kind.ELEMENT, **said):
    own_shape = said.pop("own_shape", True)
    facts = {"sort": "IfcWall", "name": "Wall", "meaning": "m", "drawn": "d"} | said
    return Thing(key, Traits(kind, **facts), box, own_shape, code)


def was(key, **facts):
    return thing(f"old {key}", code=key, **facts)


def at(x_m):
    return (x_m, *BOX[1:3], x_m + 1.0, *BOX[4:])


def pairs(found: list[Match]) -> dict[str, str]:
    return {m.key: m.code for m in found}


def test_a_tag_alone_in_both_files_decides_wherever_the_thing_went():
    new = [thing("n", tag="7", box=at(9), name="renamed", meaning="x", drawn="y")]
    (found,) = match(new, [was("A", tag="7")], {})
    assert ("n", "A", "tag", 0.99) == (found.key, found.code, found.rule, found.confidence)
    assert "sort, tag" == found.reason


def test_the_same_tag_on_another_class_says_nothing():
    new = [thing("n", tag="7", sort="IfcDoor", box=at(9))]
    assert [] == match(new, [was("A", tag="7")], {})


def test_things_that_share_a_tag_are_told_apart_by_place():
    new = [thing("n0", tag="T", box=at(0)), thing("n5", tag="T", box=at(5))]
    old = [was("A", tag="T", box=at(5)), was("B", tag="T", box=at(0))]
    assert {"n0": "B", "n5": "A"} == pairs(match(new, old, {}))


def test_twins_are_matched_by_place_within_the_tolerance_only():
    near, far = at(5 + BOX_TOLERANCE_M / 2), at(5 + BOX_TOLERANCE_M * 2)
    old = [was("A", box=at(0)), was("B", box=at(5))]
    assert {"n0": "A", "n5": "B"} == pairs(
        match([thing("n0", box=at(0)), thing("n5", box=near)], old, {})
    )
    assert {"n0": "A"} == pairs(match([thing("n0", box=at(0)), thing("n5", box=far)], old, {}))


def test_a_removed_twin_and_a_new_twin_elsewhere_are_two_things():
    old = [was("A", box=at(0)), was("B", box=at(5))]
    new = [thing("b", box=at(5)), thing("c", box=at(8))]
    assert {"b": "B"} == pairs(match(new, old, {}))


def test_equals_in_one_place_are_refused():
    assert [] == match([thing("n"), thing("m")], [was("A"), was("B")], {})


def test_what_moved_is_recognised_when_nothing_else_looks_like_it():
    new = [thing("n", box=at(9), name="Wall:17")]
    (found,) = match(new, [was("A", name="Wall:17")], {})
    assert "fingerprint" == found.rule


def test_different_tags_forbid_a_match_of_what_moved():
    new = [thing("n", box=at(9), name="Wall:17", tag="2")]
    assert [] == match(new, [was("A", name="Wall:17", tag="1")], {})


def test_containers_come_first_and_name_the_storeys_of_what_they_hold():
    def tower(prefix, **facts):
        return [
            thing(f"{prefix}p", None, sort="IfcProject", kind=Kind.PROJECT, **facts),
            thing(f"{prefix}b", None, sort="IfcBuilding", kind=Kind.BUILDING, name=prefix),
            storey(prefix, 1, f"{prefix}b"),
            storey(prefix, 2, f"{prefix}b"),
        ]

    def storey(prefix, level, parent):
        facts = {"sort": "IfcBuildingStorey", "name": "Level", "elevation_m": level * 3.0}
        return thing(f"{prefix}s{level}", None, kind=Kind.STOREY, parent=parent, **facts)

    rooms = [
        thing(f"nr{n}", at(n + 50), kind=Kind.SPACE, storey=f"ns{n}", name="Hall") for n in (1, 2)
    ]
    old_rooms = [
        was(f"or{n}", box=at(n), kind=Kind.SPACE, storey=f"os{n}", name="Hall") for n in (1, 2)
    ]
    old = [replace(t, code=t.key) for t in tower("o")]
    found = pairs(match([*tower("n"), *rooms], [*old, *old_rooms], {}))
    names = ("p", "b", "s1", "s2", "r1", "r2")
    assert {f"n{name}": f"o{name}" for name in names} == found


def test_a_whole_is_recognised_by_its_parts():
    facts = {"sort": "IfcStair", "own_shape": False, "name": "Stair"}
    old = [was(f"W{n}", box=at(n), **facts) for n in (1, 2)]
    old += [was(f"P{n}", box=at(n), parent=f"W{n}") for n in (1, 2)]
    new = [thing(f"w{n}", box=at(n + 0.5), **facts) for n in (1, 2)]
    new += [thing(f"p{n}", box=at(n), parent=f"w{n}") for n in (1, 2)]
    found = {m.key: (m.code, m.rule) for m in match(new, old, {})}
    assert {"w1": ("W1", "parts"), "w2": ("W2", "parts")} == {
        k: v for k, v in found.items() if k.startswith("w")
    }


def test_sure_rules_only_leave_a_thing_in_the_same_place_alone():
    assert [] == match([thing("n")], [was("A")], {}, confidence_min=0.99)
    assert {"n": "A"} == pairs(match([thing("n")], [was("A")], {}))


def test_what_is_known_is_not_matched_again_but_counts_for_being_alone():
    new = [thing("k", name="Wall:17"), thing("n", name="Wall:17", box=at(3))]
    old = [was("A", name="Wall:17"), was("B", name="Wall:17", box=at(4))]
    assert [] == match(new, old, {"k": "A"})


walls = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from("ab"), st.sampled_from(["", "t", "u"])),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(walls, walls, st.randoms())
def test_matching_is_one_to_one_and_does_not_depend_on_the_order(new, old, dice):
    things = [thing(f"n{i}", at(x), name=n, tag=t) for i, (x, n, t) in enumerate(new)]
    held = [was(f"O{i}", box=at(x), name=n, tag=t) for i, (x, n, t) in enumerate(old)]
    found = pairs(match(things, held, {}))
    assert len(found) == len(set(found.values()))
    dice.shuffle(things)
    dice.shuffle(held)
    assert found == pairs(match(things, held, {}))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32))
def test_twins_that_move_come_and_go_are_never_mistaken(seed):
    dice = random.Random(seed)
    old = {f"O{n}": (n * 2.0, dice.choice("abc")) for n in range(60)}
    kept = {c: v for c, v in old.items() if dice.random() > 0.1}
    moved = {c for c in kept if dice.random() < 0.1}
    new = {
        f"n{c}": (x + (dice.uniform(200, 900) if c in moved else 0), n)
        for c, (x, n) in kept.items()
    }
    new |= {f"added {n}": (dice.uniform(1_000, 2_000), dice.choice("abc")) for n in range(6)}
    things = [thing(key, at(x), name=n) for key, (x, n) in new.items()]
    held = [was(code, box=at(x), name=n) for code, (x, n) in old.items()]
    found = pairs(match(things, held, {}))
    assert {} == {k: c for k, c in found.items() if k != f"n{c}"}
    assert {f"n{c}" for c in kept.keys() - moved} <= found.keys()


def test_every_rule_says_why_and_how_sure_it_is():
    assert all(rule.reason and 0.5 < rule.confidence < 1 for rule in RULES)
