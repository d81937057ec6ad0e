"""The pose estimator "mask": the object moves along a screw axis until its silhouette is that of the query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime, Trial
from padbench.scene import Cameras, Scene
from padbench_gaussians.camera_rig import focus
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.representation import GaussianSplatting
from padbench_ptad.chamfer import ChamferRetrieval
from padbench_ptad.masks import foreground
from padbench_splatpose.screw_axis import moved_world, screw_motion, translation_unit

# The image of the scouts, in each direction.
_SMALLER = 4
# Elements of poses that differ by less are those of one reference view.
_SAME = 1e-5


@dataclass(frozen=True)
class _Search:
    """Adam's steps, and its rate at the first and the last of them."""

    steps: int
    learning_rate: float
    late_learning_rate: float

    @property
    def decay(self) -> float:
        """By which the rate is multiplied after every step."""
        return float((self.late_learning_rate / self.learning_rate) ** (1 / max(1, self.steps - 1)))


class MaskAlignment:
    """Mask-guided pose optimisation of PTAD (section 3.2): Adam on the seven numbers of a screw axis.

    The loss is the L1 distance of the rendered alpha from the query's mask (Eq. 7). The paper moves the Gaussians by
    T = e^([S] theta) and leaves the camera W at the initial pose; the same alpha is seen by the camera W T, which is
    how it is rendered here. The object turns about the point that the reference cameras look at, and translations are
    in `translation_unit`s. The result is the pose of the smallest loss on the way, the initial one included, and the
    initial one where the query's mask is empty.

    A silhouette may look like that of another side of the object. With `candidates` above 1 the search scouts from as
    many poses, those of the reference views nearest in chamfer distance (the initial one in place of the last, where it
    is none of them): a few steps for each, at a quarter of the image size, where the optimum is wider. The one of the
    smallest loss is then refined as the initial pose is otherwise. The paper has the initial pose alone (candidates 1).

    steps: k of the paper. learning_rate, late_learning_rate: Adam's at the first and the last step, exponential between
    them; the paper states none. scout_steps, scout_learning_rate: of the scouting, whose last step has a fifth of this
    rate. Every search starts at omega = v = 0 and theta = 1. threshold: of `masks.foreground`. Implements
    `interfaces.PoseEstimator`.
    """

    trial = Trial("steps", (10, 40))

    def __init__(
        self,
        runtime: Runtime,
        *,
        steps: int = 150,
        learning_rate: float = 0.05,
        late_learning_rate: float = 0.005,
        candidates: int = 1,
        scout_steps: int = 40,
        scout_learning_rate: float = 0.05,
        threshold: float = 0.04,
    ) -> None:
        for name, number, least in (
            ("steps", steps, 0),
            ("candidates", candidates, 1),
            ("scout_steps", scout_steps, 0),
        ):
            if number < least:
                raise UserError(f"mask needs {name} of at least {least}, not {number}: mend the recipe")
        for name, rate in (
            ("learning_rate", learning_rate),
            ("late_learning_rate", late_learning_rate),
            ("scout_learning_rate", scout_learning_rate),
        ):
            if rate <= 0:
                raise UserError(f"mask needs a {name} above 0, not {rate}: mend the recipe")
        if not 0 <= threshold < 1:
            raise UserError(f"mask needs a threshold in [0, 1), not {threshold}: mend the recipe")
        self._device = runtime.device
        self._refining = _Search(steps, learning_rate, late_learning_rate)
        self._scouting = _Search(scout_steps, scout_learning_rate, scout_learning_rate / 5)
        self._candidates = candidates
        self._retrieval = ChamferRetrieval(runtime, threshold=threshold)
        self._threshold = threshold

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Take the Gaussians; raises UserError for a scene without views or a representation without Gaussians."""
        if not isinstance(representation, (MeshSplatting, GaussianSplatting)):
            found = "none" if representation is None else type(representation).__name__
            raise UserError(
                "the pose estimator mask moves Gaussians, those of mesh2splat (MeshSplatting) or 3dgs "
                f"(GaussianSplatting), not {found}: name one of them in the recipe"
            )
        if not scene.views:
            raise UserError(f"{scene.name} has no reference views, whose cameras tell mask where the object is")
        if self._candidates > 1:
            self._retrieval.fit(scene, representation)
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
            raise UserError("the pose estimator mask refines a pose: put chamfer before it in the recipe")
        initial = replace(
            initial, K=initial.K.to(self._device), world_to_camera=initial.world_to_camera.to(self._device)
        )
        images = images.to(self._device)
        masks = foreground(images, self._threshold)
        shown = masks.flatten(1).any(dim=1)
        found = initial.world_to_camera.clone()
        if shown.any():
            start = replace(initial, K=initial.K[shown], world_to_camera=found[shown])
            if self._candidates > 1:
                start = self._scouted(images[shown], masks[shown], start)
            found[shown], _ = self._aligned(masks[shown].float(), start, self._refining)
        return replace(initial, world_to_camera=found)

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)

    def _scouted(self, images: Tensor, masks: Tensor, initial: Poses) -> Poses:  # (B, 3, H, W), (B, H, W)
        """Of each query the best candidate after a short search."""
        number = len(images)
        others = self._retrieval.nearest(images, self._candidates).world_to_camera
        starts = others.reshape(number, -1, 4, 4).clone()
        known = ((starts - initial.world_to_camera[:, None]).abs().amax(dim=(2, 3)) < _SAME).any(dim=1)
        starts[~known, -1] = initial.world_to_camera[~known]
        each = starts.shape[1]
        scale = torch.tensor([1 / _SMALLER, 1 / _SMALLER, 1], device=initial.K.device)[:, None]
        small = Cameras(
            (initial.K * scale).repeat_interleave(each, dim=0),
            starts.flatten(0, 1),
            initial.width // _SMALLER,
            initial.height // _SMALLER,
        )
        targets = avg_pool2d(masks.float(), _SMALLER).repeat_interleave(each, dim=0)
        poses, losses = self._aligned(targets, small, self._scouting)
        best = losses.reshape(number, each).argmin(dim=1)
        return replace(initial, world_to_camera=poses.reshape(number, each, 4, 4)[torch.arange(number), best])

    def _aligned(self, masks: Tensor, initial: Poses, search: _Search) -> tuple[Tensor, Tensor]:  # (B, H, W)
        """The poses of the smallest losses on the way, (B, 4, 4) float32, and these losses, (B,)."""
        target = masks[:, None]
        coarse = moved_world(initial.world_to_camera.double(), self._centre)
        omega = coarse.new_zeros(len(coarse), 3, requires_grad=True)
        v = torch.zeros_like(omega, requires_grad=True)
        theta = coarse.new_ones(len(coarse), requires_grad=True)
        optimizer = torch.optim.Adam([omega, v, theta], lr=search.learning_rate)
        best, least = coarse, coarse.new_full((len(coarse),), torch.inf)
        for step in range(search.steps + 1):
            poses = coarse @ screw_motion(omega, self._unit * v, theta)
            # A loss for each query: no pose depends on what it is batched with.
            losses = (self._alpha(poses, initial) - target).abs().mean(dim=(1, 2, 3)).double()
            better = losses.detach() < least
            best = torch.where(better[:, None, None], poses.detach(), best)
            least = torch.where(better, losses.detach(), least)
            if step == search.steps:
                break
            optimizer.zero_grad()
            losses.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= search.decay
        return moved_world(best, -self._centre).float(), least

    def _alpha(self, poses: Tensor, cameras: Cameras) -> Tensor:
        moved = replace(cameras, world_to_camera=poses.float())
        return rasterize(*self._activated, moved, self._background, antialiased=self._antialiased).alpha
