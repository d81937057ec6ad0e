"""Pixel metrics against scikit-learn and a naive AUPRO that thresholds at every distinct score."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.measure import label
from sklearn.metrics import average_precision_score, roc_auc_score

from padbench.errors import UserError
from padbench.metrics.pixel import pixel_metrics

Pair = tuple[NDArray[np.float32], NDArray[np.bool_]]

_SMALLEST_SUBNORMAL = float(np.finfo(np.float32).smallest_subnormal)
_PALETTE = [-0.0, 0.0, _SMALLEST_SUBNORMAL, 3 * _SMALLEST_SUBNORMAL, -_SMALLEST_SUBNORMAL, 1.0, -2.5, 3.0e38, -3.0e38]


def _scores() -> st.SearchStrategy[float]:
    """Few values, so that ties are frequent, mixed with arbitrary ones."""
    return st.one_of(
        st.sampled_from(_PALETTE),
        st.floats(-1.0, 1.0, width=32),
        st.floats(width=32, allow_nan=False, allow_infinity=False),
    )


@st.composite
def _pairs(draw: st.DrawFn) -> list[Pair]:
    pairs = []
    for _ in range(draw(st.integers(1, 4))):
        shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 7)))
        scores = draw(hnp.arrays(np.float32, shape, elements=_scores(), fill=st.sampled_from(_PALETTE)))
        mask = draw(hnp.arrays(np.bool_, shape, elements=st.booleans(), fill=st.booleans()))
        pairs.append((scores, mask))
    return pairs


def _naive_aupro(pairs: list[Pair], limit: float = 0.3) -> float:
    """The definition, word for word: for every threshold the mean overlap of the regions and the FPR."""
    labelled = [label(mask, connectivity=2) for _, mask in pairs]  # type: ignore[no-untyped-call]
    negatives = sum(int((~mask).sum()) for _, mask in pairs)
    curve = [(0.0, 0.0)]
    for threshold in sorted({float(value) for scores, _ in pairs for value in scores.ravel()}, reverse=True):
        overlaps, false_positives = [], 0
        for (scores, mask), regions in zip(pairs, labelled, strict=True):
            detected = scores.astype(np.float64) >= threshold
            false_positives += int((detected & ~mask).sum())
            overlaps += [float(detected[regions == index].mean()) for index in range(1, regions.max() + 1)]
        curve.append((false_positives / negatives, float(np.mean(overlaps))))
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(curve):
        if x0 >= limit:
            break
        if x1 > limit:
            y1 = y0 + (y1 - y0) * (limit - x0) / (x1 - x0)
            x1 = limit
        area += (x1 - x0) * (y0 + y1) / 2
    return area / limit


def _flat(pairs: list[Pair]) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Masks and scores of all pixels; scores as ranks, so that the oracle never subtracts subnormal numbers."""
    scores = np.concatenate([scores.ravel() for scores, _ in pairs])
    _, ranks = np.unique(scores, return_inverse=True)
    return np.concatenate([mask.ravel() for _, mask in pairs]), ranks.astype(np.float64)


@settings(max_examples=300, deadline=None)
@given(_pairs(), st.sampled_from([1, 2, 5, 1 << 22]), st.sampled_from([1, 8, 1 << 22]))
def test_equals_the_oracles_whatever_the_capacity(pairs: list[Pair], capacity: int, pending: int) -> None:
    """AUROC, AP and AUPRO are exact, also when the positive scores need several passes and merges."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("padbench.metrics.positive_scores._PENDING", pending)
        result = pixel_metrics(lambda: iter(pairs), capacity)
    masks, ranks = _flat(pairs)
    if masks.all() or not masks.any():
        assert result == {}
        return
    assert result["pixel_auroc"] == pytest.approx(roc_auc_score(masks, ranks), abs=1e-12)
    assert result["pixel_ap"] == pytest.approx(average_precision_score(masks, ranks), abs=1e-12)
    assert result["aupro"] == pytest.approx(_naive_aupro(pairs), abs=1e-9)
    assert all(0.0 <= value <= 1.0 for value in result.values())


@settings(max_examples=60, deadline=None)
@given(_pairs())
def test_depends_on_the_order_of_the_scores_only(pairs: list[Pair]) -> None:
    """A strictly increasing transform of all scores changes nothing, and neither does the order of the maps."""
    values = np.unique(np.concatenate([scores.ravel() for scores, _ in pairs]))
    transformed = [
        (((np.searchsorted(values, scores) - 7.0) * 0.125).astype(np.float32), mask) for scores, mask in pairs
    ]
    assert pixel_metrics(lambda: iter(transformed)) == pytest.approx(pixel_metrics(lambda: iter(pairs)), abs=1e-12)
    assert pixel_metrics(lambda: iter(pairs[::-1])) == pytest.approx(pixel_metrics(lambda: iter(pairs)), abs=1e-12)


def test_equals_the_oracles_on_maps_that_fill_several_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of negatives and merges of positives add up."""
    monkeypatch.setattr("padbench.metrics.pixel._CHUNK", 5000)
    monkeypatch.setattr("padbench.metrics.positive_scores._PENDING", 700)
    generator = np.random.default_rng(3)
    pairs: list[Pair] = []
    for index in range(12):
        mask = np.zeros((64, 48), dtype=bool)
        if index % 3:
            mask[5 : 20 + index, 7:30] = True
            mask[50:, 40:] = generator.random((14, 8)) < 0.5
        noise = generator.normal(size=mask.shape) + 1.5 * mask
        pairs.append((np.round(noise, 2).astype(np.float32), mask))
    masks, ranks = _flat(pairs)
    for capacity in (60, 1 << 22):
        result = pixel_metrics(lambda: iter(pairs), capacity)
        assert result["pixel_auroc"] == pytest.approx(roc_auc_score(masks, ranks), abs=1e-12)
        assert result["pixel_ap"] == pytest.approx(average_precision_score(masks, ranks), abs=1e-12)
        assert result["aupro"] == pytest.approx(_naive_aupro(pairs), abs=1e-9)


def test_two_passes_suffice_and_no_map_is_kept() -> None:
    """The maps are streamed: asked for twice, and one alive at a time is enough."""
    passes = 0

    def stream() -> Iterator[Pair]:
        nonlocal passes
        passes += 1
        generator = np.random.default_rng(0)
        buffer = np.empty((32, 32), dtype=np.float32)
        for _ in range(20):
            buffer[:] = generator.normal(size=buffer.shape)
            yield buffer, buffer > 1.5

    result = pixel_metrics(stream)
    assert passes == 2
    assert result == {"pixel_auroc": 1.0, "pixel_ap": 1.0, "aupro": 1.0}


def test_separated_and_constant_maps() -> None:
    """Perfect maps give 1, inverted ones 0, constant ones the values of chance."""
    mask = np.zeros((20, 10), dtype=bool)
    mask[:4] = True

    def metrics(scores: NDArray[np.float32]) -> dict[str, float]:
        return pixel_metrics(lambda: [(scores, mask)])

    assert metrics(mask.astype(np.float32)) == {"pixel_auroc": 1.0, "pixel_ap": 1.0, "aupro": 1.0}
    inverted = metrics(-mask.astype(np.float32))
    assert (inverted["pixel_auroc"], inverted["aupro"]) == (0.0, 0.0)
    assert inverted["pixel_ap"] == pytest.approx(0.2)
    constant = metrics(np.full(mask.shape, 7.0, dtype=np.float32))
    assert constant == pytest.approx({"pixel_auroc": 0.5, "pixel_ap": 0.2, "aupro": 0.15})


def test_regions_weigh_the_same_whatever_their_size_and_touch_at_corners() -> None:
    """A found large region and a missed small one give one half; diagonal neighbours are one region."""
    mask = np.zeros((40, 40), dtype=bool)
    mask[:20, :20] = True
    mask[30, 30] = mask[31, 31] = True
    scores = np.zeros(mask.shape, dtype=np.float32)
    scores[:20, :20] = 1.0
    scores[30:32, 30:32] = -1.0
    assert pixel_metrics(lambda: [(scores, mask)])["aupro"] == pytest.approx(0.5 + 0.0, abs=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_refuses_scores_that_cannot_be_ranked(bad: float) -> None:
    """NaN and infinity are an error of the detector, named with the map."""
    scores = np.zeros((4, 4), dtype=np.float32)
    scores[2, 1] = bad
    mask = np.eye(4, dtype=bool)
    with pytest.raises(UserError, match="anomaly map 1 contains 1 scores that are NaN or infinite"):
        pixel_metrics(lambda: [(np.ones_like(scores), mask), (scores, mask)])


def test_refuses_a_mask_of_another_size() -> None:
    """Sizes are the caller's duty and checked."""
    with pytest.raises(ValueError, match="size"):
        pixel_metrics(lambda: [(np.zeros((4, 4), np.float32), np.zeros((4, 5), bool))])
