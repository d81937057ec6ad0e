"""RAD (Zhou et al., RAD: A Dataset and Benchmark for Real-Life Anomaly Detection with Robotic Observations, 2024).

Known from the authors' repository (https://github.com/kaichen-z/RAD): the names of the 18 instance folders and their
categories, both endings of the masks, that images may be JPEG, that a release without masks exists, that
`transforms.json` may be missing and may name images by their bare name. Assumed: that a release of 13 folders, one for
each category, would use the categories' names.
"""

from __future__ import annotations

from padbench_datasets.class_folders import ClassFolders
from padbench_datasets.layout import Conventions

CATEGORIES = {
    "binderclip": "binderclip",
    "binderclip2": "binderclip",
    "bowl_upright": "bowl",
    "box": "box",
    "can": "can",
    "charger": "charger",
    "cup1_upright": "cup1",
    "cup2_upright": "cup2",
    "cup2_upright2": "cup2",
    "cup2_upright3": "cup2",
    "gluebottle": "gluebottle",
    "gluebottle2": "gluebottle",
    "phonecase": "phonecase",
    "phonecase2": "phonecase",
    "rubberduck": "rubberduck",
    "spoon_upright": "spoon",
    "spraybottle2": "spraybottle",
    "tennisball": "tennisball",
}
"""Folder of each of the 18 objects -> its category; RAD's tables have a row for each of the 13 categories."""


class RadDataset(ClassFolders):
    """RAD, or any data set in its layout: one object per folder, on a table, with poses estimated by COLMAP.

    Views that COLMAP did not register are left out. Lens distortion is removed from images and masks as they are read.
    """

    name = "rad"
    conventions = Conventions(
        images=(".png", ".jpg", ".jpeg"), masks=("_mask.png", ".png"), masks_required=False, colmap=True
    )
    releases = (tuple(CATEGORIES), tuple(dict.fromkeys(CATEGORIES.values())))

    def categories(self) -> dict[str, str]:
        """See `padbench.interfaces.HasCategories`."""
        return {name: CATEGORIES.get(name, name) for name in self.classes()}
