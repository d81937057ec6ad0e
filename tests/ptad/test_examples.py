"""Examples for training: images, boxes and depth images as the network will see them, kept on the disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from padbench.errors import UserError
from padbench.interfaces import FittedScene
from padbench.progress import SilentProgress
from padbench.scene import Cameras
from padbench_ptad.examples import ExampleMaker, Examples, TrainingPoses
from padbench_ptad.pose_noise import PoseNoise
from ptad.chair_scenes import HOLE, SIZE, Plate, fitted, image

EXACT = PoseNoise(0, 0)


def make(
    scenes: list[FittedScene],
    folder: Path,
    poses: TrainingPoses | None = "true",
    size: int = SIZE,
    noise: PoseNoise = EXACT,
    draws: int = 1,
) -> Examples:
    maker = ExampleMaker(size=size, poses=poses, noise=noise, draws=draws, progress=SilentProgress())
    return maker.make(scenes, folder, torch.Generator().manual_seed(0))


def test_images_boxes_and_depths_stand_beside_each_other(tmp_path: Path) -> None:
    """Scene by scene; boxes are shares of the image; the depth image shows the whole plate."""
    examples = make(fitted(3), tmp_path)
    assert len(examples) == 24
    assert examples.anomalous.tolist() == [False, True] * 12
    expected = (image(1003, True).transpose(2, 0, 1) * 255).round()
    assert np.abs(examples.images[11].astype(float) - expected).max() <= 1
    x, y, width, height = HOLE
    centre = [(x + width / 2) / SIZE, (y + height / 2) / SIZE, width / SIZE, height / SIZE]
    assert examples.boxes[11].tolist() == pytest.approx(centre)
    assert examples.boxes[10].isnan().all()
    assert examples.references.shape == (24, 1, SIZE, SIZE)
    assert (examples.references[5, 0, 6:26, 6:26] == 0).all()
    assert (examples.references[5, 0, :6] == 255).all()


def test_noisy_poses_differ_from_draw_to_draw_and_lie_around_the_true_one(tmp_path: Path) -> None:
    """Two degrees about each axis: the angle is mostly below six; the object's centre stays near where it was."""
    scenes = fitted(4, images=20)
    examples = make(scenes, tmp_path, noise=PoseNoise(2.0, 0.01), draws=3)
    assert examples.references.shape[1] == 3
    plate = scenes[0].representation
    assert isinstance(plate, Plate)
    cameras = torch.cat([batch.world_to_camera for batch in plate.cameras])
    assert len(cameras) == 60
    angles = ((cameras[:, :3, :3].diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1).acos().rad2deg()
    assert 2.0 < float(angles.square().mean().sqrt()) / 3**0.5 * 1.2 < 3.0
    assert len(angles.unique()) > 50


def test_what_is_complete_is_not_made_again(tmp_path: Path) -> None:
    """A killed training goes on from the same examples, and renders nothing for them; other settings make others."""
    first = make(fitted(2), tmp_path, noise=PoseNoise(1, 0))
    scenes = fitted(2)
    again = make(scenes, tmp_path, noise=PoseNoise(1, 0))
    assert not scenes[0].representation.cameras  # type: ignore[union-attr]
    assert np.array_equal(first.references, again.references) and np.array_equal(first.images, again.images)
    assert make(scenes, tmp_path, size=16).images.shape == (16, 3, 16, 16)


def test_estimated_poses_come_from_the_chain(tmp_path: Path) -> None:
    """Each link gets what the one before it found."""

    class First:
        def estimate(self, images: torch.Tensor, initial: Cameras | None) -> Cameras:
            assert initial is None
            return Cameras.stack([scenes[0].scene.views[0].camera] * len(images))

    class Second:
        def estimate(self, images: torch.Tensor, initial: Cameras) -> Cameras:
            moved = initial.world_to_camera.clone()
            moved[:, 2, 3] += 3
            return replace(initial, world_to_camera=moved)

    scenes = fitted(1)
    make([replace(scenes[0], pose=(First(), Second()))], tmp_path, "estimated")  # type: ignore[arg-type]
    plate = scenes[0].representation
    assert isinstance(plate, Plate)
    assert {float(batch.world_to_camera[0, 2, 3]) for batch in plate.cameras} == {7.0}


@pytest.mark.parametrize(
    ("change", "poses", "sentence"),
    [
        ({"scene": replace(fitted(1)[0].scene, labelled=())}, "true", "has no labelled images"),
        ({"representation": None}, "true", "name a representation"),
        ({}, "estimated", "name pose estimators"),
    ],
)
def test_what_is_missing_is_one_sentence(
    tmp_path: Path, change: dict[str, Any], poses: TrainingPoses, sentence: str
) -> None:
    """Nothing is taken for complete afterwards."""
    with pytest.raises(UserError, match=sentence):
        make([replace(fitted(1)[0], **change)], tmp_path, poses)
    assert len(make(fitted(1), tmp_path)) == 8


def test_an_image_of_unknown_pose_names_the_remedy(tmp_path: Path) -> None:
    """BrokenChairs' normal images may lack one."""
    model = fitted(1)[0]
    labelled = [replace(item, camera=None) for item in model.scene.labelled]
    with pytest.raises(UserError, match="training_poses=estimated"):
        make([replace(model, scene=replace(model.scene, labelled=labelled))], tmp_path)
