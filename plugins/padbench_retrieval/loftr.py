"""Matches without key points (LoFTR, Sun et al. 2021), and the retrieval that counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import kornia.color
import kornia.feature
import torch
from torch import Tensor
from torch.nn.functional import pad

from padbench.errors import UserError
from padbench.interfaces import Poses, Representation, Runtime
from padbench.scene import Cameras, Scene
from padbench.weights import WeightFile, hashes, load
from padbench_retrieval.weights import WEIGHTS

Surroundings = Literal["outdoor", "indoor"]

_MULTIPLE = 8  # the coarse maps have a stride of 8 px


class LoFTRMatcher:
    """The LoFTR network of kornia with dual-softmax matching.

    trained_on: "outdoor" (MegaDepth) or "indoor" (ScanNet). Raises UserError for missing or wrong weights.
    """

    def __init__(self, device: str, trained_on: Surroundings = "outdoor") -> None:
        self._device = device
        self._weight = loftr_weight(trained_on)
        configuration: dict[str, Any] = {**kornia.feature.loftr.loftr.default_cfg}
        # kornia's "indoor_new" file was trained after a correction of the positional encoding.
        configuration["coarse"] = {**configuration["coarse"], "temp_bug_fix": trained_on == "indoor"}
        self._network = kornia.feature.LoFTR(pretrained=None, config=configuration)
        stored = load(self._weight)
        try:
            self._network.load_state_dict(stored["state_dict"])
        except (KeyError, RuntimeError) as error:
            raise UserError(f"the weights {self._weight.name} are not those of LoFTR: {str(error)[:200]}") from error
        self._network.eval().requires_grad_(False).to(device)

    @torch.inference_mode()
    def matches(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:  # (3, H, W) each, in [0, 1]
        """Match two images; returns the positions of the matches in a and in b, (M, 2) px each."""
        found = self._network({"image0": self._prepared(a), "image1": self._prepared(b)})
        in_a, in_b = found["keypoints0"], found["keypoints1"]
        inside = _inside(in_a, a) & _inside(in_b, b)
        return in_a[inside], in_b[inside]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes([self._weight])

    def _prepared(self, image: Tensor) -> Tensor:
        grey = kornia.color.rgb_to_grayscale(image[None].to(self._device))
        height, width = grey.shape[-2:]
        return pad(grey, (0, -width % _MULTIPLE, 0, -height % _MULTIPLE))


def loftr_weight(trained_on: Surroundings = "outdoor") -> WeightFile:
    """The file that `LoFTRMatcher` reads."""
    return WEIGHTS[f"loftr-{trained_on}"]


class LoFTRRetrieval:
    """The training view with most LoFTR matches gives the pose (OmniposeAD; SplatPose, section 3.2).

    Every query is matched with every view: the paper setting for a GPU. trained_on: see `LoFTRMatcher`.
    """

    def __init__(self, runtime: Runtime, *, trained_on: Surroundings = "outdoor") -> None:
        self._runtime = runtime
        self._matcher = LoFTRMatcher(runtime.device, trained_on)
        self._scene: Scene | None = None

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """See `padbench.interfaces.NamesWeights`."""
        return [loftr_weight(parameters["trained_on"])]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return self._matcher.weights()

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Read the training views; raises UserError where there are none. The representation is not used."""
        if not scene.views:
            raise UserError(f"{scene.name} has no posed training views, which retrieval chooses from")
        self._scene = scene
        self._views = [view.image() for view in self._runtime.progress.track(scene.views, "reading views")]

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Return the camera of the best matching training view of each query; an initial pose is not used."""
        if self._scene is None:
            raise RuntimeError("LoFTRRetrieval is used before fit or load")
        cameras = []
        for image in images:
            # Of equal numbers the first view wins.
            counts = [len(self._matcher.matches(image, view)[0]) for view in self._views]
            cameras.append(self._scene.views[counts.index(max(counts))].camera)
        return Cameras.stack(cameras, self._runtime.device)

    def save(self, folder: Path) -> None:
        """Nothing is learnt, nothing is written."""

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`."""
        self.fit(scene, representation)


def _inside(positions: Tensor, image: Tensor) -> Tensor:  # (M, 2) px
    height, width = image.shape[-2:]
    return (positions[:, 0] < width) & (positions[:, 1] < height)
