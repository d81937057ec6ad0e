"""The representation "nerf": a scene as a neural radiance field."""

from __future__ import annotations

import importlib
import json
import logging
import warnings
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from padbench.atomic import write_atomically, write_json_atomically
from padbench.errors import UserError
from padbench.interfaces import Rendering, Runtime, Trial
from padbench.scene import Cameras, Scene
from padbench_gaussians.initialisation import covered_edges
from padbench_nerf.rays import Bounds, object_bounds, pixel_grid, pixel_rays

if TYPE_CHECKING:
    from padbench_nerf.fields import HashGridNeRF, RenderedRays, VanillaNeRF

_FILE = "nerf.safetensors"
_HISTORY = "training.json"
_CHUNK = 4096  # rays
_COVERED = 0.5

logger = logging.getLogger(__name__)


class NeuralRadianceField:
    """A NeRF built from nerfstudio's parts. Implements `interfaces.Representation`.

    field: "vanilla" (see `fields.VanillaNeRF`) or "hash-grid" (see `fields.HashGridNeRF`). samples, fine_samples,
    width, levels, max_resolution, log2_table_size: of the field; the last three of the hash grid only. radius: of the
    ball that is sampled, as a share of the largest ball that all training cameras see whole. Where most of the images'
    edges are white, white is painted behind the ball; else all that the cameras see is fitted, in contracted space
    (mip-NeRF 360, Eq. 10). iterations, rays, foreground_share, learning_rate, learning_rate_final, check_at, min_psnr:
    see `training.Schedule`. retries: how often a failed training is begun again with the next seed.
    """

    trial = Trial("iterations", (30,), settings={"min_psnr": -100.0})

    def __init__(
        self,
        runtime: Runtime,
        *,
        field: Literal["vanilla", "hash-grid"] = "hash-grid",
        samples: int = 32,
        fine_samples: int = 24,
        width: int = 32,
        levels: int = 8,
        max_resolution: int = 256,
        log2_table_size: int = 17,
        radius: float = 1.0,
        iterations: int = 2500,
        rays: int = 1024,
        foreground_share: float = 0.5,
        learning_rate: float = 2e-2,
        learning_rate_final: float = 5e-4,
        check_at: float = 0.2,
        min_psnr: float = 16.0,
        retries: int = 2,
    ) -> None:
        counts = {
            "samples": samples,
            "fine_samples": fine_samples,
            "width": width,
            "levels": levels,
            "iterations": iterations,
            "rays": rays,
            "retries + 1": retries + 1,
        }
        for name, value in counts.items():
            if value < 1:
                raise UserError(f"nerf needs {name} of at least 1, not {value}: mend the recipe")
        for name, number in (("learning_rate", learning_rate), ("final", learning_rate_final), ("radius", radius)):
            if number <= 0:
                raise UserError(f"nerf needs {name} above 0, not {number}: mend the recipe")
        _import_nerfstudio()
        from padbench_nerf.training import Schedule

        self._runtime = runtime
        self._field = field
        self._sizes = (samples, fine_samples, width)
        self._grid = (levels, max_resolution, log2_table_size)
        self._radius = radius
        self._schedule = Schedule(
            iterations=iterations,
            rays=rays,
            foreground_share=foreground_share,
            learning_rate=learning_rate,
            learning_rate_final=learning_rate_final,
            min_psnr=min_psnr,
            check_at=check_at,
        )
        self._retries = retries
        self._network: VanillaNeRF | HashGridNeRF | None = None
        self._bounds = Bounds(torch.zeros(3), 1.0, unbounded=False)
        self._history: list[dict[str, float | bool]] = []

    @property
    def history(self) -> list[dict[str, float | bool]]:
        """The trainings so far, the last one passed: seed, psnr (dB on training rays), iterations, passed."""
        return list(self._history)

    def fit(self, scene: Scene) -> None:
        """Train on the scene's views, again with the next seed where a training fails.

        Raises UserError when the scene has no views, when their sizes differ, and when all trainings fail.
        """
        from padbench_nerf.training import TrainingRays, train

        if not scene.views:
            raise UserError(f"the scene {scene.name} has no normal views: nerf is fitted to posed images")
        device = self._runtime.device
        try:
            cameras = Cameras.stack([view.camera for view in scene.views], device)
        except ValueError as error:
            raise UserError(f"the scene {scene.name} cannot be fitted by nerf: {error}") from error
        progress = self._runtime.progress
        images = torch.stack([view.image() for view in progress.track(scene.views, "reading views")]).to(device)
        unbounded = covered_edges(images, torch.ones(3, device=device)) > _COVERED
        # The share of a dark foreground is a notion of the white background.
        rays = TrainingRays(images, cameras, 0.0 if unbounded else self._schedule.foreground_share)
        self._bounds = object_bounds(cameras, self._radius, unbounded)
        self._history = []
        for seed in range(self._runtime.seed, self._runtime.seed + self._retries + 1):
            # nerfstudio initialises networks and jitters samples by torch's global generator.
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                network = self._build()
                generator = torch.Generator().manual_seed(seed)
                outcome = train(network, rays, self._bounds, self._schedule, generator, progress)
            self._history.append({"seed": seed, **asdict(outcome)})
            if outcome.passed:
                self._network = _frozen(network)
                return
            logger.warning(
                "nerf: training on %s with seed %d failed: %.1f dB on training rays after %d iterations, less than "
                "%.1f dB",
                scene.name,
                seed,
                outcome.psnr,
                outcome.iterations,
                self._schedule.min_psnr,
            )
        reached = ", ".join(f"{attempt['psnr']:.1f}" for attempt in self._history)
        raise UserError(
            f"all {len(self._history)} trainings of nerf on {scene.name} failed: {reached} dB on training rays, less "
            f"than min_psnr {self._schedule.min_psnr}: check the poses, or change iterations or min_psnr"
        )

    def render_rays(self, origins: Tensor, directions: Tensor) -> RenderedRays:  # (R, 3), (R, 3) of length 1, world
        """Render rays, differentiable by them; distances are in scene units.

        Raises RuntimeError before `fit` or `load`.
        """
        if self._network is None:
            raise RuntimeError("NeuralRadianceField is used before fit or load")
        normalised = self._bounds.normalise(origins)
        with torch.no_grad():
            ends = self._bounds.ends(normalised, directions)
        rendered: RenderedRays = self._network(normalised, directions, *ends)
        return replace(rendered, distance=rendered.distance * self._bounds.radius)

    @torch.no_grad()
    def render(self, cameras: Cameras) -> Rendering:
        """Render the fitted scene at the cameras, without gradients."""
        grid = pixel_grid(cameras.width, cameras.height, cameras.K.device)
        images = [_image(self, K, pose, grid) for K, pose in zip(cameras.K, cameras.world_to_camera, strict=True)]
        stacked = torch.stack(images).reshape(len(images), cameras.height, cameras.width, 5).permute(0, 3, 1, 2)
        return Rendering(stacked[:, :3].contiguous(), stacked[:, 3:4].contiguous(), stacked[:, 4:].contiguous())

    def save(self, folder: Path) -> None:
        """Write `nerf.safetensors`, and `training.json` with every training that was tried."""
        if self._network is None:
            raise RuntimeError("NeuralRadianceField is used before fit or load")
        # nerfstudio's proposal names its hash table twice; safetensors wants each name to have its own memory.
        state = {name: tensor.clone() for name, tensor in self._network.state_dict().items()}
        state["bounds.centre"] = self._bounds.centre
        state["bounds.radius"] = torch.tensor(self._bounds.radius, dtype=torch.float64)
        state["bounds.unbounded"] = torch.tensor(self._bounds.unbounded)
        write_atomically(folder / _FILE, save(state))
        write_json_atomically(folder / _HISTORY, {"trainings": self._history})

    def load(self, folder: Path) -> None:
        """Read what `save` wrote; raises UserError when it is missing, damaged or of another field."""
        try:
            state = load_file(folder / _FILE, device=self._runtime.device)
            history = json.loads((folder / _HISTORY).read_text())["trainings"]
            centre, radius = state.pop("bounds.centre"), float(state.pop("bounds.radius"))
            self._bounds = Bounds(centre, radius, bool(state.pop("bounds.unbounded")))
            with torch.random.fork_rng():
                network = self._build()
            network.load_state_dict(state)
        except (OSError, SafetensorError, KeyError, RuntimeError, ValueError) as error:
            problem = " ".join(str(error).split())
            raise UserError(f"the nerf in {folder} cannot be read ({problem}): fit anew with --overwrite") from error
        self._network, self._history = _frozen(network), history

    def _build(self) -> VanillaNeRF | HashGridNeRF:
        from padbench_nerf.fields import HashGridNeRF, VanillaNeRF

        network: VanillaNeRF | HashGridNeRF
        if self._field == "vanilla":
            network = VanillaNeRF(*self._sizes, self._bounds.unbounded)
        else:
            network = HashGridNeRF(*self._sizes, self._bounds.unbounded, *self._grid)
        return network.to(self._runtime.device)


def _import_nerfstudio() -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nerfstudio 1.1.5 speaks to an older torch
            importlib.import_module("padbench_nerf.fields")
    except ImportError as error:
        raise UserError(
            f"the representation nerf needs nerfstudio ({error}): pip install --no-deps -r requirements-nerf.txt"
        ) from error


def _frozen(network: VanillaNeRF | HashGridNeRF) -> VanillaNeRF | HashGridNeRF:
    return network.eval().requires_grad_(False)


def _image(field: NeuralRadianceField, K: Tensor, world_to_camera: Tensor, grid: Tensor) -> Tensor:
    """(H * W, 5): rgb, z, alpha."""
    parts = []
    for pixels in torch.split(grid, _CHUNK):
        origins, directions = pixel_rays(K, world_to_camera, pixels)
        rendered = field.render_rays(origins, directions)
        depth = rendered.distance * (directions @ world_to_camera[2, :3])[:, None]
        parts.append(torch.cat([rendered.rgb, depth, rendered.alpha], dim=1))
    return torch.cat(parts)
