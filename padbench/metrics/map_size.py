"""Anomaly maps at the size of the masks on disk: runs at different image sizes are scored on the same pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resize_map(anomaly_map: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:  # (H, W)
    """Resize a map to `size`, (height, width), bilinearly with pixel centres at half integers.

    Pillow's filter on 32-bit floats: enlarging equals torch's interpolate(mode="bilinear", align_corners=False),
    shrinking averages over all pixels (antialias=True). A map of that size already is returned as it is.
    """
    if anomaly_map.shape == size:
        return anomaly_map
    from PIL import Image

    height, width = size
    image = Image.fromarray(np.ascontiguousarray(anomaly_map, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
