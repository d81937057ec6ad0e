"""The pose estimator "splatpose": the scene moves along a screw axis until it looks like the query."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime, Trial
from padbench.scene import Cameras, Scene
from padbench_gaussians.camera_rig import focus
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_gaussians.photometric_loss import photometric_loss
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.representation import GaussianSplatting
from padbench_splatpose.screw_axis import moved_world, screw_motion, translation_unit


class MovingSplats:
    """SplatPose (Kruse et al. 2024, section 3.1): Adam on the seven numbers of a screw axis.

    The paper moves every Gaussian by T = e^([S] theta) and leaves the camera W at the coarse pose. Colours do not
    depend on the direction, so the image is that of the unmoved Gaussians seen by the camera W T, which is how it is
    rendered here. The scene turns about the point that the training cameras look at (the origin of MAD's scenes), and
    translations are in `translation_unit`s: neither place nor scale of the world matter.

    steps: k of the paper. ssim_weight: lambda of Eq. 7. first_learning_rate, learning_rate, decay: the first step uses
    the rate of the paper's text, step k after it learning_rate * decay^(k / 100), as the reference code does.
    initial_deviation: standard deviation of the initial omega, v and theta. Implements `interfaces.PoseEstimator`.
    """

    trial = Trial("steps", (10, 40))

    def __init__(
        self,
        runtime: Runtime,
        *,
        steps: int = 175,
        ssim_weight: float = 0.2,
        first_learning_rate: float = 0.001,
        learning_rate: float = 0.01,
        decay: float = 0.8,
        initial_deviation: float = 1e-6,
    ) -> None:
        if steps < 0:
            raise UserError(f"splatpose needs steps of at least 0, not {steps}: mend the recipe")
        if initial_deviation <= 0:
            raise UserError(
                f"splatpose needs an initial_deviation above 0, not {initial_deviation}: where omega, v and theta are "
                "all 0, so are their gradients"
            )
        self._device = runtime.device
        self._steps = steps
        self._ssim_weight = ssim_weight
        self._first_learning_rate = first_learning_rate
        self._learning_rate = learning_rate
        self._decay = decay
        generator = torch.Generator().manual_seed(runtime.seed)
        # One draw for all queries: what a pose becomes must not depend on its place in a batch.
        self._initial = initial_deviation * torch.randn(7, generator=generator, dtype=torch.float64)

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Take the fitted Gaussians; raises UserError when the representation has none."""
        if not isinstance(representation, (GaussianSplatting, MeshSplatting)):
            found = "none" if representation is None else type(representation).__name__
            raise UserError(
                f"the pose estimator splatpose moves the Gaussians of 3dgs (GaussianSplatting) or mesh2splat "
                f"(MeshSplatting), not {found}: name one of them in the recipe"
            )
        cameras = Cameras.stack([view.camera for view in scene.views], self._device)
        self._centre = focus(cameras)
        self._unit = translation_unit(cameras, self._centre)
        gaussians = representation.gaussians
        # The world moves so that its origin is the point to turn about.
        means = (gaussians.means.double() - self._centre).float()
        self._activated = (means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.colors)
        self._background = representation.background
        self._antialiased = representation.antialiased

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Refine the initial poses; raises UserError when there are none."""
        if initial is None:
            raise UserError("the pose estimator splatpose refines a pose: put a retrieval before it in the recipe")
        images = images.to(self._device)
        initial = replace(initial, K=initial.K.to(self._device))
        coarse = moved_world(initial.world_to_camera.to(self._device).double(), self._centre)
        start = self._initial.to(self._device).repeat(len(images), 1)
        omega, v, theta = (part.clone().requires_grad_() for part in (start[:, :3], start[:, 3:6], start[:, 6]))
        optimizer = torch.optim.Adam([omega, v, theta], lr=self._first_learning_rate, betas=(0.9, 0.999))
        for step in range(self._steps):
            cameras = replace(initial, world_to_camera=self._camera(coarse, omega, v, theta).float())
            rendered = rasterize(*self._activated, cameras, self._background, antialiased=self._antialiased).rgb
            # A loss for each query: no pose depends on what it is batched with.
            losses = [
                photometric_loss(rendered[i : i + 1], images[i : i + 1], self._ssim_weight) for i in range(len(images))
            ]
            optimizer.zero_grad()
            torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.param_groups[0]["lr"] = self._learning_rate * self._decay ** ((step + 1) / 100)
        with torch.no_grad():
            found = moved_world(self._camera(coarse, omega, v, theta), -self._centre)
        return replace(initial, world_to_camera=found.float())

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)

    def _camera(self, coarse: Tensor, omega: Tensor, v: Tensor, theta: Tensor) -> Tensor:
        return coarse @ screw_motion(omega, self._unit * v, theta)
