"""Galleries: every query of a method with its rendering, map and truth, the worst mistakes first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from padbench.atomic import write_atomically
from padbench.metrics.unit import failed, records
from padbench.report.colour_scale import ColourScale
from padbench.report.facts import facts
from padbench.report.panels import (
    TRUE_COLOUR,
    Pixels,
    boxes,
    corners,
    fitted_size,
    outline,
    overlay,
    resized,
    to_image,
)
from padbench.report.slug import slug
from padbench.scene import GroundTruth, Query
from padbench.store import RunFolder

LONGEST = 40
"""Queries shown of a unit: the worst ones, so that a page stays light."""
_LONGER_SIDE = 320
FALSE_ALARMS, MISSES, RIGHT, FAILED, UNRANKED = "false alarms", "misses", "right", "failed", "not ranked"


@dataclass(frozen=True)
class Case:
    """A query on a page. wrongness: its share in what the image AUROC lacks, 0 to 1; None where it is not defined.

    query, rendering, map, truth: files relative to the site, None where there is none. width, height: of the pictures.
    """

    task: str
    id: str
    kind: str
    wrongness: float | None
    facts: tuple[str, ...]
    query: str
    rendering: str | None
    map: str | None
    truth: str | None
    width: int
    height: int


def mistakes(scores: NDArray[np.float64], anomalous: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How wrong each query is ranked, 0 to 1: (N,) scores, (N,) labels -> (N,).

    Of a normal query the share of anomalous ones that score no higher (ties count half), of an anomalous one that of
    normal ones that score no lower: the mean over the normal (or the anomalous) queries is 1 - AUROC. NaN where there
    are no others.
    """
    wrong = np.full(len(scores), np.nan)
    for own in (True, False):
        others = np.sort(scores[anomalous != own])
        if len(others):
            below = np.searchsorted(others, scores, "left")
            ties = np.searchsorted(others, scores, "right") - below
            beaten = len(others) - below - ties if own else below
            share = (beaten + 0.5 * ties) / len(others)
            wrong = np.where(anomalous == own, share, wrong)
    return wrong


def make_cases(
    run: RunFolder, queries: Sequence[Query], ground_truth: Sequence[GroundTruth], site: Path
) -> tuple[list[Case], int]:
    """Write the pictures of a unit below `site`/media; returns the cases, worst first, and how many queries it has.

    Queries and truths are written once for all methods that see them at the same size.
    """
    rows = records(run)
    truths = {truth.query_id: truth for truth in ground_truth}
    images = {query.id: query for query in queries}
    predicted = [row for row in rows if not failed(row)]
    anomalous = np.array([truths[row["id"]].anomalous for row in predicted], dtype=bool)
    scores = np.array([row["image_score"] for row in predicted], dtype=np.float64)
    ranked = zip(predicted, mistakes(scores, anomalous).tolist(), strict=True)
    wrongness: dict[str, float] = {row["id"]: wrong for row, wrong in ranked if wrong == wrong}
    numbers = {query.id: number for number, query in enumerate(queries)}
    # Failed queries first: nothing is worse than no answer. Equal ones in the order of the data set.
    rows.sort(key=lambda row: (-wrongness.get(row["id"], 2.0), numbers[row["id"]]))
    scale = ColourScale.of(run.anomaly_map(row) for row in predicted)
    shared = Path("media", slug(run.unit.dataset, run.unit.task), run.info["hashes"]["data"][:8])
    own = Path(
        "media",
        slug(run.unit.dataset, run.unit.method, run.unit.profile, run.unit.task, run.info["hashes"]["recipe"][:8]),
    )
    cases = []
    for row in rows[:LONGEST]:
        truth, pixels = truths[row["id"]], images[row["id"]].load()
        size = fitted_size(pixels, min(_LONGER_SIDE, max(pixels.shape[:2])))
        shown = resized(pixels, size)
        number = f"{numbers[row['id']]:04d}"
        query = shared / f"{number}-{size[1]}.webp"
        if not (site / query).exists():
            _write_webp(site / query, to_image(shown))
        marked = _marked(run, row, truth, size)
        rendering = run.rendering(row["id"])
        cases.append(
            Case(
                run.unit.task,
                str(row["id"]),
                FAILED if failed(row) else _kind(wrongness.get(row["id"]), truth),
                wrongness.get(row["id"]),
                tuple(facts(row, truth)),
                query.as_posix(),
                None if rendering is None else _written(site, own / f"{number}-normal.webp", resized(rendering, size)),
                None
                if failed(row)
                else _written(site, own / f"{number}-map.webp", overlay(run.anomaly_map(row), shown, scale)),
                None if marked is None else _written_png(site, own / f"{number}-truth.png", marked),
                size[1],
                size[0],
            )
        )
    return cases, len(rows)


def _kind(wrongness: float | None, truth: GroundTruth) -> str:
    if wrongness is None:
        return UNRANKED
    if wrongness == 0:
        return RIGHT
    return MISSES if truth.anomalous else FALSE_ALARMS


def _marked(run: RunFolder, row: dict[str, Any], truth: GroundTruth, size: tuple[int, int]) -> Image.Image | None:
    """The outline of the defect and the boxes on a transparent ground; None where there is nothing to mark."""
    band, drawn = outline(truth, size), boxes(run, row, truth)
    if band is None and not drawn:
        return None
    pixels = np.zeros((*size, 4), dtype=np.uint8)
    if band is not None:
        pixels[band] = (*TRUE_COLOUR, 255)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for colour, box in drawn:
        draw.rectangle(corners(box, size), outline=(*colour, 255), width=2)
    return image


def _written(site: Path, file: Path, pixels: Pixels) -> str:
    _write_webp(site / file, to_image(pixels))
    return file.as_posix()


def _written_png(site: Path, file: Path, image: Image.Image) -> str:
    buffer = io.BytesIO()
    image.quantize(8, Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    write_atomically(site / file, buffer.getvalue())
    return file.as_posix()


def _write_webp(path: Path, image: Image.Image) -> None:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=82, method=4)
    write_atomically(path, buffer.getvalue())
