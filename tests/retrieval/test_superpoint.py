"""SuperPoint with random weights, against another implementation of it and against loops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import kornia.feature
import pytest
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.weights import MissingWeights, sha256
from padbench_retrieval.matching import LocalFeatureMatcher
from padbench_retrieval.superpoint import SuperPoint, descriptors_at, strongest
from padbench_retrieval.weights import WEIGHTS


@pytest.fixture
def network() -> SuperPoint:
    torch.manual_seed(0)
    return SuperPoint().eval()


@pytest.fixture
def image() -> Tensor:
    return torch.rand(1, 3, 64, 88, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def theirs(network: SuperPoint) -> Any:
    """The implementation of transformers with the same weights, and without its suppression of neighbours."""
    transformers = pytest.importorskip("transformers")
    model = transformers.SuperPointForKeypointDetection(transformers.SuperPointConfig(nms_radius=0)).eval()
    names = {"convP": "keypoint_decoder.conv_score_", "convD": "descriptor_decoder.conv_descriptor_"}
    state = {}
    for name, value in network.state_dict().items():
        layer, _, parameter = name.partition(".")
        block = layer[4]
        prefix = names.get(layer[:5]) or f"encoder.conv_blocks.{int(block) - 1}.conv_"
        state[f"{prefix}{layer[5]}.{parameter}"] = value
    model.load_state_dict(state)
    return model


@torch.inference_mode()
def test_scores_and_descriptors_are_those_of_another_implementation(
    network: SuperPoint, theirs: Any, image: Tensor
) -> None:
    grey = (image * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
    encoded = theirs.encoder(grey).last_hidden_state
    scores, descriptors = network(image)
    assert scores.shape == (1, 64, 88) and descriptors.shape == (1, 256, 8, 11)
    assert torch.allclose(scores, theirs.keypoint_decoder._get_pixel_scores(encoded), atol=1e-6)
    pixels = torch.tensor([[4.0, 5.0], [40.0, 31.0], [83.0, 59.0], [17.0, 60.0]])  # indices, where ours are centres
    expected = theirs.descriptor_decoder(encoded, pixels.clone())
    assert torch.allclose(descriptors_at(pixels + 0.5, descriptors[0]), expected, atol=1e-5)


def test_the_strongest_are_the_largest_of_their_surroundings() -> None:
    scores = torch.rand(40, 50, generator=torch.Generator().manual_seed(2))
    expected = []
    for row in range(4, 36):
        for column in range(4, 46):
            if scores[row, column] == scores[row - 4 : row + 5, column - 4 : column + 5].max():
                expected.append((float(scores[row, column]), column + 0.5, row + 0.5))
    expected.sort(reverse=True)
    positions, values = strongest(scores, 1000)
    assert values.tolist() == [value for value, _, _ in expected]
    assert positions.tolist() == [[x, y] for _, x, y in expected]
    assert torch.equal(strongest(scores, 3)[0], positions[:3])


def test_the_matcher_reads_both_files(
    network: SuperPoint, image: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path))
    with pytest.raises(MissingWeights, match=r"run `padbench weights download superpoint_v1\.pth`"):
        LocalFeatureMatcher("cpu", "superpoint")
    (tmp_path / "weights").mkdir()
    state = {_released_name(name): value for name, value in _lightglue().items()}
    for name, content in (("superpoint", network.state_dict()), ("superpoint-lightglue", state)):
        path = tmp_path / "weights" / WEIGHTS[name].name
        torch.save(content, path)
        monkeypatch.setitem(WEIGHTS, name, replace(WEIGHTS[name], sha256=sha256(path)))
    matcher = LocalFeatureMatcher("cpu", "superpoint", max_keypoints=50)
    (found,) = matcher.extract(image)
    assert 0 < len(found) <= 50
    assert found.image_size == (88, 64)
    assert torch.allclose(found.descriptors.norm(dim=1), torch.ones(len(found)))
    assert torch.equal(found.scores, found.scores.sort(descending=True).values)
    assert matcher.match(found, found).shape[1] == 2
    assert set(matcher.weights()) == {"superpoint_v1.pth", "superpoint_lightglue.pth"}
    with pytest.raises(UserError, match="superpoint needs images of at least 32 px"):
        matcher.extract(torch.zeros(1, 3, 24, 40))


def _lightglue() -> dict[str, Tensor]:
    torch.manual_seed(3)
    configuration: dict[str, Any] = {"features": None, "input_dim": 256}
    state: dict[str, Tensor] = kornia.feature.LightGlue(flash=False, **configuration).state_dict()
    del state["confidence_thresholds"]
    return state


def _released_name(name: str) -> str:
    """transformers.3.self_attn.x -> self_attn.3.x, as the released files have it."""
    parts = name.split(".")
    return ".".join([parts[2], parts[1], *parts[3:]]) if parts[0] == "transformers" else name
