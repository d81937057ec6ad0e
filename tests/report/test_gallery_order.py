"""How wrong a query is ranked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from padbench.report.gallery import mistakes


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40))
def test_the_mean_mistake_of_each_kind_is_what_the_auroc_lacks(pairs: list[tuple[int, bool]]) -> None:
    """With ties; scikit-learn is the oracle."""
    scores = np.array([score for score, _ in pairs], dtype=np.float64)
    anomalous = np.array([label for _, label in pairs])
    wrong = mistakes(scores, anomalous)
    if anomalous.all() or not anomalous.any():
        assert np.isnan(wrong).all()
        return
    lacking = 1 - roc_auc_score(anomalous, scores)
    assert wrong[anomalous].mean() == pytest.approx(lacking)
    assert wrong[~anomalous].mean() == pytest.approx(lacking)
    assert ((wrong >= 0) & (wrong <= 1)).all()
