"""Figures of many resamples at once, against loops and scikit-learn; intervals against planted differences."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from padbench.leaderboard.bootstrap import (
    draw_counts,
    percentile_interval,
    resampled_auroc,
    resampled_mean,
    resampled_median,
)

Case = tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64]]


@st.composite
def cases(draw: Any) -> Case:
    """Values with ties, labels and counts of five resamples; some hold no query of one kind, or none at all."""
    size = draw(st.integers(1, 12))
    values = draw(arrays(np.float64, size, elements=st.sampled_from([-1.5, 0.0, 0.25, 0.5, 3.0])))
    labels = draw(arrays(np.bool_, size))
    counts = draw(arrays(np.int64, (5, size), elements=st.integers(0, 3)))
    return values, labels, counts


def drawn(values: NDArray[Any], counts: NDArray[np.int64]) -> list[Any]:
    """The values of a resample, written out."""
    return [value for value, count in zip(values, counts, strict=True) for _ in range(count)]


@given(cases())
def test_each_resample_has_the_auroc_of_its_queries(case: Case) -> None:
    """scikit-learn, with the counts as weights and with the queries written out."""
    scores, anomalous, counts = case
    for value, row in zip(resampled_auroc(scores, anomalous, counts), counts, strict=True):
        labels = drawn(anomalous, row)
        if len(set(labels)) < 2:
            assert np.isnan(value)
        else:
            assert value == pytest.approx(roc_auc_score(labels, drawn(scores, row)), abs=1e-12)
            assert value == pytest.approx(roc_auc_score(anomalous, scores, sample_weight=row), abs=1e-12)


@given(cases())
def test_each_resample_has_the_mean_and_median_of_its_known_values(case: Case) -> None:
    values, unknown, counts = case
    values = np.where(unknown, np.nan, values)
    means, medians = resampled_mean(values, counts), resampled_median(values, counts)
    for mean, median, row in zip(means, medians, counts, strict=True):
        known = [value for value in drawn(values, row) if not np.isnan(value)]
        if not known:
            assert np.isnan(mean) and np.isnan(median)
        else:
            assert mean == pytest.approx(statistics.fmean(known))
            assert median == statistics.median(known)


@given(arrays(np.bool_, st.integers(1, 20)), st.integers(0, 99))
def test_every_resample_keeps_the_number_of_normal_and_anomalous_queries(
    anomalous: NDArray[np.bool_], seed: int
) -> None:
    counts = draw_counts(anomalous, 7, np.random.default_rng(seed))
    assert counts.shape == (7, len(anomalous)) and (counts >= 0).all()
    assert (counts[:, anomalous].sum(axis=1) == anomalous.sum()).all()
    assert (counts[:, ~anomalous].sum(axis=1) == (~anomalous).sum()).all()


def test_every_query_is_drawn_equally_often_and_independently() -> None:
    """Counts of a query have mean 1 and the variance of a binomial of n draws."""
    anomalous = np.arange(30) < 20
    counts = draw_counts(anomalous, 20_000, np.random.default_rng(0))
    assert counts.mean(axis=0) == pytest.approx(np.ones(30), abs=0.04)
    expected = np.where(anomalous, 1 - 1 / 20, 1 - 1 / 10)
    assert counts.var(axis=0) == pytest.approx(expected, rel=0.08)


def test_the_interval_covers_the_true_difference_nineteen_times_in_twenty() -> None:
    """Two detectors of known AUROC on shared queries: scores of both are correlated, as those of two methods are."""
    from scipy.stats import norm

    generator = np.random.default_rng(3)
    anomalous = np.arange(100) < 60
    shifts = (1.4, 0.9)
    true = float(norm.cdf(shifts[0] / 2**0.5) - norm.cdf(shifts[1] / 2**0.5))
    covered = 0
    for _ in range(300):
        shared = generator.normal(size=100)
        scores = [0.7**0.5 * shared + 0.3**0.5 * generator.normal(size=100) + shift * anomalous for shift in shifts]
        counts = draw_counts(anomalous, 400, generator)
        first, second = (resampled_auroc(of_one, anomalous, counts) for of_one in scores)
        low, high = percentile_interval(first - second)
        covered += low <= true <= high
    assert 0.91 <= covered / 300 <= 0.985
