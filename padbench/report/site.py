"""The static site: boards, plots, method pages and galleries that open from the disk, without server and network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import padbench
from padbench.atomic import unwritable, write_atomically
from padbench.errors import UserError
from padbench.leaderboard.attributes import AttributePoint
from padbench.leaderboard.board import MEAN, Board, Row
from padbench.plugins import Plugins
from padbench.report.board_plots import board_plots
from padbench.report.gallery import FAILED, FALSE_ALARMS, MISSES, Case
from padbench.report.method_page import describe_method
from padbench.report.slug import slug
from padbench.report.table_view import view

_PARTS = {"index.html", "methods", "galleries", "media"}
_GENERATOR = '<meta name="generator" content="padbench">'


@dataclass(frozen=True)
class Gallery:
    """The cases of a method on a data set. mark: tells recipes apart, or empty. notes: what is not shown, and why."""

    dataset: str
    method: str
    profile: str
    mark: str
    reference: str
    cases: tuple[Case, ...]
    queries: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Content:
    """What a site is made of. provenance: by data set. points: of attributes. warnings: said on the first page."""

    title: str
    lead: str
    boards: tuple[Board, ...]
    provenance: dict[str, dict[str, Any]]
    galleries: tuple[Gallery, ...] = ()
    points: tuple[AttributePoint, ...] = ()
    warnings: tuple[str, ...] = ()


def claim(folder: Path) -> None:
    """Make sure that a site may be written there; raises UserError where the folder holds anything but an older one."""
    if folder.is_file():
        raise UserError(f"{folder} is a file: give a folder for the pages")
    present = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if foreign := sorted(present - _PARTS):
        raise UserError(f"{folder} holds {foreign[0]!r}, which is no part of a site: give a new or an empty folder")
    index = folder / "index.html"
    if present and not (index.is_file() and _GENERATOR in index.read_text(encoding="utf-8", errors="replace")[:2000]):
        raise UserError(f"{folder} holds pages that padbench did not write: give a new or an empty folder")


def replace_site(made: Path, folder: Path) -> None:
    """Put a finished site in the place of an older one, which stays where that fails."""
    older = folder.with_name(f".{folder.name}.older")
    shutil.rmtree(older, ignore_errors=True)
    try:
        if folder.exists():
            folder.rename(older)
        made.rename(folder)
    except BaseException as error:
        if older.exists() and not folder.exists():
            older.rename(folder)
        if isinstance(error, OSError):
            raise unwritable(folder, error) from error
        raise
    shutil.rmtree(older, ignore_errors=True)


def write_pages(folder: Path, content: Content, plugins: Plugins) -> list[Path]:
    """Write index.html, methods/ and galleries/ and return the files; the pictures of the galleries lie in media/."""
    pages = _environment()
    files: dict[Path, str] = {}
    method_pages = {
        (dataset, label): f"methods/{slug(dataset, label)}.html"
        for dataset, known in content.provenance.items()
        for label in dict.fromkeys(unit["method"] for unit in known["units"])
    }
    gallery_pages = {
        key: f"galleries/{slug(*filter(None, key))}.html"
        for key in ((gallery.dataset, gallery.method, gallery.profile, gallery.mark) for gallery in content.galleries)
    }
    files[folder / "index.html"] = pages.get_template("index.html").render(
        title=content.title,
        lead=content.lead,
        warnings=content.warnings,
        datasets=[
            _dataset(name, content, method_pages, gallery_pages)
            for name in dict.fromkeys(board.dataset for board in content.boards)
        ],
    )
    for (dataset, label), file in method_pages.items():
        galleries = [page for key, page in gallery_pages.items() if key[:2] == (dataset, label)]
        files[folder / file] = pages.get_template("method.html").render(
            dataset=dataset,
            anchor=slug(dataset),
            galleries=galleries,
            **describe_method(content.provenance[dataset], label, plugins),
        )
    for gallery in content.galleries:
        file = gallery_pages[gallery.dataset, gallery.method, gallery.profile, gallery.mark]
        method_page = method_pages[gallery.dataset, gallery.method]
        files[folder / file] = pages.get_template("gallery.html").render(**_gallery(gallery, method_page))
    for path, text in files.items():
        write_atomically(path, text.encode())
    return list(files)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("padbench.report"),
        autoescape=True,
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    templates = Path(__file__).parent / "templates"
    environment.globals.update(
        version=padbench.__version__,
        style=Markup((templates / "style.css").read_text(encoding="utf-8")),  # our own files, not data
        script=Markup((templates / "site.js").read_text(encoding="utf-8")),
    )
    return environment


def _dataset(
    name: str,
    content: Content,
    method_pages: dict[tuple[str, str], str],
    gallery_pages: dict[tuple[str, str, str, str], str],
) -> dict[str, Any]:
    boards = [board for board in content.boards if board.dataset == name]
    sections = [section for board in boards for section in board.sections]
    rows = [row for section in sections for row in section.rows]
    classes = list(dict.fromkeys(row.labels["class"] for row in rows if row.labels.get("class")))
    published = any("source" in section.facts for section in sections)
    return {
        "name": name,
        "anchor": slug(name),
        "boards": [view(board, board_plots(board, content.points)) for board in boards],
        "classes": sorted(classes, key=lambda label: label != MEAN) if len(classes) > 1 else [],
        "chosen": MEAN if any(row.labels.get("class") == MEAN and row.values for row in rows) else "",
        "has_published": published,
        "only_published": published and name not in content.provenance,
        "links": _links(rows, {label: page for (dataset, label), page in method_pages.items() if dataset == name}),
        "galleries": [
            {
                "title": f"{gallery.method} (profile {', '.join(filter(None, (gallery.profile, gallery.mark)))})",
                "link": gallery_pages[gallery.dataset, gallery.method, gallery.profile, gallery.mark],
                "size": gallery.queries,
            }
            for gallery in content.galleries
            if gallery.dataset == name
        ],
    }


def _links(rows: Sequence[Row], pages: dict[str, str]) -> dict[str, str]:
    """The page of each name in the column of methods, also of those that are told apart by recipe or folder."""
    names = {row.labels["method"] for row in rows if row.labels.get("method")}
    links = {}
    for name in names:
        known = [label for label in pages if name == label or name.startswith(f"{label} (")]
        if known:
            links[name] = pages[max(known, key=len)]
    return links


def _gallery(gallery: Gallery, method_page: str) -> dict[str, Any]:
    return {
        "title": f"{gallery.method} on {gallery.dataset}: queries",
        "dataset": gallery.dataset,
        "anchor": slug(gallery.dataset),
        "method_page": method_page,
        "notes": gallery.notes,
        "tasks": list(dict.fromkeys(case.task for case in gallery.cases)),
        "kinds": list(dict.fromkeys(case.kind for case in gallery.cases)),
        "rendering_title": "rendered depth" if gallery.reference == "mesh" else "normal rendering",
        "cases": [_case(case) for case in gallery.cases],
    }


def _case(case: Case) -> dict[str, Any]:
    verdict = case.kind
    if case.kind in (MISSES, FALSE_ALARMS) and case.wrongness is not None:
        share = "less than 1" if case.wrongness < 0.01 else f"{100 * case.wrongness:.0f}"
        verdict = f"{'miss' if case.kind == MISSES else 'false alarm'}, {share} % wrong"
    pictures = {name: getattr(case, name) for name in ("query", "rendering", "map", "truth")}
    return {
        **{name: file and f"../{file}" for name, file in pictures.items()},
        "task": case.task,
        "id": case.id,
        "kind": case.kind,
        "wrong": case.kind in (MISSES, FALSE_ALARMS, FAILED),
        "verdict": verdict,
        "facts": "; ".join((verdict, *case.facts)),
        "short": "; ".join(case.facts[:2]),
        "width": case.width,
        "height": case.height,
    }
