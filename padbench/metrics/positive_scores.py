"""The distinct scores of positive pixels, highest first, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from padbench.metrics.ordered_keys import Keys

_PENDING = 1 << 22


@dataclass(frozen=True)
class PositiveScores:
    """Distinct keys of positive pixels, ascending, with what shares each key.

    counts: pixels. overlap: sum over the pixels of 1 / size of their region.
    """

    keys: Keys  # (U,)
    counts: NDArray[np.int64]  # (U,)
    overlap: NDArray[np.float64]  # (U,)


class PositiveScoreCollector:
    """Keeps the `capacity` highest distinct keys below `ceiling` of all positive pixels it is given.

    When there are more, the lowest are forgotten and `complete` turns False: they are for another pass, whose ceiling
    is the lowest key of this one.
    """

    def __init__(self, ceiling: int, capacity: int) -> None:
        self.complete = True
        self._ceiling = ceiling
        self._capacity = capacity
        self._floor = 0
        self._table = PositiveScores(np.empty(0, np.uint32), np.empty(0, np.int64), np.empty(0, np.float64))
        self._pending: list[NDArray[np.uint64]] = []
        self._pending_size = 0
        self._region_weight: list[float] = []

    def add(self, keys: Keys, regions: NDArray[np.int32]) -> int:
        """Add the positive pixels of one map and return how many regions they form.

        keys: (P,). regions: (P,), the region of each pixel, 1 to the number of regions.
        """
        sizes = np.bincount(regions)[1:]
        first = len(self._region_weight) - 1
        self._region_weight.extend((1 / sizes).tolist())
        kept = (keys >= self._floor) & (keys < self._ceiling)
        packed = (keys[kept].astype(np.uint64) << np.uint64(32)) | (regions[kept] + first).astype(np.uint64)
        self._pending.append(packed)
        self._pending_size += len(packed)
        if self._pending_size >= _PENDING:
            self._merge_pending()
        return len(sizes)

    def collected(self) -> PositiveScores:
        """What was collected, ascending."""
        self._merge_pending()
        return self._table

    def _merge_pending(self) -> None:
        if self._pending_size == 0:
            return
        packed = np.concatenate(self._pending)
        self._pending.clear()
        self._pending_size = 0
        # Key and region in one integer: one in-place sort groups equal keys, and in an order that does not depend
        # on the sorting algorithm, so that the sums below are reproducible to the last bit.
        packed.sort()
        keys = (packed >> np.uint64(32)).astype(np.uint32)
        starts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
        weights = np.asarray(self._region_weight)[(packed & np.uint64(0xFFFFFFFF)).astype(np.uint32)]
        new = PositiveScores(keys[starts], np.diff(np.append(starts, len(keys))), np.add.reduceat(weights, starts))
        del packed, keys, starts, weights
        self._table = _merged(self._table, new)
        if len(self._table.keys) > self._capacity:
            self.complete = False
            highest = slice(-self._capacity, None)
            self._table = PositiveScores(
                self._table.keys[highest].copy(),
                self._table.counts[highest].copy(),
                self._table.overlap[highest].copy(),
            )
            self._floor = int(self._table.keys[0])


def _merged(a: PositiveScores, b: PositiveScores) -> PositiveScores:
    if len(a.keys) == 0:
        return b
    keys = np.union1d(a.keys, b.keys)
    counts, overlap = np.zeros(len(keys), np.int64), np.zeros(len(keys))
    for part in (a, b):
        position = np.searchsorted(keys, part.keys)
        counts[position] += part.counts
        overlap[position] += part.overlap
    return PositiveScores(keys, counts, overlap)
