"""Texts in STEP strings: every character arrives, and what was broken is said."""

import ifcopenshell
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bim.normalise import normalise
from bim.normalise_encoding import GB18030, SHIFT_JIS, UTF8, RawText, choose_encoding
from bim.normalise_repair import STATEMENTS_KEPT
from bim.normalise_text import decode, encode
from tests.parts.ifc_text import HOUSE, ifc

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
TEXTS = TEXTS.map(lambda text: text.replace("\\", ""))  # raw backslashes: a test of their own
SHARED_TMP = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ANCHOR = "外墙"  # makes the file's encoding known, as any real file's other names do


def names_read(tmp_path, texts, encoding):
    """Write materials named ``texts`` raw, normalise, and read the names with a real parser."""
    quoted = [text.replace("'", "''") for text in texts]
    lines = [f"#{100 + i}=IFCMATERIAL('{text}',$,$);" for i, text in enumerate(quoted)]
    source, target = tmp_path / "raw.ifc", tmp_path / "safe.ifc"
    source.write_bytes(ifc(*HOUSE, *lines, encoding=encoding))
    said = normalise(source, target)
    assert target.read_bytes().isascii()
    model = ifcopenshell.open(str(target))
    return [material.Name for material in model.by_type("IfcMaterial")], said


@SHARED_TMP
@given(TEXTS)
@example("外墙-000 '𠮷' \x7f\x85\xa0 😀")
def test_any_text_in_raw_utf8_arrives(tmp_path, text):
    names, _ = names_read(tmp_path, [ANCHOR, text], "utf-8")
    assert names == [ANCHOR, text]


@SHARED_TMP
@given(TEXTS)
@example("一")  # its two bytes are valid UTF-8 by chance
@example("昞砛\u20087")  # second bytes 0x5C, and four-byte forms
def test_any_text_in_raw_gb18030_arrives(tmp_path, text):
    names, _ = names_read(tmp_path, [ANCHOR, text], "gb18030")
    assert names == [ANCHOR, text]


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_decode_reads_what_encode_wrote(text):
    body = encode(text)
    assert body.isascii()
    assert decode(body) == (text, set())


@given(st.binary(max_size=60), st.sampled_from([UTF8, GB18030, SHIFT_JIS]))
def test_no_bytes_stop_the_decoder_and_its_text_is_always_writable(body, encoding):
    text, _ = decode(body.replace(b"'", b""), RawText(encoding))
    assert decode(encode(text))[0] == text


@pytest.mark.parametrize(
    ("body", "text", "faults"),
    [
        (rb"\X2\59165899\X0\b", "外墙b", set()),
        (rb"\S\d\X\E0", "äà", set()),
        (rb"\PE\\S\d", "ф", set()),
        (rb"C:\\Users", r"C:\Users", set()),
        (rb"C:\Users", r"C:\Users", {"backslash"}),
        (rb"a\X2\D83DDE00\X0\b", "a😀b", {"surrogate"}),
        (rb"a\X2\D83D\X0\b", "a\ufffdb", {"surrogate"}),
        (rb"a\X2\5916", "a外", {"escape"}),
        (rb"a\x2\5916\x0\b", "a外b", {"escape"}),
        (rb"a\X2\591\X0\b", "a\ufffdb", {"escape"}),
        (rb"a\\X2\5916\X0\b", r"a\外b", {"escape"}),
        (rb"a\X0\b", "ab", {"escape"}),
        (rb"\PC\\S\%", "\ufffd", {"escape"}),
        (rb"a\X4\FFFFFFFF\X0\b", "a\ufffdb", {"escape"}),
        (rb"\X2\0000\X0\z", "z", {"control"}),
        (rb"\S\d\S\n\S\l", "äîì", {"code_page"}),
        (rb"\X\83\X\41\X\83\X\8B", "アル", {"code_page_repaired"}),
        (rb"it''s", "it's", set()),
    ],
)
def test_a_directive_is_read_and_a_broken_one_is_said(body, text, faults):
    assert decode(body) == (text, faults)


def test_a_text_of_another_encoding_than_the_rest_is_read_and_said():
    assert decode("外墙".encode("gb18030"), RawText(UTF8)) == ("外墙", {"mixed"})


@pytest.mark.parametrize(
    ("texts", "encoding", "expected"),
    [
        (["外墙", "窗"], "utf-8", UTF8),
        (["外墙", "窗"], "gb18030", GB18030),
        (["一"], "gb18030", GB18030),
        (["café", "10 °C", "20 m²"], "utf-8", UTF8),
        (["дом", "Ελλάς"], "utf-8", UTF8),
        (["コンクリート", "外壁タイプ"], "cp932", SHIFT_JIS),
        (["鉄筋", "柱", "外部建具"], "cp932", SHIFT_JIS),
        (["外牆", "價格"], "gbk", GB18030),
        (["こんにちは"], "utf-8", UTF8),
    ],
)
def test_the_encoding_of_a_file_is_told_from_its_texts(texts, encoding, expected):
    assert choose_encoding([text.encode(encoding) for text in texts]) == expected


@pytest.mark.parametrize(
    ("body", "raw", "text", "faults"),
    [
        ("外墙".encode(), RawText(GB18030), "外墙", {"mixed"}),
        ("外墙".encode(), RawText(SHIFT_JIS), "外墙", {"mixed"}),
        ("ビル".encode("cp932"), RawText(UTF8), "ビル", {"mixed"}),
        ("小".encode("gbk"), RawText(UTF8), "С", set()),
        ("小".encode("gbk"), RawText(UTF8, mixed=True), "С", {"ambiguous"}),
        ("一".encode("gbk"), RawText(UTF8), "һ", {"ambiguous"}),
        ("一".encode("gbk"), RawText(GB18030), "一", set()),
        ("ビル".encode("cp932"), RawText(GB18030), "價儖", {"ambiguous"}),
        (b"\xff\xff", RawText(UTF8), "\ufffd\ufffd", {"undecodable"}),
    ],
)
def test_a_text_that_reads_otherwise_than_its_file_is_said(body, raw, text, faults):
    assert decode(body, raw) == (text, faults)


def test_one_damaged_text_does_not_turn_a_utf8_file_into_gb18030():
    samples = ["外墙".encode(), "内墙".encode(), "窗".encode() + b"\xff"]
    assert choose_encoding(samples) == UTF8


def test_each_statement_with_broken_texts_has_a_finding_and_all_are_counted(tmp_path):
    source = tmp_path / "raw.ifc"
    lines = [r"#100=IFCMATERIAL('#7=C:\Users','D:\X','');", r"#101=IFCMATERIAL('D:\Users',$,$);"]
    source.write_bytes(ifc(*HOUSE, *lines, "#102=IFCMATERIAL('墙',$,$);"))
    said = normalise(source, tmp_path / "safe.ifc")
    assert [(f.code, f.step_id, f.facts.get("texts"), f.facts["count"]) for f in said.findings] == [
        ("ifc_text_raw", None, None, 1),
        ("ifc_text_backslash", 100, 2, 3),
        ("ifc_text_backslash", 101, 1, 3),
    ]
    assert said.encoding == "utf-8"


def test_findings_are_bounded_and_all_texts_are_counted(tmp_path):
    source = tmp_path / "raw.ifc"
    lines = [rf"#{100 + i}=IFCMATERIAL('\X2\591\X0\',$,$);" for i in range(STATEMENTS_KEPT + 7)]
    source.write_bytes(ifc(*HOUSE, *lines))
    found = normalise(source, tmp_path / "safe.ifc").findings
    assert [f.step_id for f in found] == list(range(100, 100 + STATEMENTS_KEPT))
    assert {(f.facts["replaced"], f.facts["count"]) for f in found} == {(1, STATEMENTS_KEPT + 7)}
