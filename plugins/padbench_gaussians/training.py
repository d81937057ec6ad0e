"""Fits Gaussians to posed images: L1 + D-SSIM, one random view a step, dead Gaussians relocated."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from padbench.interfaces import Progress
from padbench.scene import Cameras
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.photometric_loss import photometric_loss
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.relocation import relocate_dead


@dataclass(frozen=True)
class LearningRates:
    """Adam's step sizes; that of the means is in units of the scene's extent and decays exponentially."""

    means: float
    means_final: float
    log_scales: float
    quats: float
    opacity_logits: float
    features_dc: float


@dataclass(frozen=True)
class Schedule:
    """What one training run does besides gradient steps.

    ssim_weight: weight of D-SSIM, the rest is L1. opacity_penalty, scale_penalty: weights of the mean opacity and the
    mean scale in units of the extent, which let superfluous Gaussians die. relocate_every: steps between relocations of
    the Gaussians under dead_opacity; relocate_until: share of the iterations after which the set stays as it is.
    """

    iterations: int
    ssim_weight: float
    opacity_penalty: float
    scale_penalty: float
    relocate_every: int
    relocate_until: float
    dead_opacity: float


def train(
    initial: Gaussians,
    images: Tensor,  # (V, 3, H, W)
    cameras: Cameras,
    *,
    background: Tensor | None,  # (3,)
    extent: float,
    learning_rates: LearningRates,
    schedule: Schedule,
    generator: torch.Generator,
    progress: Progress,
    covered: Tensor | None = None,  # (V, H, W)
    antialiased: bool = False,
) -> Gaussians:
    """Return the Gaussians fitted to the images; the initial ones are left untouched.

    background: colour behind the scene; None for another random colour in every step, against which only opaque
    Gaussians explain images that are covered to their edges. extent: size of the scene in scene units. Views are drawn
    from `generator` (a CPU generator) in random order, each once before any is drawn again. covered: the share of each
    pixel that is not background, in [0, 1]; the background of the images is then replaced by another random colour in
    every step, so that their alpha is fitted as well as their colours. antialiased: as in `rasterize`. On the CPU the
    same arguments give bit-identical Gaussians. Raises ValueError for `covered` without a background.
    """
    if covered is not None and background is None:
        raise ValueError("where images are covered is fitted by replacing their background: give its colour")
    gaussians = Gaussians(*(tensor.detach().clone().requires_grad_() for tensor in initial.tensors()))
    rates = (
        learning_rates.means * extent,
        learning_rates.quats,
        learning_rates.log_scales,
        learning_rates.opacity_logits,
        learning_rates.features_dc,
    )
    groups = [{"params": [p], "lr": lr} for p, lr in zip(gaussians.tensors(), rates, strict=True)]
    optimizer = torch.optim.Adam(groups, eps=1e-15, fused=True)
    decay = (learning_rates.means_final / learning_rates.means) ** (1 / max(1, schedule.iterations))
    order: list[int] = []
    for step in progress.track(range(1, schedule.iterations + 1), "training 3dgs"):
        if not order:
            order = torch.randperm(len(images), generator=generator).tolist()
        view = order.pop()
        scales, opacities = gaussians.scales, gaussians.opacities
        behind, target = background, images[view : view + 1]
        if behind is None or covered is not None:
            behind = torch.rand(3, generator=generator).to(images.device)
        if background is not None and covered is not None:
            target = target + (1 - covered[view]) * (behind - background)[None, :, None, None]
        rendering = rasterize(
            gaussians.means,
            gaussians.quats,
            scales,
            opacities,
            gaussians.colors,
            cameras[view : view + 1],
            behind,
            antialiased=antialiased,
        )
        loss = photometric_loss(rendering.rgb, target, schedule.ssim_weight)
        penalty = schedule.opacity_penalty * opacities.mean() + schedule.scale_penalty / extent * scales.mean()
        optimizer.zero_grad()
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.param_groups[0]["lr"] *= decay
        relocating = step <= schedule.relocate_until * schedule.iterations
        if relocating and step % schedule.relocate_every == 0:
            relocate_dead(gaussians, optimizer, schedule.dead_opacity, generator)
    return gaussians.detach()
