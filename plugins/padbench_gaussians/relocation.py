"""Relocation of dead Gaussians onto living ones, as 3DGS-MCMC does (Kheradmand et al. 2024, section 3.4)."""

from __future__ import annotations

import torch
from torch import Tensor

from padbench_gaussians.gaussians import Gaussians

MAX_COPIES = 51
"""Most Gaussians that Eq. 9 spreads one Gaussian over; more are treated as that many, as in the reference."""


def split_evenly(
    opacities: Tensor,  # (N,)
    scales: Tensor,  # (N, 3)
    copies: Tensor,  # (N,) int64, at least 1
) -> tuple[Tensor, Tensor]:
    """Opacity and scales of each of `copies` Gaussians at one place that together render as one did.

    Eq. 9 of 3DGS-MCMC, with the inner sum over i carried out: sum_i C(i-1, k) = C(n, k+1). Returns (N,) and (N, 3).
    """
    n = copies.clamp(max=MAX_COPIES).double()[:, None]
    old = opacities.double()[:, None]
    new = 1 - (1 - old) ** (1 / n)
    k = torch.arange(1, MAX_COPIES + 1, dtype=torch.float64, device=opacities.device)
    log_binomial = torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma((n - k).clamp_min(0) + 1)
    sign = 1 - 2 * ((k - 1) % 2)
    terms = torch.where(k <= n, sign * torch.exp(log_binomial + k * new.log()) / k.sqrt(), 0.0)
    shrink = old / terms.sum(dim=1, keepdim=True)
    return new[:, 0].to(opacities.dtype), (shrink * scales.double()).to(scales.dtype)


@torch.no_grad()
def relocate_dead(
    gaussians: Gaussians,
    optimizer: torch.optim.Optimizer,
    dead_opacity: float,
    generator: torch.Generator,
) -> int:
    """Move the Gaussians of at most `dead_opacity` onto living ones drawn by opacity, in place; return how many.

    A living Gaussian and those that join it share its place, so that the rendering stays as it was (`split_evenly`).
    The optimiser's moments of all of them are set to zero. `generator` is a CPU generator.
    """
    opacities = gaussians.opacities
    dead = (opacities <= dead_opacity).nonzero().squeeze(1)
    alive = (opacities > dead_opacity).nonzero().squeeze(1)
    if len(dead) == 0 or len(alive) == 0:
        return 0
    # Drawn on the CPU, so that every device draws the same.
    weights = opacities[alive].double().cpu()
    drawn = torch.multinomial(weights, len(dead), replacement=True, generator=generator).to(alive.device)
    copies = torch.bincount(drawn, minlength=len(alive))[drawn] + 1
    source = alive[drawn]
    opacity, scales = split_evenly(opacities[source], gaussians.scales[source], copies)
    # A logit of -inf or a Gaussian that is dead on arrival would only be moved again.
    # A thousandth above the threshold, because the logit does not come back exactly.
    opacity = opacity.clamp(1.001 * dead_opacity, 1 - torch.finfo(opacity.dtype).eps)
    gaussians.opacity_logits[source] = opacity.logit()
    gaussians.log_scales[source] = scales.log()
    moved = torch.cat([source, dead])
    for parameter in gaussians.tensors():
        parameter[dead] = parameter[source]
        for moment in ("exp_avg", "exp_avg_sq"):
            if moment in optimizer.state[parameter]:
                optimizer.state[parameter][moment][moved] = 0
    return len(dead)
