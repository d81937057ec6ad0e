"""Training: learns, resumes to the same weights, and its loss and augmentation are what they say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import binary_cross_entropy_with_logits
from torchvision.ops import box_convert, generalized_box_iou

from padbench.errors import UserError
from padbench.interfaces import FittedScene, Prediction, Runtime
from padbench.progress import SilentProgress
from padbench.scene import Cameras
from padbench_ptad.augmentation import augmented
from padbench_ptad.detectors import PyramidDetector, SingleImagePyramidDetector, SingleImageTransformerDetector
from padbench_ptad.network import Judgement, PyramidComparison
from padbench_ptad.training import Schedule, detection_loss
from ptad.chair_scenes import HOLE, SIZE, Plate, camera, fitted, image

SMALL: dict[str, Any] = {
    "input_size": SIZE,
    "width": 8,
    "pretrained": False,
    "pyramid_width": 8,
    "hidden": 16,
    "epochs": 12,
    "batch_size": 8,
    "learning_rate": 0.01,
    "decay": "cosine",
    "augment": True,
}
POSES: dict[str, Any] = {"training_poses": "true", "noise_degrees": 0.5, "draws": 2}


def runtime(scratch: Path | None = None, progress: Any = None) -> Runtime:
    return Runtime("cpu", 0, progress or SilentProgress(), scratch)


def queries() -> tuple[torch.Tensor, list[bool]]:
    """Plates that no training scene has."""
    broken = [index % 2 == 1 for index in range(20)]
    pixels = [torch.from_numpy(image(9000 + index, hole).transpose(2, 0, 1)) for index, hole in enumerate(broken)]
    return torch.stack(pixels), broken


def score(detector: PyramidDetector) -> Prediction:
    images, _ = queries()
    return detector.score(images, Plate().render(Cameras.stack([camera()] * len(images))))


def test_it_learns_to_tell_broken_plates_and_where(tmp_path: Path) -> None:
    """On plates it has not seen; the map is larger at the hole than on the sound plate, the box is about the hole's."""
    detector = PyramidDetector(runtime(), **(SMALL | {"epochs": 60}), **POSES)
    detector.fit(fitted(6))
    prediction, broken = score(detector), torch.tensor(queries()[1])
    assert prediction.threshold == 0.5
    assert ((prediction.image_score > 0.5) == broken).float().mean() >= 0.95
    x, y, width, height = (int(value) for value in HOLE)
    hole = prediction.anomaly_map[broken, y : y + height, x : x + width].mean()
    sound = prediction.anomaly_map[~broken, y : y + height, x : x + width].mean()
    assert hole > sound
    assert prediction.box is not None
    assert (prediction.box[broken] - torch.tensor(HOLE)).abs().mean() < 4


def test_saved_and_loaded_it_says_the_same(tmp_path: Path) -> None:
    """Also of images larger than those it was trained on, and whatever the batch."""
    detector = PyramidDetector(runtime(), **(SMALL | {"epochs": 1}), **POSES)
    detector.fit(fitted(1))
    detector.save(tmp_path)
    other = PyramidDetector(runtime(), **(SMALL | {"epochs": 1}), **POSES)
    other.load(tmp_path, [])
    first, second = score(detector), score(other)
    assert torch.equal(first.anomaly_map, second.anomaly_map) and torch.equal(first.image_score, second.image_score)
    images, _ = queries()
    alone = other.score(images[3:4], Plate().render(Cameras.stack([camera()])))
    assert torch.allclose(alone.image_score, first.image_score[3:4], atol=1e-5)
    assert torch.allclose(alone.anomaly_map, first.anomaly_map[3:4], atol=1e-4)


def test_another_networks_weights_are_refused(tmp_path: Path) -> None:
    """In one sentence that names the file."""
    detector = PyramidDetector(runtime(), **(SMALL | {"epochs": 1}), **POSES)
    detector.fit(fitted(1))
    detector.save(tmp_path)
    with pytest.raises(UserError, match=r"network\.safetensors cannot be read"):
        PyramidDetector(runtime(), **(SMALL | {"width": 16}), **POSES).load(tmp_path, [])


def digest(path: Path) -> str:
    """Short where it differs."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Killed(Exception):
    pass


class Dying(SilentProgress):
    """Stops the training when it is about to begin its n-th epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def track(self, items: Iterable[Any], description: str, total: int | None = None) -> Iterator[Any]:
        for number, item in enumerate(items):
            if description == "training the detector" and number == self.epochs:
                raise Killed
            yield item


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_killed_training_resumes_to_the_same_weights(tmp_path: Path, after: int) -> None:
    """Bit for bit, wherever it is killed."""
    settings_ = SMALL | {"epochs": 3}
    whole = PyramidDetector(runtime(), **settings_, **POSES)
    whole.fit(fitted(2))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(Killed):
        PyramidDetector(runtime(scratch, Dying(after)), **settings_, **POSES).fit(fitted(2))
    resumed = PyramidDetector(runtime(scratch), **settings_, **POSES)
    resumed.fit(fitted(2))
    states = []
    for name, detector in (("whole", whole), ("resumed", resumed)):
        (tmp_path / name).mkdir()
        detector.save(tmp_path / name)
        states.append(digest(tmp_path / name / "network.safetensors"))
    assert states[0] == states[1]


@pytest.mark.parametrize("kind", [SingleImagePyramidDetector, SingleImageTransformerDetector])
def test_single_image_detectors_need_no_reference(kind: Any) -> None:
    """No representation is asked for, and what they say does not depend on one."""
    names = ("hidden", "epochs", "batch_size", "learning_rate", "decay")
    parameters = {name: SMALL[name] for name in names} | {"epochs": 2, "input_size": SIZE}
    if kind is SingleImagePyramidDetector:
        parameters |= {name: SMALL[name] for name in ("width", "pretrained", "pyramid_width")}
    detector = kind(runtime(), **parameters)
    bare = [FittedScene(model.scene, None, ()) for model in fitted(1)]
    detector.fit(bare)
    images, _ = queries()
    alone = detector.score(images, None)
    beside = detector.score(images, Plate().render(Cameras.stack([camera()] * len(images))))
    assert torch.equal(alone.image_score, beside.image_score)
    assert alone.anomaly_map.shape == (20, SIZE, SIZE)


def test_the_published_network_has_the_published_number_of_parameters() -> None:
    """17.62 million (supplement, Table 1), within 2 %."""
    network = PyramidComparison(width=64, pretrained=False, pyramid_width=256, hidden=576)
    assert sum(parameter.numel() for parameter in network.parameters()) == pytest.approx(17.62e6, rel=0.02)


def test_the_loss_is_cross_entropy_and_the_boxes_l1_and_generalised_iou() -> None:
    """Against torch and torchvision, the box part over anomalous examples with a box alone."""
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(4, generator=generator)
    box = torch.rand(4, 4, generator=generator) * 0.4 + 0.1
    true = torch.rand(4, 4, generator=generator) * 0.4 + 0.1
    true[3] = torch.nan
    anomalous = torch.tensor([True, False, True, True])
    judgement = Judgement(logit, box, torch.zeros(4, 1, 1))
    expected = binary_cross_entropy_with_logits(logit, anomalous.float())
    chosen = [0, 2]
    corners = [box_convert(part[chosen], "cxcywh", "xyxy") for part in (box, true)]
    overlap = 1 - generalized_box_iou(*corners).diagonal().mean()
    expected = expected + 2 * ((box - true)[chosen].abs().mean() + overlap)
    assert torch.allclose(detection_loss(judgement, anomalous, true, 2.0), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_augmentation_moves_image_reference_and_box_alike(seed: int) -> None:
    """A white rectangle in both: its place afterwards is that of the box."""
    size = 64
    images, references = torch.zeros(4, 3, size, size), torch.zeros(4, 1, size, size)
    images[:, :, 24:40, 16:28] = 1
    references[:, :, 24:40, 16:28] = 1
    boxes = torch.tensor([[22 / size, 32 / size, 12 / size, 16 / size]]).repeat(4, 1)
    boxes[3] = torch.nan
    moved, depths, found = augmented(images, references, boxes, torch.Generator().manual_seed(seed))
    assert found[3].isnan().all()
    for index in range(3):
        rows, columns = torch.where(depths[index, 0] > 0.5)
        seen = torch.tensor([*(columns.min(), rows.min()), *(columns.max() + 1, rows.max() + 1)]).float()
        expected = box_convert(found[index : index + 1] * size, "cxcywh", "xyxy")[0]
        assert (seen - expected).abs().max() <= 1.5
        assert torch.equal(moved[index].amax(0) > 0, depths[index, 0] > 0)


@pytest.mark.parametrize(("name", "value"), [("epochs", 0), ("batch_size", 0), ("learning_rate", 0.0), ("draws", 0)])
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    """With the parameter and the value in the sentence."""
    with pytest.raises(UserError, match=rf"{name}.*{value}"):
        PyramidDetector(runtime(), **({**SMALL, **POSES} | {name: value}))


def test_the_rate_rises_falls_and_ends() -> None:
    """A twentieth of warm-up, then half a cosine; constant without decay."""
    schedule = Schedule(1, 1, 0.1, "cosine", 0.0, 1.0, False)
    rates = [schedule.rate(share / 100) for share in range(100)]
    assert rates[0] < 0.01 and max(rates) > 0.098 and rates[99] < 0.001
    assert rates.index(max(rates)) <= 6
    assert Schedule(1, 1, 0.1, "none", 0.0, 1.0, False).rate(0.7) == 0.1
