"""The parameters of a Gaussian scene, raw as they are optimised and stored, and activated as they are rendered."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from padbench.interfaces import Splats

SH_DEGREE_0 = 0.28209479177387814
"""The spherical harmonic of degree 0, a constant: 1 / (2 sqrt(pi))."""


@dataclass(frozen=True)
class Gaussians:
    """N Gaussians as 3DGS (Kerbl et al. 2023) stores them, with spherical harmonics of degree 0 only, float32.

    quats: w, x, y, z; need not be normalised. log_scales: logarithm of the standard deviations in scene units.
    """

    means: Tensor  # (N, 3) world
    quats: Tensor  # (N, 4) wxyz
    log_scales: Tensor  # (N, 3)
    opacity_logits: Tensor  # (N,)
    features_dc: Tensor  # (N, 3)

    def __len__(self) -> int:
        return int(self.means.shape[0])

    @property
    def scales(self) -> Tensor:
        """Standard deviations along the Gaussians' own axes, (N, 3) scene units."""
        return self.log_scales.exp()

    @property
    def opacities(self) -> Tensor:
        """Opacities in (0, 1), (N,)."""
        return self.opacity_logits.sigmoid()

    @property
    def colors(self) -> Tensor:
        """RGB, (N, 3), at least 0; a colour above 1 is left as the fit made it."""
        return (0.5 + SH_DEGREE_0 * self.features_dc).clamp_min(0.0)

    def tensors(self) -> tuple[Tensor, ...]:
        """The five raw tensors, in the order of the fields."""
        return (self.means, self.quats, self.log_scales, self.opacity_logits, self.features_dc)

    def splats(self) -> Splats:
        """What a viewer draws of them; the covariance is R S S^T R^T, S the scales and R the quaternion's rotation."""
        w, x, y, z = torch.nn.functional.normalize(self.quats.detach().cpu(), dim=1).unbind(1)
        rows = (
            torch.stack((1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)), dim=1),
            torch.stack((2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)), dim=1),
            torch.stack((2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)), dim=1),
        )
        axes = torch.stack(rows, dim=1) * self.scales.detach().cpu()[:, None]
        return Splats(
            self.means.detach().cpu(),
            axes @ axes.transpose(1, 2),
            self.colors.detach().cpu().clamp(max=1.0),
            self.opacities.detach().cpu(),
        )

    def to(self, device: str | torch.device) -> Gaussians:
        """The same Gaussians on a device."""
        return Gaussians(*(tensor.to(device) for tensor in self.tensors()))

    def detach(self) -> Gaussians:
        """The same values without gradients."""
        return Gaussians(*(tensor.detach() for tensor in self.tensors()))
