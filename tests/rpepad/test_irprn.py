"""The two links of RPE-PAD on planted blobs: retrieval among novel views, regression, saving, batches, other shapes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gaussians.planted_scene import RUNTIME, blobs, look_at, on_sphere, position_errors, rotation_errors
from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Camera, Cameras, Scene, View
from padbench_gaussians.representation import GaussianSplatting
from padbench_rpepad.irprn import RelativePoseRegression
from padbench_rpepad.retrieval import NovelViewRetrieval
from padbench_rpepad.rvss import novel_cameras

NOVEL: dict[str, Any] = {"novel_views": 2, "sigma_r": 0.06, "sigma_t": 0.05}
SMALL: dict[str, Any] = {**NOVEL, "top_views": 2, "width": 16, "hidden": 32, "input_size": 64, "stages": 5}
# A backbone that stays as it was pretrained: for tests that train nothing that matters.
FROZEN: dict[str, Any] = {**SMALL, "stages": 4, "frozen_stages": 4, "epochs": 1}


@pytest.fixture(scope="module")
def representation(tmp_path_factory: pytest.TempPathFactory) -> GaussianSplatting:
    return blobs(tmp_path_factory.mktemp("model"))


def photographed(representation: GaussianSplatting, cameras: list[Camera]) -> Scene:
    views = []
    for index, camera in enumerate(cameras):
        image = representation.render(Cameras.stack([camera])).rgb[0].permute(1, 2, 0).numpy().copy()
        views.append(View(f"{index}.png", camera, lambda image=image: image))  # type: ignore[misc]
    return Scene("planted", views)


@pytest.fixture(scope="module")
def scene(representation: GaussianSplatting) -> Scene:
    return photographed(representation, [look_at(on_sphere(a, e)) for a in (0, 12, 24) for e in (-6, 6)])


@pytest.fixture(scope="module")
def trained(representation: GaussianSplatting, scene: Scene) -> RelativePoseRegression:
    estimator = RelativePoseRegression(RUNTIME, **SMALL, epochs=80, late_from=60, batch_size=12)
    estimator.fit(scene, representation)
    return estimator


@pytest.fixture(scope="module")
def queries(representation: GaussianSplatting, scene: Scene) -> tuple[Cameras, Cameras, Tensor]:
    """True cameras, which are novel views, initial ones: their training views and one that is none; images."""
    training = Cameras.stack([view.camera for view in scene.views])
    novel = novel_cameras(training, NOVEL["novel_views"], NOVEL["sigma_r"], NOVEL["sigma_t"], RUNTIME.seed)
    true = replace(training, K=training.K[:3], world_to_camera=novel.world_to_camera[[1, 6, 10]])
    start = [scene.views[0].camera, scene.views[3].camera, look_at(on_sphere(22, -2))]
    return true, Cameras.stack(start), representation.render(true).rgb


Queries = tuple[Cameras, Cameras, Tensor]


def test_the_poses_it_was_trained_on_are_found_in_one_pass(queries: Queries, trained: RelativePoseRegression) -> None:
    true, initial, images = queries
    poses = trained.estimate(images, initial)
    # The first two pairs are among those it was trained on.
    assert (rotation_errors(poses, true)[:2] < 0.5 * rotation_errors(initial, true)[:2]).all()
    assert (position_errors(poses, true)[:2] < 0.5 * position_errors(initial, true)[:2]).all()
    motion = poses.world_to_camera[:, :3, :3]
    torch.testing.assert_close(motion @ motion.mT, torch.eye(3).expand(3, 3, 3), rtol=0, atol=1e-5)
    assert torch.equal(poses.K, initial.K)


def test_batch_size_does_not_change_the_poses(queries: Queries, trained: RelativePoseRegression) -> None:
    _, initial, images = queries
    together = trained.estimate(images, initial).world_to_camera
    alone = [trained.estimate(images[i : i + 1], initial[i : i + 1]).world_to_camera for i in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_saving_and_loading_gives_the_same_poses(
    representation: GaussianSplatting, scene: Scene, queries: Queries, trained: RelativePoseRegression, tmp_path: Path
) -> None:
    _, initial, images = queries
    trained.save(tmp_path)
    loaded = RelativePoseRegression(RUNTIME, **SMALL)
    loaded.load(tmp_path, scene, representation)
    expected = trained.estimate(images, initial).world_to_camera
    assert torch.equal(loaded.estimate(images, initial).world_to_camera, expected)
    wider = RelativePoseRegression(RUNTIME, **{**SMALL, "width": 17})
    with pytest.raises(UserError, match=r"irprn\.safetensors.*--overwrite"):
        wider.load(tmp_path, scene, representation)


def test_a_fit_taken_up_from_its_scratch_folder_is_the_same(
    representation: GaussianSplatting, scene: Scene, tmp_path: Path
) -> None:
    class CutShort(SilentProgress):
        def track(self, items: Any, description: str, total: int | None = None) -> Any:
            for number, item in enumerate(items):
                if description.startswith("training") and number == 1:
                    raise KeyboardInterrupt
                yield item

    few = Scene("planted", scene.views[:4])
    settings = {**SMALL, "epochs": 2, "refinement_layers": 1}
    initial = Cameras.stack([few.views[0].camera])
    image = few.views[2].image()[None]

    def fitted(runtime: Runtime, times: int = 1) -> Tensor:
        estimator = RelativePoseRegression(runtime, **settings)
        for _ in range(times):
            estimator.fit(few, representation)
        return estimator.estimate(image, initial).world_to_camera

    whole = fitted(RUNTIME)
    with pytest.raises(KeyboardInterrupt):
        fitted(replace(RUNTIME, scratch=tmp_path, progress=CutShort()))
    assert torch.equal(fitted(replace(RUNTIME, scratch=tmp_path)), whole)
    assert torch.equal(fitted(RUNTIME, times=2), whole)  # nothing of an earlier fit is left
    assert not torch.equal(fitted(replace(RUNTIME, seed=1)), whole)


@pytest.mark.parametrize("ablation", [{"novel_views": 0}, {"refinement_layers": 0, "top_views": 1}])
def test_images_need_not_be_square(representation: GaussianSplatting, ablation: dict[str, Any]) -> None:
    K = np.array([[110.0, 0, 80], [0, 110, 32], [0, 0, 1]])
    around = [look_at(on_sphere(a, 0)) for a in (0, 15, 30)]
    wide = photographed(representation, [replace(camera, K=K, width=160, height=64) for camera in around])
    estimator = RelativePoseRegression(RUNTIME, **{**FROZEN, **ablation})
    estimator.fit(wide, representation)
    initial = Cameras.stack([view.camera for view in wide.views[:2]])
    poses = estimator.estimate(torch.stack([view.image() for view in wide.views[1:]]), initial)
    assert (len(poses), poses.width, poses.height) == (2, 160, 64)
    assert poses.world_to_camera.isfinite().all()


def test_retrieval_finds_training_and_novel_views(
    representation: GaussianSplatting, scene: Scene, tmp_path: Path
) -> None:
    retrieval = NovelViewRetrieval(RUNTIME, **NOVEL)
    retrieval.fit(scene, representation)
    training = Cameras.stack([view.camera for view in scene.views])
    novel = novel_cameras(training, NOVEL["novel_views"], NOVEL["sigma_r"], NOVEL["sigma_t"], RUNTIME.seed)
    sought = torch.cat([training.world_to_camera[3:4], novel.world_to_camera[[0, 7, 11]]])
    images = representation.render(replace(training, K=training.K[:4], world_to_camera=sought)).rgb
    found = retrieval.estimate(images, None)
    assert torch.equal(found.world_to_camera, sought)
    retrieval.save(tmp_path)
    loaded = NovelViewRetrieval(RUNTIME, **NOVEL)
    loaded.load(tmp_path, scene, representation)
    assert torch.equal(loaded.estimate(images, None).world_to_camera, sought)
    fewer = NovelViewRetrieval(RUNTIME, **{**NOVEL, "novel_views": 1})
    with pytest.raises(UserError, match="18 views, but the gallery has 12"):
        fewer.load(tmp_path, scene, representation)


def test_wrong_use_is_one_sentence(representation: GaussianSplatting, scene: Scene) -> None:
    with pytest.raises(UserError, match="retrieval before it"):
        RelativePoseRegression(RUNTIME).estimate(torch.ones(1, 3, 96, 96), None)
    with pytest.raises(UserError, match="at least 2 training views"):
        RelativePoseRegression(RUNTIME).fit(Scene("one", scene.views[:1]), representation)
    with pytest.raises(UserError, match="8 stages"):
        RelativePoseRegression(RUNTIME, stages=9)
    with pytest.raises(UserError, match="epochs of at least 1"):
        RelativePoseRegression(RUNTIME, epochs=0)
    with pytest.raises(UserError, match="max_keypoints"):
        NovelViewRetrieval(RUNTIME, max_keypoints=0)
