"""A real Chromium opens the pages from the disk, as a reader does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from padbench.cli.report import command as report
from padbench.report.slug import slug
from report.site_runs import HOSTILE

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page that fails the test for any error in the console, any dialog and any request to a network."""
    faults: list[str] = []
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    opened.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.on("dialog", lambda dialog: faults.append(dialog.message))
    opened.on("request", lambda request: faults.append(request.url) if not _local(request.url) else None)
    opened.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    yield opened
    opened.close()
    assert faults == []


def _local(address: str) -> bool:
    return address.startswith(("file:", "data:"))


def _column(page: Any, board: str, metric: str) -> list[float]:
    cells = page.locator(f'table[data-board="{board}"] tbody tr:visible td[data-metric="{metric}"]')
    return [float(cell.get_attribute("data-value")) for cell in cells.all() if cell.get_attribute("data-value")]


def test_sorting_a_column(page: Any, site: Path) -> None:
    """The better end first, then the other; the heading says which; rows without a figure stay last."""
    page.goto(f"file://{site}/index.html")
    page.select_option("select[name=class]", "")
    figures = _column(page, "accuracy", "image_auroc")
    assert len(set(figures)) > 1
    heading = page.locator('table[data-board="accuracy"] thead th', has_text="image AUROC")
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert _column(page, "accuracy", "image_auroc") == sorted(figures, reverse=True)
    heading.locator("button").focus()
    page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert _column(page, "accuracy", "image_auroc") == sorted(figures)
    last = page.locator('table[data-board="accuracy"] tbody tr').last
    assert last.get_attribute("data-class") == "mean" and "missing" in last.inner_text()


def test_filtering(page: Any, site: Path) -> None:
    """By words and class; published rows on demand."""
    page.goto(f"file://{site}/index.html")
    rows = page.locator("table:not([data-board=attributes]) tbody tr:visible")
    page.select_option("select[name=class]", "01Duck")
    assert {row.get_attribute("data-class") for row in rows.all()} == {"01Duck"}
    assert {row.get_attribute("data-method") for row in rows.all()} == {"oracle", HOSTILE}
    page.fill("input[name=words]", "oracle 01duck")
    assert {row.get_attribute("data-method") for row in rows.all()} == {"oracle"}
    assert page.locator("output[name=count]").inner_text() == f"{page.locator('tbody tr:visible').count()} rows"
    page.fill("input[name=words]", "no such row")
    assert rows.count() == 0


def test_hostile_names_are_text(page: Any, site: Path) -> None:
    """Nothing of them runs; they read as they are."""
    page.goto(f"file://{site}/index.html")
    page.select_option("select[name=class]", "")
    links = page.get_by_role("link", name=HOSTILE, exact=True)
    assert links.count() >= 3
    links.first.click()
    assert page.locator("h1").inner_text() == f"{HOSTILE} on bricks"
    assert page.evaluate("typeof hacked") == "undefined"


def test_the_gallery(page: Any, site: Path) -> None:
    """Filters, a dialog with slider, blinking and ground truth, the keyboard, and pictures that load."""
    page.goto(f"file://{site}/galleries/{slug('bricks', 'oracle', 'lite')}.html")
    shown = page.locator(".cases > li:visible")
    assert shown.count() == 60
    page.select_option("select[name=task]", "02Truck")
    assert shown.count() == 30
    defect = page.locator(".cases > li:visible button[data-truth]").first
    defect.click()
    assert page.locator("dialog").is_visible()
    layer, truth = page.locator("img.layer"), page.locator("img.truth")
    page.wait_for_function(
        "[...document.querySelectorAll('dialog img')].every((i) => i.complete && i.naturalWidth > 0)"
    )
    assert truth.is_visible() and layer.get_attribute("alt") == "anomaly map"
    before = layer.evaluate("(image) => image.style.clipPath")
    page.locator("[name=reveal]").focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    assert layer.evaluate("(image) => image.style.clipPath") == "inset(0px 30% 0px 0px)" != before
    page.get_by_role("button", name="normal rendering").click()
    assert layer.get_attribute("alt") == "normal rendering" and "-normal.webp" in str(layer.get_attribute("src"))
    page.uncheck("[name=outline]")
    assert not truth.is_visible()
    page.locator("[name=next]").focus()
    page.keyboard.press("b")
    assert page.locator("[name=blink]").get_attribute("aria-pressed") == "true"
    page.wait_for_function("document.querySelector('img.layer').style.visibility === 'hidden'")
    title = page.locator("dialog h2").inner_text()
    page.keyboard.press("ArrowRight")
    assert page.locator("dialog h2").inner_text() != title
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_a_run_of_one_class_shows_its_figures(page: Any, site: Path, tmp_path: Path) -> None:
    """No mean is complete, so all classes are shown; no heading stands over nothing."""
    run = site.parent / "runs" / "bricks" / "oracle" / "lite" / "01Duck"
    arguments = [str(run), "--html", str(tmp_path / "site")]
    assert CliRunner().invoke(report, arguments, standalone_mode=False).exception is None
    page.goto(f"file://{tmp_path}/site/index.html")
    assert len(_column(page, "accuracy", "pixel_ap")) == 1
    headings = [heading.inner_text() for heading in page.locator("h3:visible").all()]
    page.fill("input[name=words]", "no such row")
    assert headings[:-1] and [heading.inner_text() for heading in page.locator("h3:visible").all()] == headings[-1:]


def test_on_a_phone_and_in_the_dark(browser: Any, site: Path) -> None:
    """Only tables scroll sideways, not the page; colours follow the system and the button."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark")
    page = context.new_page()
    for path in site.rglob("*.html"):
        page.goto(f"file://{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path.name
        height = "(text) => text.getBoundingClientRect().height"
        texts = page.evaluate(f"Array.from(document.querySelectorAll('svg text'), {height})")
        assert all(size >= 10 for size in texts), path.name
    page.goto(f"file://{site}/index.html")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    context.close()


def test_without_scripts_everything_is_there(browser: Any, site: Path) -> None:
    """All rows and pictures are shown; only what needs the script is hidden."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{site}/index.html")
    assert page.locator("#bricks tbody tr:visible").count() == page.locator("#bricks tbody tr").count() > 10
    assert not page.locator("form.filters").is_visible() and not page.locator("#theme").is_visible()
    context.close()
