"""The bar of time in a real Chromium: a moment of the past, its values and models, and back."""

import json
import time
import urllib.request
from datetime import datetime, timedelta

import pytest

from tests.acceptance.test_browser import WAIT_MS, card_shows, screenshot, until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(400)]
PROPERTY = "tilt"  # the demo's own sensors do not speak of it
CARD = f"document.querySelector('[data-testid=live-{PROPERTY}]')?.textContent"
LEGEND = "document.querySelector('[data-testid=legend]').textContent"
NAMES = "(code => problem => problem.textContent.includes(code))"
PAST = "document.documentElement.hasAttribute('data-past')"


def said(demo, code: str, value: float) -> None:
    rows = [{"code": code, "property": PROPERTY, "value": value, "unit": "deg"}]
    request = urllib.request.Request(
        f"{demo.url}/observations", json.dumps(rows).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert 1 == json.load(answer)["applied"]


def go(page, at: datetime) -> None:
    page.get_by_test_id("time-input").fill(at.strftime("%Y-%m-%dT%H:%M:%S"))


def shows(page, value: float) -> None:
    """Wait until the card says the value, and the colours span it alone."""
    until(page, f"{CARD}?.startsWith('{value:g}')")
    until(page, f"{LEGEND}.includes('{value - 0.5:g}') && {LEGEND}.includes('{value + 0.5:g}')")


def test_a_past_moment_shows_its_colours_values_and_models_is_played_and_left_again(demo, page):
    code = demo.codes()[1][0]
    said(demo, code, 11)
    time.sleep(1.5)
    moment = datetime.now()  # noqa: DTZ005 - the page's field is in the zone of the machine, too
    time.sleep(1.5)
    said(demo, code, 44)
    page.goto(f"{demo.url}/#lang=en&sel={code}&by={PROPERTY}")
    until(page, "window.__twin && window.__twin.ready")
    card_shows(page, code)
    shows(page, 44)
    features = page.evaluate("window.__twin.features")
    go(page, moment)
    until(page, PAST)
    shows(page, 11)
    assert "The past" in page.get_by_test_id("time-said").inner_text()
    screenshot(page, "past")
    page.get_by_test_id("time-play").click()
    shows(page, 44)
    assert page.evaluate(PAST)
    page.get_by_test_id("time-play").click()
    said(demo, code, 77)
    go(page, moment - timedelta(days=2))  # before the first generation
    until(page, f"[...document.querySelectorAll('[data-testid=problem]')].some({NAMES}('{code}'))")
    until(page, "document.querySelector('[data-testid=card]').hidden")
    until(page, "window.__twin.features === 0")
    page.get_by_test_id("time-live").click()
    shows(page, 77)
    until(page, f"window.__twin.features >= {features}")
    said(demo, code, 99)
    until(page, f"{CARD}?.startsWith('99')")
    assert not page.evaluate(PAST)


def test_a_moment_to_come_is_refused_and_the_page_stays_live(demo, page):
    page.goto(f"{demo.url}/#lang=en")
    until(page, "window.__twin && window.__twin.ready")
    go(page, datetime.now() + timedelta(days=1))  # noqa: DTZ005 - as above
    problem = page.get_by_test_id("problem")
    problem.wait_for(timeout=WAIT_MS)
    assert "has not come yet" in problem.inner_text()
    assert not page.evaluate(PAST)
