"""The Random View Synthesis Scheme (RPE-PAD): views rendered near the training views, and the gallery they make."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Representation
from padbench.scene import Cameras, Scene
from padbench_gaussians.camera_rig import focus
from padbench_rpepad.relative_pose import quaternions, rotations


def novel_cameras(cameras: Cameras, count: int, sigma_r: float, sigma_t: float, seed: int) -> Cameras:
    """Perturb each camera `count` times; the cameras of one view follow each other.

    Gaussian noise is added to the pose (q, t), world-to-camera: `sigma_r` to the quaternion's four numbers, which are
    normalised again, `sigma_t` in scene units to the translation. The paper does not say what the noise of the rotation
    is added to. The world's origin is moved to the point that the cameras look at beforehand, where it is in the
    paper's data, so that the result does not depend on where a data set has put it. On every device the same cameras
    come from the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    centre = focus(cameras).cpu()
    motion = cameras.world_to_camera.double().cpu().repeat_interleave(count, dim=0)
    rotation = motion[:, :3, :3]
    translation = motion[:, :3, 3] + rotation @ centre
    noise_r = sigma_r * torch.randn(len(motion), 4, generator=generator, dtype=torch.float64)
    noise_t = sigma_t * torch.randn(len(motion), 3, generator=generator, dtype=torch.float64)
    perturbed = motion.clone()
    perturbed[:, :3, :3] = rotations(quaternions(rotation) + noise_r)
    perturbed[:, :3, 3] = translation + noise_t - perturbed[:, :3, :3] @ centre
    device = cameras.world_to_camera.device
    return replace(cameras, K=cameras.K.repeat_interleave(count, dim=0), world_to_camera=perturbed.float().to(device))


class ViewGallery:
    """The training views and then the novel ones, whose images are rendered when asked for.

    count: novel views per training view; 0 leaves the training views alone. The same arguments give the same gallery.
    Raises UserError for a scene without views, for views of several sizes and for a missing representation.
    """

    def __init__(
        self,
        scene: Scene,
        representation: Representation | None,
        count: int,
        sigma_r: float,
        sigma_t: float,
        seed: int,
        device: str,
    ) -> None:
        if not scene.views:
            raise UserError(f"{scene.name} has no posed training views, which rpe-pad compares queries with")
        if representation is None:
            raise UserError("rpe-pad renders novel views: name a representation, such as 3dgs, in the recipe")
        if count < 0 or min(sigma_r, sigma_t) < 0:
            raise UserError(
                "rpe-pad needs novel_views, sigma_r and sigma_t of at least 0, not "
                f"{count}, {sigma_r} and {sigma_t}: mend the recipe"
            )
        self._scene = scene
        self.representation = representation
        self.training = len(scene.views)
        try:
            cameras = Cameras.stack([view.camera for view in scene.views], device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be used by rpe-pad: {error}") from error
        self.training_cameras = cameras
        self.novel_cameras = novel_cameras(cameras, count, sigma_r, sigma_t, seed)
        motion = torch.cat([cameras.world_to_camera, self.novel_cameras.world_to_camera])
        self.cameras = replace(cameras, K=torch.cat([cameras.K, self.novel_cameras.K]), world_to_camera=motion)

    def __len__(self) -> int:
        return len(self.cameras)

    def image(self, index: int) -> Tensor:
        """The image of one view, (3, H, W) on the cameras' device."""
        if index < self.training:
            return self._scene.views[index].image().to(self.cameras.K.device)
        return self.representation.render(self.cameras[index : index + 1]).rgb[0]
