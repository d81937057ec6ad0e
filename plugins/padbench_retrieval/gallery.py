"""How many mutual nearest neighbours a query shares with every view of a gallery, a block of views at a time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench_retrieval.local_features import Keypoints

_FILE = "gallery.safetensors"

# A block's cosines stay in the cache: 8 views x 512 x 512 key points are 8 MB.
_BLOCK = 8


class Gallery:
    """The local features of the training views.

    views: their key points, all extracted with the same local features.
    """

    def __init__(self, views: Sequence[Keypoints]) -> None:
        self.views = views
        self._blocks = [
            pad_sequence([view.descriptors for view in views[start : start + _BLOCK]], batch_first=True)
            for start in range(0, len(views), _BLOCK)
        ]

    def save(self, folder: Path) -> None:
        """Write the local features into a folder."""
        stored = {
            "keypoints": torch.tensor([len(view) for view in self.views]),
            "image_size": torch.tensor([view.image_size for view in self.views]),
            "positions": torch.cat([view.positions for view in self.views]),
            "descriptors": torch.cat([view.descriptors for view in self.views]),
            "scores": torch.cat([view.scores for view in self.views]),
        }
        write_atomically(folder / _FILE, save(stored))

    @staticmethod
    def load(folder: Path, owner: str, views: int, device: str) -> Gallery:
        """Read what `save` wrote; raises UserError when it is missing, damaged or not of the owner's views."""
        path = folder / _FILE
        try:
            stored = load_file(path, device=device)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path} cannot be read ({error}): fit anew with --overwrite") from error
        counts = stored["keypoints"].tolist()
        if len(counts) != views:
            raise UserError(
                f"{path} holds the features of {len(counts)} views, but {owner} has {views}: fit anew with --overwrite"
            )
        names = ("positions", "descriptors", "scores")
        positions, descriptors, scores = (torch.split(stored[name], counts) for name in names)
        sizes = [(width, height) for width, height in stored["image_size"].tolist()]
        return Gallery(list(map(Keypoints, positions, descriptors, scores, sizes)))

    def mutual_counts(self, query: Keypoints, min_cosine: float) -> Tensor:
        """Count the matches that `matching.mutual_nearest_neighbours` finds with each view.

        min_cosine: at least 0, so that padding, whose cosine is 0, never matches. Returns (V,) int64.
        """
        if len(query) == 0:
            return torch.zeros(len(self.views), dtype=torch.int64, device=query.positions.device)
        return torch.cat([_count(block, query.descriptors, min_cosine) for block in self._blocks])


def _count(
    block: Tensor,  # (V, K, D) zero-padded
    query: Tensor,  # (Q, D)
    min_cosine: float,
) -> Tensor:
    if block.shape[1] == 0:
        return torch.zeros(len(block), dtype=torch.int64, device=block.device)
    cosine = block @ query.T  # (V, K, Q)
    best, nearest = cosine.max(dim=2)
    best_of_query = cosine.amax(dim=1)
    mutual = (best > min_cosine) & (best >= best_of_query.gather(1, nearest))
    return mutual.sum(dim=1)
