"""The pose estimator "inerf": the camera moves along a screw axis until the rendered rays look like the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime, Trial
from padbench.scene import Cameras, Scene
from padbench.weights import WeightFile, hashes
from padbench_gaussians.camera_rig import focus
from padbench_nerf.rays import pixel_rays
from padbench_omniad.camera_motion import move_cameras
from padbench_omniad.interest_regions import draw_pixels, interest_region
from padbench_retrieval.local_features import local_features
from padbench_retrieval.matching import matcher_weights
from padbench_splatpose.screw_axis import screw_motion, translation_unit

_START = 1e-6


class RayColours(Protocol):
    """What rays show; rgb is differentiable by the rays."""

    @property
    def rgb(self) -> Tensor: ...  # (R, 3)


@runtime_checkable
class RendersRays(Protocol):
    """A representation that renders single rays, as `padbench_nerf.representation.NeuralRadianceField` does."""

    def render_rays(self, origins: Tensor, directions: Tensor) -> RayColours:  # (R, 3), (R, 3) of length 1, world
        """Render rays of the frozen scene, differentiable by origins and directions."""
        ...


@dataclass(frozen=True)
class _Query:
    """A query under way: its image (3, H, W), where it starts, the pixels to draw from, (omega, v, theta) (1, 7)."""

    image: Tensor
    initial: Cameras
    region: Tensor
    generator: torch.Generator
    axis: Tensor


class InverseNeRF:
    """iNeRF (Yen-Chen et al. 2021) as OmniposeAD uses it.

    Adam on a screw axis (omega, v) and theta, by whose motion the initial camera moves in the world, with the squared
    error between the rendered and the query's colours on rays of interest regions. The motion turns about the point
    that the training cameras look at; its translation is in units of `screw_axis.translation_unit`. The parameters
    start from N(0, 1e-6).

    steps: of Adam. learning_rate, decay: step k uses learning_rate * decay^((k + 1) / 100). beta1, beta2: Adam's. rays:
    drawn anew for each step. kernel_size, dilations: see `interest_region`. features, max_keypoints: of the query's key
    points, see `padbench_retrieval.local_features`. Implements `interfaces.PoseEstimator`.
    """

    trial = Trial("steps", (5, 15))

    def __init__(
        self,
        runtime: Runtime,
        *,
        steps: int = 300,
        learning_rate: float = 0.01,
        decay: float = 0.8,
        beta1: float = 0.9,
        beta2: float = 0.999,
        rays: int = 512,
        kernel_size: int = 5,
        dilations: int = 3,
        features: str = "xfeat",
        max_keypoints: int = 512,
    ) -> None:
        for name, value, least in (("steps", steps, 0), ("rays", rays, 1), ("dilations", dilations, 0)):
            if value < least:
                raise UserError(f"inerf needs {name} of at least {least}, not {value}: mend the recipe")
        if kernel_size < 1 or kernel_size % 2 == 0:
            raise UserError(f"inerf needs an odd kernel_size, not {kernel_size}: mend the recipe")
        self._device = runtime.device
        self._seed = runtime.seed
        self._steps = steps
        self._learning_rate = learning_rate
        self._decay = decay
        self._betas = (beta1, beta2)
        self._rays = rays
        self._kernel_size = kernel_size
        self._dilations = dilations
        self._detect = local_features(features, max_keypoints, runtime.device)
        self._weights = matcher_weights(features)[:1]
        self._field: RendersRays
        self._centre: Tensor
        self._unit: float

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Take the fitted representation; raises UserError when it cannot render rays."""
        if not isinstance(representation, RendersRays):
            found = "none" if representation is None else type(representation).__name__
            raise UserError(
                f"the pose estimator inerf inverts the representation nerf, not {found}: name nerf in the recipe"
            )
        self._field = representation
        cameras = Cameras.stack([view.camera for view in scene.views], self._device)
        centre = focus(cameras)
        self._unit = translation_unit(cameras, centre)
        self._centre = centre.float()

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Refine the initial poses; raises UserError when there are none."""
        if initial is None:
            raise UserError("the pose estimator inerf refines a pose: put a retrieval before it in the recipe")
        images = images.to(self._device)
        initial = replace(
            initial, K=initial.K.to(self._device), world_to_camera=initial.world_to_camera.to(self._device)
        )
        queries = [self._query(image, initial[i : i + 1]) for i, image in enumerate(images)]
        optimizer = torch.optim.Adam([query.axis for query in queries], lr=self._learning_rate, betas=self._betas)
        for step in range(self._steps):
            optimizer.param_groups[0]["lr"] = self._learning_rate * self._decay ** ((step + 1) / 100)
            optimizer.zero_grad()
            # Query by query: tensors of other sizes round differently, and 300 steps of Adam make poses of that.
            for query in queries:
                self._loss(query).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        with torch.no_grad():
            return replace(initial, world_to_camera=torch.cat([self._moved(query) for query in queries]))

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return matcher_weights(parameters["features"])[:1]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes(self._weights)

    def _query(self, image: Tensor, initial: Cameras) -> _Query:
        with torch.inference_mode():
            points = self._detect(image[None]).positions
        region = interest_region(points, self._kernel_size, self._dilations, *image.shape[1:])
        # Every query has the same seed: what is drawn for it does not depend on its place in the batch.
        generator = torch.Generator().manual_seed(self._seed)
        axis = (_START * torch.randn(1, 7, generator=generator)).to(self._device).requires_grad_()
        return _Query(image, initial, region, generator, axis)

    def _moved(self, query: _Query) -> Tensor:  # (1, 4, 4)
        axis = query.axis
        motion = screw_motion(axis[:, :3], self._unit * axis[:, 3:6], axis[:, 6])
        return move_cameras(query.initial.world_to_camera, motion, self._centre)

    def _loss(self, query: _Query) -> Tensor:
        pixels = draw_pixels(query.region, self._rays, query.generator)
        rendered = self._field.render_rays(*pixel_rays(query.initial.K, self._moved(query), pixels)).rgb
        x, y = pixels.long().unbind(-1)
        return (rendered - query.image[:, y, x].T).square().mean()
