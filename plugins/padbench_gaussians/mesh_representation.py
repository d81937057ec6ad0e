"""The representation "mesh2splat": Gaussians on the surface of a texture-less mesh, or fitted to grey views of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Rendering, Runtime, Splats
from padbench.scene import Cameras, Scene
from padbench_gaussians.camera_rig import camera_centres, focus
from padbench_gaussians.gaussians import Gaussians
from padbench_gaussians.initialisation import initial_gaussians
from padbench_gaussians.kernels.records import EPS2D
from padbench_gaussians.mesh_conversion import Triangles, mesh_gaussians, read_triangles
from padbench_gaussians.mesh_shrinking import inset_of_blur, shrunk
from padbench_gaussians.ply import read_ply, write_ply
from padbench_gaussians.rasterization import rasterize
from padbench_gaussians.silhouettes import border_colour, coverage
from padbench_gaussians.training import LearningRates, Schedule, train

_FILE = "point_cloud.ply"
# Of a grid step times the scale: the blur at an edge, where Gaussians are narrower and stand within the surface.
_BLUR = 0.5


class MeshSplatting:
    """Gaussians of a mesh without optimisation, as PTAD has them (section 3.2).

    Opaque Gaussians are seen wider than the surface they lie on, by half a pixel and more, since the rasterizer widens
    each by 0.3 px^2 and those of front and back add up. So the mesh is shrunk by as much first, with the pixels of the
    reference views: alpha is 0.5 where the mesh ends. Renderings are antialiased (Mip-Splatting), without which this
    width would depend on the number of Gaussians.

    Where a scene has grey views but no mesh, as in the public release of BrokenChairs, Gaussians are fitted to the
    views like those of 3dgs, before backgrounds of random colours, so that alpha fits their masks. Depth then follows
    from what several views agree on; shading alone says little about it.

    density: of the sampling; the longest side of the mesh's bounding box has density * resolution grid steps. scale:
    standard deviations in grid steps. gaussians, iterations: of the fit to views. threshold: of `coverage` for
    their masks. Implements `interfaces.Representation`.
    """

    antialiased = True
    """How to render the Gaussians; see `rasterize`."""

    def __init__(
        self,
        runtime: Runtime,
        *,
        density: float = 0.5,
        scale: float = 0.65,
        resolution: int = 256,
        gaussians: int = 10_000,
        iterations: int = 1_500,
        threshold: float = 0.04,
    ) -> None:
        if min(density, scale) <= 0 or resolution < 1:
            raise UserError(
                "mesh2splat needs density and scale above 0 and a resolution of at least 1, not "
                f"{density}, {scale} and {resolution}: mend the recipe"
            )
        if min(gaussians, iterations) < 1:
            raise UserError(
                f"mesh2splat needs gaussians and iterations of at least 1, not {gaussians} and {iterations}: "
                "mend the recipe"
            )
        self._runtime = runtime
        self._steps = density * resolution
        self._scale = scale
        self._count = gaussians
        self._iterations = iterations
        self._threshold = threshold
        self._background = torch.ones(3, device=runtime.device)
        self._gaussians: Gaussians | None = None

    @property
    def gaussians(self) -> Gaussians:
        """The Gaussians; raises RuntimeError before `fit` or `load`."""
        if self._gaussians is None:
            raise RuntimeError("MeshSplatting is used before fit or load")
        return self._gaussians

    @property
    def background(self) -> Tensor:
        """The colour behind the scene, (3,): white."""
        return self._background

    def fit(self, scene: Scene) -> None:
        """Convert the scene's mesh, or fit to its views; raises UserError where it has neither or they are damaged."""
        if scene.mesh is not None:
            gaussians = self._of_mesh(scene, read_triangles(scene.mesh))
        elif scene.views:
            gaussians = self._of_views(scene)
        else:
            raise UserError(f"the scene {scene.name} has neither a mesh nor views, which mesh2splat is made from")
        self._gaussians = gaussians.to(self._runtime.device)

    def render(self, cameras: Cameras) -> Rendering:
        """Render the Gaussians at the cameras, without gradients; the depth is that of Eq. 8 over alpha."""
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
                antialiased=self.antialiased,
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

    def _of_mesh(self, scene: Scene, triangles: Triangles) -> Gaussians:
        low, high = triangles.min(axis=(0, 1)), triangles.max(axis=(0, 1))
        spacing = float((high - low).max()) / self._steps
        cameras = [view.camera for view in scene.views]
        middle = (low + high) / 2
        pixels = [float(np.linalg.norm(camera.centre - middle)) / camera.K[0, 0] for camera in cameras]
        pixel = float(np.median(pixels)) if pixels else 0.0
        blur = float(np.hypot(_BLUR * self._scale * spacing, float(EPS2D) ** 0.5 * pixel))
        # Of front and back: the integral of a Gaussian over the area of a grid step.
        optical_depth = 2 * 2 * np.pi * self._scale**2
        thinner = shrunk(triangles, lambda half: inset_of_blur(half, blur, optical_depth))
        gaussians = mesh_gaussians(thinner, spacing, self._scale)
        if not len(gaussians):
            raise UserError(
                f"no triangle of {scene.mesh} meets a grid of {self._steps:g} steps: raise mesh2splat's resolution"
            )
        return gaussians

    def _of_views(self, scene: Scene) -> Gaussians:
        device, progress = self._runtime.device, self._runtime.progress
        try:
            cameras = Cameras.stack([view.camera for view in scene.views], device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be fitted by mesh2splat: {error}") from error
        images = torch.stack([view.image() for view in progress.track(scene.views, "reading views")]).to(device)
        generator = torch.Generator().manual_seed(self._runtime.seed)
        return train(
            initial_gaussians(cameras, self._count, 0.0, generator).to(device),
            images,
            cameras,
            background=border_colour(images).median(dim=0).values,
            covered=coverage(images, self._threshold),
            extent=float((camera_centres(cameras) - focus(cameras)).norm(dim=1).mean()) or 1.0,
            learning_rates=LearningRates(1e-3, 1e-5, 3e-2, 5e-3, 5e-2, 1e-2),
            schedule=Schedule(self._iterations, 0.2, 5e-4, 0.03, 100, 0.8, 0.005),
            generator=generator,
            progress=progress,
            antialiased=self.antialiased,
        )
