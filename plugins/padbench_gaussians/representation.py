"""The representation "3dgs": a scene as Gaussians fitted to its views."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Rendering, Runtime, Splats, Trial
from padbench.scene import Cameras, Scene
from padbench_gaussians.camera_rig import camera_centres, focus
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.initialisation import covered_edges, initial_gaussians
from padbench_gaussians.ply import read_ply, write_ply
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.training import LearningRates, Schedule, train

_FILE = "point_cloud.ply"
_COVERED = 0.5  # an object alone leaves the edges free (0 on bricks), a room covers them (1)
_BACKGROUNDS = {"white": 1.0, "black": 0.0}


class GaussianSplatting:
    """3D Gaussian Splatting (Kerbl et al. 2023) with a fixed number of Gaussians, random start and MCMC relocation.

    Spherical harmonics are of degree 0, as all methods of the papers use them. Implements `interfaces.Representation`.

    gaussians, iterations: how many. background: colour behind the scene in every rendering, and in training unless the
    images are covered to their edges (see `train`).
    ssim_weight: weight of D-SSIM against L1. *_lr: Adam's step sizes; that of the means is in units of the mean
    distance of the cameras from the point they look at, and decays exponentially to means_lr_final. opacity_penalty,
    scale_penalty: weights of the mean opacity and of the mean scale (in the same units) in the loss. relocate_every:
    iterations between relocations of the Gaussians of at most dead_opacity, relocate_until: share of the iterations
    after which none is moved.
    """

    antialiased = False
    """How to render the Gaussians; see `rasterize`."""
    trial = Trial("iterations", (300,))

    def __init__(
        self,
        runtime: Runtime,
        *,
        gaussians: int = 10_000,
        iterations: int = 2_500,
        background: Literal["white", "black"] = "white",
        ssim_weight: float = 0.2,
        means_lr: float = 1e-3,
        means_lr_final: float = 1e-5,
        log_scales_lr: float = 3e-2,
        quats_lr: float = 5e-3,
        opacity_logits_lr: float = 5e-2,
        features_dc_lr: float = 1e-2,
        opacity_penalty: float = 5e-4,
        scale_penalty: float = 0.03,
        relocate_every: int = 100,
        relocate_until: float = 0.8,
        dead_opacity: float = 0.005,
    ) -> None:
        if min(gaussians, iterations, relocate_every) < 1:
            raise UserError(
                "3dgs needs gaussians, iterations and relocate_every of at least 1, not "
                f"{gaussians}, {iterations} and {relocate_every}: mend the recipe"
            )
        if min(means_lr, means_lr_final) <= 0:
            raise UserError(
                f"3dgs needs means_lr and means_lr_final above 0, not {means_lr} and {means_lr_final}: mend the recipe"
            )
        self._runtime = runtime
        self._count = gaussians
        self._background = torch.full((3,), _BACKGROUNDS[background], device=runtime.device)
        self._learning_rates = LearningRates(
            means=means_lr,
            means_final=means_lr_final,
            log_scales=log_scales_lr,
            quats=quats_lr,
            opacity_logits=opacity_logits_lr,
            features_dc=features_dc_lr,
        )
        self._schedule = Schedule(
            iterations=iterations,
            ssim_weight=ssim_weight,
            opacity_penalty=opacity_penalty,
            scale_penalty=scale_penalty,
            relocate_every=relocate_every,
            relocate_until=relocate_until,
            dead_opacity=dead_opacity,
        )
        self._gaussians: Gaussians | None = None

    @property
    def gaussians(self) -> Gaussians:
        """The fitted Gaussians; raises RuntimeError before `fit` or `load`."""
        if self._gaussians is None:
            raise RuntimeError("GaussianSplatting is used before fit or load")
        return self._gaussians

    @property
    def background(self) -> Tensor:
        """The colour behind the scene, (3,)."""
        return self._background

    def fit(self, scene: Scene) -> None:
        """Fit to the scene's views; raises UserError when it has none or when their sizes differ."""
        if not scene.views:
            raise UserError(f"the scene {scene.name} has no normal views: 3dgs is fitted to posed images")
        try:
            cameras = Cameras.stack([view.camera for view in scene.views], self._runtime.device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be fitted by 3dgs: {error}") from error
        progress = self._runtime.progress
        images = torch.stack([view.image() for view in progress.track(scene.views, "reading views")])
        generator = torch.Generator().manual_seed(self._runtime.seed)
        extent = float((camera_centres(cameras) - focus(cameras)).norm(dim=1).mean()) or 1.0
        covered = covered_edges(images, self._background.cpu())
        self._gaussians = train(
            initial_gaussians(cameras, self._count, covered, generator).to(self._runtime.device),
            images.to(self._runtime.device),
            cameras,
            background=None if covered > _COVERED else self._background,
            extent=extent,
            learning_rates=self._learning_rates,
            schedule=self._schedule,
            generator=generator,
            progress=progress,
        )

    def render(self, cameras: Cameras) -> Rendering:
        """Render the fitted Gaussians at the cameras, without gradients."""
        gaussians = self.gaussians
        with torch.no_grad():
            return rasterize(
                gaussians.means,
                gaussians.quats,
                gaussians.scales,
                gaussians.opacities,
                gaussians.colors,
                cameras,
                self._background,
            )

    def splats(self) -> Splats:
        """The Gaussians as a viewer draws them."""
        return self.gaussians.splats()

    def save(self, folder: Path) -> None:
        """Write `point_cloud.ply`, the standard 3DGS file."""
        write_ply(self.gaussians, folder / _FILE)

    def load(self, folder: Path) -> None:
        """Read `point_cloud.ply`; raises UserError when it is missing or damaged."""
        self._gaussians = read_ply(folder / _FILE).to(self._runtime.device)
