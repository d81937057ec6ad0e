"""The pose estimator "irprn": the pose relative to the retrieved view, regressed in one forward pass."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn.functional import interpolate

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime, Trial
from padbench.scene import Scene
from padbench.weights import WeightFile, hashes
from padbench_gaussians.camera_rig import camera_centres, focus
from padbench_rpepad.backbone import Backbone, BackboneName, backbone_weight
from padbench_rpepad.match_counts import Matcher, match_counts, matching_weights
from padbench_rpepad.network import RelativePoseNetwork
from padbench_rpepad.pairs import training_pairs
from padbench_rpepad.relative_pose import compose
from padbench_rpepad.rvss import ViewGallery
from padbench_rpepad.training import Decay, Schedule, train
from padbench_rpepad.workers import workers

_FILE = "irprn.safetensors"
_COUNTS = "match_counts.safetensors"
_MULTIPLE = 32
# Retrieval hands a training camera on as it is; a novel one differs from every training camera by far more.
_SAME_CAMERA = 1e-6


class RelativePoseRegression:
    """RVSS, MPTS and the network IRPRN: trained on one scene, then one forward pass a query (RPE-PAD).

    novel_views, sigma_r, sigma_t: see `rvss.novel_cameras`. matcher, max_keypoints, min_cosine: see
    `match_counts.match_counts`; used in `fit` only. top_views: K of MPTS. refinement_layers, width, hidden, kernels:
    see `network.RelativePoseNetwork`. backbone, stages, frozen_stages: see `backbone.Backbone`. input_size: longer side
    of the network's input in px; both sides are rounded to multiples of 32. epochs, learning_rate, late_learning_rate,
    decay, late_from, batch_size, random_directions, weight_decay: see `training.Schedule`. Implements
    `interfaces.PoseEstimator`.
    """

    trial = Trial("epochs", (1,), scaled={"novel_views": 1})

    def __init__(
        self,
        runtime: Runtime,
        *,
        novel_views: int = 3,
        sigma_r: float = 0.02,
        sigma_t: float = 0.1,
        matcher: Matcher = "xfeat",
        max_keypoints: int = 512,
        min_cosine: float = 0.82,
        top_views: int = 3,
        refinement_layers: int = 3,
        width: int = 64,
        hidden: int = 128,
        kernels: int = 4,
        backbone: BackboneName = "efficientnet_lite0",
        stages: int = 5,
        frozen_stages: int = 4,
        input_size: int = 128,
        epochs: int = 35,
        learning_rate: float = 1e-3,
        late_learning_rate: float = 1e-4,
        decay: Decay = "step",
        late_from: int = 20,
        batch_size: int = 32,
        random_directions: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        least = {"top_views": top_views, "width": width, "hidden": hidden, "kernels": kernels, "epochs": epochs}
        for name, value in {**least, "input_size": input_size, "batch_size": batch_size}.items():
            if value < 1:
                raise UserError(f"irprn needs {name} of at least 1, not {value}: mend the recipe")
        if weight_decay < 0:
            raise UserError(f"irprn needs weight_decay of at least 0, not {weight_decay}: mend the recipe")
        if refinement_layers < 0:
            raise UserError(f"irprn needs refinement_layers of at least 0, not {refinement_layers}: mend the recipe")
        self._runtime = runtime
        self._perturbation = (novel_views, sigma_r, sigma_t)
        self._matching = (matcher, max_keypoints, min_cosine)
        self._top_views = top_views
        self._sizes = {"layers": refinement_layers, "width": width, "hidden": hidden, "kernels": kernels}
        self._weights = [backbone_weight(backbone), *matching_weights(matcher)]
        self._pretrained = Backbone(backbone, stages, frozen_stages).to(runtime.device)
        self._input_size = input_size
        self._schedule = Schedule(
            epochs, learning_rate, late_learning_rate, decay, late_from, batch_size, random_directions, weight_decay
        )
        self._network: RelativePoseNetwork | None = None

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return [backbone_weight(parameters["backbone"]), *matching_weights(parameters["matcher"])]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes(self._weights)

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Render the novel views, match them with the training views and train the network on the pairs."""
        gallery, network = self._begin(scene, representation)
        progress = self._runtime.progress
        counts = self._match(gallery)
        pairs = training_pairs(counts, gallery.cameras.world_to_camera, self._top_views, self._extent)
        indices = progress.track(range(len(gallery)), "inputs of irprn")
        with workers(self._runtime.device) as in_parallel:
            prepared = list(in_parallel(lambda image: self._prepare(image[None]), map(gallery.image, indices)))
        train(
            network,
            torch.cat(prepared),
            pairs,
            schedule=self._schedule,
            generator=torch.Generator().manual_seed(self._runtime.seed),
            scratch=self._runtime.scratch,
            progress=progress,
        )

    @torch.inference_mode()
    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Move the initial cameras by the relative poses; raises UserError when there are none."""
        if initial is None:
            raise UserError("the pose estimator irprn starts from a retrieved view: put a retrieval before it")
        if self._network is None:
            raise RuntimeError("RelativePoseRegression is used before fit or load")
        device = self._runtime.device
        first = initial.world_to_camera.to(device)
        references = self._prepare(self._reference_images(replace(initial, K=initial.K.to(device)), first))
        queries = self._prepare(images.to(device))
        features = self._network.backbone(torch.cat([references, queries]))
        quaternion, translation = self._network(features[: len(first)], features[len(first) :])[-1]
        motion = compose(first.double(), quaternion.double(), translation.double() * self._extent)
        return replace(initial, world_to_camera=motion.float())

    def save(self, folder: Path) -> None:
        """Write the trained network."""
        if self._network is None:
            raise RuntimeError("RelativePoseRegression is used before fit or load")
        state = {name: tensor.contiguous() for name, tensor in self._network.state_dict().items()}
        write_atomically(folder / _FILE, save(state))

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Read the trained network; raises UserError when it is missing, damaged or of other sizes."""
        _, network = self._begin(scene, representation)
        try:
            network.load_state_dict(load_file(folder / _FILE, device=self._runtime.device))
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{folder / _FILE} cannot be read ({reason}): fit anew with --overwrite") from error
        network.eval()

    def _begin(self, scene: Scene, representation: Representation | None) -> tuple[ViewGallery, RelativePoseNetwork]:
        """The gallery and a network of the size its images need, not yet trained."""
        runtime = self._runtime
        gallery = ViewGallery(scene, representation, *self._perturbation, runtime.seed, runtime.device)
        cameras = gallery.training_cameras
        if gallery.training < 2:
            raise UserError(f"irprn needs at least 2 training views to form pairs; {scene.name} has one")
        self._training_cameras = cameras.world_to_camera
        self._representation = gallery.representation
        self._images = [view.image for view in scene.views]
        self._extent = float((camera_centres(cameras) - focus(cameras)).norm(dim=1).mean()) or 1.0
        scale = self._input_size / max(cameras.width, cameras.height)
        self._size = tuple(
            max(_MULTIPLE, round(length * scale / _MULTIPLE) * _MULTIPLE) for length in (cameras.height, cameras.width)
        )
        # A copy, so that another fit starts from the pretrained weights again.
        self._backbone = copy.deepcopy(self._pretrained).eval()
        with torch.no_grad():
            example = self._backbone(self._prepare(gallery.image(0)[None]))
        channels, height, width = example.shape[1:]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(runtime.seed)
            network = RelativePoseNetwork(self._backbone, (channels, height, width), **self._sizes)
        self._network = network.to(runtime.device)
        return gallery, self._network

    def _match(self, gallery: ViewGallery) -> Tensor:
        """Matches of every source image with every training view, (N, V); kept in the scratch folder."""
        scratch = self._runtime.scratch
        stored = None if scratch is None else scratch / _COUNTS
        if stored is not None and stored.exists():
            return load_file(stored, device=self._runtime.device)["counts"]
        progress = self._runtime.progress
        matcher = match_counts(*self._matching, self._runtime.device)
        matcher.add(gallery, progress.track(range(gallery.training), "features of the training views"))
        novel = range(gallery.training, len(gallery)) or range(gallery.training)
        counts = matcher.counts(map(gallery.image, progress.track(novel, "matching the novel views")))
        counts = counts.to(self._runtime.device)
        if stored is not None:
            write_atomically(stored, save({"counts": counts}))
        return counts

    def _prepare(self, images: Tensor) -> Tensor:  # images: (B, 3, H, W)
        """Resize and pass the frozen stages."""
        resized = interpolate(images, self._size, mode="bilinear", antialias=True, align_corners=False)
        return self._backbone.prepare(resized)

    def _reference_images(self, cameras: Poses, motion: Tensor) -> Tensor:
        """What is seen from the initial poses: a training view where it is one of theirs, else a rendering."""
        images = []
        for index in range(len(cameras)):
            distance = (self._training_cameras - motion[index]).abs().amax(dim=(1, 2))
            nearest = int(distance.argmin())
            if float(distance[nearest]) <= _SAME_CAMERA:
                images.append(self._images[nearest]().to(motion.device))
            else:
                images.append(self._representation.render(cameras[index : index + 1]).rgb[0])
        return torch.stack(images)
