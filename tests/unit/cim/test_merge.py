"""What a new version changes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from cim.merge import BOX_TOLERANCE_M, Holding, Incoming, plan
from cim.model import Kind

BOX = (0.0, 0.0, 0.0, 1.0, 2.0, 3.0)


def thing(key, **facts):
    return Incoming(key, Kind.ELEMENT, facts.pop("digest", "d"), box_m=BOX, own_shape=True, **facts)


def held(*items):
    return {i.key: Holding(i.key, i.key, i.digest, i.box_m, i.own_shape) for i in items}


def test_the_same_delivery_again_changes_nothing():
    items = [thing("a"), thing("b")]
    found = plan(items, held(*items))
    assert ([], [], [], []) == (found.added, found.changed, found.moved, found.removed)


def test_one_added_one_changed_one_removed():
    found = plan(
        [thing("a"), thing("b", digest="other"), thing("d")],
        held(thing("a"), thing("b"), thing("c")),
    )
    assert ["d"] == [i.key for i in found.added]
    assert ["b"] == [i.key for i in found.changed]
    assert ["c"] == [h.key for h in found.removed]


def test_a_moved_shape_is_a_change_and_a_rounding_is_not():
    before = thing("a")
    far = replace(before, box_m=(0.01, *BOX[1:]))
    near = replace(before, box_m=(BOX_TOLERANCE_M / 2, *BOX[1:]))
    assert [far] == plan([far], held(before)).changed
    assert [near] == plan([near], held(before)).kept


def test_a_container_whose_content_grew_is_rewritten_but_not_counted():
    before = replace(thing("storey"), own_shape=False)
    after = replace(before, box_m=(0.0, 0.0, 0.0, 9.0, 9.0, 9.0))
    found = plan([after], held(before))
    assert ([after], []) == (found.moved, found.changed)


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.sampled_from("xyz")),
    st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.sampled_from("xyz")),
)
def test_every_thing_is_in_exactly_one_list(before, after):
    incoming = [thing(k, digest=d) for k, d in after.items()]
    found = plan(incoming, held(*[thing(k, digest=d) for k, d in before.items()]))
    lists = [*found.added, *found.changed, *found.moved, *found.kept]
    assert sorted(after) == sorted(i.key for i in lists)
    assert sorted(set(before) - set(after)) == [h.key for h in found.removed]
    assert sorted(k for k in after if before.get(k) == after[k]) == sorted(
        i.key for i in found.kept
    )
