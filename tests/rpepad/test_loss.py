"""The losses of Eq. 3, 4, 7 and 8 against numbers worked out by hand."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from padbench_rpepad.loss import RelativePoseLoss, pair_weights


def test_one_pose_by_hand() -> None:
    loss = RelativePoseLoss()
    with torch.no_grad():
        loss.s_t.fill_(math.log(2))
        loss.s_q.fill_(-math.log(4))
    estimate = (torch.tensor([[1.0, 0.3, 0.0, 0.4]]), torch.tensor([[0.0, 3.0, 4.0]]))
    truth = (torch.tensor([[1.0, 0.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 0.0]]))
    # L_t = 5, weighted by 1/2; L_q = 0.5, weighted by 4.
    expected = 5 / 2 + math.log(2) + 0.5 * 4 - math.log(4)
    torch.testing.assert_close(loss([estimate], truth), torch.tensor([expected]))


def test_layers_are_summed_and_pairs_are_kept_apart() -> None:
    truth = (torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0]]), torch.zeros(2, 3))
    coarse = (torch.tensor([[1.0, 1, 0, 0], [1.0, 0, 0, 0]]), torch.tensor([[0.0, 0, 2], [0, 0, 0]]))
    fine = (torch.tensor([[1.0, 0, 0, 0], [1.0, 0, 0, 0]]), torch.tensor([[0.0, 0, 0], [0, 6, 8]]))
    torch.testing.assert_close(RelativePoseLoss()([coarse, fine], truth), torch.tensor([3.0, 10.0]))


def test_the_weights_are_learned_towards_the_logarithms_of_the_errors() -> None:
    # For one pose of errors L_t, L_q the loss is least at s = log L.
    loss = RelativePoseLoss()
    estimate = (torch.tensor([[1.0, 0.2, 0, 0]]), torch.tensor([[0.0, 0.5, 0]]))
    truth = (torch.tensor([[1.0, 0, 0, 0]]), torch.zeros(1, 3))
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss([estimate], truth).sum().backward()
        optimizer.step()
    assert float(loss.s_t.detach()) == pytest.approx(math.log(0.5), abs=0.01)
    assert float(loss.s_q.detach()) == pytest.approx(math.log(0.2), abs=0.01)


def test_three_pairs_weigh_a_half_a_third_and_a_sixth() -> None:
    torch.testing.assert_close(pair_weights(3), torch.tensor([1 / 2, 1 / 3, 1 / 6]))


@given(st.integers(1, 20))
def test_the_weights_of_the_pairs_sum_to_one(count: int) -> None:
    weights = pair_weights(count)
    assert float(weights.sum()) == pytest.approx(1.0)
    for place in range(1, count + 1):
        assert float(weights[place - 1]) == pytest.approx(float(Fraction(2 * (count + 1 - place), count * (count + 1))))
