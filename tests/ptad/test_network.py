"""What the networks make of one or several references."""

from __future__ import annotations

import pytest
import torch

from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench_ptad.network import AttentionComparison, PyramidComparison
from padbench_ptad.reference_views import ReferenceViews
from ptad.chair_scenes import scene


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def depths() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def pyramid() -> PyramidComparison:
    torch.manual_seed(0)
    return PyramidComparison(width=8, pretrained=False, pyramid_width=8, hidden=16).eval()


def attention() -> AttentionComparison:
    torch.manual_seed(0)
    return AttentionComparison(width=8, pretrained=False, channels=16, layers=2, hidden=16).eval()


def test_the_distance_of_an_image_from_itself_is_zero(images: torch.Tensor) -> None:
    """In one modality: grey images as their own depth; another image is far."""
    grey = images[:, :1]
    network = pyramid()
    same = network(grey.expand(-1, 3, -1, -1), grey).distance
    other = network(grey.expand(-1, 3, -1, -1), 1 - grey).distance
    assert float(same.max()) < 1e-4 < 0.05 < float(other.mean())


@pytest.mark.parametrize("network", [pyramid(), attention()], ids=["pyramid", "attention"])
def test_several_references_are_one_set(network: torch.nn.Module, images: torch.Tensor, depths: torch.Tensor) -> None:
    """Their order does not matter, the same one three times says what it says once, and each has a say."""
    whole, turned = network(images, depths), network(images, depths.flip(1))
    once, thrice = network(images, depths[:, :1]), network(images, depths[:, :1].expand(-1, 3, -1, -1))
    for one, other in ((whole, turned), (once, thrice)):
        assert torch.allclose(one.logit, other.logit, atol=1e-5)
        assert torch.allclose(one.distance, other.distance, atol=1e-5)
    assert not torch.allclose(whole.logit, once.logit, atol=1e-5)


def test_the_distance_to_several_views_is_the_mean(images: torch.Tensor, depths: torch.Tensor) -> None:
    """Of the distances to each."""
    network = pyramid()
    each = torch.stack([network(images, depths[:, index : index + 1]).distance for index in range(3)])
    assert torch.allclose(network(images, depths).distance, each.mean(0), atol=1e-5)


def test_every_query_gets_the_cameras_of_the_views(images: torch.Tensor) -> None:
    """Image by image, evenly spaced; no more than there are."""
    plates = scene(0)
    for wanted, expected in ((1, [4.0]), (2, [4.0, 5.0]), (9, [4.0, 5.0])):
        estimator = ReferenceViews(Runtime("cpu", 0, SilentProgress()), views=wanted)
        estimator.fit(plates, None)
        assert estimator.estimate(images, None).world_to_camera[:, 2, 3].tolist() == 2 * expected
