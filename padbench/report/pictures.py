"""One picture per query: what was asked, what normal looks like there, what was found, what is true."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from padbench.atomic import write_atomically
from padbench.metrics.unit import failed, records
from padbench.report.colour_scale import HIGH_PERCENTILE, LOW_PERCENTILE, ColourScale, colours
from padbench.report.facts import facts
from padbench.report.panels import (
    TRUE_COLOUR,
    Box,
    Pixels,
    boxes,
    corners,
    fitted_size,
    outline,
    overlay,
    resized,
    to_image,
)
from padbench.scene import GroundTruth, Query
from padbench.store import RunFolder

_PANEL = 360  # longer side of a panel, pixels
_MARGIN, _GAP = 20, 14
_LEAST_WIDTH = 1000  # room for the text above narrow panels
_HEADER, _CAPTION, _FOOTER = 62, 26, 44
_INK, _PALE = (30, 30, 34), (110, 110, 118)
_TITLES = ("query", "normal rendering", "anomaly map", "ground truth")
_DEPTH_TITLE = "rendered depth"
"""Of the second panel, where the reference is a mesh without texture."""


def draw_pictures(run: RunFolder, queries: Sequence[Query], ground_truth: Sequence[GroundTruth]) -> list[Path]:
    """Write pictures/<id>.png for each predicted query into the unit's folder and return the files.

    All pictures of a unit share one colour scale, so that maps can be compared by eye.
    """
    rows = records(run)
    images = {query.id: query for query in queries}
    truths = {truth.query_id: truth for truth in ground_truth}
    scale = ColourScale.of(run.anomaly_map(row) for row in rows if not failed(row))
    files = []
    for row in rows:
        picture = _draw(run, row, images[row["id"]].load(), truths[row["id"]], scale)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        path = run.path / "pictures" / f"{row['id']}.png"
        write_atomically(path, buffer.getvalue())
        files.append(path)
    return files


def _draw(run: RunFolder, row: dict[str, Any], query: Pixels, truth: GroundTruth, scale: ColourScale) -> Image.Image:
    size = fitted_size(query, _PANEL)
    shown = resized(query, size)
    band = outline(truth, size)
    titles = list(_TITLES)
    if run.recipe.get("reference") == "mesh":
        titles[1] = _DEPTH_TITLE
    panels = [
        shown,
        _rendering(run, row, size),
        None if failed(row) else _marked(overlay(run.anomaly_map(row), shown, scale), band),
        _marked(shown, band),
    ]
    width = max(_LEAST_WIDTH, 2 * _MARGIN + len(panels) * size[1] + (len(panels) - 1) * _GAP)
    canvas = Image.new("RGB", (width, _HEADER + _CAPTION + size[0] + _FOOTER), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 12), f"{run.unit.task}   {row['id']}", _INK, _font(20))
    draw.text((_MARGIN, 38), "     ".join(facts(row, truth)), _INK, _font(15))
    for index, (title, panel) in enumerate(zip(titles, panels, strict=True)):
        left, top = _MARGIN + index * (size[1] + _GAP), _HEADER + _CAPTION
        draw.text((left, _HEADER + 4), title, _PALE, _font(15))
        if panel is None:
            draw.rectangle((left, top, left + size[1] - 1, top + size[0] - 1), (240, 240, 242))
            draw.text((left + size[1] / 2, top + size[0] / 2), "none", _PALE, _font(15), anchor="mm")
        else:
            canvas.paste(to_image(panel), (left, top))
            if index >= 2:
                _draw_boxes(draw, left, top, size, boxes(run, row, truth))
        draw.rectangle((left - 1, top - 1, left + size[1], top + size[0]), outline=(200, 200, 205))
        if title == "anomaly map":
            _draw_scale(canvas, draw, left, top + size[0] + 8, size[1], scale)
        elif title == "ground truth":
            draw.text((left, top + size[0] + 6), _truth_caption(truth), _PALE, _font(13))
            if truth.box is not None and row.get("box") is not None:
                draw.text((left, top + size[0] + 23), "boxes: true (blue) and found (magenta)", _PALE, _font(13))
    caption = f"colours: {LOW_PERCENTILE:g}st to {HIGH_PERCENTILE:g}th percentile of all maps of {run.unit.task}, "
    caption += "for display only"
    draw.text((_MARGIN, _HEADER + _CAPTION + size[0] + 6), f"{run.unit}", _PALE, _font(13))
    draw.text((_MARGIN, _HEADER + _CAPTION + size[0] + 23), caption, _PALE, _font(13))
    return canvas


def _draw_boxes(
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    size: tuple[int, int],
    marked: Sequence[tuple[tuple[int, int, int], Box]],
) -> None:
    for colour, box in marked:
        x0, y0, x1, y1 = corners(box, size)
        draw.rectangle([left + x0, top + y0, left + x1, top + y1], outline=colour, width=2)


def _truth_caption(truth: GroundTruth) -> str:
    if not truth.anomalous:
        return "normal: nothing to find"
    return "defect outlined, also in the anomaly map" if truth.load_mask else "no mask in this data set"


def _rendering(run: RunFolder, row: dict[str, Any], size: tuple[int, int]) -> Pixels | None:
    rendering = run.rendering(row["id"])
    return None if rendering is None else resized(rendering, size)


def _marked(panel: Pixels, band: NDArray[np.bool_] | None) -> Pixels:
    if band is None:
        return panel
    marked = panel.copy()
    marked[band] = np.array(TRUE_COLOUR) / 255
    return marked


def _draw_scale(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int, width: int, scale: ColourScale
) -> None:
    strip = np.broadcast_to(colours(np.linspace(0, 1, width)), (10, width, 3))
    canvas.paste(to_image(strip.astype(np.float32)), (left, top))
    draw.text((left, top + 13), f"{scale.low:.3g}", _PALE, _font(13))
    draw.text((left + width, top + 13), f"{scale.high:.3g}", _PALE, _font(13), anchor="ra")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
