"""The detector of protocol "pad" on real views with painted defects."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from padbench.errors import UserError
from padbench.interfaces import Detector, Prediction, Rendering, Runtime, UsesWeights
from padbench_features.extractors import FeatureExtractor
from padbench_features.squared_difference import FeatureSquaredDifference

DEFECT = (slice(112, 144), slice(112, 144))


def painted(images: Tensor) -> Tensor:
    images = images.clone()
    images[..., DEFECT[0], DEFECT[1]] = torch.tensor([0.1, 0.2, 0.9])[:, None, None]
    return images


def predict(runtime: Runtime, images: Tensor, references: Tensor) -> Prediction:
    detector: Detector = FeatureSquaredDifference(runtime)
    detector.fit([])
    return detector.score(
        images, Rendering(references, torch.zeros_like(references[:, :1]), torch.ones_like(references[:, :1]))
    )


@pytest.mark.parametrize("size", [(256, 256), (200, 256), (256, 180)])
def test_identical_images_score_zero_and_a_defect_is_found_where_it_is(
    runtime: Runtime, views: Tensor, size: tuple[int, int]
) -> None:
    views = views[:, :, : size[0], : size[1]]
    good = predict(runtime, views, views)
    assert good.anomaly_map.shape == (len(views), *size)
    assert good.anomaly_map.abs().max() == 0
    bad = predict(runtime, painted(views), views)
    assert torch.all(bad.image_score > 1)
    for anomaly_map in bad.anomaly_map:
        row, column = divmod(int(anomaly_map.argmax()), size[1])
        assert DEFECT[0].start <= row < DEFECT[0].stop
        assert DEFECT[1].start <= column < DEFECT[1].stop


def test_the_map_is_the_sum_of_pixels_and_levels_smoothed_by_four_pixels(runtime: Runtime, views: Tensor) -> None:
    query, reference = painted(views[:1]), views[:1]
    extractor = FeatureExtractor("efficientnet_lite0", "cpu", input_size=224, strides=[2, 4, 8, 16])
    assert [layer.stride for layer in extractor.layers] == [2, 4, 8, 16]
    pair = interpolate(torch.cat([query, reference]), (224, 224), mode="bilinear", antialias=True)
    expected = (2 * (pair[0] - pair[1])).square().sum(0)  # mean and standard deviation of this network are 0.5
    for level in extractor.maps(torch.cat([query, reference])):
        difference = (level[0] - level[1]).square().sum(0)
        expected = expected + interpolate(difference[None, None], (224, 224), mode="bilinear")[0, 0]
    smoothed = scipy.ndimage.gaussian_filter(expected.numpy().astype(np.float64), 4.0, mode="nearest")
    found = predict(runtime, query, reference)
    assert float(found.image_score[0]) == pytest.approx(smoothed.max(), rel=1e-4)
    at_image_size = interpolate(torch.from_numpy(smoothed)[None, None], (256, 256), mode="bilinear")[0, 0]
    assert torch.allclose(found.anomaly_map[0].double(), at_image_size, rtol=1e-3, atol=1e-3 * float(smoothed.max()))


def test_a_batch_scores_as_its_images_alone(runtime: Runtime, views: Tensor) -> None:
    together = predict(runtime, painted(views), views)
    for index in range(len(views)):
        alone = predict(runtime, painted(views[index : index + 1]), views[index : index + 1])
        assert torch.equal(alone.anomaly_map[0], together.anomaly_map[index])
        assert torch.equal(alone.image_score[0], together.image_score[index])


def test_it_refuses_what_it_cannot_do_and_names_its_weights(runtime: Runtime, views: Tensor) -> None:
    with pytest.raises(UserError, match="smoothing must be at least 0"):
        FeatureSquaredDifference(runtime, smoothing=-1.0)
    detector = FeatureSquaredDifference(runtime)
    with pytest.raises(UserError, match="needs a representation"):
        detector.score(views, None)
    assert isinstance(detector, UsesWeights)
    assert list(detector.weights()) == ["efficientnet-lite0-57934424.pth"]
