"""Data sets that come with the distribution: as files, or as the program that makes them."""

from __future__ import annotations

from pathlib import Path

from padbench.data_root import data_root, dataset_folder
from padbench.interfaces import Progress
from padbench_datasets.brokenchairs import BrokenChairsDataset
from padbench_datasets.chair_annotations import read_split
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


class ChairsDataset(BrokenChairsDataset):
    """Parametric chairs with five defects in BrokenChairs' layout, 256x256, with all true poses.

    root: a folder that `padbench data make chairs` made; None for the data root, where they are made at first use: some
    minutes, shown on stderr. Implements `interfaces.MakesData`.
    """

    name = "chairs"
    remedy = "make it there with 'padbench data make chairs --data FOLDER', or leave out --data"

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        if root is None and not (data_root() / self.name / "split.json").exists():
            _make_at_first_use(data_root() / self.name)
        super().__init__(root, image_size=image_size)

    @classmethod
    def make(cls, root: Path | None, *, train_shapes: int | None, progress: Progress) -> Path:
        """See `padbench.interfaces.MakesData`. Without a number a finished folder keeps the one it has."""
        # Here and not above: reading chairs needs no ray caster.
        from padbench_datasets.chairs.making import TRAINING_SHAPES, Extent, make_chairs

        folder = dataset_folder(cls.name, root)
        if train_shapes is None:
            made = folder / "split.json"
            train_shapes = len(read_split(made)["train"]) if made.exists() else TRAINING_SHAPES
        make_chairs(folder, Extent(train_shapes), progress)
        return folder


def _make_at_first_use(folder: Path) -> None:
    from rich.console import Console

    from padbench.progress import ConsoleProgress

    console = Console(stderr=True)
    console.print(
        f"making the data set chairs in {folder}, once: some minutes; when stopped it goes on at the next use"
    )
    with ConsoleProgress(console) as progress:
        ChairsDataset.make(None, train_shapes=None, progress=progress)
