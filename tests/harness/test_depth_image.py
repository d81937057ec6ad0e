"""The depth of a rendering as an image."""

from __future__ import annotations

import torch

from padbench.interfaces import Rendering


def rendering(depth: torch.Tensor, alpha: torch.Tensor) -> Rendering:
    return Rendering(torch.zeros(len(depth), 3, *depth.shape[2:]), depth, alpha)


def test_near_is_dark_far_is_light_and_nothing_is_white() -> None:
    """Whatever the scale of the scene and whatever lies beside the object."""
    depth = torch.tensor([[[[2.0, 3.0, 4.0, 99.0]]], [[[20.0, 30.0, 40.0, 0.0]]]])
    alpha = torch.tensor([1.0, 1, 1, 0]).expand(2, 1, 1, 4)
    image = rendering(depth, alpha).depth_image()
    assert torch.allclose(image, torch.tensor([0, 0.4, 0.8, 1]).expand(2, 1, 1, 4))


def test_what_is_half_covered_is_half_white() -> None:
    """An edge does not jump."""
    image = rendering(torch.tensor([[[[1.0, 2.0, 1.0]]]]), torch.tensor([[[[1.0, 1.0, 0.25]]]])).depth_image()
    assert torch.allclose(image, torch.tensor([[[[0.0, 0.8, 0.75]]]]))


def test_an_empty_or_flat_rendering_is_defined() -> None:
    """Nothing seen is white; one depth is the nearest."""
    empty = rendering(torch.full((1, 1, 2, 2), torch.nan), torch.zeros(1, 1, 2, 2)).depth_image()
    assert torch.equal(empty, torch.ones(1, 1, 2, 2))
    flat = rendering(torch.full((1, 1, 2, 2), 3.0), torch.ones(1, 1, 2, 2)).depth_image()
    assert torch.equal(flat, torch.zeros(1, 1, 2, 2))
