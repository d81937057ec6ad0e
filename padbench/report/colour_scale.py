"""Colours of anomaly maps in pictures. For display only: nothing here touches a score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.9
_SAMPLES_PER_MAP = 1 << 16

# The colour map "inferno" (perceptually uniform, dark to bright) at 13 equidistant points.
_INFERNO = np.array(
    [
        (0, 0, 4),
        (17, 10, 48),
        (50, 10, 94),
        (87, 16, 110),
        (120, 28, 109),
        (154, 40, 101),
        (188, 55, 84),
        (216, 76, 62),
        (237, 105, 37),
        (249, 142, 9),
        (251, 182, 26),
        (244, 223, 83),
        (252, 255, 164),
    ],
    dtype=np.float64,
)


@dataclass(frozen=True)
class ColourScale:
    """The range of anomaly scores that the colours span; scores outside take the end colours."""

    low: float
    high: float

    @staticmethod
    def of(maps: Iterable[NDArray[np.float32]]) -> ColourScale:
        """From the 1st to the 99.9th percentile of all maps, each sampled on a regular grid of up to 65536 pixels."""
        samples = [anomaly_map.ravel()[:: anomaly_map.size // _SAMPLES_PER_MAP + 1] for anomaly_map in maps]
        if not samples:
            return ColourScale(0.0, 1.0)
        low, high = np.percentile(np.concatenate(samples).astype(np.float64), [LOW_PERCENTILE, HIGH_PERCENTILE])
        return ColourScale(float(low), float(high))

    def position(self, scores: NDArray[np.float32]) -> NDArray[np.float64]:
        """Where scores of any shape lie on the scale, 0 to 1."""
        span = self.high - self.low
        if span <= 0:
            return (scores > self.low).astype(np.float64)
        return np.clip((scores.astype(np.float64) - self.low) / span, 0.0, 1.0)


def colours(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """RGB in [0, 1], (..., 3), of positions on the scale."""
    points = np.linspace(0.0, 1.0, len(_INFERNO))
    return np.stack([np.interp(position, points, _INFERNO[:, channel] / 255) for channel in range(3)], axis=-1)
