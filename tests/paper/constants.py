"""What of the papers' numbers is fixed in the code, read from its behaviour."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gaussians.planted_scene import RUNTIME, SIZE, blobs, cameras_around
from padbench.methods import resolve_method
from padbench.plugins import load_plugins
from padbench.scene import Cameras, Scene, View
from padbench_features.backbones import backbone_weight
from padbench_ptad.chamfer import ChamferRetrieval
from padbench_ptad.network import PyramidComparison
from padbench_ptad.pyramid import Heads
from padbench_rpepad.loss import RelativePoseLoss, pair_weights
from padbench_rpepad.relative_pose import quaternions
from padbench_rpepad.rvss import novel_cameras
from ptad.chair_scenes import Plate, camera


@dataclass
class _Adam:
    """How an optimiser was made, and its rate in each step."""

    defaults: list[dict[str, Any]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)


@contextmanager
def _watched_adam() -> Iterator[_Adam]:
    seen = _Adam()

    class Watched(torch.optim.Adam):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            seen.defaults.append({name: self.defaults[name] for name in ("lr", "betas")})

        def step(self, closure: Any = None) -> Any:
            seen.rates.append(round(self.param_groups[0]["lr"], 9))
            return super().step(closure)

    with mock.patch("torch.optim.Adam", Watched):
        yield seen


def _refinement(method: str, **parameters: Any) -> Any:
    """The second link of the method's pose chain in the profile `paper`."""
    component = resolve_method(load_plugins(), method, "paper").pose[1]
    return replace(component, parameters={**component.parameters, **parameters}).build(RUNTIME)


def _watched_refinement(method: str, representation: Any, **parameters: Any) -> _Adam:
    scene = cameras_around()
    link = _refinement(method, **parameters)
    link.fit(scene, representation)
    with _watched_adam() as seen:
        link.estimate(torch.ones(1, 3, SIZE, SIZE), Cameras.stack([scene.views[0].camera]))
    return seen


def splatpose_adam() -> Mapping[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        (made,) = _watched_refinement("splatpose", blobs(Path(folder)), steps=0).defaults
    return made


@dataclass(frozen=True)
class _Shown:
    rgb: Tensor


class _Glow:
    """Colours that follow the rays, so that there is a gradient."""

    def render_rays(self, origins: Tensor, directions: Tensor) -> _Shown:
        return _Shown((origins + directions).sigmoid())


def inerf_adam() -> Mapping[str, Any]:
    (made,) = _watched_refinement("omniposead", _Glow(), steps=0).defaults
    return made


def inerf_rates() -> list[float]:
    return _watched_refinement("omniposead", _Glow(), steps=3, rays=16).rates


def nerf_background() -> Any:
    pytest.importorskip("nerfstudio")
    from padbench_nerf.fields import VanillaNeRF

    return VanillaNeRF(2, 2, 8, False).renderer.rgb.background_color


def spherical_harmonics_degree() -> float:
    """Of a degree d a file has (d + 1)^2 coefficients of each colour."""
    with tempfile.TemporaryDirectory() as folder:
        blobs(Path(folder))
        header = (Path(folder) / "point_cloud.ply").read_bytes().partition(b"end_header")[0]
    coefficients = sum(line.split()[-1].startswith(b"f_") for line in header.splitlines()) / 3
    return float(coefficients**0.5 - 1)


def known_extractors() -> list[str]:
    names = ["sam_vit_b", "sam_vit_l", "sam_vit_h", "resnet18", "wide_resnet50_2", "cait_m48_448"]
    return [name for name in names if backbone_weight(name).source.startswith("https://")]


def _novel(sigma_r: float, sigma_t: float) -> tuple[Tensor, Tensor]:
    """Poses (N, 4, 4) and what 500 perturbations make of each."""
    cameras = Cameras.stack([view.camera for view in cameras_around().views])
    novel = novel_cameras(cameras, 500, sigma_r, sigma_t, seed=0).world_to_camera
    return cameras.world_to_camera.repeat_interleave(500, dim=0).double(), novel.double()


def _in_deviations(noise: Tensor, sigma: float) -> float:
    """The largest mean of a component; 6,000 draws of zero mean have one of 0.013 standard deviations."""
    return round(float(noise.mean(dim=0).abs().max()) / sigma, 1)


def mean_noise_of_the_translation() -> float:
    before, after = _novel(0.0, 0.1)
    return _in_deviations(after[:, :3, 3] - before[:, :3, 3], 0.1)


def mean_noise_of_the_rotation() -> float:
    before, after = (quaternions(poses[:, :3, :3]) for poses in _novel(0.02, 0.0))
    same = (before * after).sum(dim=1, keepdim=True).sign()
    return _in_deviations(same * after - before, 0.02)


def weights_of_three_pairs() -> list[float]:
    return [round(weight, 6) for weight in pair_weights(3).tolist()]


def weights_of_the_layers() -> list[float]:
    """What an error of 1 in one of four poses, the coarse one and three refined, adds to the loss."""
    truth = torch.zeros(1, 4), torch.zeros(1, 3)
    losses = []
    for wrong in range(4):
        poses = [(truth[0], torch.tensor([[float(layer == wrong), 0.0, 0.0]])) for layer in range(4)]
        losses.append(float(RelativePoseLoss()(poses, truth).detach()))
    return losses


def silhouettes_that_chamfer_compares() -> int:
    """Of twenty reference views."""
    views = [View(str(index), camera(4 + index), lambda: np.ones((1, 1, 3), np.float32)) for index in range(20)]
    plate = Plate()
    ChamferRetrieval(RUNTIME).fit(Scene("plate", views), plate)  # type: ignore[arg-type]
    return sum(len(cameras) for cameras in plate.cameras)


def layers_of_the_heads() -> tuple[int, int]:
    """Of the classification and of the box head."""
    heads = Heads(width=8, levels=4, hidden=8)
    classification, box = (sum(isinstance(layer, nn.Linear) for layer in head) for head in (heads.logit, heads.box))
    return classification, box


def ptad_parameters() -> float:
    """In millions."""
    sizes = resolve_method(load_plugins(), "ptad", "paper").detector.parameters
    with torch.device("meta"):
        network = PyramidComparison(
            width=sizes["width"], pretrained=False, pyramid_width=sizes["pyramid_width"], hidden=sizes["hidden"]
        )
    return sum(parameter.numel() for parameter in network.parameters()) / 1e6
