"""Networks that give colour and density along rays, made of nerfstudio's fields, encodings, samplers and renderers.

Importing this module imports nerfstudio. Positions are in the unit of the ball that holds the object, whose centre is
the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.activations import trunc_exp
from nerfstudio.field_components.encodings import NeRFEncoding
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.fields.density_fields import HashMLPDensityField
from nerfstudio.fields.nerfacto_field import NerfactoField
from nerfstudio.fields.vanilla_nerf_field import NeRFField
from nerfstudio.model_components.losses import interlevel_loss
from nerfstudio.model_components.ray_samplers import (
    PDFSampler,
    Sampler,
    UniformLinDispPiecewiseSampler,
    UniformSampler,
)
from nerfstudio.model_components.renderers import AccumulationRenderer, DepthRenderer, RGBRenderer
from torch import Tensor, nn

from padbench_nerf.hash_encoding import compile_hash_encodings


@dataclass(frozen=True)
class RenderedRays:
    """What rays show: rgb (R, 3), distance along the ray (R, 1), alpha (R, 1)."""

    rgb: Tensor
    distance: Tensor
    alpha: Tensor


class _Renderer(nn.Module):
    """Integrates samples along rays; `fitted` takes the last sample's colour for what lies behind the last sample."""

    def __init__(self, fitted_background: bool) -> None:
        super().__init__()
        self.rgb = RGBRenderer("last_sample" if fitted_background else "white")
        self.alpha = AccumulationRenderer()
        self.distance = DepthRenderer("expected")

    def forward(self, rgb: Tensor, weights: Tensor, samples: RaySamples) -> RenderedRays:
        return RenderedRays(self.rgb(rgb, weights), self.distance(weights, samples), self.alpha(weights))


def _first_sampler(samples: int, fitted_background: bool) -> Sampler:
    # Behind the object a background is unbounded: samples grow apart with the distance.
    sampler = UniformLinDispPiecewiseSampler if fitted_background else UniformSampler
    return sampler(samples)


def _bundle(origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> RayBundle:
    ones = torch.ones_like(near)
    return RayBundle(origins, directions, ones, camera_indices=ones.long(), nears=near, fars=far)


class VanillaNeRF(nn.Module):
    """NeRF as Mildenhall et al. 2020 have it: a coarse and a fine network, 10 and 4 frequencies of encoding.

    The colour head is nerfstudio's: two layers of half the width, not a linear one of the width and one of half of it.

    samples, fine_samples: uniform samples, and those drawn from the coarse weights on top of them. width: of the
    hidden layers.
    """

    def __init__(self, samples: int, fine_samples: int, width: int, fitted_background: bool) -> None:
        super().__init__()
        # nerfstudio's frequencies carry a factor of 2 pi: sin(2^k pi x), k from 0 (Eq. 4 of NeRF), begins at -1.
        self.coarse, self.fine = (
            NeRFField(
                position_encoding=NeRFEncoding(3, 10, -1.0, 8.0, include_input=True),
                direction_encoding=NeRFEncoding(3, 4, -1.0, 2.0, include_input=True),
                base_mlp_layer_width=width,
                head_mlp_layer_width=max(1, width // 2),
                spatial_distortion=SceneContraction() if fitted_background else None,
            )
            for _ in range(2)
        )
        self.uniform = _first_sampler(samples, fitted_background)
        self.pdf = PDFSampler(fine_samples)
        self.renderer = _Renderer(fitted_background)

    def forward(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> RenderedRays:
        """Render rays; origins, directions (R, 3), near, far (R, 1)."""
        bundle = _bundle(origins, directions, near, far)
        samples = self.uniform(bundle)
        with torch.no_grad():
            weights = samples.get_weights(self.coarse.get_density(samples)[0])
        return self._integrate(self.fine, self.pdf(bundle, samples, weights))[0]

    def loss(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor, rgb: Tensor) -> Tensor:
        """Squared error of the coarse and of the fine network."""
        bundle = _bundle(origins, directions, near, far)
        samples = self.uniform(bundle)
        coarse, weights = self._integrate(self.coarse, samples)
        fine, _ = self._integrate(self.fine, self.pdf(bundle, samples, weights))
        return (coarse.rgb - rgb).square().mean() + (fine.rgb - rgb).square().mean()

    def _integrate(self, field: NeRFField, samples: RaySamples) -> tuple[RenderedRays, Tensor]:
        outputs = field(samples)
        weights: Tensor = samples.get_weights(outputs[FieldHeadNames.DENSITY])
        return self.renderer(outputs[FieldHeadNames.RGB], weights, samples), weights


class HashGridNeRF(nn.Module):
    """A small nerfacto: a hash grid for colour and density, and one density field that proposes where to sample.

    samples, fine_samples: uniform samples of the proposal, and those drawn from its weights. width: of the hidden
    layers. levels, max_resolution, log2_table_size: of the hash grid; that of the proposal has half the levels, a
    quarter of the resolution and of the table.
    """

    def __init__(
        self,
        samples: int,
        fine_samples: int,
        width: int,
        fitted_background: bool,
        levels: int,
        max_resolution: int,
        log2_table_size: int,
    ) -> None:
        super().__init__()
        box = torch.tensor([[-1.0, -1.0, -1.0], [1.0, 1.0, 1.0]])
        contraction = SceneContraction(float("inf")) if fitted_background else None
        self.field = _ColourField(
            box,
            num_images=1,
            hidden_dim=width,
            hidden_dim_color=width,
            num_levels=levels,
            max_res=max_resolution,
            log2_hashmap_size=log2_table_size,
            appearance_embedding_dim=0,
            spatial_distortion=contraction,
            implementation="torch",
        )
        self.proposal = HashMLPDensityField(
            box,
            hidden_dim=max(1, width // 2),
            num_levels=max(1, levels // 2),
            max_res=max(16, max_resolution // 4),
            log2_hashmap_size=max(8, log2_table_size - 2),
            spatial_distortion=contraction,
            implementation="torch",
        )
        compile_hash_encodings(self)
        self.uniform = _first_sampler(samples, fitted_background)
        self.pdf = PDFSampler(fine_samples, include_original=False)
        self.renderer = _Renderer(fitted_background)

    def forward(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor) -> RenderedRays:
        """Render rays; origins, directions (R, 3), near, far (R, 1)."""
        bundle = _bundle(origins, directions, near, far)
        with torch.no_grad():
            samples = self.uniform(bundle)
            weights = samples.get_weights(self.proposal.get_density(samples)[0])
        return self._integrate(self.pdf(bundle, samples, weights))[0]

    def loss(self, origins: Tensor, directions: Tensor, near: Tensor, far: Tensor, rgb: Tensor) -> Tensor:
        """Squared error, and the interlevel loss that teaches the proposal (mip-NeRF 360, Eq. 13)."""
        bundle = _bundle(origins, directions, near, far)
        first = self.uniform(bundle)
        proposed = first.get_weights(self.proposal.get_density(first)[0])
        second = self.pdf(bundle, first, proposed.detach())
        rendered, weights = self._integrate(second)
        interlevel: Tensor = interlevel_loss([proposed, weights], [first, second])
        return (rendered.rgb - rgb).square().mean() + interlevel

    def _integrate(self, samples: RaySamples) -> tuple[RenderedRays, Tensor]:
        outputs = self.field(samples)
        weights: Tensor = samples.get_weights(outputs[FieldHeadNames.DENSITY])
        return self.renderer(outputs[FieldHeadNames.RGB], weights, samples), weights


class _ColourField(NerfactoField):
    """nerfacto's field without the gradient of the density by the position, which only its normals need."""

    def get_density(self, ray_samples: RaySamples) -> tuple[Tensor, Tensor]:
        positions = ray_samples.frustums.get_positions()
        if self.spatial_distortion is not None:
            positions = self.spatial_distortion(positions) / 2  # from [-2, 2]
        positions = (positions + 1) / 2
        inside = ((positions > 0) & (positions < 1)).all(-1, keepdim=True)
        flat = self.mlp_base((positions * inside).view(-1, 3))
        raw, embedding = flat.view(*ray_samples.frustums.shape, -1).split([1, self.geo_feat_dim], dim=-1)
        return trunc_exp(raw) * inside, embedding
