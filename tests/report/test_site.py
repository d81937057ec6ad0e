"""The site as files: its numbers, its escaping, and what becomes of an earlier one."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leaderboard.unit_folders import CLASSES, write_unit
from padbench.cli.leaderboard import command as leaderboard
from padbench.cli.report import command as report
from padbench.errors import UserError
from padbench.report.slug import slug
from report.site_runs import HOSTILE, TASKS


class _Page(HTMLParser):
    """Figures by (board, section, class, method, metric), links, and tags that a text could have smuggled in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.figures: dict[tuple[str, ...], float] = {}
        self.links: list[str] = []
        self.tags: list[str] = []
        self._table: dict[str, str | None] = {}
        self._row: dict[str, str | None] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "data-query", "data-map") and value]
        if tag == "table":
            self._table = attributes
        elif tag == "tr":
            self._row = attributes
        elif tag == "td" and attributes.get("data-value"):
            place = (self._table["data-board"], self._row.get("data-class"), self._row.get("data-method"))
            key = tuple(str(part) for part in (*place, attributes["data-metric"]))
            if "data-section" in self._table and "published" not in str(self._table["data-section"]):
                self.figures[key] = float(str(attributes["data-value"]))


def _page(path: Path) -> _Page:
    return _Page(path.read_text(encoding="utf-8"))


def test_the_numbers_are_those_of_metrics_json(site: Path) -> None:
    """Every accuracy, pose and time of every class in full precision, and the means."""
    figures = _page(site / "index.html").figures
    for method in ("oracle", HOSTILE):
        of_classes = []
        for task in TASKS:
            file = site.parent / "runs" / "bricks" / method / "lite" / task / "seed0" / "metrics.json"
            metrics = json.loads(file.read_text())
            of_classes.append(metrics)
            for name in ("image_auroc", "pixel_auroc", "pixel_ap", "aupro"):
                assert figures["accuracy", task, method, name] == pytest.approx(100 * metrics[name], abs=1e-12)
            pose = metrics["pose"]
            assert figures["pose", task, method, "rotation_deg_median"] == pose["rotation_deg_median"]
            assert figures["pose", task, method, "success_1deg"] == 100 * pose["success_1deg"]
            assert figures["timing", task, method, "seconds_per_query"] == metrics["seconds"]["query"]["total"]["mean"]
        # bricks has a third class, which was not run: no mean.
        assert ("accuracy", "mean", method, "image_auroc") not in figures
    assert "missing: 03Cat" in (site / "index.html").read_text(encoding="utf-8")


def test_texts_of_plugins_classes_and_files_are_escaped(site: Path, tmp_path: Path) -> None:
    """A hostile method, class and deviation show as text in every page; no tag of theirs is there."""
    write_unit(tmp_path / "runs", HOSTILE, HOSTILE, classes=(HOSTILE,), deviations=(HOSTILE,))
    arguments = [str(tmp_path / "runs"), "--html", str(tmp_path / "site")]
    assert CliRunner().invoke(leaderboard, arguments, standalone_mode=False).exception is None
    pages = [*site.rglob("*.html"), *(tmp_path / "site").rglob("*.html")]
    assert len(pages) == 1 + 2 + 2 + 1 + 1
    named: list[str] = []
    for path in pages:
        text = path.read_text(encoding="utf-8")
        page = _Page(text)
        assert page.tags.count("script") == 1
        assert "onerror=hacked()>" not in text
        assert not any(link == "q" for link in page.links)
        named += [path.name] if "&lt;script&gt;hacked()" in text else []
    assert len(named) == 5, named  # all but the two pages of the other method


def test_links_lead_to_files_of_the_site(site: Path) -> None:
    """From every page; nothing points to a server but papers and code, which a reader has to follow."""
    for path in site.rglob("*.html"):
        page = _page(path)
        for link in page.links:
            if link.startswith(("http", "data:", "#")):
                continue
            assert (path.parent / link.partition("#")[0]).is_file(), (path.name, link)
    files = {path.suffix for path in site.rglob("*") if path.is_file()}
    assert files == {".html", ".webp", ".png"}


def test_the_worst_mistakes_stand_first(site: Path) -> None:
    """Of the confused method: burrs are missed, two normal queries are false alarms, all before what is right."""
    (path,) = (site / "galleries").glob(f"*{slug(HOSTILE)}*")
    text = path.read_text(encoding="utf-8")
    kinds = re.findall(r'<li data-task="[^"]+" data-kind="([^"]+)"', text)
    assert len(kinds) == 60
    assert kinds.count("misses") == 14 and kinds.count("false alarms") == 4
    assert set(kinds[18:]) == {"right"}
    assert kinds[:4] == ["false alarms"] * 4  # 7 of 21 defects score lower; of the normal queries 2 of 9 score higher
    assert "false alarm, 33 % wrong" in text and "miss, 22 % wrong" in text


def test_a_folder_with_other_files_is_refused_and_an_older_site_replaced(tmp_path: Path) -> None:
    """Nothing of the reader's is deleted; nothing of an older site remains; a failed try leaves the older one."""
    write_unit(tmp_path / "runs", CLASSES[0])
    arguments = [str(tmp_path / "runs"), "--html"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "index.html").write_text("<html>my page</html>")
    for target in (mine, mine / "index.html"):
        result = CliRunner().invoke(leaderboard, [*arguments, str(target)], standalone_mode=False)
        assert isinstance(result.exception, UserError) and str(target) in str(result.exception)
    assert [path.name for path in mine.iterdir()] == ["index.html"]
    for _ in range(2):
        result = CliRunner().invoke(leaderboard, [*arguments, str(tmp_path / "site")], standalone_mode=False)
        assert result.exception is None
        stale = (tmp_path / "site" / "methods" / "stale.html").exists()
        (tmp_path / "site" / "methods" / "stale.html").write_text("old")
    assert not stale
    (tmp_path / "site" / "CNAME").write_text("mine")
    result = CliRunner().invoke(leaderboard, [*arguments, str(tmp_path / "site")], standalone_mode=False)
    assert isinstance(result.exception, UserError) and "'CNAME'" in str(result.exception)
    (tmp_path / "site" / "CNAME").unlink()
    before = (tmp_path / "site" / "index.html").read_bytes()
    (tmp_path / "runs" / "bricks" / "alpha" / "lite" / CLASSES[0] / "seed0" / "recipe.yaml").unlink()
    result = CliRunner().invoke(leaderboard, [*arguments, str(tmp_path / "site")], standalone_mode=False)
    assert isinstance(result.exception, UserError)
    assert (tmp_path / "site" / "index.html").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "runs", "site"]


def test_relative_folders_are_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From within a unit, and into the current folder, which is empty, through a link."""
    run = write_unit(tmp_path / "runs", CLASSES[0]).path
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / "link").symlink_to(target)
    monkeypatch.chdir(run)
    assert CliRunner().invoke(leaderboard, ["."], standalone_mode=False).exception is None
    monkeypatch.chdir(run.parent)
    assert CliRunner().invoke(leaderboard, ["seed0"], standalone_mode=False).exception is None
    result = CliRunner().invoke(leaderboard, ["seed0", "--html", str(tmp_path / "link")], standalone_mode=False)
    assert result.exception is None
    assert (tmp_path / "link").is_symlink() and (target / "index.html").is_file()


def test_without_the_data_set_the_page_says_why_there_is_no_gallery(tmp_path: Path) -> None:
    """The boards are there; the reason stands on the page and on the terminal."""
    write_unit(tmp_path / "runs", CLASSES[0], dataset="unknown-set")
    result = CliRunner().invoke(report, [str(tmp_path / "runs")], standalone_mode=False)
    assert result.exception is None
    assert "no gallery of alpha" in result.output
    text = (tmp_path / "runs" / "report" / "index.html").read_text(encoding="utf-8")
    assert "no gallery of alpha" in text and "unknown-set" in text
    assert not (tmp_path / "runs" / "report" / "galleries").exists()


def test_a_report_is_the_page_of_one_run(site: Path, tmp_path: Path) -> None:
    """Its metrics, its recipe with hashes, and its gallery."""
    run = site.parent / "runs" / "bricks" / "oracle" / "lite" / TASKS[0] / "seed0"
    arguments: list[Any] = [str(run), "--html", str(tmp_path / "report")]
    assert CliRunner().invoke(report, arguments, standalone_mode=False).exception is None
    metrics = json.loads((run / "metrics.json").read_text())
    figures = _page(tmp_path / "report" / "index.html").figures
    assert figures["accuracy", TASKS[0], "oracle", "pixel_ap"] == pytest.approx(100 * metrics["pixel_ap"], abs=1e-12)
    (method,) = (tmp_path / "report" / "methods").iterdir()
    info = json.loads((run / "unit.json").read_text())
    assert f'title="{info["hashes"]["data"]}"' in method.read_text()
    (gallery,) = (tmp_path / "report" / "galleries").iterdir()
    assert gallery.read_text().count("<li data-task") == 30
