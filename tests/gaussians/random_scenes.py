"""Random Gaussians and cameras that meet every branch of the rasterizer."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from padbench.scene import Cameras


@dataclass(frozen=True)
class Splats:
    """What `rasterize` differentiates."""

    means: Tensor  # (N, 3)
    quats: Tensor  # (N, 4)
    scales: Tensor  # (N, 3)
    opacities: Tensor  # (N,)
    colors: Tensor  # (N, 3)
    world_to_camera: Tensor  # (B, 4, 4)

    def tensors(self) -> dict[str, Tensor]:
        """Name of every tensor -> the tensor itself."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def leaves(self, dtype: torch.dtype = torch.float32) -> Splats:
        """Copies that gather gradients."""
        return Splats(**{name: tensor.to(dtype).clone().requires_grad_() for name, tensor in self.tensors().items()})

    def gaussians(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """The first five arguments of `rasterize`."""
        return self.means, self.quats, self.scales, self.opacities, self.colors

    def select(self, index: slice) -> Splats:
        """The same Gaussians before some of the cameras."""
        return replace(self, world_to_camera=self.world_to_camera[index])


def random_splats(seed: int, number: int, cameras: int = 1, spread: float = 1.0) -> Splats:
    """Needles, discs and blobs of 0.3 to 20 px about the origin, a few behind the cameras and at their border."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    means = normal(number, 3) * torch.tensor([1.3, 1.1, 1.0]) * spread
    means[: number // 20, 2] -= 4  # behind the cameras
    means[number // 20 : number // 10, 0] *= 2.5  # beyond the clamp of the projection Jacobian
    quats = normal(number, 4) * (0.2 + torch.rand(number, 1, generator=generator))
    scales = torch.exp(0.8 * normal(number, 3) - 2.2)
    opacities = 0.01 + 0.985 * torch.rand(number, generator=generator)
    colors = torch.rand(number, 3, generator=generator)
    poses = torch.eye(4).repeat(cameras, 1, 1)
    axes = 0.3 * normal(cameras, 3)
    axes[0] *= 0.1
    skew = torch.zeros(cameras, 3, 3)
    skew[:, 0, 1], skew[:, 0, 2], skew[:, 1, 2] = -axes[:, 2], axes[:, 1], -axes[:, 0]
    poses[:, :3, :3] = torch.matrix_exp(skew - skew.mT)
    poses[:, :3, 3] = torch.tensor([0.1, -0.05, 3.0]) + 0.1 * normal(cameras, 3)
    return Splats(means, quats, scales, opacities, colors, poses)


def cameras_of(splats: Splats, width: int = 48, height: int = 40) -> Cameras:
    """Cameras at the splats' poses, with unlike focal lengths and a principal point off the centre."""
    K = torch.tensor([[1.05 * width, 0.0, 0.46 * width], [0.0, 1.3 * height, 0.53 * height], [0.0, 0.0, 1.0]])
    number = splats.world_to_camera.shape[0]
    return Cameras(K.expand(number, 3, 3), splats.world_to_camera, width, height)
