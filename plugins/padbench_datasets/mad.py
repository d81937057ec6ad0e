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
    conventions = Conventions(images=(".png",), masks=("_mask.png",), masks_required=True, colmap=False)
    releases = (PUBLISHED_CLASSES,)


class MadRealDataset(ClassFolders):
    """MAD-Real, photographs of LEGO models, or any data set in its layout.

    No copy was at hand: assumed are the layout of MAD-Sim with poses estimated by COLMAP, PNG or JPEG, and any classes.
    """

    name = "mad-real"
    conventions = Conventions(
        images=(".png", ".jpg", ".jpeg"), masks=("_mask.png", ".png"), masks_required=True, colmap=True
    )
    releases = ((),)
