"""One model in twelve encodings: every character arrives, or its statement is named."""

import ifcopenshell
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bim.extract import extract_file, load
from bim.normalise import normalise
from tests.parts.ifc_text import HOUSE, ifc

HAN = [chr(point) for point in range(0x4E00, 0x9FA6)]
CHINESE = ["外墙-000", "钢筋混凝土墙", "地下一层", "防火门（甲级）", "一", "小校", "C:\\项目\\窗"]
JAPANESE = ["コンクリート壁", "鉄筋", "外部建具", "柱", "表示ソ能"]
BEYOND_GBK = ["𠮷野家", "㐀䶵", "é̀ 10 m²", "墙😀"]
LATIN = ["Außenwand", "Fenêtre é", "naïve"]
PAGES = {"A": "Größe", "B": "Łódź", "E": "Стена", "F": "جدار", "G": "Τοίχος", "H": "קיר"}
FIRST = 100


def x2(text):
    r"""Return ``text`` in \X2\ (UTF-16, as many exporters write also what lies above U+FFFF)."""
    return b"\\X2\\" + text.encode("utf-16-be").hex().upper().encode() + b"\\X0\\"


def x4(text):
    return b"\\X4\\" + text.encode("utf-32-be").hex().upper().encode() + b"\\X0\\"


def s(text, page="iso8859_1"):
    r"""Return ``text`` with the letters of an 8-bit page written as \S\."""
    codes = text.encode(page)
    return b"".join(bytes([c]) if c < 128 else b"\\S\\" + bytes([c - 128]) for c in codes)


def p(letter, text):
    return b"\\P" + letter.encode() + b"\\" + s(text, f"iso8859_{ord(letter) - 64}")


def raw(encoding):
    return lambda text: text.replace("\\", "\\\\").encode(encoding)


def each(texts, written):
    return [(text, written(text)) for text in texts]


UTF8, GBK = raw("utf-8"), raw("gbk")
MODELS = {  # what each wall is called, and how that is written
    "utf-8": each(CHINESE + BEYOND_GBK + LATIN, UTF8),
    "gbk": each(CHINESE, GBK),
    "gb18030 four-byte": each(CHINESE + BEYOND_GBK, raw("gb18030")),
    "shift-jis": each(JAPANESE, raw("shift_jis")),
    "bom": each(CHINESE + BEYOND_GBK, UTF8),
    "x2": each([*CHINESE, "㐀䶵"], x2),
    "x4": each(CHINESE + BEYOND_GBK, x4),
    "s": each(LATIN, s),
    "p": [(text, p(letter, text)) for letter, text in PAGES.items()],
    "odd": [
        ("外墙", rb"\X2\59165899"),
        ("外墙b", rb"\x2\59165899\x0\b"),
        ("外\ufffd", rb"\X2\5916589\X0\ "),
        ("\ufffd", rb"\X4\5916589\X0\ "),
        ("b", rb"\X0\b"),
        ("\ufffdb", rb"\PC\\S\%b"),
    ],
    "lone surrogate": [
        ("𠮷", rb"\X2\D842DFB7\X0\ "),
        ("a\ufffdb", rb"a\X2\D842\X0\b"),
        ("\ufffd外", rb"\X2\DFB75916\X0\ "),
    ],
    "mixed": [
        *each(CHINESE[:4], UTF8),
        *each(CHINESE, GBK),
        *each(JAPANESE, raw("shift_jis")),
        *each(CHINESE, x2),
    ],
}


def house(names, bom=b""):
    """Return a house with a wall for each of these names, written as these bytes."""
    walls = [
        f"#{FIRST + i}=IFCWALL('0wALL{i:017}',$,'".encode() + name + b"',$,$,#14,$,$,.SOLIDWALL.);"
        for i, name in enumerate(names)
    ]
    return bom + ifc(*HOUSE).replace(b"\nENDSEC;\nEND-", b"\n%b\nENDSEC;\nEND-" % b"\n".join(walls))


def told(tmp_path, data):
    """Return the walls' names by the parser and by the extraction, and the findings by line."""
    source, target, out = (tmp_path / name for name in ("in.ifc", "safe.ifc", "rows"))
    source.write_bytes(data)
    findings = normalise(source, target).findings
    assert target.read_bytes().isascii()
    walls = {wall.id(): wall.Name for wall in ifcopenshell.open(str(target)).by_type("IfcWall")}
    extract_file(str(target), str(out))
    rows = {row.step_id: row.name for row in load(out).rows}
    by_line = {f.step_id: f for f in findings if f.step_id is not None}
    return walls, rows, by_line


def lost(tmp_path, model, bom=b""):
    """Return the names that did not arrive and that no finding names."""
    walls, rows, by_line = told(tmp_path, house([name for _, name in model], bom))
    unsaid = []
    for step_id, (text, _) in enumerate(model, FIRST):
        assert walls[step_id].strip() == rows[step_id]
        said = by_line.get(step_id)
        if "\ufffd" in rows[step_id]:
            assert said is not None
            assert said.facts["replaced"] == rows[step_id].count("\ufffd")
        if rows[step_id] != text and said is None:
            unsaid.append((text, rows[step_id]))
    return unsaid


@pytest.mark.parametrize("kind", MODELS)
def test_no_character_of_a_model_is_lost_without_a_word(tmp_path, kind):
    assert lost(tmp_path, MODELS[kind], b"\xef\xbb\xbf" if kind == "bom" else b"") == []


@pytest.mark.parametrize("kind", sorted(set(MODELS) - {"mixed"}))
def test_what_is_written_in_one_encoding_arrives(tmp_path, kind):
    walls, _, by_line = told(tmp_path, house([name for _, name in MODELS[kind]]))
    got = [walls[i].strip() for i in range(FIRST, FIRST + len(MODELS[kind]))]
    assert got == [text for text, _ in MODELS[kind]]
    broken = {"odd", "lone surrogate"}
    assert len(by_line) == (len(got) if kind in broken else 0)


NAMES = st.lists(
    st.tuples(
        st.sampled_from(CHINESE + JAPANESE),
        st.sampled_from([UTF8, raw("gb18030"), raw("cp932"), x2, x4]),
    ),
    min_size=1,
    max_size=12,
)


def writable(text, written):
    try:
        return written(text)
    except UnicodeEncodeError:
        return UTF8(text)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(NAMES)
def test_texts_in_any_mixture_arrive_or_are_named(tmp_path, names):
    model = [(text, writable(text, written)) for text, written in names]
    model += each(["外墙外保温", "隔墙内保温"], UTF8)  # so that what the file is mostly in is known
    assert lost(tmp_path, model) == []


def encodable(encoding):
    kept = "".join(HAN).encode(encoding, errors="ignore").decode(encoding)
    return list(kept)


@pytest.mark.parametrize(
    ("written", "characters", "count"),
    [
        (UTF8, HAN, 20_902),
        (GBK, HAN, 20_902),
        (raw("gb18030"), HAN, 20_902),
        (x2, HAN, 20_902),
        (x4, HAN, 20_902),
        (raw("shift_jis"), encodable("shift_jis"), 6_356),
    ],
    ids=["utf-8", "gbk", "gb18030", "x2", "x4", "shift_jis"],
)
@pytest.mark.parametrize("width", [1, 100])
def test_every_han_character_arrives_alone_and_among_others(
    tmp_path, written, characters, count, width
):
    assert count == len(characters)
    texts = ["".join(characters[i : i + width]) for i in range(0, count, width)]
    walls, rows, _ = told(tmp_path, house([written(text) for text in texts]))
    assert [walls[FIRST + i] for i in range(len(texts))] == texts
    assert [rows[FIRST + i] for i in range(len(texts))] == texts
