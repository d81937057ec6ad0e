"""Make the whole data set `chairs`: shapes on all cores, resumed after a kill, grown without touching what is there."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

from filelock import FileLock, Timeout

from padbench.atomic import write_atomically, write_json_atomically
from padbench.errors import UserError
from padbench.interfaces import Progress
from padbench_datasets.chairs.shape_files import write_shape

VERSION = 1
"""Of the generator: shapes of two versions are not mixed in one folder."""

TRAINING_SHAPES = 400
"""By default: as many as two cores make in eight minutes, and some to spare."""

_MOST_TRAINING_SHAPES = 1_000_000
_SIZE = 256
_MARK, _LOCK = "generator.json", ".lock"
_README = """\
# chairs

Parametric chairs with defects in the layout of BrokenChairs, made by `padbench data make chairs`: geometry, textures
and images are computed, nothing is taken from elsewhere. The id of a shape is its seed.

generator.json says which version of the generator made it and for which size; split.json is written last.
"""


@dataclass(frozen=True)
class Extent:
    """How many shapes there are of each kind, and how large their images are in px.

    The seeds of training, validation and test shapes are apart, and those of fewer shapes are among those of more.
    """

    training: int = TRAINING_SHAPES
    validation: int = 6
    test: int = 12
    size: int = _SIZE

    def split(self) -> dict[str, list[str]]:
        """The shape ids, which are the seeds, by name of the split."""
        starts = {"train": (0, self.training), "val": (8_000_000, self.validation), "test": (9_000_000, self.test)}
        return {name: [f"{start + index:07d}" for index in range(count)] for name, (start, count) in starts.items()}


def make_chairs(root: Path, extent: Extent, progress: Progress, processes: int | None = None) -> None:
    """Make what the folder does not have yet, then write split.json.

    processes: how many make shapes at a time, None for one for every core; they do not change the result. What is
    finished when this is interrupted is not made again by the next call. Raises UserError for a folder with anything
    else in it, for one in use by another process and where it cannot be written.
    """
    if not 1 <= extent.training <= _MOST_TRAINING_SHAPES:
        raise UserError(
            f"{extent.training} training shapes: choose from 1 to {_MOST_TRAINING_SHAPES} with --train-shapes"
        )
    with _claimed(root, extent.size):
        split = extent.split()
        # Test shapes first: with them an interrupted data set is the nearest to a complete one.
        missing = [
            shape
            for name in ("test", "val", "train")
            for shape in split[name]
            if not (root / "shapes" / f"shape_{shape}").is_dir()
        ]
        _write_shapes(root, missing, extent.size, progress, processes or _cores())
        if _content(root / "split.json") != split:
            write_json_atomically(root / "split.json", split)


@contextmanager
def _claimed(root: Path, size: int) -> Iterator[None]:
    """Hold a folder that is empty or was made by this generator."""
    mark = {"generator": VERSION, "image_size": size}
    try:
        root.mkdir(parents=True, exist_ok=True)
        _require_ours(root, mark)
        with FileLock(root / _LOCK).acquire(timeout=0):
            write_json_atomically(root / _MARK, mark)
            write_atomically(root / "README.md", _README.encode())
            yield
    except Timeout:
        raise UserError(f"{root} is being made by another process: wait until it is done, then try again") from None
    except OSError as error:
        raise UserError(
            f"{root} cannot be written ({error.strerror or error}): free some space or choose another folder with "
            "--data, then run the same command again to go on"
        ) from error


def _require_ours(root: Path, mark: object) -> None:
    made = _content(root / _MARK)
    if made is None and any(not path.name.startswith(".") for path in root.iterdir()):
        raise UserError(f"{root} holds other files than chairs that were made here: choose an empty folder with --data")
    if made not in (None, mark):
        raise UserError(
            f"{root} was made with {json.dumps(made)}, this version makes {json.dumps(mark)}: remove the folder or "
            "choose another with --data"
        )


def _content(path: Path) -> object:
    """What a JSON file holds, None where there is none or it is damaged."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _write_shapes(root: Path, shapes: Sequence[str], size: int, progress: Progress, processes: int) -> None:
    if processes == 1 or len(shapes) < 2:
        for shape in progress.track(shapes, "making chairs"):
            write_shape(root, int(shape), shape, size)
        return
    # Spawned: a process that has run torch's threads must not be forked.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(shapes)), spawn, _end_with_parent) as pool:
        waiting = [pool.submit(write_shape, root, int(shape), shape, size) for shape in shapes]
        try:
            for finished in progress.track(as_completed(waiting), "making chairs", len(shapes)):
                finished.result()
        except BrokenProcessPool as error:
            raise UserError(
                f"a process that made chairs in {root} ended (is there enough memory?): run the same command again to "
                "go on with the shapes that are missing"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Prepare a process that makes shapes for the end of the one that asked for them."""
    # Ctrl-C reaches all processes of a terminal: the parent ends the others after the shape they are at.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_after, args=(multiprocessing.parent_process(),), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    """A parent that was killed asks for nothing more, and its successor must not meet its processes."""
    parent.join()
    os._exit(1)
