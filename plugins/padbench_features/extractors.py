"""Feature maps of images at several levels, and how values on them become values on the image."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from padbench.errors import UserError
from padbench.weights import hashes
from padbench_features.backbones import Layer, load_backbone


class FeatureExtractor:
    """The maps of a frozen network at chosen strides.

    name: see `backbones.load_backbone`. input_size: images are resized so that their longer side has so many px, None
    for the size the network was trained for. strides: one map each, the deepest of that stride; None for all strides.
    Raises UserError for an unknown name, missing weights, strides or an input size the network does not have.
    """

    def __init__(self, name: str, device: str, *, input_size: int | None, strides: Sequence[int] | None) -> None:
        self._backbone = load_backbone(name, device)
        self._device = device
        self.input_size = input_size or self._backbone.input_size
        if self._backbone.fixed_size and self.input_size != self._backbone.input_size:
            raise UserError(
                f"{name} works at {self._backbone.input_size} px only: set input_size to that, not {input_size}"
            )
        deepest = {layer.stride: index for index, layer in enumerate(self._backbone.layers)}
        if unknown := sorted(set(strides or ()) - deepest.keys()):
            raise UserError(f"{name} has maps of the strides {sorted(deepest)}, not of {unknown}: correct strides")
        self._indices = [deepest[stride] for stride in sorted(strides or deepest)]
        self._mean = torch.tensor(self._backbone.mean, device=device)[:, None, None]
        self._std = torch.tensor(self._backbone.std, device=device)[:, None, None]

    @property
    def layers(self) -> list[Layer]:
        """The maps that `maps` returns, finest first."""
        return [self._backbone.layers[index] for index in self._indices]

    def weights(self) -> dict[str, str]:
        """See `padbench.interfaces.UsesWeights`."""
        return hashes([self._backbone.weight])

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in px at which the network sees an image of that size."""
        scale = self.input_size / max(height, width)
        return max(1, round(height * scale)), max(1, round(width * scale))

    def inputs(self, images: Tensor) -> Tensor:  # images: (B, 3, H, W) in [0, 1]
        """The images resized and normalised as the network takes them: (B, 3, *resized(H, W))."""
        height, width = self.resized(*images.shape[-2:])
        images = images.to(self._device)
        if (height, width) != tuple(images.shape[-2:]):
            images = interpolate(images, (height, width), mode="bilinear", antialias=True)
        return (images - self._mean) / self._std

    @torch.inference_mode()
    def maps(self, images: Tensor) -> list[Tensor]:  # images: (B, 3, H, W) in [0, 1]
        """The chosen maps, finest first: (B, C, h, w), where a location covers stride x stride px of the input.

        The resized image lies in the top left corner of the input, which is padded with zeros after normalisation
        (the padding of Segment Anything) to a multiple of the largest stride or to the network's fixed square.
        """
        inputs = self.inputs(images)
        height, width = inputs.shape[-2:]
        padded_height, padded_width = self._padded(height, width)
        inputs = pad(inputs, (0, padded_width - width, 0, padded_height - height))
        return self._backbone.forward(inputs, self._indices)

    def to_input(self, values: Tensor, height: int, width: int) -> Tensor:  # values: (B, h, w) on one of the maps
        """Upsample values on a map bilinearly to the resized image: (B, *resized(height, width))."""
        resized = self.resized(height, width)
        upsampled = interpolate(values[:, None], self._padded(*resized), mode="bilinear", align_corners=False)
        return upsampled[:, 0, : resized[0], : resized[1]]

    def _padded(self, height: int, width: int) -> tuple[int, int]:
        if self._backbone.fixed_size:
            return self.input_size, self.input_size
        multiple = self._backbone.layers[self._indices[-1]].stride
        return -(-height // multiple) * multiple, -(-width // multiple) * multiple
