"""Our reader of STEP files finds what a naive one finds, and nests as a recursion would."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bim import step, step_tokens
from bim.step_graph import Edges, nesting
from tests.parts.ifc_text import HOUSE, ifc

TMP = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NAIVE = re.compile(r"#(\d+)\s*=\s*(\w*)\s*\(((?:[^';]|'[^']*')*)\)\s*;")

IDS = st.integers(0, 10**11) | st.integers(0, 50)
TEXTS = st.text("aé#=;()'\\/* 7", max_size=8)
SPACES = st.sampled_from(["", " ", "\r\n", "\t "])
VALUES = st.recursive(
    IDS.map("#{}".format)
    | TEXTS.map(lambda text: "'" + text.replace("'", "''").replace("é", "\\X\\E9") + "'")
    | st.sampled_from(["$", "*", ".T.", "-1.5E-3", '"0F"', "IFCLABEL('#1=;')", "IFCREAL(2.)"]),
    lambda inner: st.lists(inner, max_size=4).map(lambda parts: f"({','.join(parts)})"),
    max_leaves=12,
)
STATEMENTS = st.lists(
    st.tuples(
        IDS, SPACES, st.sampled_from(["IFCWALL", "IFCX", "a_b1", ""]), st.lists(VALUES, max_size=5)
    ),
    max_size=8,
)


def written(statements):
    return ifc(*(f"#{i}{s}={s}{name}{s}({','.join(v)}){s};" for i, s, name, v in statements))


def naive(data):
    """Return (id, type, arguments, references) of each instance, by regular expressions."""
    text = data.decode("ascii")
    return [
        (int(m[1]), m[2].upper(), m[3], [int(r) for r in re.findall(r"#(\d+)", strip(m[3]))])
        for m in NAIVE.finditer(text)
    ]


def strip(arguments):
    return re.sub(r"'[^']*'", "''", arguments)


def read(tmp_path, data, **options):
    path = tmp_path / "safe.ifc"
    path.write_bytes(data)
    found = step.read(path, **options)
    rows = [
        (
            int(found.ids[i]),
            found.names[found.types[i]],
            data[found.starts[i] : found.stops[i]].decode(),
            found.references[found.offsets[i] : found.offsets[i + 1]].tolist(),
        )
        for i in range(found.ids.size)
    ]
    return rows, found.depth


@TMP
@given(STATEMENTS, st.sampled_from([7, 64, 1 << 20]))
@example([(99_999_999, " ", "IFCX", ["#12345678", "#123456789", "#1"])], 64)
def test_instances_are_those_of_a_naive_reader(tmp_path, statements, chunk_bytes):
    data = written(statements)
    assert read(tmp_path, data, chunk_bytes=chunk_bytes)[0] == naive(data)


@TMP
@given(STATEMENTS, st.integers(1, 40))
def test_windows_of_any_size_give_the_same(tmp_path, statements, window_bytes):
    data = written(statements)
    whole = read(tmp_path, data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step_tokens, "WINDOW_BYTES", window_bytes)
        assert read(tmp_path, data) == whole


@TMP
@given(st.text("#=;()'1A \n", max_size=60).filter(lambda text: text.count("'") % 2 == 0))
def test_no_text_stops_the_reader(tmp_path, text):
    data = text.encode()
    rows, depth = read(tmp_path, data)
    declared = re.findall(r"#(\d+)\s*=", strip(text))
    assert [str(row[0]) for row in rows] == [str(int(number)) for number in declared]
    assert depth <= text.count("(")


def test_an_empty_file_has_no_instances(tmp_path):
    assert read(tmp_path, b"") == ([], 0)
    assert read(tmp_path, ifc()) == ([], 2)


def test_parentheses_are_counted_anew_in_each_statement(tmp_path):
    data = ifc(*HOUSE, "#100=IFCX((((#1);", "#101=IFCY((#2));")
    rows, depth = read(tmp_path, data)
    assert depth == 4
    assert rows[-1] == (101, "IFCY", "(#2)", [2])


def by_recursion(size, pairs):
    """Return depth of the deepest chain and paths of each node; None on a cycle."""
    below = {node: [b for a, b in pairs if a == node] for node in range(size)}

    def walk(node, above):
        if node in above:
            raise RecursionError
        found = [walk(each, above | {node}) for each in below[node]]
        return 1 + max((d for d, _ in found), default=0), 1 + sum(p for _, p in found)

    try:
        walked = [walk(node, frozenset()) for node in range(size)]
    except RecursionError:
        return None
    return max(depth for depth, _ in walked), [paths for _, paths in walked]


def on_cycle(node, pairs):
    reached, open_ = set(), [node]
    while open_:
        here = open_.pop()
        new = {b for a, b in pairs if a == here} - reached
        reached |= new
        open_ += new
    return node in reached


@given(st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        st.just(size),
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=9),
    )
))  # fmt: skip
def test_peeling_says_what_a_recursion_says(case):
    size, pairs = case
    edges = Edges(size, *np.array(pairs, dtype=np.int64).reshape(-1, 2).T)
    found, expected = nesting(edges, 100), by_recursion(size, pairs)
    if expected is None:
        assert found.too_deep is None
        assert on_cycle(found.cyclic, pairs)
        return
    assert (found.cyclic, found.too_deep) == (None, None)
    assert (found.depth, found.paths.tolist()) == expected
    if found.depth > 1:
        assert nesting(edges, found.depth - 1).too_deep is not None
