"""What the Neo4j adapter computes without a server: candidates of places, terms, keys, versions."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cim.model import Entity, Kind, Verb
from cim.ports import Filter
from cim.stores import rules
from cim.stores.neo4j import connections, parameters, places, reads, statements
from cim.terms import terms
from identity.errors import Unavailable

DEGREES = st.floats(-180, 180, allow_nan=False)
SIZES = st.sampled_from([0.0, 1e-7, 0.0004, 0.001, 0.0011, 0.02, 0.3, 2.0, 30.0])


@st.composite
def boxes(draw):
    west, south = draw(DEGREES), draw(st.floats(-90, 90, allow_nan=False))
    return west, south, west + draw(SIZES), south + draw(SIZES)


@st.composite
def placed(draw):
    box = draw(st.none() | boxes())
    lon, lat = draw(st.one_of(st.tuples(DEGREES, DEGREES), st.just((None, None))))
    return Entity("1", Kind.BUILDING, lon=lon, lat=lat, box=box)


@given(placed(), boxes())
def test_whatever_touches_a_box_is_among_its_candidates(entity, box):
    spot = places.spot(entity)
    if spot is None:
        assert (entity.box, entity.lon) == (None, None)
    elif rules.touches(entity, box):
        x, y = spot
        assert any(w <= x <= e and s <= y <= n for w, s, e, n in places.candidates(box))


def test_the_tiers_of_the_point_index_do_not_touch():
    wide = places.candidates((-180.0, -90.0, 180.0, 90.0))
    for (_, _, east, _), (west, _, _, _) in pairwise(wide):
        assert east < west
    declared = re.findall(r"`spatial\.cartesian\.m..`: \[(-?[\d.]+)", statements.SCHEMA["fact_at"])
    low, high = map(float, declared)
    assert low <= wide[0][0]
    assert wide[-1][2] <= high


def test_equal_json_values_have_one_term_and_others_another():
    def term(value):
        return parameters.property_term("n", value)

    assert term(1) == term(1.0)
    assert term(2**70) == term(float(2**70))
    assert term(None) == term(float("nan"))  # a NaN is stored as null
    assert len({term(v) for v in (1, True, "1", None, "None", 1.5, "True", "")}) == 8
    assert parameters.property_term("a", "b") != parameters.property_term("ab", "")


def test_no_text_holds_the_term_of_a_property():
    made = parameters.property_term("tag", "B-17")
    assert made not in terms(f"{made} tag B-17")


def test_what_is_asked_in_words_is_quoted():
    asked = Filter(q='光谷" OR *', properties={"tag": "x", "ifc_class": "IfcWall"})
    words = reads.conditions(asked)["words"]
    assert re.fullmatch(r'"[^"\\*]+"( AND "[^"\\*]+")*', words)
    assert parameters.property_term("tag", "x") in words


def test_a_class_that_is_none_is_found_by_its_term():
    for odd in ("", "x" * 10_000, 7):
        asked = reads.conditions(Filter(properties={"ifc_class": odd}))
        assert asked["ifc_class"] == ""
        assert asked["words"] == f'"{parameters.property_term("ifc_class", odd)}"'
        entity = Entity("1", Kind.ELEMENT, properties={"ifc_class": odd})
        assert parameters.property_term("ifc_class", odd) in parameters.property_terms(entity)


def test_statements_hold_parameters_of_one_map_only():
    everything = [*statements.CYPHER.values(), *statements.SCHEMA.values()]
    everything += [text for by in statements.WRITES_OF_VERB.values() for text in by.values()]
    assert len(everything) > 50
    for text in everything:
        assert set(re.findall(r"\$(\w+)", text)) <= {"p"}
        assert "VERB" not in text.replace("VERBS", "")
    asked = statements.of_verbs("outgoing", [Verb.FEEDS, Verb.CONTAINS, Verb.FEEDS])
    assert "[r:CONTAINS|FEEDS]" in asked


@pytest.mark.parametrize("agent", ["Neo4j/5.26.0", "Neo4j/5.26.30", "Neo4j/2026.08.1"])
def test_a_server_that_is_new_enough_is_taken(agent):
    connections.check_version(agent)


@pytest.mark.parametrize("agent", ["Neo4j/5.25.1", "Neo4j/4.4.40", "Memgraph/3.0", ""])
def test_another_server_is_refused_with_its_name(agent):
    with pytest.raises(Unavailable) as refused:
        connections.check_version(agent)
    assert (refused.value.code, refused.value.facts["found"]) == ("graph_server_unknown", agent)
