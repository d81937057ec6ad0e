"""The cosine detector on real views with painted defects."""

from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import torch
from torch import Tensor

from padbench.errors import UserError
from padbench.interfaces import Detector, Prediction, Rendering, Runtime, UsesWeights
from padbench_features.cosine import FeatureCosine
from padbench_features.extractors import FeatureExtractor
from padbench_features.smoothing import gaussian_blur

DEFECT = (slice(118, 134), slice(120, 136))


def rendering(rgb: Tensor) -> Rendering:
    return Rendering(rgb, torch.zeros_like(rgb[:, :1]), torch.ones_like(rgb[:, :1]))


def painted(images: Tensor) -> Tensor:
    images = images.clone()
    images[..., DEFECT[0], DEFECT[1]] = torch.tensor([0.1, 0.2, 0.9])[:, None, None]
    return images


def predict(runtime: Runtime, images: Tensor, references: Tensor, **parameters: Any) -> Prediction:
    defaults: dict[str, Any] = {"input_size": 256, "strides": [2, 4, 8]}
    detector: Detector = FeatureCosine(runtime, **(defaults | parameters))
    detector.fit([])
    return detector.score(images, rendering(references))


@pytest.mark.parametrize("size", [(256, 256), (200, 256), (256, 180)])
def test_identical_images_score_zero_and_a_defect_is_found_where_it_is(
    runtime: Runtime, views: Tensor, size: tuple[int, int]
) -> None:
    views = views[:, :, : size[0], : size[1]]
    for parameters in ({}, {"input_size": 224, "smoothing": 2.0, "pooling": 5}):
        good = predict(runtime, views, views, **parameters)
        assert good.anomaly_map.shape == (3, *size)
        assert good.image_score.shape == (3,)
        assert good.anomaly_map.abs().max() < 1e-6
        bad = predict(runtime, painted(views), views, **parameters)
        assert torch.all(bad.image_score > 100 * good.image_score.abs() + 0.01)
        for anomaly_map in bad.anomaly_map:
            row, column = divmod(int(anomaly_map.argmax()), size[1])
            assert DEFECT[0].start <= row < DEFECT[0].stop
            assert DEFECT[1].start <= column < DEFECT[1].stop
            far = anomaly_map.clone()
            far[70:180, 70:180] = 0
            assert far.max() < 0.2 * anomaly_map.max()


def test_map_and_score_are_equations_5_and_6(runtime: Runtime, views: Tensor) -> None:
    query, reference = painted(views[:1]), views[:1]
    stride, pooling = 8, 5
    prediction = predict(runtime, query, reference, strides=[stride], pooling=pooling)
    extractor = FeatureExtractor("efficientnet_lite0", "cpu", input_size=256, strides=[stride])
    f_t, f_r = (extractor.maps(images)[0][0].double().numpy() for images in (query, reference))
    expected = 1 - (f_t * f_r).sum(0) / (np.linalg.norm(f_t, axis=0) * np.linalg.norm(f_r, axis=0))
    upsampled = scipy.ndimage.zoom(expected, stride, order=1, grid_mode=True, mode="nearest")
    assert np.allclose(prediction.anomaly_map[0].numpy(), upsampled, atol=1e-4)
    windows = np.lib.stride_tricks.sliding_window_view(upsampled, (pooling, pooling))
    assert float(prediction.image_score[0]) == pytest.approx(windows.mean(axis=(2, 3)).max(), abs=1e-4)


def test_several_strides_are_averaged(runtime: Runtime, views: Tensor) -> None:
    query = painted(views[:1])
    single = [predict(runtime, query, views[:1], strides=[stride]).anomaly_map for stride in (2, 8)]
    both = predict(runtime, query, views[:1], strides=[2, 8]).anomaly_map
    assert torch.allclose(both, (single[0] + single[1]) / 2, atol=1e-5)


def test_results_do_not_depend_on_the_batch(runtime: Runtime, views: Tensor) -> None:
    queries = painted(views)
    together = predict(runtime, queries, views)
    for index in range(3):
        alone = predict(runtime, queries[index : index + 1], views[index : index + 1])
        assert torch.equal(alone.anomaly_map[0], together.anomaly_map[index])
        assert torch.equal(alone.image_score[0], together.image_score[index])


@pytest.mark.parametrize("sigma", [0.7, 2.0, 6.5])
def test_blur_is_that_of_scipy(sigma: float) -> None:
    maps = torch.rand(2, 33, 20, generator=torch.Generator().manual_seed(0))
    radius = int(np.ceil(4 * sigma))
    for blurred, original in zip(gaussian_blur(maps, sigma), maps, strict=True):
        expected = scipy.ndimage.gaussian_filter(original.double().numpy(), sigma, mode="nearest", radius=radius)
        assert np.allclose(blurred.numpy(), expected, atol=1e-5)
    assert torch.equal(gaussian_blur(maps, 0.0), maps)


def test_names_its_weights_and_refuses_what_it_cannot_do(runtime: Runtime, views: Tensor) -> None:
    detector = FeatureCosine(runtime)
    assert isinstance(detector, UsesWeights)
    assert detector.weights().keys() == {"efficientnet-lite0-57934424.pth"}
    with pytest.raises(UserError, match="needs a representation"):
        detector.score(views, None)
    with pytest.raises(UserError, match="smoothing"):
        FeatureCosine(runtime, smoothing=-1.0)
    with pytest.raises(UserError, match="pooling"):
        FeatureCosine(runtime, pooling=0)
