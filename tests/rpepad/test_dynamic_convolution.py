"""Dynamic convolution against its definition: mix the kernels of every image, then convolve pixel by pixel."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from padbench_rpepad.dynamic_convolution import DynamicConvolution


def naive(layer: DynamicConvolution, inputs: Tensor, temperature: float) -> Tensor:
    first, _, second = cast(list[nn.Linear], list(layer.attention))
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    _, outputs, _, size, _ = weight.shape
    images = []
    for image in inputs.numpy():
        pooled = image.mean(axis=(1, 2))
        hidden = np.maximum(first.weight.detach().numpy() @ pooled + first.bias.detach().numpy(), 0)
        logits = (second.weight.detach().numpy() @ hidden + second.bias.detach().numpy()) / temperature
        attention = np.exp(logits) / np.exp(logits).sum()
        kernel = sum(a * w for a, w in zip(attention, weight, strict=True))
        offset = sum(a * b for a, b in zip(attention, bias, strict=True))
        padded = np.pad(image, ((0, 0), (size // 2, size // 2), (size // 2, size // 2)))
        _, height, width = image.shape
        result = np.empty((outputs, height, width))
        for o in range(outputs):
            for y in range(height):
                for x in range(width):
                    result[o, y, x] = (padded[:, y : y + size, x : x + size] * kernel[o]).sum() + offset[o]
        images.append(result)
    return torch.from_numpy(np.stack(images))


@pytest.mark.parametrize(
    ("kernel_size", "kernels", "temperature"), [(3, 4, 30.0), (3, 2, 0.5), (1, 3, 1.0), (5, 1, 1.0)]
)
def test_is_the_convolution_with_the_mixed_kernel(kernel_size: int, kernels: int, temperature: float) -> None:
    torch.manual_seed(0)
    layer = DynamicConvolution(6, 5, kernel_size, kernels, temperature).double()
    torch.nn.init.normal_(layer.bias)
    inputs = torch.randn(3, 6, 4, 7, dtype=torch.float64)
    torch.testing.assert_close(layer(inputs), naive(layer, inputs, temperature))


def test_images_get_kernels_of_their_own() -> None:
    torch.manual_seed(0)
    layer = DynamicConvolution(3, 2, temperature=0.1)
    first, second = torch.randn(2, 1, 3, 5, 5)
    together = layer(torch.cat([first, second]))
    torch.testing.assert_close(together, torch.cat([layer(first), layer(second)]))
    # A static convolution would be linear in its input but for the bias, which is 0 here.
    assert not torch.allclose(layer(first + second), layer(first) + layer(second), atol=1e-3)


def test_gradients_reach_every_kernel_and_the_attention() -> None:
    torch.manual_seed(0)
    layer = DynamicConvolution(2, 2, kernels=3, temperature=1.0).double()
    inputs = torch.randn(2, 2, 2, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (inputs,))
    layer(inputs).square().sum().backward()  # type: ignore[no-untyped-call]
    for parameter in layer.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0
    assert (layer.weight.grad.flatten(1).norm(dim=1) > 0).all()  # type: ignore[union-attr]
