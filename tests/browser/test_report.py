"""The page of a report in a browser: errors, accessibility, light and dark, a phone, paper."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from demo.story import run_demo
from engine.measure.report.page import page
from tests.browser.conftest import in_browser
from tests.measure.report.exports import HOUR, Export, moments, names, offers, orders

pytestmark = in_browser

LookAt = Callable[..., Any]

PHONE = {"width": 360, "height": 780}
PAPER = {"width": 680, "height": 1009}
"""What A4 leaves between margins of 1.5 cm, in CSS pixels."""

WIDER_THAN_THE_WINDOW = """() => [...document.querySelectorAll('body *')]
    .filter(element => !element.closest('.table, .drawing') || element.matches('.table, .drawing'))
    .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(element => `${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`)"""

CUT_OFF = """() => [...document.querySelectorAll('body *')]
    .filter(element => element.checkVisibility() && !element.matches('.unseen'))
    .filter(element => element.getBoundingClientRect().width > 0
        && element.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(element => `${element.tagName} ${element.className}: ${element.textContent.slice(0, 60)}`)"""

DRAWN = """() => [...document.querySelectorAll('svg')].map(svg => {
    const box = svg.getBoundingClientRect()
    return [...svg.querySelectorAll('text')].map(text => [text.textContent, text.getBoundingClientRect()])
        .filter(([_, at]) => at.left < box.left - 1 || at.right > box.right + 1 || at.bottom > box.bottom + 1)
        .map(([label]) => label)}).flat()"""

WITHOUT_TABLE = """() => [...document.querySelectorAll('svg')].filter(svg => {
    const heading = svg.closest('.drawing').previousElementSibling
    let next = svg.closest('.drawing').nextElementSibling
    while (next && next.tagName !== 'H3' && !(next.matches('.table, details.rows') && next.querySelector('tbody tr')))
        next = next.nextElementSibling
    return !next || next.tagName === 'H3'}).map(svg => svg.querySelector('title').textContent)"""

PALE = (
    "<!DOCTYPE html><html lang='en'><title>Pale</title><main><h1 style='color:#ccc'>Pale</h1></main></html>"
)


def simulated(folder: Path) -> Path:
    """A page with a cumulative sequence, a slice, several channels and variants, and long names."""
    rng, export, number = np.random.default_rng(32), Export(), 8_000
    persons, time = names("customer", number), moments(rng, number)
    treated = rng.random(number) >= 0.2
    variant = np.where(rng.random(number) < 0.5, "a-variant-with-quite-a-long-name", "b").astype(object)
    offers(export, persons, time, treated, variant=variant, channel="mail")
    bought = rng.random(number) < 0.05 + 0.05 * treated
    orders(export, persons[bought], time[bought] + HOUR, currency="EUR")
    file = folder / "simulated.html"
    file.write_bytes(page(export.report(folder, by=("variant",))))
    return file


@pytest.fixture(scope="module", params=["demo", "simulated"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A report's page."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "simulated":
        yield simulated(folder)
    else:
        effect = run_demo(folder, lambda _stage, _done: None).measured.effect
        assert effect is not None
        yield Path(effect.page)


def violations(tab: Any) -> list[str]:
    """What axe-core finds, with the elements; everything that is folded is unfolded first, so that it is looked at."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - only where make test-browser installed it

    tab.evaluate("() => document.querySelectorAll('details').forEach(details => details.open = true)")
    response = Axe().run(tab).response
    assert len(response["passes"]) > 0
    return [
        f"{violation['id']}: {[node['html'][:120] for node in violation['nodes'][:3]]}"
        for violation in response["violations"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(report: Path, look_at: LookAt, scheme: str) -> None:
    """No error, no request to the network, and nothing for axe-core, in either scheme."""
    assert violations(look_at(report, scheme)) == []


def test_it_needs_no_scripts(report: Path, look_at: LookAt) -> None:
    """Where scripts are off the same pixels are shown; axe-core, which is a script, has looked at them above."""
    assert look_at(report, scripts=False).screenshot() == look_at(report).screenshot()


def test_both_schemes_differ(report: Path, look_at: LookAt) -> None:
    """The page is light or dark as the reader has it."""
    background = "() => getComputedStyle(document.body).backgroundColor"
    assert look_at(report, "light").evaluate(background) == "rgb(255, 255, 255)"
    assert look_at(report, "dark").evaluate(background) == "rgb(20, 23, 26)"


def test_a_phone_scrolls_down_only(report: Path, look_at: LookAt) -> None:
    """Tables and drawings scroll for themselves; nothing else is wider than a phone, and everything can be reached."""
    tab = look_at(report)
    tab.set_viewport_size(PHONE)
    assert tab.evaluate("() => document.documentElement.scrollWidth") == PHONE["width"]
    assert tab.evaluate(WIDER_THAN_THE_WINDOW) == []
    assert violations(tab) == []


def test_paper_has_all_of_it(report: Path, look_at: LookAt) -> None:
    """On A4 nothing is cut off at the right, folded rows are printed, and what is for screens only is not."""
    tab = look_at(report)
    tab.set_viewport_size(PAPER)
    tab.emulate_media(media="print")
    assert tab.evaluate(CUT_OFF) == []
    assert not tab.locator("nav").is_visible()
    rows = tab.locator("details.rows tbody tr")
    assert rows.count() > 0
    assert rows.first.is_visible()
    printed = tab.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 1


def test_drawings_hold_their_words(report: Path, look_at: LookAt) -> None:
    """No label of a drawing is cut off by its edge."""
    tab = look_at(report)
    assert tab.locator("svg").count() >= 3
    assert tab.evaluate(DRAWN) == []


def test_every_drawing_has_its_table(report: Path, look_at: LookAt) -> None:
    """A table with rows follows each drawing, before the next heading."""
    assert look_at(report).evaluate(WITHOUT_TABLE) == []


def test_the_headline_comes_first(report: Path, look_at: LookAt) -> None:
    """The effect is seen without scrolling, above the sections."""
    tab = look_at(report)
    box = tab.locator(".lead strong").first.bounding_box()
    assert box is not None
    assert box["y"] + box["height"] < 400
    assert tab.locator(".lead strong").first.inner_text().endswith("pts")


def test_the_looks_can_fail(look_at: LookAt, tmp_path: Path) -> None:
    """A page with pale letters is found, and one that is too wide is, on a phone and on paper."""
    file = tmp_path / "pale.html"
    file.write_text(PALE, encoding="utf-8")
    assert [line.partition(":")[0] for line in violations(look_at(file))] == ["color-contrast"]
    file.write_text(
        "<main><p style='width:900px'>wide</p><svg><text x='9999'>far</text></svg></main>", encoding="utf-8"
    )
    tab = look_at(file)
    tab.set_viewport_size(PHONE)
    assert [text.strip() for text in tab.evaluate(WIDER_THAN_THE_WINDOW)][:1] == ["P : wide"]
    assert tab.evaluate(CUT_OFF)[0] == "P : wide"
    assert tab.evaluate(DRAWN) == ["far"]
