"""Fits a network to the rays of posed images, and tells a training that failed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from padbench.interfaces import Progress
from padbench.scene import Cameras
from padbench_nerf.fields import HashGridNeRF, VanillaNeRF
from padbench_nerf.rays import Bounds, pixel_rays

_FOREGROUND_BELOW = 0.95
_CHECKED_RAYS = 2048


@dataclass(frozen=True)
class Schedule:
    """One training run.

    rays: a step. foreground_share: share of them that is drawn from pixels darker than 0.95 in some channel, the rest
    from all pixels. learning_rate decays exponentially to learning_rate_final. min_psnr: what a sound training
    reaches on its own rays after check_at of the iterations, and at the end.
    """

    iterations: int
    rays: int
    foreground_share: float
    learning_rate: float
    learning_rate_final: float
    min_psnr: float
    check_at: float


@dataclass(frozen=True)
class Outcome:
    """PSNR on training rays (dB) after so many iterations, and whether it passed."""

    psnr: float
    iterations: int
    passed: bool


class TrainingRays:
    """All pixels of the training views, drawn at random."""

    def __init__(self, images: Tensor, cameras: Cameras, foreground_share: float) -> None:  # images: (V, 3, H, W)
        self._colours = images.permute(0, 2, 3, 1).reshape(-1, 3)
        self._cameras = cameras
        self._share = foreground_share
        self._foreground = (self._colours.amin(1) < _FOREGROUND_BELOW).nonzero().squeeze(1)

    def draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Origins and directions (count, 3) in the world, colours (count, 3)."""
        wanted = round(self._share * count) if len(self._foreground) else 0
        index = torch.randint(len(self._colours), (count - wanted,), generator=generator)
        index = index.to(self._colours.device)
        if wanted:
            chosen = torch.randint(len(self._foreground), (wanted,), generator=generator)
            index = torch.cat([index, self._foreground[chosen.to(index.device)]])
        width, height = self._cameras.width, self._cameras.height
        view, pixel = index // (width * height), index % (width * height)
        pixels = torch.stack([pixel % width, pixel // width], dim=-1) + 0.5
        origins, directions = pixel_rays(self._cameras.K[view], self._cameras.world_to_camera[view], pixels)
        return origins, directions, self._colours[index]


def train(
    network: VanillaNeRF | HashGridNeRF,
    rays: TrainingRays,
    bounds: Bounds,
    schedule: Schedule,
    generator: torch.Generator,
    progress: Progress,
) -> Outcome:
    """Fit the network in place and say how well it fits its own rays.

    Stops at the early check when that fails. Rays are drawn from `generator`, a CPU generator; nerfstudio's samplers
    draw from torch's global one, which the caller seeds and restores.
    """
    optimizer = torch.optim.Adam(network.parameters(), lr=schedule.learning_rate, eps=1e-15, fused=True)
    decay = (schedule.learning_rate_final / schedule.learning_rate) ** (1 / max(1, schedule.iterations))
    early = round(schedule.check_at * schedule.iterations)
    for step in progress.track(range(1, schedule.iterations + 1), "training nerf"):
        network.train()
        origins, directions, colours = rays.draw(schedule.rays, generator)
        origins = bounds.normalise(origins)
        loss = network.loss(origins, directions, *bounds.ends(origins, directions), colours)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= decay
        if step == early and step < schedule.iterations:
            psnr = training_psnr(network, rays, bounds)
            if not psnr >= schedule.min_psnr:
                return Outcome(psnr, step, False)
    psnr = training_psnr(network, rays, bounds)
    return Outcome(psnr, schedule.iterations, psnr >= schedule.min_psnr)


@torch.no_grad()
def training_psnr(network: VanillaNeRF | HashGridNeRF, rays: TrainingRays, bounds: Bounds) -> float:
    """PSNR in dB on 2,048 training rays drawn as for training, the same ones every time; NaN counts as 0 dB."""
    origins, directions, colours = rays.draw(_CHECKED_RAYS, torch.Generator().manual_seed(0))
    origins = bounds.normalise(origins)
    network.eval()
    error = float((network(origins, directions, *bounds.ends(origins, directions)).rgb - colours).square().mean())
    return -10 * math.log10(max(error, 1e-10)) if math.isfinite(error) else 0.0
