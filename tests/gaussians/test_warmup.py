"""Warming up leaves nothing to compile."""

from __future__ import annotations

import torch
from torch.autograd import backward

from gaussians.random_scenes import cameras_of, random_splats
from padbench_gaussians.kernels.binning import bin_into_tiles
from padbench_gaussians.kernels.compositing import composite
from padbench_gaussians.kernels.compositing_gradient import composite_gradient
from padbench_gaussians.kernels.dissimilarity import compare
from padbench_gaussians.kernels.projection import project
from padbench_gaussians.kernels.projection_gradient import project_gradient
from padbench_gaussians.photometric_loss import photometric_loss
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.warmup import compile_kernels


def test_no_use_compiles_a_kernel_again() -> None:
    compile_kernels()
    kernels = (project, bin_into_tiles, composite, compare, composite_gradient, project_gradient)
    for antialiased in (False, True):
        splats = random_splats(0, 100, cameras=2).leaves()
        background = torch.ones(3) if antialiased else None
        rendering = rasterize(*splats.gaussians(), cameras_of(splats), background, antialiased=antialiased)
        target = torch.rand(3, 40, 48).expand(2, 3, 40, 48)
        backward(photometric_loss(rendering.rgb, target, 0.5) + rendering.depth.mean())
        with torch.inference_mode():
            photometric_loss(rasterize(*splats.gaussians(), cameras_of(splats)).rgb, target)
    for kernel in kernels:  # their names are in the signature
        assert len(kernel.signatures) == 1, kernel.signatures
