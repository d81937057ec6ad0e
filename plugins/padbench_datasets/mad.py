"""MAD (Zhou et al., PAD: A Dataset and Benchmark for Pose-agnostic Anomaly Detection, NeurIPS 2023) and its layout."""

from __future__ import annotations

from padbench_datasets.class_folders import ClassFolders
from padbench_datasets.layout import Conventions

PUBLISHED_CLASSES = (
    "01Gorilla",
    "02Unicorn",
    "03Mallard",
    "04Turtle",
    "05Whale",
    "06Bird",
    "07Owl",
    "08Sabertooth",
    "09Swan",
    "10Sheep",
    "11Pig",
    "12Zalika",
    "13Pheonix",
    "14Elephant",
    "15Parrot",
    "16Cat",
    "17Scorpion",
    "18Obesobeso",
    "19Bear",
    "20Puppy",
)
"""The classes of MAD-Sim, spelt as on disk."""


class MadDataset(ClassFolders):
    """MAD-Sim, or any data set in its layout (see `ClassFolders`)."""

    name = "mad"
    remedy = (
        "get MAD-Sim from https://github.com/EricLee0224/PAD and unpack it there, or name its folder with --data "
        "(`padbench data download mad` is to do this in a later version)"
    )
    conventions = Conventions(images=(".png",), masks=("_mask.png",), masks_required=True, colmap=False)
    releases = (PUBLISHED_CLASSES,)
