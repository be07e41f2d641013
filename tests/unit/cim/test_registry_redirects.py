"""Laws of redirects: whatever happens to codes, a redirect leads on, and never in a circle."""

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim import registry
from cim.model import Entity, Kind, Lifecycle, Relation, Verb
from cim.ports import Filter
from cim.redirects import CHAIN_MAX, final, survivors
from cim.registry_picture import apply, difference, picture
from cim.stores.memory import MemoryGraph
from identity.errors import CityError, Conflict
from tests.parts.register import WHO, Town, house

CODES = ["a", "b", "c", "d", "e"]
NOTE = {"action": "test", "generation": 7}
code = st.sampled_from(CODES)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("merge"), code, code),
        st.tuples(st.just("split"), code, st.lists(code, min_size=2, max_size=3, unique=True)),
        st.tuples(st.just("retire"), code),
        st.tuples(st.just("undo"), st.integers(0, 20)),
    ),
    max_size=20,
)


def taken(now, done, step):
    """The picture after a step; undone is any earlier change, also an undo."""
    action, *said = step
    if action == "undo":
        before, after = done[said[0] % len(done)]
        return apply(now, registry.undo(now, before, after))
    notes = [] if action == "retire" else [NOTE]
    return apply(now, difference(now, getattr(registry, action)(now, *said, *notes)))


def heirs_of(now):
    found = {}
    for verb, source, target in now.relations:
        if verb is Verb.REPLACES:
            found.setdefault(target, []).append(source)
    return found


def circles(heirs, at, way=()):
    return at in way or any(circles(heirs, each, (*way, at)) for each in heirs.get(at, ()))


@given(steps)
@settings(max_examples=400, deadline=None)
def test_redirects_make_no_circle_and_no_code_with_one_lives(said):
    now = picture([Entity(each, Kind.HOUSE, each) for each in CODES], [], [])
    done = []
    for step in said:
        if step[0] == "undo" and not done:
            continue
        try:
            after = taken(now, done, step)
        except CityError:
            continue
        done.append((now, after))
        now = after
        heirs = heirs_of(now)
        assert not any(circles(heirs, each) for each in CODES)
        assert not heirs.keys() & now.entities.keys()
        assert set(CODES) == now.entities.keys() | now.gone.keys()
        assert all(heirs.get(end, []) == [] for each in CODES for end in final(each, heirs))


@given(st.dictionaries(code, st.lists(code, max_size=3), max_size=5), code)
def test_following_redirects_ends_whatever_they_are(heirs, start):
    ends = final(start, heirs)
    assert ends == sorted(set(ends))
    assert set(ends) <= {start, *CODES}


def test_a_chain_is_followed_to_its_end_and_a_longer_one_as_far_as_the_limit():
    chain = {str(n): [str(n + 1)] for n in range(CHAIN_MAX * 2)}
    assert final("150", chain) == [str(CHAIN_MAX * 2)]
    assert final("0", chain) == [str(CHAIN_MAX)]


def gone(*codes):
    return [Entity(each, Kind.HOUSE, each, Lifecycle.GONE) for each in codes]


def test_a_gone_code_takes_its_sensors_along_and_is_redirected_once():
    seen = Relation(Verb.OBSERVES, "x", "a")
    now = picture([Entity("b", Kind.HOUSE), Entity("c", Kind.HOUSE)], [seen], [], gone("a"))
    with pytest.raises(Conflict) as found:
        registry.split(now, "a", ["b", "c"], NOTE)
    assert found.value.code == "registry_observed"
    after = registry.merge(now, "a", "b", NOTE)
    assert set(after.relations) == {(Verb.OBSERVES, "x", "b"), (Verb.REPLACES, "b", "a")}
    with pytest.raises(Conflict) as found:
        registry.merge(after, "a", "c", NOTE)
    assert (found.value.code, found.value.facts["replaced_by"]) == ("registry_redirected", ["b"])


def test_a_redirected_code_is_not_restored_by_undoing_its_end():
    before = picture([Entity("a", Kind.HOUSE), Entity("b", Kind.HOUSE)], [], [])
    after = registry.retire(before, "a")
    now = registry.merge(after, "a", "b", NOTE)
    with pytest.raises(Conflict) as found:
        registry.undo(now, before, after)
    assert found.value.code == "undo_blocked"


buildings = st.sampled_from([("b1",), ("b2",), ("b1", "b2"), ("b2", "b3")])
project = st.sampled_from("PQ")
number = st.integers(0, 3)
life = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), project, buildings),
        st.tuples(st.just("withdraw"), project),
        st.tuples(st.just("merge"), number, number),
        st.tuples(st.just("split"), number, number, number),
        st.tuples(st.just("retire"), number),
        st.tuples(st.just("undo"), number),
    ),
    min_size=5,
    max_size=15,
)


def delivered(keys):
    trees = [house(f"w-{key}", building=key, storey=f"s-{key}") for key in keys]
    return [*trees[0][:2], *[item for tree in trees for item in tree[2:]]]


async def live(town, said):
    known = await codes_ever(town)
    action, *facts = said
    if action == "deliver":
        await town.deliver(delivered(facts[1]), project=facts[0])
    elif action == "withdraw":
        await town.withdraw(facts[0])
    elif known:
        first, *rest = [known[n % len(known)] for n in facts]
        more = {"merge": rest[:1], "split": [rest], "undo": [None]}.get(action, [])
        await getattr(town.register, action)(first, *more, **WHO)


async def codes_ever(town):
    """All codes of buildings ever seen, in order."""
    page = await town.graph.find(await town.generation(), Filter((Kind.BUILDING,)), limit=100)
    town.seen = dict.fromkeys([*town.seen, *(entity.code for entity in page.items)])
    return list(town.seen)


async def holds(town):
    known, g = await codes_ever(town), await town.generation()
    alive = {entity.code for entity in await town.graph.entities(g, known)}
    redirected = await survivors(town.graph, g, known)
    assert not alive & redirected.keys()
    ends = {end for each in redirected.values() for end in each}
    assert not ends & redirected.keys()
    for name in town.documents:
        held = await town.held(name)
        assert len(held) == len(set(held.values()))
        found = await town.graph.entities(g, list(held.values()))
        assert {entity.code for entity in found} == set(held.values())


@given(life)
@settings(max_examples=250, deadline=None)
def test_in_a_city_of_deliveries_and_corrections_no_redirected_code_lives_again(said):
    async def run():
        town = Town(MemoryGraph(lambda: 1_700_000_000.0))
        town.seen = {}
        for step in said:
            try:
                await live(town, step)
            except (CityError, KeyError):  # KeyError: nothing of that project to withdraw
                continue
            await holds(town)

    anyio.run(run)
