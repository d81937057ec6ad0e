"""Image metrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from padbench.errors import UserError
from padbench.metrics.image_ranking import auroc

_scores = st.one_of(st.sampled_from([0.0, -0.0, 5e-324, -3.0, 1.0, 1e300]), st.floats(-1, 1))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(_scores, st.booleans()), min_size=1, max_size=40))
def test_equals_scikit_learn(rows: list[tuple[float, bool]]) -> None:
    """Exact with ties; None where one class is absent."""
    scores = np.array([score for score, _ in rows])
    anomalous = np.array([positive for _, positive in rows])
    if anomalous.all() or not anomalous.any():
        assert auroc(scores, anomalous) is None
        return
    _, ranks = np.unique(scores, return_inverse=True)
    assert auroc(scores, anomalous) == pytest.approx(roc_auc_score(anomalous, ranks), abs=1e-12)


def test_auroc_is_the_share_of_ordered_pairs() -> None:
    """Counted by hand: of six pairs four are ordered, one is tied."""
    scores = np.array([1.0, 2.0, 3.0, 2.0, 4.0])
    anomalous = np.array([False, False, False, True, True])
    assert auroc(scores, anomalous) == (4 + 0.5) / 6


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_refuses_scores_that_cannot_be_ranked(bad: float) -> None:
    """NaN and infinity are refused."""
    with pytest.raises(UserError, match="image_score contains 1 scores"):
        auroc(np.array([0.0, bad]), np.array([True, False]))
