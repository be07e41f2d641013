"""Codes on the page in a real Chromium, in both languages: resolve, history, QR, link, lists."""

import json
import time
import urllib.error
import urllib.request
from urllib.parse import quote

import pytest

from identity import checks
from tests.acceptance.test_browser import card_shows, resolved, screenshot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
WAIT_MS = 60_000
TOWER = "光谷之星大厦"
UNIT = "420111003004GB00012F00010001"
FIRM = "91110000600037341L"
PERMIT = "420111202403150101"
PERSON = "11010519491231002X"
LANGS = ("zh", "en")
CHINESE = "/[\\u4e00-\\u9fff]/"


def opened(page, demo, lang, selected="") -> None:
    page.goto("about:blank")
    page.goto(f"{demo.url}/#lang={lang}{f'&sel={selected}' if selected else ''}")
    until(page, "window.__twin && window.__twin.ready")


def asked(page, text) -> None:
    page.get_by_test_id("search").fill(text)
    page.get_by_test_id("search").press("Enter")


def post(demo, path, **said) -> dict:
    body = json.dumps(said).encode()
    request = urllib.request.Request(
        demo.url + path, body, {"Content-Type": "application/json", "Accept-Language": "en"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise AssertionError(refused.read().decode()) from refused


@pytest.fixture
def linked(demo):
    """A function that links a code to a thing, and takes it away again at the end."""
    done = []

    def link(code, scheme, value):
        post(demo, f"/objects/{code}/aliases", scheme=scheme, value=value, why="a test")
        done.append((code, scheme, value))

    yield link
    for code, scheme, value in reversed(done):
        path = f"/objects/{code}/aliases/remove"
        post(demo, path, scheme=scheme, value=value, why="the test is over")


def in_language(text: str, lang: str) -> bool:
    return any("\u4e00" <= char <= "\u9fff" for char in text) == (lang == "zh")


@pytest.mark.parametrize("lang", LANGS)
def test_a_code_shows_what_it_is_where_its_history_its_qr_and_its_other_codes(
    demo, page, linked, lang
):
    code = demo.codes()[1][0]
    linked(code, "bdcdy28", UNIT)
    opened(page, demo, lang)
    before = page.evaluate("JSON.stringify(window.__twin.camera)")
    asked(page, UNIT.lower())
    card_shows(page, code)
    until(page, f"JSON.stringify(window.__twin.camera) !== {json.dumps(before)}")  # the flight
    assert "N50H" in page.get_by_test_id("card-facts").inner_text()
    assert in_language(page.get_by_test_id("card-kind").inner_text(), lang)
    page.get_by_test_id("qr").click()
    image = "document.querySelector('[data-testid=qr-image]')"
    until(page, f"{image} && {image}.complete && {image}.naturalWidth > 50")
    page.get_by_test_id("history").locator("summary").click()
    first = page.get_by_test_id("history-row").first
    first.wait_for(timeout=WAIT_MS)
    assert first.get_attribute("data-change") == "linked"
    assert "a test" in first.inner_text()
    assert UNIT in first.inner_text()
    page.get_by_test_id("aliases").locator("summary").click()
    alias = page.locator("[data-testid=alias][data-scheme=bdcdy28]")
    assert UNIT in alias.inner_text()
    screenshot(page, f"resolver-{lang}")


@pytest.mark.parametrize("lang", LANGS)
def test_a_wrong_code_is_marked_where_it_is_wrong_with_what_belongs_there(demo, page, lang):
    opened(page, demo, lang)
    asked(page, FIRM[:-1] + "M")
    page.get_by_test_id("recognised").wait_for(timeout=WAIT_MS)
    wrong = page.locator("[data-scheme=uscc] [data-testid=recognised-wrong]")
    assert (wrong.get_attribute("data-position"), wrong.get_attribute("data-expected")) == (
        "18",
        "L",
    )
    line = page.locator("[data-scheme=uscc] [data-testid=recognised-problem]").inner_text()
    assert "18" in line
    assert in_language(line, lang)
    screenshot(page, f"wrong-{lang}")
    asked(page, "武汉市江夏区不存在路２０２６号3栋")
    parts = page.locator("[data-scheme=address] dd code")
    parts.first.wait_for(timeout=WAIT_MS)
    assert parts.all_inner_texts() == ["武汉市", "江夏区", "不存在路", "2026号", "3栋"]
    screenshot(page, f"address-{lang}")
    asked(page, PERSON)
    until(page, "document.querySelector('[data-testid=recognised]')?.textContent.includes('****')")
    assert PERSON not in page.get_by_test_id("recognised").inner_text()


@pytest.mark.parametrize("lang", LANGS)
def test_a_text_with_several_meanings_shows_the_list(demo, page, linked, lang):
    codes = [code for code, _ in demo.codes()[:2]]
    for code in codes:
        linked(code, "permit18", PERMIT)
    opened(page, demo, lang)
    asked(page, PERMIT)
    until(page, "document.querySelectorAll('[data-testid=suggestion]').length === 2")
    shown = page.get_by_test_id("suggestion")
    assert {shown.nth(n).get_attribute("data-code") for n in range(2)} == set(codes)
    screenshot(page, f"several-{lang}")
    page.locator(f"[data-testid=suggestion][data-code='{codes[1]}']").click()
    card_shows(page, codes[1])


@pytest.mark.parametrize("lang", LANGS)
def test_a_code_that_left_leads_to_what_replaced_it(demo, page, lang):
    room = demo.codes()[1][0]
    stamp = f"{lang}-{time.time_ns()}"
    old, new = (
        post(demo, "/devices", device=f"meter-{n}-{stamp}", code=room, property=f"p{n}")["sensor"]
        for n in (1, 2)
    )
    post(demo, f"/objects/{old}/merge", into=new, why="one meter, counted twice")
    opened(page, demo, lang)
    asked(page, old)
    card_shows(page, old)
    heir = page.get_by_test_id("card-replaced")
    assert heir.inner_text() == new
    screenshot(page, f"replaced-{lang}")
    heir.click()
    card_shows(page, new)


@pytest.mark.parametrize("lang", LANGS)
def test_a_person_links_a_code_sees_why_a_wrong_one_is_wrong_and_takes_it_away(demo, page, lang):
    code = demo.codes()[0][0]
    opened(page, demo, lang, code)
    card_shows(page, code)
    page.get_by_test_id("aliases").locator("summary").click()
    page.get_by_test_id("link-value").fill(FIRM[:-1] + "M")
    page.get_by_test_id("link-why").fill("who built it")
    page.get_by_test_id("link").click()
    wrong = page.get_by_test_id("link-wrong")
    wrong.wait_for(timeout=WAIT_MS)
    assert "18" in wrong.inner_text()
    assert in_language(wrong.inner_text(), lang)
    screenshot(page, f"link-wrong-{lang}")
    page.get_by_test_id("link-value").fill(FIRM)
    page.get_by_test_id("link").click()
    alias = page.locator("[data-testid=alias][data-scheme=uscc]")
    alias.wait_for(state="attached", timeout=WAIT_MS)
    assert resolved(demo, FIRM)["code"] == code
    page.get_by_test_id("aliases").locator("summary").click()
    alias.get_by_test_id("unlink").click()
    alias.get_by_test_id("unlink-why").fill("not that one")
    alias.get_by_test_id("unlink").click()
    alias.wait_for(state="detached", timeout=WAIT_MS)
    items = json.load(urllib.request.urlopen(f"{demo.url}/objects/{code}/changes", timeout=60))
    assert [row["cause"]["why"] for row in items["items"][:2]] == ["not that one", "who built it"]


@pytest.mark.parametrize("lang", LANGS)
def test_a_dropped_list_shows_each_wrong_row_then_links_the_right_ones(demo, page, tmp_path, lang):
    tower, room = (code for code, _ in demo.codes()[:2])
    house = f"420111{'003'}202001000001{LANGS.index(lang) + 1:04d}"
    house += checks.check(checks.MOD_11_10, house)
    path = tmp_path / "清单.csv"
    rows = [
        "编码,编码体系,外部编码,来源",
        f"{tower},jgj246,{house},房管局",
        f"{tower},uscc,{FIRM[:-1]}M,市场局",
        f"nobody,uscc,{FIRM},市场局",
        f"{room},bdcdy28,{UNIT[:12]}XB{UNIT[14:]},",
    ]
    path.write_bytes("\n".join(rows).encode("gb18030"))
    opened(page, demo, lang)
    page.get_by_test_id("import").locator("summary").click()
    page.get_by_test_id("import-file").set_input_files(str(path))
    errors = page.get_by_test_id("import-error")
    errors.first.wait_for(timeout=WAIT_MS)
    told = [(e.get_attribute("data-row"), e.get_attribute("data-position")) for e in errors.all()]
    assert told == [("3", "18"), ("4", ""), ("5", "13")]
    assert all(in_language(e.locator("p").inner_text(), lang) for e in errors.all())
    assert page.get_by_test_id("import-wrong").all_inner_texts() == ["M", "X"]
    screenshot(page, f"import-{lang}")
    page.get_by_test_id("import-why").fill("2026 register")
    page.get_by_test_id("import-link").click()
    page.get_by_test_id("import-undo").wait_for(timeout=WAIT_MS)
    assert resolved(demo, house)["code"] == tower
    screenshot(page, f"imported-{lang}")
    page.get_by_test_id("import-undo").click()
    page.get_by_test_id("import-undone").wait_for(timeout=WAIT_MS)
    with pytest.raises(urllib.error.HTTPError):
        resolved(demo, quote(house))
