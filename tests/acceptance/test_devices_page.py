"""The devices panel in a real Chromium: adopt, confirm, map, take a table, unbind and undo."""

import json
import time
import urllib.parse
import urllib.request

import pytest
from paho.mqtt import publish

from tests.acceptance.test_browser import (
    TOWER,
    WAIT_MS,
    card_shows,
    chosen,
    opened,
    screenshot,
    until,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
GAUGE = "水位计SW-01"  # stands in the model of the pumping station
ROWS = "[...document.querySelectorAll('[data-testid=device-row]')]"


def send(demo, *messages):
    host, port = demo.mqtt.rsplit(":", 1)
    rows = [(topic, payload, 1, False) for topic, payload in messages]
    publish.multiple(rows, host, int(port))


def asked(demo, path, body=None, method=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(demo.url + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def waits_in_quarantine(demo, count, **fields):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        rows = asked(demo, "/devices/quarantine?limit=1000")["items"]
        found = [r for r in rows if all(r[name] == value for name, value in fields.items())]
        if sum(row["count"] for row in found) >= count:
            return
        time.sleep(0.1)
    pytest.fail(f"nothing waits in quarantine: {fields}")


def tab(page, name):
    page.get_by_test_id(f"devices-tab-{name}").click()


def panel(page, demo, name):
    opened(page, demo)
    page.get_by_test_id("devices-open").click()
    tab(page, name)


def find_device(page, words):
    tab(page, "devices")
    page.get_by_test_id("device-search").fill(words)
    row = page.locator(f"[data-testid=device-row][data-device='{words}']")
    row.wait_for(timeout=WAIT_MS)
    until(page, f"{ROWS}.length === 1")  # not a row of the list before
    return row


def test_an_unknown_device_is_bound_with_one_click_and_its_messages_replayed(demo, page):
    topic = "city/wuhan/page-d1/humidity"
    send(demo, *[(topic, f'{{"v":{v},"u":"%"}}') for v in (40, 41, 42)])
    waits_in_quarantine(demo, 3, device="page-d1")
    opened(page, demo)
    chosen(page, TOWER)
    code = page.get_by_test_id("card-code").inner_text()
    page.get_by_test_id("devices-open").click()
    tab(page, "quarantine")
    row = page.locator("[data-testid=quarantined][data-device=page-d1]")
    row.wait_for(timeout=WAIT_MS)
    assert '{"v":42,"u":"%"}' in row.inner_text()
    assert (code, "humidity") == (
        row.get_by_test_id("adopt-code").input_value(),
        row.get_by_test_id("adopt-property").input_value(),
    )
    screenshot(page, "quarantine")
    row.get_by_test_id("adopt").click()
    page.get_by_test_id("notice").first.wait_for(timeout=WAIT_MS)
    assert "3" in page.get_by_test_id("notice").first.inner_text()

    known = find_device(page, "page-d1")
    assert "42" in known.get_by_test_id("device-value").inner_text()
    assert "良好" in known.get_by_test_id("device-quality").inner_text()
    screenshot(page, "devices")
    known.get_by_test_id("device-unbind").click()
    known.get_by_test_id("device-unbind").click()
    page.get_by_test_id("device-undo").click()
    assert "42" in find_device(page, "page-d1").get_by_test_id("device-value").inner_text()
    items = asked(demo, f"/devices?code={code}")["items"]
    assert "page-d1" in [item["device"] for item in items]


def test_a_proposed_device_is_confirmed_by_a_person(demo, page):
    there = asked(demo, f"/objects/{demo.codes()[0][0]}")
    place = {"device": "page-d2", "lon": there["lon"], "lat": there["lat"]}
    proposed = asked(demo, "/devices", place)
    assert proposed["candidates"]
    panel(page, demo, "proposed")
    card = page.get_by_test_id("proposed").filter(has_text="page-d2")
    card.wait_for(timeout=WAIT_MS)
    screenshot(page, "proposed")
    card.get_by_test_id("proposed-confirm").first.click()
    page.get_by_test_id("notice").first.wait_for(timeout=WAIT_MS)
    (row,) = asked(demo, "/devices?q=page-d2")["items"]
    assert (row["status"], row["code"]) == ("bound", proposed["candidates"][0]["code"])


def test_a_mapping_is_tried_on_a_kept_message_and_then_reads_it(demo, page):
    code = demo.codes()[1][0]
    asked(demo, "/devices", {"device": "line-7", "code": code})
    send(demo, ("plant/line-7/data", '{"celsius":"21.5"}'))
    waits_in_quarantine(demo, 1, topic="plant/line-7/data")
    panel(page, demo, "quarantine")
    card = page.get_by_test_id("quarantined").filter(has_text="plant/line-7/data")
    card.get_by_test_id("quarantine-map").click()
    assert page.get_by_test_id("map-topic").input_value() == "plant/line-7/data"
    mapping = {"device": "topic[1]", "values": [{"property": "=temperature", "value": "$.celsius"}]}
    page.get_by_test_id("map-mapping").fill(json.dumps(mapping))
    page.get_by_test_id("map-try").click()
    page.get_by_test_id("map-result").wait_for(timeout=WAIT_MS)
    assert "21.5" in page.get_by_test_id("map-result").inner_text()
    page.get_by_test_id("map-filter").fill("plant/+/data")
    screenshot(page, "mapping")
    page.get_by_test_id("map-keep").click()
    page.get_by_test_id("map-known").wait_for(timeout=WAIT_MS)
    (row,) = asked(demo, "/devices?q=line-7")["items"]
    assert row["last"]["temperature"]["value"] == 21.5
    filter_ = urllib.parse.quote("plant/+/data")
    urllib.request.urlopen(
        urllib.request.Request(f"{demo.url}/devices/mappings?filter={filter_}", method="DELETE")
    ).close()


def test_a_table_names_its_bad_rows_before_the_good_ones_are_bound(demo, page, tmp_path):
    code = demo.codes()[1][0]
    table = tmp_path / "设备.csv"
    table.write_text(
        f"device,code,property,unit\npage-d4,{code},co2,ppm\npage-d5,none,,\n", "utf-8"
    )
    panel(page, demo, "devices")
    page.get_by_test_id("device-table-in").set_input_files(str(table))
    page.get_by_test_id("device-table-report").wait_for(timeout=WAIT_MS)
    assert "第 3 行 code" in page.get_by_test_id("devices").inner_text()
    screenshot(page, "table")
    page.get_by_test_id("device-table-take").click()
    find_device(page, "page-d4")
    assert asked(demo, "/devices?q=page-d5")["items"] == []


def test_a_list_asked_for_twice_at_once_is_shown_once(demo, page):
    panel(page, demo, "devices")
    page.get_by_test_id("device-row").first.wait_for(timeout=WAIT_MS)
    page.evaluate(
        "for (let n = 0; n < 4; n++)"
        " document.querySelector('[data-testid=devices-tab-devices]').click()"
    )
    until(page, f"{ROWS}.length > 0")
    page.wait_for_timeout(1_000)  # the other answers
    names = page.evaluate(f"{ROWS}.map((row) => row.dataset.device)")
    assert sorted(names) == sorted(set(names))


def test_the_panel_speaks_both_languages(demo, page):
    panel(page, demo, "devices")
    page.get_by_test_id("device-row").first.wait_for(timeout=WAIT_MS)
    assert "已登记" in page.get_by_test_id("devices").inner_text()
    page.get_by_test_id("lang").click()
    assert "Register" in page.get_by_test_id("devices").inner_text()
    page.get_by_test_id("device-row").filter(has_text="Unbind").first.wait_for(timeout=WAIT_MS)
    screenshot(page, "devices-en")


def test_a_sensor_of_a_model_says_so_and_leads_to_its_element(demo, page):
    (told,) = asked(demo, f"/devices?q={urllib.parse.quote(GAUGE)}")["items"]
    assert ("ifc", "level") == (told["source"], told["property"])
    panel(page, demo, "devices")
    row = find_device(page, GAUGE)
    source = row.get_by_test_id("device-source")
    assert "来自 IFC 模型" == source.inner_text()
    source.click()
    element = asked(demo, f"/codes/{urllib.parse.quote(told['element_guid'])}")
    card_shows(page, element["code"])
    page.get_by_test_id("lang").click()
    assert "from the IFC model" == row.get_by_test_id("device-source").inner_text()
    assert "Element" == element["kind"]
