"""What a text can be found by."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cim.model import Entity, Kind
from cim.stores.rules import found
from cim.terms import TERM_CHARS_MAX, entity_terms, query_terms, searched, terms


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" -，。() ", []),
        ("A-001", ["a-001", "a", "001"]),
        ("Basic Wall", ["basic", "wall"]),
        ("光谷", ["光", "谷", "光谷"]),
        ("光", ["光"]),
        ("光谷广", ["光", "谷", "广", "光谷", "谷广"]),
        ("2号楼A座", ["2", "号", "楼", "号楼", "a", "座"]),
        ("ＡＢＣ１２３", ["abc123"]),
        ("Straße", ["strasse"]),
        ("ﬁre", ["fire"]),
        ("ÄÖÜ", ["äöü"]),
        ("ひらがな", ["ひ", "ら", "が", "な", "ひら", "らが", "がな"]),
        ("2O2Fr$t4X7Zf8NOew3FLKr", ["2o2fr$t4x7zf8noew3flkr"]),
        ("1.5/2", ["1.5/2", "1", "5", "2"]),
        ("wall wall", ["wall"]),
        ("a_b", ["a_b"]),
    ],
)
def test_a_text_is_cut_into_words_and_pairs(text, expected):
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("", []),
        ("，", []),
        ("光", ["光"]),
        ("光谷", ["光谷"]),
        ("光谷广场", ["光谷", "谷广", "广场"]),
        ("A-001", ["a-001"]),
        ("2号楼", ["2", "号楼"]),
        ("光谷 wall 光谷", ["光谷", "wall"]),
    ],
)
def test_a_query_asks_for_whole_words_and_pairs(q, expected):
    assert query_terms(q) == expected


@settings(deadline=None)  # tests assert behaviour, never time
@given(st.text())
def test_a_text_is_found_by_itself(text):
    assert set(query_terms(text)) <= set(terms(text))


@settings(deadline=None)  # tests assert behaviour, never time
@given(st.text(), st.text())
def test_a_text_is_found_by_each_of_two_words(one, two):
    assert set(terms(one)) <= set(terms(one + " " + two))


@settings(deadline=None)  # tests assert behaviour, never time
@given(st.text())
def test_terms_hold_no_blank_and_keep_their_length(text):
    assert [t for t in terms(text) if not t or len(t) > TERM_CHARS_MAX or t.split() != [t]] == []


@settings(deadline=None)  # tests assert behaviour, never time
@given(st.text(alphabet="光谷广场A-1. 座", min_size=1), st.data())
def test_two_neighbouring_characters_are_always_found(text, data):
    name = "光谷广场" + text
    start = data.draw(st.integers(0, 2))
    assert found(Entity("x", Kind.BUILDING, name), name[start : start + 2])


def test_long_words_are_cut_alike_in_texts_and_queries():
    word = "x" * 100
    assert terms(word) == query_terms(word) == ["x" * TERM_CHARS_MAX]


def test_an_entity_is_found_by_name_code_and_short_texts():
    entity = Entity(
        "420111990101000000011-E0000001W",
        Kind.ELEMENT,
        "外墙",
        properties={"tag": "W-7", "number": 7, "psets": {"a": "hidden"}, "note": "long " * 100},
    )
    assert entity_terms(entity).split() == [
        "外",
        "墙",
        "外墙",
        "420111990101000000011-e0000001w",
        "420111990101000000011",
        "e0000001w",
        "w-7",
        "w",
        "7",
    ]


@pytest.mark.parametrize(
    "reference", ["420111990101000000011", "420111990101000000011-S0000001X", "ab" * 32]
)
def test_references_to_other_things_are_not_searched(reference):
    assert searched(reference) is False
    entity = Entity("x", Kind.ELEMENT, properties={"storey": reference})
    assert entity_terms(entity) == "x"
