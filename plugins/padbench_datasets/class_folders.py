"""The reader of data sets that keep one object in each class folder; MAD and RAD tell it what differs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from padbench.data_root import dataset_folder
from padbench.errors import MissingData, UserError, nearest
from padbench.scene import GroundTruth, MaskSource, Query, Scene, Task, View
from padbench_datasets.files import list_folder, read_bytes, unreadable
from padbench_datasets.images import load_image, load_mask, no_defect, read_size, scaled_size
from padbench_datasets.layout import MEMBERS, ClassFolder, Conventions, TestImage, has_masks, read_class
from padbench_datasets.poses import opencv_world_to_camera, pinhole


class ClassFolders:
    """One task per class folder (see `padbench_datasets.layout`), fitted and tested on the same scene.

    root: the folder with the class folders, or a data root that has it as subfolder `name`; None for the default data
    root. image_size: longer image side in px, None for the size on disk. Raises UserError where there is no class.
    """

    name: ClassVar[str]
    """As it is registered."""
    remedy: ClassVar[str | None] = None
    """What a person does whose data set is missing, where that is not to download it."""
    conventions: ClassVar[Conventions]
    releases: ClassVar[tuple[tuple[str, ...], ...]]
    """The class folders of each known release, in canonical order."""

    def __init__(self, root: Path | None, *, image_size: int | None = None) -> None:
        if image_size is not None and image_size < 1:
            raise UserError(f"image size {image_size}: give the longer side in pixels, at least 1")
        self._root = dataset_folder(self.name, root)
        self._image_size = image_size
        self._present = _class_folders(self._root, self._known())
        if not self._present:
            raise self._missing()
        self._masked = self.conventions.masks_required or any(has_masks(self._root / name) for name in self._present)
        self._folders: dict[str, ClassFolder] = {}
        self._hashes: dict[str, str] = {}

    @property
    def root(self) -> Path:
        """The folder that holds the class folders."""
        return self._root

    def classes(self) -> Sequence[str]:
        """The classes of a known release if any of them is on disk (so a missing one shows), else the folders there."""
        return self._release() or self._present

    def task(self, name: str) -> Task:
        """Read one class: fit and test on the same scene; raises UserError with the first fault of its folder."""
        folder = self._intact(name)
        stored, size, camera = folder.size, scaled_size(folder.size, self._image_size), folder.camera
        views = tuple(
            View(path.stem, pinhole(pose, camera, stored, size), partial(load_image, path, stored, size, camera))
            for path, pose in folder.train
        )
        queries = tuple(Query(test.id, partial(load_image, test.path, stored, size, camera)) for test in folder.test)
        scene = Scene(name, views, queries)
        return Task(name, (scene,), (scene,))

    def ground_truth(self, name: str) -> Sequence[GroundTruth]:
        """Defect type, mask at the size on disk (if the release has masks) and the true pose (if known) of each query.

        Masks are undistorted as their images are.
        """
        folder = self._intact(name)
        return tuple(
            GroundTruth(
                test.id,
                test.defect,
                _mask_of(test, folder),
                world_to_camera=None if test.camera_to_world is None else opencv_world_to_camera(test.camera_to_world),
            )
            for test in folder.test
        )

    def data_hash(self, name: str) -> str:
        """A sha256 over names and contents of the class's images, masks and poses; read once per instance."""
        if name not in self._hashes:
            folder = self._intact(name)
            files = {folder.path / "transforms.json", *folder.readable}
            if (poses := folder.path / "test_poses.json").exists():
                files.add(poses)
            digest = hashlib.sha256()
            for file in sorted(files, key=lambda file: file.relative_to(folder.path).as_posix()):
                digest.update(file.relative_to(folder.path).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(read_bytes(file)).digest())
            self._hashes[name] = digest.hexdigest()
        return self._hashes[name]

    def check(self) -> Sequence[str]:
        """Validate all classes and decode every image and mask; one sentence for every fault."""
        faults = []
        for name in self.classes():
            if name in self._present:
                faults += self._check_class(name)
            else:
                faults.append(f"{self._root / name} is missing: restore this class of {self.name} from the release")
        return faults + [
            f"{self._root / name} is no class of {self.name}: move it to another folder"
            for name in self._present
            if name not in self.classes()
        ]

    def _check_class(self, name: str) -> list[str]:
        folder = self._read(name)
        faults = list(folder.faults)
        masks = {test.mask for test in folder.test}
        for path in folder.readable:
            try:
                # Each file against its own header: a size that differs is among the structural faults.
                size = read_size(path)
                lens = folder.intrinsics if size == folder.size else None
                load_mask(path, size, lens) if path in masks else load_image(path, size, size)
            except UserError as error:
                faults.append(str(error))
        return faults

    def _intact(self, name: str) -> ClassFolder:
        if name not in self.classes():
            raise UserError(f"{self._root} has no class {name!r}: {nearest(name, self.classes())}")
        if name not in self._present:
            raise UserError(f"{self._root / name} is missing: restore this class or choose others with --classes")
        if name not in self._folders:
            self._folders[name] = self._read(name)
        folder = self._folders[name]
        if folder.faults:
            more = len(folder.faults) - 1
            listed = f" ({more} more: padbench data check {self._root} --as {self.name})" if more else ""
            raise UserError(folder.faults[0] + listed)
        return folder

    def _missing(self) -> UserError:
        absent = (
            f"there is no class of data set {self.name} in {self._root}, which must hold <class>/transforms.json, "
            "<class>/train/good/N.png, <class>/test/good/N.png, <class>/test/<defect>/N.png and "
            "<class>/ground_truth/<defect>/N_mask.png"
        )
        if nested := _nested_data_set(self._root, self._known()):
            return UserError(f"{absent}: name {nested} with --data")
        return UserError(f"{absent}: {self.remedy}") if self.remedy else MissingData(absent)

    def _read(self, name: str) -> ClassFolder:
        return read_class(self._root / name, self.conventions, self._masked)

    def _known(self) -> frozenset[str]:
        return frozenset(name for release in self.releases for name in release)

    def _release(self) -> tuple[str, ...]:
        """The classes of the release that more of the folders belong to than to others; empty if none does."""
        best = max(self.releases, key=lambda release: len(set(release) & set(self._present)))
        return best if set(best) & set(self._present) else ()


def _mask_of(test: TestImage, folder: ClassFolder) -> MaskSource | None:
    if not folder.masked:
        return None
    if test.mask is None:
        return partial(no_defect, folder.size)
    return partial(load_mask, test.mask, folder.size, folder.camera)


def _class_folders(root: Path, known: frozenset[str]) -> tuple[str, ...]:
    try:
        if not root.is_dir():
            return ()
        return tuple(path.name for path in list_folder(root) if path.is_dir() and _is_class(path, known))
    except OSError as error:
        raise unreadable(root, error) from error


def _is_class(folder: Path, known: frozenset[str]) -> bool:
    if folder.name in known:
        return True
    try:
        return any(path.name in MEMBERS for path in folder.iterdir())
    except PermissionError:
        return True  # It may be one: reading it names the fault, passing it over would hide a class.


def _nested_data_set(root: Path, known: frozenset[str]) -> Path | None:
    """The subfolder somebody who named `root` may have meant."""
    try:
        return next((path for path in list_folder(root) if _class_folders(path, known)), None)
    except UserError:
        return None
