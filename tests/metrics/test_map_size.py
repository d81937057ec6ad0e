"""Resized maps against torch's interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from padbench.metrics.map_size import resize_map


@pytest.mark.parametrize("size", [(64, 48), (37, 91), (16, 24), (7, 11), (50, 8)])
def test_equals_torch(size: tuple[int, int]) -> None:
    """Half-pixel centres; antialiased where it shrinks, which changes nothing where it enlarges."""
    anomaly_map = np.random.default_rng(0).normal(size=(16, 24)).astype(np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(anomaly_map)[None, None], size, mode="bilinear", align_corners=False, antialias=True
    )
    resized = resize_map(anomaly_map, size)
    assert resized.shape == size and resized.dtype == np.float32
    np.testing.assert_allclose(resized, expected[0, 0].numpy(), atol=1e-5)


def test_a_constant_stays_exactly_constant() -> None:
    """No seam of rounding that would rank border pixels apart."""
    assert np.unique(resize_map(np.full((16, 24), 0.1, dtype=np.float32), (61, 83))).tolist() == [np.float32(0.1)]
