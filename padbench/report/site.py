"""The static site: boards, plots, method pages and galleries that open from the disk, without server and network."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import padbench
from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.leaderboard.attributes import AttributePoint
from padbench.leaderboard.board import MEAN, Board
from padbench.plugins import Plugins
from padbench.report.board_plots import board_plots
from padbench.report.gallery import Case
from padbench.report.method_page import describe_method
from padbench.report.slug import slug
from padbench.report.table_view import view

_GENERATOR = '<meta name="generator" content="padbench">'


@dataclass(frozen=True)
class Gallery:
    """The cases of a method on a data set. notes: what is not shown, and why."""

    dataset: str
    method: str
    profile: str
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
    """Make sure that a site may be written there; raises UserError where the folder holds anything else."""
    if folder.is_file():
        raise UserError(f"{folder} is a file: give a folder for the pages")
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    index = folder / "index.html"
    if not index.is_file() or _GENERATOR not in index.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise UserError(f"{folder} holds other files than pages of padbench: give a new or an empty folder")


def replace_site(made: Path, folder: Path) -> None:
    """Put a finished site in the place of an older one."""
    if folder.exists():
        shutil.rmtree(folder)
    made.rename(folder)


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
        key: f"galleries/{slug(*key)}.html"
        for key in ((gallery.dataset, gallery.method, gallery.profile) for gallery in content.galleries)
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
            gallery=galleries[0] if galleries else None,
            **describe_method(content.provenance[dataset], label, plugins),
        )
    for gallery in content.galleries:
        file = gallery_pages[gallery.dataset, gallery.method, gallery.profile]
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
    gallery_pages: dict[tuple[str, str, str], str],
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
        "chosen": MEAN if MEAN in classes else "",
        "has_published": published,
        "only_published": published and name not in content.provenance,
        "links": {label: page for (dataset, label), page in method_pages.items() if dataset == name},
        "galleries": [
            {
                "title": f"{gallery.method} (profile {gallery.profile})",
                "link": gallery_pages[gallery.dataset, gallery.method, gallery.profile],
                "size": gallery.queries,
            }
            for gallery in content.galleries
            if gallery.dataset == name
        ],
    }


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
    if case.wrongness is None:
        verdict = "failed"
    elif case.wrongness == 0:
        verdict = "right"
    else:
        verdict = f"{'miss' if case.kind == 'misses' else 'false alarm'}, {100 * case.wrongness:.0f} % wrong"
    pictures = {name: getattr(case, name) for name in ("query", "rendering", "map", "truth")}
    return {
        **{name: file and f"../{file}" for name, file in pictures.items()},
        "task": case.task,
        "id": case.id,
        "kind": case.kind,
        "wrongness": case.wrongness is None or case.wrongness > 0,
        "verdict": verdict,
        "facts": "; ".join((verdict, *case.facts)),
        "short": "; ".join(case.facts[:2]),
        "width": case.width,
        "height": case.height,
    }
