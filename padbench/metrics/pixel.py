"""Pixel AUROC, pixel average precision and AUPRO of any number of maps: exact, in two passes and bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from padbench.metrics.aupro import RegionOverlapArea
from padbench.metrics.ordered_keys import Keys, ordered_keys
from padbench.metrics.positive_scores import PositiveScoreCollector, PositiveScores

MapsAndMasks = Callable[[], Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]]]

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)
_CAPACITY = 1 << 22
_CHUNK = 1 << 24
_ABOVE_ALL_KEYS = 1 << 32


def pixel_metrics(maps_and_masks: MapsAndMasks, capacity: int = _CAPACITY) -> dict[str, float]:
    """Compute pixel_auroc, pixel_ap and aupro over all pixels; empty where there is no positive or no negative pixel.

    maps_and_masks: called once per pass, yields the same anomaly maps (H, W) float32 and masks (H, W) bool each time.
    capacity: distinct positive scores held at once; beyond it further pairs of passes follow, from high to low scores.

    pixel_auroc counts ties one half; pixel_ap is the sum of (R_n - R_n-1) P_n; aupro see `RegionOverlapArea`, over
    8-connected regions, false positives counted over all maps, as MVTec AD defines it. All three follow exactly from
    the distinct scores of the positive pixels and the number of negative pixels above and at each of them.
    Raises UserError when a score is NaN or infinite, ValueError when a mask's size is not its map's.
    """
    ceiling = _ABOVE_ALL_KEYS
    curves: _Curves | None = None
    while True:
        collector = PositiveScoreCollector(ceiling, capacity)
        positives = negatives = regions = 0
        for keys, mask in _checked(maps_and_masks()):
            positive_count = int(np.count_nonzero(mask))
            positives += positive_count
            negatives += mask.size - positive_count
            if positive_count:
                regions += collector.add(keys[mask], _label(mask))
        if positives == 0 or negatives == 0:
            return {}
        curves = curves or _Curves(positives, negatives, regions)
        scores = collector.collected()
        curves.extend(scores, *_count_negatives(maps_and_masks, scores.keys))
        if collector.complete:
            return curves.values()
        ceiling = int(scores.keys[0])


class _Curves:
    """Sums all three metrics from high to low scores of positive pixels."""

    def __init__(self, positives: int, negatives: int, regions: int) -> None:
        self._positives = positives
        self._negatives = negatives
        self._region_overlap = RegionOverlapArea(negatives, regions)
        self._true_positives = 0
        self._twice_ordered_pairs = 0
        self._precision_sum = 0.0

    def extend(self, scores: PositiveScores, above: NDArray[np.int64], equal: NDArray[np.int64]) -> None:
        """Continue by lower scores, given ascending with the negatives above and at each."""
        counts, above, equal = scores.counts[::-1], above[::-1], equal[::-1]
        true_positives = self._true_positives + np.cumsum(counts)
        self._twice_ordered_pairs += int(np.dot(counts, 2 * (self._negatives - above) - equal))
        self._precision_sum += float(np.dot(counts, true_positives / (true_positives + above + equal)))
        self._true_positives = int(true_positives[-1])
        self._region_overlap.extend(scores.overlap[::-1], above, equal)

    def values(self) -> dict[str, float]:
        return {
            "pixel_auroc": self._twice_ordered_pairs / (2 * self._positives * self._negatives),
            "pixel_ap": min(1.0, self._precision_sum / self._positives),
            "aupro": self._region_overlap.value(),
        }


def _count_negatives(maps_and_masks: MapsAndMasks, keys: Keys) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stream all negative pixels and count those above and those at each of the ascending keys."""
    above, equal = np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    for chunk in _chunks(_relevant_negatives(maps_and_masks, keys[0])):
        chunk.sort()
        up_to = np.searchsorted(chunk, keys, side="right")
        above += len(chunk) - up_to
        equal += up_to
        equal -= np.searchsorted(chunk, keys, side="left")
    return above, equal


def _relevant_negatives(maps_and_masks: MapsAndMasks, lowest: np.uint32) -> Iterator[Keys]:
    for keys, mask in _checked(maps_and_masks()):
        yield keys[~mask & (keys >= lowest)]


def _chunks(parts: Iterable[Keys]) -> Iterator[Keys]:
    """Join arrays into arrays of about `_CHUNK`: few, long sorts."""
    waiting: list[Keys] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _CHUNK:
            joined = np.concatenate(waiting)
            waiting.clear()
            size = 0
            yield joined
            del joined
    yield np.concatenate([*waiting, np.empty(0, np.uint32)])


def _checked(
    pairs: Iterable[tuple[NDArray[np.float32], NDArray[np.bool_]]],
) -> Iterator[tuple[Keys, NDArray[np.bool_]]]:
    for number, (anomaly_map, mask) in enumerate(pairs):
        if anomaly_map.shape != mask.shape:
            raise ValueError(f"map {number} has size {anomaly_map.shape}, its mask {mask.shape}")
        yield ordered_keys(anomaly_map.astype(np.float32, copy=False), f"anomaly map {number}"), mask


def _label(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The number of the 8-connected region of each positive pixel, in the order of `array[mask]`."""
    from scipy import ndimage

    labels: NDArray[np.int32] = ndimage.label(mask, structure=_EIGHT_NEIGHBOURS)[0]
    return labels[mask]
