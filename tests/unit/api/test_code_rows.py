"""Lists of codes as they come in: however they are cut, coded, quoted and delimited."""

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.code_rows import RECORD_CHARS_MAX, SUFFIXES, form_of, reader
from cim.links import Refusal, Row, read
from identity.errors import Invalid

HEAD = "code,scheme,value,source\n"


def rows(body, form="csv", size=1 << 16):
    body = body.encode() if isinstance(body, str) else body
    taken = reader(form)
    found = []
    for start in range(0, len(body), size):
        found += taken.feed(body[start : start + size])
    return [*found, *taken.close()]


def named(found):
    return [(n, r.problem.code if isinstance(r, Refusal) else r.value) for n, r in found]


def test_a_row_carries_its_columns_in_any_order_and_language():
    english = rows("value,code\n42,H-1\n")
    chinese = rows("外部编码,来源,编码,可信度,编码体系\n42,房管局,H-1,0.5,jgj246\n")
    assert english == [(2, Row("H-1", "42"))]
    assert chinese == [(2, Row("H-1", "42", "jgj246", "", "房管局", 0.5))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_heading_says_what_separates(delimiter):
    lines = [["code", "value", "source"], ["H-1", "42", "a"], ["H-2", "43"]]
    found = rows("\r\n".join(delimiter.join(line) for line in lines))
    assert found == [(2, Row("H-1", "42", source="a")), (3, Row("H-2", "43"))]


def test_blank_rows_are_counted_as_a_spreadsheet_counts_them():
    assert named(rows(HEAD + "\nH-1,,42,\n,,,\nH-2,,43,\n")) == [(3, "42"), (5, "43")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_utf_8_and_gb18030_are_told_apart_however_the_bytes_are_cut(encoding, size):
    body = "code,value,source\nH-1,42,武昌区房管局\nH-2,43,〇号\n".encode(encoding)
    found = rows(body, size=size)
    assert [row.source for _, row in found] == ["武昌区房管局", "〇号"]


def test_a_list_in_neither_encoding_is_refused_at_its_byte():
    body = "code,value\nH-1,武昌\n".encode() + b"H-2,\xff\xff\n"
    with pytest.raises(Invalid) as refused:
        rows(body)
    assert (refused.value.code, refused.value.facts["byte"]) == (
        "import_encoding",
        body.index(b"\xff"),
    )


def test_a_quoted_field_may_hold_separators_quotes_and_line_ends():
    found = rows(HEAD + 'H-1,,"4,2","a ""b""\nc"\nH-2,,43,5" pipe\n')
    assert found == [
        (2, Row("H-1", "4,2", source='a "b"\nc')),
        (3, Row("H-2", "43", source='5" pipe')),
    ]


def test_a_row_that_cannot_be_read_is_refused_and_the_rest_goes_on():
    found = rows(HEAD + 'H-1,,"42"x,\nH-2,,43,,,\nH-3\nH-4,,44,\n')
    assert named(found) == [
        (2, "import_row_unreadable"),
        (3, "import_row_shape"),
        (4, "import_row_shape"),
        (5, "44"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "import_empty"),
        ("\n\n", "import_empty"),
        ("code,scheme\nH-1,x\n", "import_heading"),
        ("code,value,value\n", "import_heading"),
        ("code,value,colour\n", "import_heading"),
        (HEAD + 'H-1,,"42\nH-2,,43,\n', "import_quote_open"),
        (HEAD + "x" * (RECORD_CHARS_MAX + 1), "import_record_long"),
        (HEAD + '"' + "x\n" * RECORD_CHARS_MAX, "import_record_long"),
        (HEAD + '"' + '""\n' * RECORD_CHARS_MAX, "import_record_long"),
        (HEAD + '"a",' * RECORD_CHARS_MAX, "import_record_long"),
    ],
)
def test_what_makes_the_rest_unreadable_refuses_the_list(body, code):
    with pytest.raises(Invalid) as refused:
        rows(body)
    assert refused.value.code == code


@pytest.mark.parametrize("value", ['{"a":' * 9_999, "[" * 9_999, '"\\ud800"', "true", "{}"])
def test_what_is_no_plain_value_is_refused_in_its_row(value):
    found = rows(f'{{"code": "H-1", "value": {value}}}\n{{"code": "H-2", "value": "43"}}', "ndjson")
    assert named(found) == [(1, "import_row_unreadable"), (2, "43")]


def test_lines_of_json_are_numbered_as_lines():
    body = '\n{"code": "H-1", "value": 42}\n{"code": "H-2", "value": "43", "source": null}\n[]\n{'
    assert named(rows(body, "ndjson")) == [
        (2, "42"),
        (3, "43"),
        (4, "import_row_unreadable"),
        (5, "import_row_unreadable"),
    ]


@pytest.mark.parametrize("confidence", ["much", "nan", "1e400", "-1", "2"])
def test_a_confidence_that_is_none_is_refused_in_its_row(confidence):
    ((_, told),) = rows(f"code,value,confidence\nH-1,42,{confidence}\n")
    refusals = (told,) if isinstance(told, Refusal) else read(replace(told, value="420106"))
    assert [(each.column, each.problem.code) for each in refusals] == [
        ("confidence", "link_confidence")
    ]


FIELD = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), max_size=8
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=8), st.integers(1, 50))
def test_whatever_a_spreadsheet_writes_is_read_back_however_it_is_cut(written, size):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["code", "value", "source"])
    writer.writerows(written)
    body = out.getvalue()
    whole = rows(body)
    assert whole == rows(body, size=size)
    wanted = [row for row in written if any(row)]
    blank = [row for row in wanted if not ",".join(row).strip()]
    if not blank:
        assert [(r.thing, r.value, r.source) for _, r in whole] == wanted


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(FIELD, FIELD), max_size=6), st.integers(1, 30))
def test_whatever_is_written_as_json_is_read_back(written, size):
    body = "\n".join(json.dumps({"code": a, "value": b}) for a, b in written)
    found = rows(body, "ndjson", size)
    assert [(row.thing, row.value) for _, row in found] == written


def test_a_list_is_known_by_its_type_or_suffix():
    assert (form_of("text/csv; charset=utf-8"), form_of(".NDJSON", SUFFIXES)) == ("csv", "ndjson")
    with pytest.raises(Invalid) as refused:
        form_of("application/xml")
    assert refused.value.code == "import_media"
