"""The protocols a plugin implements. A plugin author reads this one file.

A component is a class. Its constructor takes a `Runtime` and then keyword-only parameters with types and
defaults: they are the keys a recipe and `--set` may name, and what they do not name is refused. It is
registered by reference (`"module:Class"`, see `padbench.hookspecs`) and imported when used. All images are
float32 RGB in [0, 1], batches (B, 3, H, W); cameras have OpenCV axes; results must not depend on the batch size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias, TypeVar, runtime_checkable

from padbench.scene import Cameras, GroundTruth, Scene, Task

if TYPE_CHECKING:
    from torch import Tensor

    from padbench.weights import WeightFile

API_VERSION = 1
"""A plugin states the version it was written for as `padbench_api_version`; another version is refused."""

Item = TypeVar("Item")

_FARTHEST = 0.8

Poses: TypeAlias = Cameras
"""The estimated cameras of a batch of queries."""


class Progress(Protocol):
    """Shows a person how far a long loop is."""

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        """Yield the items and show a bar with the time left; `total` where the items have no length."""
        ...


@dataclass(frozen=True)
class Runtime:
    """What the harness gives every component.

    device: "cpu" or "cuda". seed: seeds every random choice; components keep their own generator. scratch: an existing
    folder for checkpoints of a long `fit`, written atomically: it survives a kill of the unit, comes back when the
    unit is resumed and is deleted once the component is saved; None where nobody keeps one.
    """

    device: str
    seed: int
    progress: Progress
    scratch: Path | None = None


@dataclass(frozen=True)
class Rendering:
    """Images of normality at a batch of cameras, float32.

    rgb: in [0, 1]. depth: expected z in scene units, meaningful where alpha > 0. alpha: opacity in [0, 1].
    """

    rgb: Tensor  # (B, 3, H, W)
    depth: Tensor  # (B, 1, H, W) scene units
    alpha: Tensor  # (B, 1, H, W)

    def depth_image(self) -> Tensor:
        """The depth as an image, (B, 1, H, W) in [0, 1]: 0 where it is nearest, 0.8 where farthest, 1 beside it.

        What is half covered is that far on the way to 1. It depends on nothing but the object's own depths.
        """
        import torch

        covered = self.alpha > 0.5
        low = torch.where(covered, self.depth, torch.inf).amin((1, 2, 3), keepdim=True)
        high = torch.where(covered, self.depth, -torch.inf).amax((1, 2, 3), keepdim=True)
        depth = torch.where(self.alpha > 0, self.depth, low)
        share = ((depth - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)
        image = 1 - self.alpha * (1 - _FARTHEST * share)
        # Where nothing is covered, low and high are infinite.
        return torch.where(low.isfinite(), image, 1 - self.alpha).clamp(0, 1)


@dataclass(frozen=True)
class Prediction:
    """What a detector says of a batch of queries, float32; larger is more anomalous.

    anomaly_map: at the size of the query images, never normalised over the test set. box: x, y, width, height of the
    defect in px of the query images, should there be one. threshold: the image score above which the detector takes
    an image for anomalous; None for a detector that ranks images and decides nothing.
    """

    anomaly_map: Tensor  # (B, H, W)
    image_score: Tensor  # (B,)
    box: Tensor | None = None  # (B, 4) pixels
    threshold: float | None = None


class Representation(Protocol):
    """How normality is stored and rendered."""

    def fit(self, scene: Scene) -> None:
        """Learn the scene from its normal views or mesh."""
        ...

    def render(self, cameras: Cameras) -> Rendering:
        """Render the fitted scene at the cameras."""
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted state into an existing, empty folder; `load` restores it exactly."""
        ...

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""
        ...


@dataclass(frozen=True)
class Splats:
    """N Gaussians as a viewer draws them, float32 on the CPU, world axes and scene units."""

    means: Tensor  # (N, 3)
    covariances: Tensor  # (N, 3, 3)
    colours: Tensor  # (N, 3) RGB in [0, 1]
    opacities: Tensor  # (N,) in [0, 1]


@runtime_checkable
class HasSplats(Protocol):
    """A representation made of Gaussians, which `padbench view --3d` shows."""

    def splats(self) -> Splats:
        """The fitted Gaussians."""
        ...


class PoseEstimator(Protocol):
    """One link of the pose chain: retrieval gives a coarse pose, each next link refines it."""

    def fit(self, scene: Scene, representation: Representation | None) -> None:
        """Prepare for the scene, whose representation is already fitted."""
        ...

    def estimate(self, images: Tensor, initial: Poses | None) -> Poses:  # images: (B, 3, H, W)
        """Estimate the cameras that took the images; `initial` is None for the first link only.

        An estimator that does not choose returns V cameras for each image, (B * V) image by image. All are rendered for
        the detector, and no pose is recorded.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted state, if any, into an existing, empty folder."""
        ...

    def load(self, folder: Path, scene: Scene, representation: Representation | None) -> None:
        """Be as after `fit`, from what `save` wrote."""
        ...


@dataclass(frozen=True)
class FittedScene:
    """A scene with what was fitted on it, as a detector that learns is given it; the pose chain is fitted when used."""

    scene: Scene
    representation: Representation | None
    pose: Sequence[PoseEstimator]


class Detector(Protocol):
    """Compares queries with renderings of normality."""

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        """Learn from the fitted scenes; frozen-feature detectors only load their weights.

        A scene is fitted, or read from the disk, each time it is asked for: go through them one by one.
        """
        ...

    def score(self, images: Tensor, references: Rendering | None) -> Prediction:  # images: (B, 3, H, W)
        """Score the images against the references; None where the method has no representation.

        The references are one for each image, or V for each, image by image, as the pose chain says.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the fitted state, if any, into an existing, empty folder."""
        ...

    def load(self, folder: Path, fitted: Sequence[FittedScene]) -> None:
        """Be as after `fit`, from what `save` wrote."""
        ...


@runtime_checkable
class UsesWeights(Protocol):
    """A component that loads pretrained weights names them, for the provenance of a run."""

    def weights(self) -> dict[str, str]:
        """File name of every weight file in use -> its sha256."""
        ...


@runtime_checkable
class NamesWeights(Protocol):
    """A component that says, asked as a class, which weight files it loads, so that missing ones are known early."""

    @classmethod
    def weight_files(cls, parameters: Mapping[str, Any]) -> Sequence[WeightFile]:
        """The files that a component with these parameters, all of them stated, loads."""
        ...


@dataclass(frozen=True)
class Trial:
    """How a component that takes minutes is tried in seconds, for `padbench doctor` to tell how long a run takes.

    parameter: the whole number, such as iterations or steps, that the time grows with beside a fixed part. tries: the
    values of it that are tried: two, whose times differ by that of the steps between them, or one where `fit` reports
    every step as an item of one loop to `Progress`. scaled: other numbers that all time of the fit is in proportion to,
    with the value to try. settings: what else the trial changes, such as a check that only a whole training passes.
    What the recipe has smaller is left as it is.
    """

    parameter: str
    tries: tuple[int] | tuple[int, int]
    scaled: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class HasTrial(Protocol):
    """A component class that can be tried; others are timed as they are."""

    trial: ClassVar[Trial]


class Dataset(Protocol):
    """A reader of one data set layout. Constructed as `factory(root, image_size=...)`.

    root: the folder given by `--data`, None to look where data is kept. image_size: length of the longer side of
    the images in px after resizing, None for the size on disk. A missing or damaged data set raises
    `padbench.errors.UserError` from the constructor or the method that meets the fault.
    """

    @property
    def root(self) -> Path:
        """The folder that is read."""
        ...

    def classes(self) -> Sequence[str]:
        """The task names that a complete copy of this data set would give, in canonical order."""
        ...

    def task(self, name: str) -> Task:
        """Read one task; raises UserError for an unknown or damaged one. Images load lazily."""
        ...

    def ground_truth(self, name: str) -> Sequence[GroundTruth]:
        """The ground truth of the task's queries, in their order. For the evaluator only."""
        ...

    def data_hash(self, name: str) -> str:
        """A sha256 over everything of the task that can change a result."""
        ...

    def check(self) -> Sequence[str]:
        """Validate the whole folder; one sentence for every fault."""
        ...


@runtime_checkable
class HasCategories(Protocol):
    """A data set with several objects of one category, whose tables have a row for each category."""

    def categories(self) -> Mapping[str, str]:
        """Task name -> its category; the figures of a category are the means over its tasks."""
        ...


@runtime_checkable
class ServesReferences(Protocol):
    """A data set that says which methods can run on it; asked as a class, before there is anything to read.

    A reader that does not say so serves methods of the reference "posed-views".
    """

    references: ClassVar[tuple[str, ...]]
    """The `reference` of their recipes: "posed-views", "mesh", "images" (labelled training images)."""


@runtime_checkable
class MakesData(Protocol):
    """A data set that is made instead of downloaded; asked as a class, before there is anything to read."""

    @classmethod
    def make(cls, root: Path | None, *, train_shapes: int | None, progress: Progress) -> Path:
        """Make what is missing and return the folder, which the constructor then reads for the same `root`.

        train_shapes: the number of objects to fit on, None for the default. An interrupted call is resumed by the next.
        Raises UserError for a folder that holds something else or cannot be written.
        """
        ...
