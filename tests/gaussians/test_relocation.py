"""Relocation: Eq. 9 of 3DGS-MCMC, and that the picture stays as it was."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from padbench.scene import Camera, Cameras
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.relocation import relocate_dead, split_evenly


@given(opacity=st.floats(0.01, 0.99), copies=st.integers(1, 20))
def test_is_equation_9_as_printed(opacity: float, copies: int) -> None:
    opacities, scales = split_evenly(
        torch.tensor([opacity], dtype=torch.float64),
        torch.tensor([[1.0, 2.0, 3.0]], dtype=torch.float64),
        torch.tensor([copies]),
    )
    new = 1 - (1 - opacity) ** (1 / copies)
    denominator = sum(
        comb(i - 1, k) * (-1) ** k * new ** (k + 1) / sqrt(k + 1) for i in range(1, copies + 1) for k in range(i)
    )
    assert opacities.item() == pytest.approx(new, rel=1e-9)
    assert scales[0].numpy() == pytest.approx(opacity / denominator * np.array([1.0, 2.0, 3.0]), rel=1e-6)


def test_many_copies_stay_finite() -> None:
    opacities, scales = split_evenly(torch.tensor([0.999, 1e-3]), torch.ones(2, 3), torch.tensor([51, 4000]))
    assert ((opacities > 0) & (opacities < 1)).all()
    assert ((scales > 0) & (scales <= 1)).all()


def scene_of(opacities: list[float]) -> Gaussians:
    """Five Gaussians side by side in front of one camera, of opacities that a test chooses."""
    count = len(opacities)
    return Gaussians(
        means=torch.stack([torch.linspace(-1, 1, count), torch.zeros(count), torch.zeros(count)], dim=1),
        quats=torch.tensor([1.0, 0.2, 0.0, 0.1]).repeat(count, 1),
        log_scales=torch.tensor([0.15, 0.1, 0.1]).log().repeat(count, 1),
        opacity_logits=torch.tensor(opacities).logit(),
        features_dc=torch.linspace(-1.5, 1.5, count * 3).reshape(count, 3),
    )


def render(gaussians: Gaussians) -> Tensor:
    motion = np.eye(4)
    motion[2, 3] = 4.0
    K = np.array([[64.0, 0, 24], [0, 64, 24], [0, 0, 1]])
    camera = Cameras.stack([Camera(K, motion, 48, 48)])
    activated = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.colors)
    return rasterize(*activated, camera, torch.ones(3)).rgb


def with_optimizer(gaussians: Gaussians) -> tuple[Gaussians, torch.optim.Optimizer]:
    """The Gaussians as parameters of an Adam that has moments, at their values of before."""
    parameters = Gaussians(*(tensor.clone().requires_grad_() for tensor in gaussians.tensors()))
    optimizer = torch.optim.Adam(parameters.tensors(), lr=0.0)
    torch.cat([parameter.flatten() for parameter in parameters.tensors()]).square().sum().backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return parameters, optimizer


def test_keeps_the_picture_and_leaves_no_dead() -> None:
    parameters, optimizer = with_optimizer(scene_of([0.7, 0.001, 0.5, 0.002, 0.9]))
    before = render(parameters.detach())
    moved = relocate_dead(parameters, optimizer, 0.005, torch.Generator().manual_seed(0))
    after = render(parameters.detach())
    assert moved == 2
    assert (parameters.opacities > 0.005).all()
    # The dead ones were not seen; a living one and its copies look as it did alone: not so if opacity or size stayed.
    assert (before - after).abs().max() < 0.02
    assert (before - after).abs().mean() < 0.0004
    assert (before - 1).abs().max() > 0.5


def test_moments_of_all_that_moved_are_reset_and_others_kept() -> None:
    parameters, optimizer = with_optimizer(scene_of([0.7, 0.001, 0.5, 0.002, 0.9]))
    before = parameters.means.detach().clone()
    relocate_dead(parameters, optimizer, 0.005, torch.Generator().manual_seed(0))
    means = parameters.means.detach()
    partners = {int(torch.cdist(means[[dead]], before).argmin()) for dead in (1, 3)}
    assert partners <= {0, 2, 4}
    for index in range(5):
        touched = index in partners | {1, 3}
        assert bool((optimizer.state[parameters.quats]["exp_avg_sq"][index] == 0).all()) == touched


def test_nothing_moves_when_none_is_dead_or_none_alive() -> None:
    for opacities in ([0.5, 0.6], [0.001, 0.002]):
        parameters, optimizer = with_optimizer(scene_of(opacities))
        before = [tensor.detach().clone() for tensor in parameters.tensors()]
        assert relocate_dead(parameters, optimizer, 0.005, torch.Generator().manual_seed(0)) == 0
        assert all(torch.equal(a, b) for a, b in zip(before, parameters.tensors(), strict=True))
