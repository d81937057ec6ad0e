"""SuperPoint (DeTone et al., SuperPoint: Self-Supervised Interest Point Detection and Description, CVPRW 2018).

The weights may be used for research only; the network here is written from the paper, with the weights' names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample, max_pool2d, normalize, pixel_shuffle, relu

CELL = 8
"""Pixels a side of the cells that share one location of the encoder's map."""

_LUMA = (0.299, 0.587, 0.114)


class SuperPoint(nn.Module):
    """The encoder with its two heads: scores of pixels and descriptors of cells."""

    def __init__(self) -> None:
        super().__init__()
        channels = 1
        for block, width in enumerate((64, 64, 128, 128), 1):
            self.add_module(f"conv{block}a", nn.Conv2d(channels, width, 3, padding=1))
            self.add_module(f"conv{block}b", nn.Conv2d(width, width, 3, padding=1))
            channels = width
        self.convPa, self.convPb = nn.Conv2d(channels, 256, 3, padding=1), nn.Conv2d(256, CELL * CELL + 1, 1)
        self.convDa, self.convDb = nn.Conv2d(channels, 256, 3, padding=1), nn.Conv2d(256, 256, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:  # images: (B, 3, H, W) in [0, 1]
        """Scores (B, H', W') in [0, 1] and descriptors (B, 256, H' / 8, W' / 8) of unit length.

        H' and W' are H and W down to a multiple of 8; what is beyond has no score.
        """
        maps = (images * images.new_tensor(_LUMA)[:, None, None]).sum(1, keepdim=True)
        for block in range(1, 5):
            for half in "ab":
                maps = relu(self.get_submodule(f"conv{block}{half}")(maps))
            if block < 4:
                maps = max_pool2d(maps, 2)
        # The last of the 65 channels says that no pixel of the cell is a key point.
        in_cells = self.convPb(relu(self.convPa(maps))).softmax(1)[:, :-1]
        return pixel_shuffle(in_cells, CELL)[:, 0], normalize(self.convDb(relu(self.convDa(maps))))


def strongest(scores: Tensor, most: int, radius: int = 4) -> tuple[Tensor, Tensor]:  # scores: (H, W)
    """Pixels whose score is the largest within `radius` px, strongest first, but none that near to the edge.

    Returns positions (K, 2) as x, y with the centre of the top left pixel at (0.5, 0.5), and scores (K,); K <= most.
    """
    largest = max_pool2d(scores[None], 2 * radius + 1, stride=1, padding=radius)[0]
    inside = torch.zeros_like(scores, dtype=torch.bool)
    inside[radius:-radius, radius:-radius] = True
    rows, columns = torch.nonzero((scores == largest) & inside, as_tuple=True)
    order = torch.argsort(scores[rows, columns], descending=True, stable=True)[:most]
    rows, columns = rows[order], columns[order]
    return torch.stack([columns, rows], 1) + 0.5, scores[rows, columns]


def descriptors_at(positions: Tensor, descriptors: Tensor) -> Tensor:  # (K, 2) pixels, (256, H / 8, W / 8)
    """Descriptors (K, 256) of unit length, interpolated between the centres of the cells as in the authors' release."""
    rows, columns = descriptors.shape[-2:]
    # The centre of the first cell is at 4 px. The release divides by this extent, a little more than from the first
    # centre to the last: LightGlue was trained on what comes of it.
    extent = positions.new_tensor([columns * CELL - 4.5, rows * CELL - 4.5])
    grid = (2 * (positions - 4) / extent - 1)[None, None]
    return normalize(grid_sample(descriptors[None], grid, align_corners=True)[0, :, 0].T, dim=1)
