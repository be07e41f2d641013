"""The page in a real Chromium: load, search, pick, live value, storeys, upload, place, withdraw."""

import json
import os
import re
import time
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.parts.ifc_text import HOUSE, STOREY, WALL, ifc

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
WAIT_MS = 60_000
FLIGHT_MS = 1_000  # longer than a flight of the camera
TOWER = "光谷之星大厦"
BODY = (
    "#100=IFCPRODUCTDEFINITIONSHAPE($,$,(#101));",
    "#101=IFCSHAPEREPRESENTATION(#2,'Body','SweptSolid',(#102));",
    "#102=IFCEXTRUDEDAREASOLID(#103,#4,#106,3000.);",
    "#103=IFCRECTANGLEPROFILEDEF(.AREA.,$,#104,12000.,9000.);",
    "#104=IFCAXIS2PLACEMENT2D(#105,$);",
    "#105=IFCCARTESIANPOINT((0.,0.));",
    "#106=IFCDIRECTION((0.,0.,1.));",
)


@pytest.fixture
def house(tmp_path) -> Path:
    """A house without any position, with one wall that has a body and a repeated GlobalId."""
    lines = [line.replace("#14,$,'T-1'", "#14,#100,'T-1'") for line in HOUSE]
    twin = next(line for line in lines if WALL in line).replace("#13=", "#110=")
    storey = [line.replace("(#13),#12", "(#13,#110),#12") for line in lines]
    path = tmp_path / "小屋.ifc"
    path.write_bytes(ifc(*storey, *BODY, twin))
    return path


def opened(page, demo) -> None:
    page.goto(demo.url)
    until(page, "window.__twin && window.__twin.ready")


def until(page, condition: str) -> None:
    """Ask the page until the condition holds; its security policy forbids waiting inside it."""
    end = time.monotonic() + WAIT_MS / 1000
    while not page.evaluate(f"Boolean({condition})"):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(100)


def card_shows(page, code: str) -> None:
    shown = "document.querySelector('[data-testid=card-code]')?.textContent"
    until(page, f"{shown} === '{code}'")


def chosen(page, text: str) -> None:
    """Search for a text, choose the first suggestion and wait for its card."""
    page.get_by_test_id("search").fill(text)
    page.get_by_test_id("suggestion").first.click(timeout=WAIT_MS)
    page.get_by_test_id("card-code").wait_for(timeout=WAIT_MS)


def until_landed(page) -> None:
    """Wait until the flight has begun and the camera stands still, however slow its frames."""
    before = None
    for _ in range(int(WAIT_MS / FLIGHT_MS)):
        page.wait_for_timeout(FLIGHT_MS)
        now = page.evaluate("window.__twin.camera")
        if now == before:
            return
        before = now
    raise AssertionError(f"the camera does not come to rest: {before}")


def screenshot(page, name: str) -> None:
    """Keep a picture where the caller asks for it (the README's is made so)."""
    if folder := os.environ.get("WANWU_SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_load_search_pick_and_the_card(demo, page):
    opened(page, demo)
    assert page.evaluate("window.__twin.features") > 1_000
    assert page.evaluate("window.__twin.drawCalls") < 200
    chosen(page, TOWER)
    assert demo.codes()[0][0] == page.get_by_test_id("card-code").inner_text()
    until_landed(page)
    x, y = page.evaluate(f"window.__twin.screenOf('{demo.codes()[0][0]}')") or (720, 450)
    expected = page.evaluate(f"window.__twin.codeAt({x}, {y})")
    page.mouse.click(x, y)
    card_shows(page, expected)
    assert expected.startswith(demo.codes()[0][0])
    assert page.get_by_test_id("card-parent").count() >= 1


def test_a_guid_and_a_code_lead_to_the_same_card(demo, page):
    code = demo.codes()[1][0]
    guid = resolved(demo, code)["model"]["ifc_guid"]
    opened(page, demo)
    for text in (guid, code):
        page.get_by_test_id("search").fill(text)
        page.get_by_test_id("search").press("Enter")
        card_shows(page, code)
        page.get_by_test_id("card-close").click()


def test_a_value_changes_live(demo, page):
    code = demo.codes()[1][0]
    opened(page, demo)
    page.get_by_test_id("search").fill(code)
    page.get_by_test_id("search").press("Enter")
    row = page.get_by_test_id("live-temperature")
    row.wait_for(timeout=WAIT_MS)
    post(demo, [{"code": code, "property": "temperature", "value": 33.25, "unit": "Cel"}])
    until(
        page, "document.querySelector('[data-testid=live-temperature]').textContent.includes('33.')"
    )


def test_the_storey_filter_hides_the_rest_and_the_url_keeps_it(demo, page):
    opened(page, demo)
    chosen(page, TOWER)
    every = page.evaluate("window.__twin.visibleFeatures()")
    page.get_by_test_id("storey").nth(5).click()
    until(page, f"window.__twin.visibleFeatures() < {every}")
    some = page.evaluate("window.__twin.visibleFeatures()")
    until(page, "location.hash.includes('storey=')")  # written after a pause
    page.reload()
    until(page, "window.__twin && window.__twin.ready")
    until(page, f"window.__twin.visibleFeatures() === {some}")
    page.get_by_test_id("storey-all").click()
    until(page, f"window.__twin.visibleFeatures() === {every}")


def test_colour_by_a_property_has_a_legend(demo, page):
    opened(page, demo)
    page.get_by_test_id("colour-by").select_option("temperature")
    page.get_by_test_id("legend").wait_for(timeout=WAIT_MS)
    until(page, r"/\d/.test(document.querySelector('[data-testid=legend]').innerText)")
    chosen(page, TOWER)
    page.wait_for_timeout(3_000)
    screenshot(page, "city")


def test_both_languages_are_there(demo, page):
    opened(page, demo)
    chinese = page.get_by_test_id("search").get_attribute("placeholder")
    page.get_by_test_id("lang").click()
    english = page.get_by_test_id("search").get_attribute("placeholder")
    assert re.search(r"[\u4e00-\u9fff]", chinese)
    assert english.isascii()


def test_a_model_without_position_is_uploaded_placed_found_and_withdrawn(demo, page, house):
    opened(page, demo)
    page.get_by_test_id("upload").locator("summary").click()
    page.get_by_test_id("upload-file").set_input_files(str(house))
    page.get_by_test_id("place").wait_for(timeout=WAIT_MS)
    screenshot(page, "uploaded")
    page.get_by_test_id("place").click()
    page.mouse.click(760, 620)
    page.get_by_test_id("place-confirm").click()
    page.get_by_test_id("finding").first.wait_for(timeout=WAIT_MS)
    with page.expect_download() as saved:
        page.get_by_test_id("findings.bcf").click()
    assert zipfile.is_zipfile(saved.value.path())
    with page.expect_download() as saved:
        page.get_by_test_id("report").click()
    assert "<h1>" in Path(saved.value.path()).read_text("utf-8")
    wall = resolved(demo, WALL)["code"]
    until(page, f"window.__twin.screenOf('{wall}') !== null")
    position = resolved(demo, STOREY)["position"]
    assert position["provenance"] == "confirmed"
    assert (114.4, 30.5) == pytest.approx((position["lon"], position["lat"]), abs=0.02)
    screenshot(page, "placed")
    page.get_by_test_id("withdraw").click()
    page.get_by_test_id("withdraw").click()  # it asks once: it changes the city for everybody
    until(page, f"window.__twin.screenOf('{wall}') === null")


def resolved(demo, text: str) -> dict:
    with urllib.request.urlopen(f"{demo.url}/codes/{text}", timeout=5) as answer:
        return json.load(answer)


def post(demo, rows: list) -> None:
    request = urllib.request.Request(
        f"{demo.url}/observations", json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert 1 == json.load(answer)["applied"]
