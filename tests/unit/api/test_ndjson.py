"""Questions in lines: what is one, what is none, and how many a call may ask."""

import json

import pytest

from api import ndjson
from identity.errors import CityError, NotFound, TooLarge

pytestmark = pytest.mark.anyio


async def chunks(data, size):
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_lines_are_read_whole_however_they_arrive(size):
    body = '"a"\n\n{"q": "珞喻路"}\r\n  \n"last"'.encode()
    assert [said for _, said in await ndjson.questions(chunks(body, size))] == [
        "a",
        "珞喻路",
        "last",
    ]


@pytest.mark.parametrize(
    "line", [b"a", b"1", b"{}", b'{"q": 1}', b'["a"]', b"\xff", b'"a', b"[" * 9_999]
)
def test_what_is_no_question_is_refused_in_its_place(line):
    _, refused = ndjson.question(line)
    assert isinstance(refused, CityError)
    assert refused.code == "line_unreadable"


async def test_one_line_more_than_the_limit_is_refused():
    body = b'"a"\n' * ndjson.LINES_MAX
    assert len(await ndjson.questions(chunks(body, 9_999))) == ndjson.LINES_MAX
    with pytest.raises(TooLarge):
        await ndjson.questions(chunks(body + b'"b"', 9_999))


def test_an_answer_is_one_line_and_an_error_speaks_the_language():
    told = json.loads(ndjson.line("a\nb", NotFound("model_unknown", model="1"), "zh"))
    assert (told["q"], told["error"]["code"]) == ("a\nb", "model_unknown")
    assert any("\u4e00" <= char <= "\u9fff" for char in told["error"]["text"])
    assert ndjson.line("a", [{"code": "1"}], "en").count(b"\n") == 1
