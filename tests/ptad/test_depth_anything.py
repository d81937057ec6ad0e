"""The variant that compares edges of predicted depth."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from padbench.errors import UserError
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench_ptad.depth_anything import DepthAnything, depth_edges, small_network

SMALL = {"reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8}
needs_transformers = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the extra depth-anything is not installed"
)


def test_edges_do_not_depend_on_scale_offset_or_sign() -> None:
    """Predicted depth is relative and may grow towards the camera; a plane has edges at the border of the object."""
    depth = torch.zeros(1, 1, 16, 16)
    depth[..., 4:12, 4:12] = 3
    edges = depth_edges(depth)
    assert torch.allclose(edges, depth_edges(5 - 2 * depth), atol=1e-6)
    assert float(edges[..., 7:9, 7:9].max()) < 0.01 and float(edges[0, 0, 8, 4]) > 0.3
    assert float(edges.max()) <= 1 and float(depth_edges(torch.ones(1, 1, 4, 4)).max()) < 0.01


def test_without_its_package_it_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """That names the extra."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"padbench\[depth-anything\]"):
        small_network()


@needs_transformers
def test_without_its_weights_it_names_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is downloaded silently, nothing stands in."""
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))
    component = resolve_method(load_plugins(), "ptad-depth-anything", "paper").detector
    from padbench.interfaces import Runtime
    from padbench.progress import SilentProgress

    with pytest.raises(UserError, match="depth_anything_v2_small"):
        component.build(Runtime("cpu", 0, SilentProgress()))


@needs_transformers
def test_edges_have_the_size_of_the_images(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a tiny network of random weights: the real one is too large to carry along."""
    from transformers import DepthAnythingForDepthEstimation

    backbone = {
        "model_type": "dinov2",
        "hidden_size": 16,
        "num_attention_heads": 2,
        "num_hidden_layers": 4,
        "image_size": 518,
        "patch_size": 14,
        "out_features": ["stage1", "stage2", "stage3", "stage4"],
        "reshape_hidden_states": False,
    }
    tiny = small_network(backbone_config=backbone, **SMALL)
    assert isinstance(tiny, DepthAnythingForDepthEstimation)
    monkeypatch.setattr("padbench_ptad.depth_anything.small_network", lambda: tiny)
    monkeypatch.setattr("padbench_ptad.depth_anything.load", lambda weight: tiny.state_dict())
    edges = DepthAnything("cpu").edges(torch.rand(2, 3, 40, 56))
    assert edges.shape == (2, 1, 40, 56) and bool(((edges >= 0) & (edges <= 1)).all())


@needs_transformers
def test_the_small_network_has_the_released_size() -> None:
    """24.8 million parameters, as the authors state for the small network."""
    number = sum(parameter.numel() for parameter in small_network().parameters())
    assert number == pytest.approx(24.8e6, rel=0.01)
