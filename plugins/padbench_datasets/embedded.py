"""Data sets that come with the distribution."""

from __future__ import annotations

from pathlib import Path

from padbench.data_root import dataset_folder
from padbench_datasets.mad import MadDataset


class BricksDataset(MadDataset):
    """Three LEGO models in MAD's layout, 256x256, with true poses of the test images; needs no download.

    root: a folder to read instead of the embedded one, None for the embedded one.
    """

    name = "bricks"
    remedy = "leave out --data to read the embedded copy"

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        folder = Path(__file__).parent / "bricks" if root is None else dataset_folder(self.name, root)
        super().__init__(folder, image_size=image_size)
