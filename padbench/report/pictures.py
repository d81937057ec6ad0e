"""One picture per query: what was asked, what normal looks like there, what was found, what is true."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from padbench.atomic import write_atomically
from padbench.metrics.map_size import resize_map
from padbench.metrics.pose import rotation_errors, translation_errors
from padbench.metrics.unit import failed, matrices, records
from padbench.report.colour_scale import HIGH_PERCENTILE, LOW_PERCENTILE, ColourScale, colours
from padbench.scene import GroundTruth, Query
from padbench.store import RunFolder

Pixels = NDArray[np.float32]  # (H, W, 3) RGB in [0, 1]
Box = tuple[float, float, float, float]  # x, y, width, height

_PANEL = 360  # longer side of a panel, pixels
_MARGIN, _GAP = 20, 14
_LEAST_WIDTH = 1000  # room for the text above narrow panels
_HEADER, _CAPTION, _FOOTER = 62, 26, 44
_INK, _PALE, _OUTLINE, _FOUND = (30, 30, 34), (110, 110, 118), (0, 220, 235), (235, 0, 160)
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
    factor = _PANEL / max(query.shape[:2])
    size = (round(query.shape[0] * factor), round(query.shape[1] * factor))
    shown = _resized(query, size)
    outline = _outline(truth, size)
    titles = list(_TITLES)
    if run.recipe.get("reference") == "mesh":
        titles[1] = _DEPTH_TITLE
    panels = [
        shown,
        _rendering(run, row, size),
        None if failed(row) else _marked(_overlay(run.anomaly_map(row), shown, scale), outline),
        _marked(shown, outline),
    ]
    width = max(_LEAST_WIDTH, 2 * _MARGIN + len(panels) * size[1] + (len(panels) - 1) * _GAP)
    canvas = Image.new("RGB", (width, _HEADER + _CAPTION + size[0] + _FOOTER), "white")
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 12), f"{run.unit.task}   {row['id']}", _INK, _font(20))
    draw.text((_MARGIN, 38), _facts(row, truth), _INK, _font(15))
    for index, (title, panel) in enumerate(zip(titles, panels, strict=True)):
        left, top = _MARGIN + index * (size[1] + _GAP), _HEADER + _CAPTION
        draw.text((left, _HEADER + 4), title, _PALE, _font(15))
        if panel is None:
            draw.rectangle((left, top, left + size[1] - 1, top + size[0] - 1), (240, 240, 242))
            draw.text((left + size[1] / 2, top + size[0] / 2), "none", _PALE, _font(15), anchor="mm")
        else:
            canvas.paste(_to_image(panel), (left, top))
            if index >= 2:
                _draw_boxes(draw, left, top, size, _boxes(run, row, truth))
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


def _boxes(run: RunFolder, row: dict[str, Any], truth: GroundTruth) -> list[tuple[tuple[int, int, int], Box]]:
    """The true and the found box of an anomalous query with their colours, as shares of width and height."""
    if truth.box is None or truth.load_mask is None:
        return []
    height, width = truth.load_mask().shape
    boxes = [(_OUTLINE, _shares(truth.box, width, height))]
    if not failed(row) and row.get("box") is not None:
        height, width = run.anomaly_map(row).shape
        boxes.append((_FOUND, _shares(row["box"], width, height)))
    return boxes


def _shares(box: Sequence[float], width: int, height: int) -> Box:
    x, y, across, down = (float(value) for value in box)
    return x / width, y / height, across / width, down / height


def _draw_boxes(
    draw: ImageDraw.ImageDraw,
    left: int,
    top: int,
    size: tuple[int, int],
    boxes: Sequence[tuple[tuple[int, int, int], Box]],
) -> None:
    for colour, (x, y, width, height) in boxes:
        corners = (x * size[1], y * size[0], (x + max(width, 0)) * size[1], (y + max(height, 0)) * size[0])
        draw.rectangle(
            [left + corners[0], top + corners[1], left + corners[2], top + corners[3]], outline=colour, width=2
        )


def _facts(row: dict[str, Any], truth: GroundTruth) -> str:
    facts = [f"defect: {truth.defect}" if truth.anomalous else "normal"]
    if failed(row):
        return f"{facts[0]}     failed: {shorten(row['error'], 110)}"
    facts.append(f"image score {row['image_score']:.4g}")
    if truth.world_to_camera is not None and row.get("world_to_camera") is not None:
        true = truth.world_to_camera[None]
        final = matrices([row], "world_to_camera")
        facts.append(f"rotation error {_degrees(final, true)}")
        facts.append(f"translation error {translation_errors(final, true)[0]:.3g}")
        if row.get("coarse_world_to_camera") is not None:
            facts[-2] += f" (coarse {_degrees(matrices([row], 'coarse_world_to_camera'), true)})"
    return "     ".join(facts)


def _degrees(estimated: NDArray[np.float64], true: NDArray[np.float64]) -> str:
    return f"{np.rad2deg(rotation_errors(estimated, true)[0]):.2f}°"


def _truth_caption(truth: GroundTruth) -> str:
    if not truth.anomalous:
        return "normal: nothing to find"
    return "defect outlined, also in the anomaly map" if truth.load_mask else "no mask in this data set"


def _rendering(run: RunFolder, row: dict[str, Any], size: tuple[int, int]) -> Pixels | None:
    rendering = run.rendering(row["id"])
    return None if rendering is None else _resized(rendering, size)


def _overlay(anomaly_map: NDArray[np.float32], shown: Pixels, scale: ColourScale) -> Pixels:
    """The map in colour with the edges of the query, so that one sees where on the object a score is."""
    from scipy import ndimage

    position = scale.position(resize_map(anomaly_map, (shown.shape[0], shown.shape[1])))
    grey = shown.mean(axis=2)
    # Only the fine detail: a blend with the query itself would falsify the colours.
    detail = grey - ndimage.gaussian_filter(grey, 4)
    overlay: Pixels = np.clip(colours(position) + 0.5 * detail[..., None], 0, 1).astype(np.float32)
    return overlay


def _outline(truth: GroundTruth, size: tuple[int, int]) -> NDArray[np.bool_] | None:
    """A band two pixels wide just outside the mask, at the panel's size."""
    from scipy import ndimage

    if truth.load_mask is None:
        return None
    share = resize_map(truth.load_mask().astype(np.float32), size)
    # A defect of less than half a panel pixel is still outlined.
    inside = share >= min(0.5, float(share.max()))
    band: NDArray[np.bool_] = ndimage.binary_dilation(inside, iterations=3) & ~ndimage.binary_dilation(inside)
    return band if share.max() > 0 else None


def _marked(panel: Pixels, outline: NDArray[np.bool_] | None) -> Pixels:
    if outline is None:
        return panel
    marked = panel.copy()
    marked[outline] = np.array(_OUTLINE) / 255
    return marked


def _draw_scale(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, left: int, top: int, width: int, scale: ColourScale
) -> None:
    strip = np.broadcast_to(colours(np.linspace(0, 1, width)), (10, width, 3))
    canvas.paste(_to_image(strip.astype(np.float32)), (left, top))
    draw.text((left, top + 13), f"{scale.low:.3g}", _PALE, _font(13))
    draw.text((left + width, top + 13), f"{scale.high:.3g}", _PALE, _font(13), anchor="ra")


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    image = _to_image(pixels).resize((size[1], size[0]), Image.Resampling.LANCZOS)
    return np.asarray(image, dtype=np.float32) / np.float32(255)


def _to_image(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
