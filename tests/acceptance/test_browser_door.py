"""The firm's screen in a real Chromium: deliver, stages, findings on the model, files, history."""

import json
import re
import urllib.request
import zipfile
from pathlib import Path

import pytest

from bim.demo import district
from tests.acceptance.conftest import browsing
from tests.acceptance.test_browser import (
    WAIT_MS,
    card_shows,
    opened,
    resolved,
    screenshot,
    until,
    until_landed,
)
from tests.parts import faulty_house
from tests.parts.twin_process import Twin

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
STAGES = ["normalise", "extract", "mesh", "translate", "merge", "tiles", "activate"]
WHERE = {"lon": 114.4005, "lat": 30.5052, "height_m": 25.0}
PADDING = 3_000_000  # bytes of a comment, so that a file goes in several pieces
REPEATED, SHAPELESS = "ifc_guid_repeated", "ifc_no_position"


def saved(folder, name, content):
    path = folder / name
    path.write_bytes(content)
    return path


def delivered(page, path, document):
    """Deliver a file through the page and wait for what was found."""
    page.get_by_test_id("upload-project").fill("光谷工程")
    page.get_by_test_id("upload-document").fill(document)
    page.get_by_test_id("upload-file").set_input_files(str(path))
    until(page, "document.querySelector('[data-testid=job-stage]')?.dataset.stage === 'done'")
    page.get_by_test_id("finding").first.wait_for(timeout=WAIT_MS)


def post(demo, path, said):
    request = urllib.request.Request(
        demo.url + path, json.dumps(said).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def model_of(demo, document):
    with urllib.request.urlopen(f"{demo.url}/models?limit=1000", timeout=5) as answer:
        items = json.load(answer)["items"]
    (found,) = [row["id"] for row in items if row["name"] == document]
    return found


def codes_shown(page):
    groups = page.get_by_test_id("finding-group")
    return [groups.nth(n).locator("summary code").inner_text() for n in range(groups.count())]


def test_a_faulty_delivery_is_checked_looked_at_corrected_and_in_the_history(demo, page, tmp_path):
    opened(page, demo)
    page.get_by_test_id("upload").locator("summary").first.click()
    delivered(page, saved(tmp_path, "小屋一.ifc", faulty_house.FIRST), "建筑甲")
    stages = page.get_by_test_id("job-stages").locator("li")
    assert "检查结果" in page.get_by_test_id("job-counted").text_content()
    assert ["done"] * len(STAGES) == [
        stages.nth(n).get_attribute("data-state") for n in range(stages.count())
    ]
    screenshot(page, "door-delivered")
    post(demo, f"/models/{model_of(demo, '建筑甲')}/placement", WHERE)
    wall = resolved(demo, faulty_house.WALL)["code"]
    until(page, f"window.__twin.screenOf('{wall}') !== null")

    is_looked_at(page, wall)
    is_filtered(page)
    are_saved(page)
    page.get_by_test_id("home").click()
    until_landed(page)

    delivered(page, saved(tmp_path, "小屋二.ifc", faulty_house.SECOND), "建筑甲")
    rows = page.get_by_test_id("delivery")
    until(page, "document.querySelectorAll('[data-testid=delivery]').length === 2")
    assert ["2", "1"] == [rows.nth(n).get_attribute("data-version") for n in (0, 1)]
    assert "小屋二.ifc" in rows.nth(0).inner_text()
    assert re.search(r"新增 \d+ · 仍在 \d+ · 已修复 [1-9]", rows.nth(0).inner_text())
    page.get_by_test_id("filter-fixed").click()
    assert "ifc_guid_invalid" in codes_shown(page)
    assert SHAPELESS not in codes_shown(page)
    screenshot(page, "door-corrected")
    rows.nth(1).get_by_test_id("delivery-show").click()
    until(page, "document.body.innerText.includes('检查结果（第 1 版）')")
    assert page.get_by_test_id("filter-fixed").count() == 0
    rows.nth(1).scroll_into_view_if_needed()
    screenshot(page, "door-history")
    page.get_by_test_id("lang").click()
    until(page, "document.body.innerText.includes('Findings of version 2')")
    assert page.get_by_test_id("finding-group").first.inner_text().isascii()
    screenshot(page, "door-english")


def is_looked_at(page, wall):
    """A finding leads to its element, in its colour; one about none says so."""
    assert page.evaluate(f"window.__twin.markOf('{wall}')") is not None
    row = page.locator(f"[data-testid=finding][data-code='{wall}']").first
    row.click()
    card_shows(page, wall)
    until(page, f"(at => at[0] > 400 && at[0] < 1090)(window.__twin.screenOf('{wall}'))")
    until_landed(page)
    screenshot(page, "door-finding")
    loose = page.get_by_test_id("finding-group").filter(has_text=SHAPELESS)
    if loose.get_attribute("open") is None:
        loose.locator("summary").click()
    assert loose.get_by_test_id("finding").is_disabled()
    assert loose.get_by_test_id("no-element").inner_text() == "不涉及具体构件"
    page.get_by_test_id("findings-colour").uncheck()
    assert page.evaluate(f"window.__twin.markOf('{wall}')") is None


def is_filtered(page):
    """Severity and rule narrow the list."""
    every = codes_shown(page)
    assert {REPEATED, SHAPELESS, "ifc_loose", "ifc_text_raw"} <= set(every)
    page.get_by_test_id("filter-info").click()
    assert ["ifc_text_raw"] == codes_shown(page)
    page.get_by_test_id("filter-info").click()
    page.get_by_test_id("finding-code").select_option(REPEATED)
    assert [REPEATED] == codes_shown(page)
    page.get_by_test_id("finding-code").select_option("")
    assert every == codes_shown(page)


def are_saved(page):
    """BCF of both versions and the report are saved."""
    for testid, version in (("findings.bcf", "3.0"), ("findings.bcf-2.1", "2.1")):
        with page.expect_download() as download:
            page.get_by_test_id(testid).click()
        with zipfile.ZipFile(download.value.path()) as file:
            assert f'VersionId="{version}"' in file.read("bcf.version").decode()
    with page.expect_download() as download:
        page.get_by_test_id("report").click()
    assert REPEATED in Path(download.value.path()).read_text("utf-8")


def test_an_upload_goes_on_after_the_page_was_loaded_again(demo, page, tmp_path):
    large = faulty_house.FIRST.replace(b"DATA;", b"DATA;\n/*" + b"-" * PADDING + b"*/", 1)
    content = large.replace(b"('2", b"('3")  # another house
    path = saved(tmp_path, "大屋.ifc", content)
    offsets, resumed = [], []

    def cut(route):
        """Let one piece through; then none until the page was loaded again."""
        if route.request.method == "PATCH":
            offsets.append(int(route.request.headers["upload-offset"]))
        if len(offsets) < 2 or resumed:
            route.continue_()
        else:
            route.abort()

    page.route("**/uploads/*", cut)
    opened(page, demo)
    page.get_by_test_id("upload").locator("summary").first.click()
    page.get_by_test_id("upload-document").fill("建筑乙")
    page.get_by_test_id("upload-file").set_input_files(str(path))
    for _ in range(100):
        page.wait_for_timeout(100)
        if len(offsets) >= 2:
            break
    screenshot(page, "door-waiting")
    page.reload()
    until(page, "window.__twin && window.__twin.ready")
    resumed.append(True)
    page.get_by_test_id("upload").locator("summary").first.click()
    page.get_by_test_id("unfinished").wait_for(timeout=WAIT_MS)
    assert "大屋.ifc" in page.get_by_test_id("unfinished").inner_text()
    screenshot(page, "door-unfinished")
    before = len(offsets)
    page.get_by_test_id("upload-file").set_input_files(str(path))
    page.get_by_test_id("finding").first.wait_for(timeout=WAIT_MS)
    assert 256 * 1024 == offsets[before]
    assert "建筑乙" in page.get_by_test_id("delivered-name").inner_text()
    assert page.get_by_test_id("unfinished").count() == 0


@pytest.fixture(scope="module")
def holding(tmp_path_factory):
    """An empty city in which a person accepts what was checked."""
    twin = Twin(tmp_path_factory.mktemp("holding"), TWIN_ACCEPT="hold").start()
    yield twin
    assert twin.stop() == 0


@pytest.fixture
def desk(holding):
    """Its page, with the firm's screen open."""
    with browsing(f"http://127.0.0.1:{holding.http}") as made:
        made.goto(f"http://127.0.0.1:{holding.http}")
        made.get_by_test_id("upload").locator("summary").first.click()
        yield made


def test_what_is_held_is_looked_at_then_rejected_or_accepted(holding, desk, tmp_path):
    delivered(desk, saved(tmp_path, "小屋.ifc", faulty_house.FIRST), "建筑丙")
    assert "待接受" in desk.get_by_test_id("delivered-name").inner_text()
    assert [] == holding.get("/models")["items"]
    screenshot(desk, "door-held")
    are_saved(desk)
    desk.get_by_test_id("reject").click()
    desk.get_by_test_id("rejected").wait_for(timeout=WAIT_MS)

    delivered(desk, saved(tmp_path, "小屋二.ifc", faulty_house.SECOND), "建筑丙")
    desk.reload()  # it is found again in the list of documents
    desk.get_by_test_id("upload").locator("summary").first.click()
    option = desk.get_by_test_id("delivered").locator("option", has_text="建筑丙")
    option.wait_for(state="attached", timeout=WAIT_MS)
    desk.get_by_test_id("delivered").select_option(option.get_attribute("value"))
    desk.get_by_test_id("accept").click(timeout=WAIT_MS)
    desk.get_by_test_id("delivery").wait_for(timeout=WAIT_MS)
    (model,) = holding.get("/models")["items"]
    assert ("建筑丙", 1) == (model["name"], model["version"])


def test_a_delivery_is_cancelled_while_it_is_checked(holding, desk, tmp_path):
    before = holding.get("/models")["items"]
    tower = max(district(), key=lambda model: len(model.file_name))
    path = tmp_path / tower.file_name
    tower.write(path)
    desk.get_by_test_id("upload-file").set_input_files(str(path))
    stage = "document.querySelector('[data-testid=job-stage]')?.dataset.stage"
    until(desk, f"['extract', 'mesh'].includes({stage})")
    screenshot(desk, "door-checking")
    desk.get_by_test_id("upload-stop").click()
    desk.get_by_test_id("job-error").wait_for(timeout=WAIT_MS)
    assert "取消" in desk.get_by_test_id("job-error").inner_text()
    assert before == holding.get("/models")["items"]
