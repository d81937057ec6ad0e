"""Retrieval by LoFTR, with a network of random weights: the released ones are no package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import kornia.feature
import numpy as np
import pytest
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Runtime
from padbench.scene import Cameras, Scene
from padbench.weights import record, sha256
from padbench_retrieval import loftr
from padbench_retrieval.loftr import LoFTRMatcher, LoFTRRetrieval
from padbench_retrieval.weights import WEIGHTS

MILLION = 1e6


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A weights folder with a LoFTR file of random parameters."""
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))
    (tmp_path / "weights").mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = kornia.feature.LoFTR(pretrained=None)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "weights" / "loftr_indoor_ds_new.ckpt")
    record(WEIGHTS["loftr-indoor"], sha256(tmp_path / "weights" / "loftr_indoor_ds_new.ckpt"))
    yield tmp_path / "weights"


def test_missing_and_foreign_weights_are_one_sentence(folder: Path, runtime: Runtime) -> None:
    with pytest.raises(
        UserError, match=r"loftr_outdoor.ckpt are missing: run `padbench weights download .* or use --profile lite"
    ):
        LoFTRRetrieval(runtime)
    torch.save({"state_dict": {"backbone": torch.zeros(1)}}, folder / "loftr_indoor_ds_new.ckpt")
    record(WEIGHTS["loftr-indoor"], sha256(folder / "loftr_indoor_ds_new.ckpt"))
    with pytest.raises(UserError, match="are not those of LoFTR"):
        LoFTRRetrieval(runtime, trained_on="indoor")


def test_the_network_is_loftr_and_its_matches_are_kornias(folder: Path, duck: Scene) -> None:
    matcher = LoFTRMatcher("cpu", "indoor")
    assert sum(p.numel() for p in matcher._network.parameters()) / MILLION == pytest.approx(11.56, abs=0.05)
    # Random features are too much alike for a match; these are not.
    matcher._network.backbone.layer3_outconv.weight.mul_(30)
    a, b = (view.image()[:, 40:144, 40:144] for view in duck.views[:2])
    grey = [torch.einsum("c,chw->hw", torch.tensor([0.299, 0.587, 0.114]), image)[None, None] for image in (a, b)]
    with torch.inference_mode():
        expected = matcher._network({"image0": grey[0], "image1": grey[1]})
    in_a, in_b = matcher.matches(a, b)
    assert len(in_a) > 0
    torch.testing.assert_close(in_a, expected["keypoints0"], rtol=0, atol=1e-3)
    torch.testing.assert_close(in_b, expected["keypoints1"], rtol=0, atol=1e-3)


def test_images_of_any_size_are_padded_and_matches_in_the_padding_are_dropped(
    folder: Path, duck: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    matcher = LoFTRMatcher("cpu", "indoor")
    image = duck.views[0].image()[:, 40:151, 30:135]  # 111 x 105

    def network(data: dict[str, Tensor]) -> dict[str, Tensor]:
        for padded in (data["image0"], data["image1"]):
            assert padded.shape == (1, 1, 112, 112)
            assert padded[..., 111:, :].abs().max() == 0
            assert padded[..., :, 105:].abs().max() == 0
        points = torch.tensor([[104.0, 110.0], [104.0, 111.0], [105.0, 3.0], [4.0, 4.0], [8.0, 8.0]])
        return {"keypoints0": points, "keypoints1": torch.cat([points[:4], torch.tensor([[111.0, 5.0]])])}

    monkeypatch.setattr(matcher, "_network", network)
    in_a, in_b = matcher.matches(image, image)
    assert in_a.tolist() == in_b.tolist() == [[104.0, 110.0], [4.0, 4.0]]


def test_the_view_with_most_matches_gives_the_camera(
    folder: Path, duck: Scene, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counting, with a matcher that finds more matches the more alike two images are."""

    class Matcher:
        def __init__(self, device: str, trained_on: str) -> None:
            pass

        def matches(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
            count = int(100 / (1 + 100 * float((a - b).abs().mean())))
            return torch.zeros(count, 2), torch.zeros(count, 2)

    monkeypatch.setattr(loftr, "LoFTRMatcher", Matcher)
    retrieval = LoFTRRetrieval(runtime)
    retrieval.fit(duck, None)
    queries = torch.stack([duck.views[index].image() for index in (7, 2, 11)])
    together = retrieval.estimate(queries, None)
    assert isinstance(together, Cameras)
    expected = [duck.views[index].camera.world_to_camera for index in (7, 2, 11)]
    assert np.allclose(together.world_to_camera.numpy(), np.stack(expected), atol=1e-6)
    with pytest.raises(UserError, match="has no posed training views"):
        retrieval.fit(Scene("empty", ()), None)
