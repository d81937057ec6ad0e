"""Scores as integers of the same order, so that ties, subnormal numbers and signed zeros are compared exactly."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from padbench.errors import UserError

Keys = NDArray[np.uint32]

_SIGN = np.uint32(0x80000000)


def ordered_keys(scores: NDArray[np.float32], source: str) -> Keys:
    """Return uint32 keys with key(a) < key(b) exactly when a < b; -0 and 0 share a key.

    scores: float32 of any shape. source: names the scores in the error.
    Raises UserError when a score is NaN or infinite.
    """
    refuse_non_finite(scores, source)
    bits = np.ascontiguousarray(scores).view(np.uint32)
    keys = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    keys[bits == _SIGN] = _SIGN
    return keys


def refuse_non_finite(scores: NDArray[Any], source: str) -> None:
    """Raise UserError when a score is NaN or infinite; `source` names the scores."""
    finite = np.isfinite(scores)
    if not finite.all():
        raise UserError(
            f"{source} contains {int(finite.size - np.count_nonzero(finite))} scores that are NaN or infinite, which "
            "cannot be ranked; mend the detector and run the unit again with --overwrite"
        )
