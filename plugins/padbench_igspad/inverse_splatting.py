"""The pose estimator "igs": the camera is optimised until the rendering looks like the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime, Trial
from padbench.scene import Cameras, Scene
from padbench.weights import WeightFile
from padbench_gaussians.camera_rig import focus
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.representation import GaussianSplatting
from padbench_igspad.matching_points import matching_points_weights
from padbench_retrieval.local_features import Keypoints
from padbench_retrieval.matching import LocalFeatureMatcher, matcher_weights


class InverseSplatting:
    """Inverting 3D Gaussian Splatting with Matching Points Sampling (IGSPAD, section 3.2).

    Adam on the rotation and the translation of the view matrix, with the weighted L1 of Eq. 4 between the rendering
    and the query. The rotation is perturbed on the left, x_c = Exp(omega) R x + t (Gaussian Splatting SLAM), about the
    point that the training cameras look at, so that turning the camera does not push the object out of the image.

    steps, learning_rate, late_learning_rate, late_from: `late_learning_rate` holds from step `late_from` on. The unit
    is radians for the rotation; for the translation it is `translation_scale` times the distance of the camera from
    the point it looks at. beta1, beta2: Adam's. mps: whether to use Matching Points Sampling; off, W is 1 everywhere.
    radius: k of section 3.2.3 in pixels of the working size, around both ends of a match. rematch_every: steps between
    matchings of the rendering with the query. min_matches: with fewer matches in a rendering, W is 1 everywhere until
    the next matching. features, max_keypoints: see `LocalFeatureMatcher`. mean_only_gradient: differentiate by the
    translation through the projected means only (Eq. 3). Implements `interfaces.PoseEstimator`.
    """

    trial = Trial("steps", (25, 75))

    def __init__(
        self,
        runtime: Runtime,
        *,
        steps: int = 300,
        learning_rate: float = 0.01,
        late_learning_rate: float = 0.001,
        late_from: int = 200,
        translation_scale: float = 0.33,
        beta1: float = 0.9,
        beta2: float = 0.999,
        mps: bool = True,
        radius: float = 10.0,
        rematch_every: int = 25,
        min_matches: int = 8,
        features: str = "xfeat",
        max_keypoints: int = 512,
        mean_only_gradient: bool = False,
    ) -> None:
        for name, value, least in (("steps", steps, 0), ("rematch_every", rematch_every, 1)):
            if value < least:
                raise UserError(f"igs needs {name} of at least {least}, not {value}: mend the recipe")
        self._device = runtime.device
        self._steps = steps
        self._learning_rate = learning_rate
        self._late_learning_rate = late_learning_rate
        self._late_from = late_from
        self._translation_scale = translation_scale
        self._betas = (beta1, beta2)
        self._radius = radius
        self._rematch_every = rematch_every
        self._min_matches = min_matches
        self._covariance_gradient = not mean_only_gradient
        self._matcher = LocalFeatureMatcher(runtime.device, features, max_keypoints) if mps else None

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Take the fitted Gaussians; raises UserError when the representation is another."""
        if not isinstance(representation, GaussianSplatting):
            found = "none" if representation is None else type(representation).__name__
            raise UserError(
                f"the pose estimator igs inverts the representation 3dgs (GaussianSplatting), not {found}: "
                "name 3dgs in the recipe"
            )
        cameras = Cameras.stack([view.camera for view in scene.views], self._device)
        self._centre = focus(cameras)
        gaussians = representation.gaussians
        # The world moves so that its origin is the point to turn about.
        means = (gaussians.means.double() - self._centre).float()
        self._activated = (means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.colors)
        self._background = representation.background

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Refine the initial poses; raises UserError when there are none."""
        if initial is None:
            raise UserError("the pose estimator igs refines a pose: put a retrieval before it in the recipe")
        images = images.to(self._device)
        initial = replace(initial, K=initial.K.to(self._device))
        motion = initial.world_to_camera.to(self._device).double()
        rotation = motion[:, :3, :3]
        shift = motion[:, :3, 3] + rotation @ self._centre
        unit = self._translation_scale * shift.norm(dim=1, keepdim=True)
        omega = torch.zeros_like(shift, requires_grad=True)
        delta = torch.zeros_like(shift, requires_grad=True)
        optimizer = torch.optim.Adam([omega, delta], lr=self._learning_rate, betas=self._betas)
        weights = images.new_ones(len(images), *images.shape[2:])
        queries = self._matcher.extract(images) if self._matcher else []

        for step in range(self._steps):
            if step == self._late_from:
                optimizer.param_groups[0]["lr"] = self._late_learning_rate
            cameras = _cameras(initial, torch.linalg.matrix_exp(_skew(omega)) @ rotation, shift + unit * delta)
            rendered = self._render(cameras)
            if self._matcher and step % self._rematch_every == 0:
                weights = self._weighting_maps(rendered.detach(), queries)
            pixels = weights.shape[1] * weights.shape[2]
            # Summed over the batch: each pose has its own loss, whatever it is batched with.
            loss = ((rendered - images).abs().sum(1) * weights).sum() / pixels
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            with torch.no_grad():
                rotation = torch.linalg.matrix_exp(_skew(omega)) @ rotation
                omega.zero_()
        return _cameras(initial, rotation, shift + unit * delta.detach() - rotation @ self._centre)

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return matcher_weights(parameters["features"]) if parameters["mps"] else ()

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return self._matcher.weights() if self._matcher else {}

    def _render(self, cameras: Cameras) -> Tensor:
        return rasterize(*self._activated, cameras, self._background, covariance_gradient=self._covariance_gradient).rgb

    def _weighting_maps(self, rendered: Tensor, queries: list[Keypoints]) -> Tensor:
        assert self._matcher is not None
        height, width = rendered.shape[2:]
        maps = []
        for rendering, query in zip(self._matcher.extract(rendered), queries, strict=True):
            matches = self._matcher.match(rendering, query)
            if len(matches) < self._min_matches:
                maps.append(rendered.new_ones(height, width))
            else:
                # Both ends of a match: the loss must see where a part is and where it should be.
                points = torch.cat([rendering.positions[matches[:, 0]], query.positions[matches[:, 1]]])
                maps.append(matching_points_weights(points, self._radius, height, width))
        return torch.stack(maps)


def _cameras(like: Cameras, rotation: Tensor, translation: Tensor) -> Cameras:
    motion = torch.eye(4, dtype=rotation.dtype, device=rotation.device).repeat(len(rotation), 1, 1)
    motion = torch.cat([torch.cat([rotation, translation[:, :, None]], dim=2), motion[:, 3:]], dim=1)
    return replace(like, world_to_camera=motion.float())


def _skew(vectors: Tensor) -> Tensor:  # (B, 3) -> (B, 3, 3)
    x, y, z = vectors.unbind(-1)
    zero = torch.zeros_like(x)
    rows = [torch.stack(row, dim=-1) for row in ([zero, -z, y], [z, zero, -x], [-y, x, zero])]
    return torch.stack(rows, dim=-2)
