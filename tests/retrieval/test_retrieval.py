"""Retrieval on real views: a training view finds itself, a test image finds a neighbour."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from padbench.errors import UserError
from padbench.interfaces import PoseEstimator, Runtime, UsesWeights
from padbench.scene import Scene
from padbench_datasets.embedded import BricksDataset
from padbench_retrieval.retrieval import LightGlueRetrieval


def fitted(runtime: Runtime, scene: Scene, **parameters: Any) -> PoseEstimator:
    estimator: PoseEstimator = LightGlueRetrieval(runtime, **parameters)
    estimator.fit(scene, None)
    return estimator


@pytest.mark.parametrize("shortlist", [0, 1, 3])
def test_a_training_view_is_its_own_nearest(duck: Scene, runtime: Runtime, shortlist: int) -> None:
    scene = Scene("duck", duck.views[5:12])
    poses = fitted(runtime, scene, shortlist=shortlist).estimate(torch.stack([v.image() for v in scene.views]), None)
    assert (poses.width, poses.height) == (256, 256)
    for index, view in enumerate(scene.views):
        assert np.allclose(poses.world_to_camera[index], view.camera.world_to_camera, atol=1e-6)
        assert np.allclose(poses.K[index], view.camera.K)


def test_test_images_find_a_view_within_25_degrees(runtime: Runtime) -> None:
    data = BricksDataset(None)
    task = data.task("01Duck")
    queries = range(0, len(task.test[0].queries), 5)
    images = torch.stack([task.test[0].queries[index].image() for index in queries])
    poses = fitted(runtime, task.fit[0], shortlist=1).estimate(images, None)
    truth = data.ground_truth("01Duck")
    for pose, index in zip(poses.world_to_camera.double().numpy(), queries, strict=True):
        true_pose = truth[index].world_to_camera
        assert true_pose is not None
        rotation = pose[:3, :3] @ true_pose[:3, :3].T
        assert np.degrees(np.arccos((np.trace(rotation) - 1) / 2)) < 25


@pytest.mark.parametrize("shortlist", [1, 4])
def test_saved_features_give_identical_poses_whatever_the_batch(
    duck: Scene, runtime: Runtime, tmp_path: Path, shortlist: int
) -> None:
    scene = Scene("duck", duck.views[::2])
    images = torch.stack([view.image() for view in duck.views[1::2][:4]])
    estimator = fitted(runtime, scene, shortlist=shortlist)
    expected = estimator.estimate(images, None)
    estimator.save(tmp_path)
    restored = LightGlueRetrieval(runtime, shortlist=shortlist)
    restored.load(tmp_path, scene, None)
    one_by_one = [restored.estimate(image[None], None).world_to_camera for image in images]
    assert torch.equal(torch.cat(one_by_one), expected.world_to_camera)
    (tmp_path / "again").mkdir()
    restored.save(tmp_path / "again")
    assert (tmp_path / "again" / "gallery.safetensors").read_bytes() == (tmp_path / "gallery.safetensors").read_bytes()
    with pytest.raises(UserError, match=r"gallery\.safetensors holds the features of 11 views, but other has 3"):
        restored.load(tmp_path, Scene("other", duck.views[:3]), None)


def test_names_its_weights(runtime: Runtime) -> None:
    estimator = LightGlueRetrieval(runtime)
    assert isinstance(estimator, UsesWeights)
    assert estimator.weights().keys() == {"xfeat.pt", "xfeat-lighterglue.pt"}
    assert all(len(value) == 64 for value in estimator.weights().values())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"shortlist": -1}, "shortlist"),
        ({"min_cosine": 1.5}, "min_cosine"),
        ({"max_keypoints": 0}, "max_keypoints"),
        ({"features": "sift"}, "sift"),
    ],
)
def test_parameters_out_of_range_are_refused(runtime: Runtime, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LightGlueRetrieval(runtime, **parameters)


def test_a_scene_without_views_is_refused(runtime: Runtime) -> None:
    with pytest.raises(UserError, match="no posed training views"):
        LightGlueRetrieval(runtime).fit(Scene("empty", []), None)
