"""chamfer: exactly the sum of Eq. 3, and the view that it names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from gaussians.ray_cast import camera_at, picture, scene_of
from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.progress import SilentProgress
from padbench.scene import Scene, View
from padbench_datasets.chair_names import Orbit
from padbench_datasets.chairs.parts import chair
from padbench_gaussians.mesh_representation import MeshSplatting
from padbench_ptad.chamfer import ChamferRetrieval, chamfer_distance

RUNTIME = Runtime(device="cpu", seed=0, progress=SilentProgress())
SIZE = 64
Mask = NDArray[np.bool_]
MASKS = arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9)))


def summed(first: Mask, second: Mask) -> float:
    """Eq. 3 as it is written: every pixel against every other."""
    one, other = np.argwhere(first).astype(float), np.argwhere(second).astype(float)
    distances = np.sqrt(((one[:, None] - other[None]) ** 2).sum(axis=2))
    return float(distances.min(axis=1).mean() + distances.min(axis=0).mean())


def distance(first: Mask, second: Mask) -> float:
    return chamfer_distance(
        (first, np.asarray(distance_transform_edt(~first))), (second, np.asarray(distance_transform_edt(~second)))
    )


@given(MASKS, st.data())
def test_it_is_the_sum_over_all_pairs_of_pixels(first: Mask, data: st.DataObject) -> None:
    second = data.draw(arrays(np.bool_, first.shape))
    if first.any() and second.any():
        assert distance(first, second) == pytest.approx(summed(first, second), abs=1e-12)
    else:
        assert distance(first, second) == np.inf


def test_the_nearest_view_is_found_whatever_the_texture_and_the_batch(tmp_path: Path) -> None:
    parts = chair(3)
    scene = scene_of(parts, tmp_path, SIZE)
    representation = MeshSplatting(RUNTIME)
    representation.fit(scene)
    retrieval = ChamferRetrieval(RUNTIME)
    retrieval.fit(scene, representation)
    chosen = [0, 3, 8, 13, 19]
    images = []
    for index in chosen:
        # Three degrees beside the view, and in other colours.
        seen = picture(parts, camera_at(Orbit(2.0, 18 * index + 3, 22), SIZE)).rgb
        images.append(torch.from_numpy(seen).permute(2, 0, 1) / 255 * torch.tensor([1.0, 0.9, 0.8])[:, None, None])
    poses = retrieval.estimate(torch.stack(images), None)
    expected = torch.stack([torch.as_tensor(scene.views[index].camera.world_to_camera) for index in chosen])
    torch.testing.assert_close(poses.world_to_camera, expected.float())
    alone = [retrieval.estimate(image[None], None).world_to_camera for image in images]
    assert torch.equal(torch.cat(alone), poses.world_to_camera)


def test_an_empty_query_has_the_first_view(tmp_path: Path) -> None:
    scene = scene_of(chair(1), tmp_path, SIZE, views=4)
    representation = MeshSplatting(RUNTIME)
    representation.fit(scene)
    retrieval = ChamferRetrieval(RUNTIME)
    retrieval.fit(scene, representation)
    poses = retrieval.estimate(torch.full((1, 3, SIZE, SIZE), 0.9), None)
    torch.testing.assert_close(poses.world_to_camera[0], torch.as_tensor(scene.views[0].camera.world_to_camera).float())


def test_it_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    scene = scene_of(chair(1), tmp_path, 32, views=2)
    with pytest.raises(UserError, match="name a representation, such as mesh2splat"):
        ChamferRetrieval(RUNTIME).fit(scene, None)
    with pytest.raises(UserError, match="bare has no reference views"):
        ChamferRetrieval(RUNTIME).fit(Scene("bare", ()), None)
    with pytest.raises(UserError, match=r"threshold in \[0, 1\), not 1"):
        ChamferRetrieval(RUNTIME, threshold=1)
    larger = View("large.png", camera_at(Orbit(2, 0, 20), 48), scene.views[0].load)
    representation = MeshSplatting(RUNTIME)
    representation.fit(scene)
    with pytest.raises(UserError, match="shape cannot be used by chamfer"):
        ChamferRetrieval(RUNTIME).fit(Scene("shape", [*scene.views, larger]), representation)
