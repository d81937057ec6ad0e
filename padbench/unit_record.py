"""A unit of work while it is written: lock, resume, fitted models, rows."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from padbench.atomic import sync_tree, unwritable, write_atomically, write_json_atomically
from padbench.errors import UserError
from padbench.methods import Method, describe_difference
from padbench.scratch import Scratch
from padbench.store import SCHEMA, RunFolder, Unit, read_predictions, write_predictions

# Rows are rewritten as a whole; doing so at most this share of the time bounds the cost for long units.
_FLUSH_SHARE = 0.05


@contextmanager
def locked(unit: Unit, out: Path) -> Iterator[Path]:
    """Hold the unit's folder for this process; raises UserError when another run holds it or it cannot be made.

    The lock is the operating system's: it ends with the process, however that ends.
    """
    folder = unit.folder(out)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(f"{folder} is in use by another padbench run; wait for it or choose another --out") from None
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        yield folder
    finally:
        lock.release()


class UnitRecord:
    """The files of one unit, kept consistent at every moment. To be used inside `locked`."""

    def __init__(
        self,
        folder: Path,
        unit: Unit,
        method: Method,
        description: dict[str, Any],
        wanted: Sequence[str],
        overwrite: bool,
    ) -> None:
        """Begin the unit or take up what an earlier run left.

        description: the part of unit.json that describes this run. wanted: ids of the queries to predict. Raises
        UserError when the recipe or the data differ from those of the rows that are there, or when rows are missing
        and the code, the hardware, the libraries or the plugins differ, unless `overwrite`.
        """
        self.folder = folder
        known = (folder / "unit.json").exists()
        if folder.exists() and (overwrite or not known):
            # What no unit.json describes may be of another recipe. unit.json goes first, so that a deletion that is
            # cut short leaves nothing that would be taken up.
            try:
                (folder / "unit.json").unlink(missing_ok=True)
                shutil.rmtree(folder)
            except OSError as error:
                raise unwritable(folder, error) from error
        if known and not overwrite:
            previous = RunFolder(folder)
            self.rows = [row for row in _rows(folder) if row["error"] is None]
            missing = set(wanted) - self.predicted
            self._refuse_change(previous, method, description, bool(missing))
            self.info = {**previous.info, **description} if missing else previous.info
            self.info["sessions"] = previous.info["sessions"] + 1
        else:
            write_atomically(folder / "recipe.yaml", yaml.safe_dump(method.to_dict(), sort_keys=False).encode())
            self.info = {
                "schema": SCHEMA,
                "status": "running",
                "unit": vars(unit),
                **description,
                "fit_seconds": {},
                "seconds": {},
                "warmup_queries": 0,
                "peak_memory_bytes": {"host": 0, "device": None},
                "sessions": 1,
                "started": _now(),
                "ended": None,
                "error": None,
            }
            self.rows = []
            self.save()
        self._last_flush = time.perf_counter()
        self._flush_cost = 0.0

    @property
    def predicted(self) -> set[str]:
        """Ids of the queries that have a row without an error."""
        return {row["id"] for row in self.rows if row["error"] is None}

    def scratch(self, label: str) -> Path:
        """Where the component of that label keeps checkpoints while it is fitted."""
        return self.folder / "scratch" / label

    def restore_or_fit(
        self, label: str, component: Any, load: Callable[[Path], None], fit: Callable[[], float]
    ) -> None:
        """Load a fitted component from model/<label>, else fit it and save it there.

        fit: returns the seconds it took; it may keep checkpoints in `scratch(label)`. The folder appears only when
        complete and its seconds are recorded.
        """
        target = self.folder / "model" / label
        scratch = Scratch(self.scratch(label))
        if target.is_dir():
            load(target)
            scratch.remove()
            return
        seconds = scratch.open()
        seconds += fit()
        temporary = target.with_name(f".{target.name}.tmp")
        try:
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir(parents=True)
            component.save(temporary)
            sync_tree(temporary)
            self.info["fit_seconds"][label] = seconds
            self.save()
            temporary.rename(target)
            scratch.remove()
        except OSError as error:
            raise unwritable(target, error) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Append rows of predicted queries; they reach the disk now or soon."""
        self.rows.extend(rows)
        if (time.perf_counter() - self._last_flush) * _FLUSH_SHARE >= self._flush_cost:
            self.flush()

    def flush(self) -> None:
        """Put all rows on the disk."""
        start = time.perf_counter()
        write_predictions(self.folder, self.rows)
        self._last_flush = time.perf_counter()
        self._flush_cost = self._last_flush - start

    def save(self) -> None:
        """Put unit.json on the disk."""
        stages: dict[str, float] = {}
        for label, seconds in self.info["fit_seconds"].items():
            stage = f"fit.{label.rpartition('/')[2].partition('.')[0]}"
            stages[stage] = stages.get(stage, 0.0) + seconds
        self.info["seconds"] = stages
        write_json_atomically(self.folder / "unit.json", self.info)

    def remember_peak(self, host: int, device: int | None) -> None:
        """Raise the recorded peak memory to these bytes."""
        peak = self.info["peak_memory_bytes"]
        peak["host"] = max(peak["host"], host)
        if device is not None:
            peak["device"] = max(peak["device"] or 0, device)

    def finish(self, status: str, error: str | None = None) -> None:
        """Record how the unit ended ("done" or "failed") or that it stopped ("running")."""
        self.flush()
        if status == "done":
            shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        self.info.update(status=status, error=error, ended=_now())
        self.save()

    def _refuse_change(self, previous: RunFolder, method: Method, description: dict[str, Any], extend: bool) -> None:
        changes = []
        for what, new in description["hashes"].items():
            old = previous.info["hashes"].get(what)
            if old == new:
                continue
            if what == "recipe":
                changes.append(f"recipe ({describe_difference(previous.recipe, method.to_dict())})")
            elif what == "data" or extend:
                changes.append(f"{what} ({str(old)[:12]} -> {new[:12]})")
        for what in ("hardware", "libraries", "plugins"):
            if extend and previous.info[what] != description[what]:
                changes.append(f"{what} ({describe_difference(previous.info[what], description[what])})")
        if changes:
            raise UserError(
                f"{self.folder} holds predictions made with a different {' and '.join(changes)}; "
                "add --overwrite to start anew, or choose another --out"
            )


def _rows(folder: Path) -> list[dict[str, Any]]:
    table = read_predictions(folder)
    rows: list[dict[str, Any]] = []
    for record in table.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        for key, value in row.items():
            if hasattr(value, "tolist"):
                row[key] = value.tolist()
            elif value is None or value != value:
                row[key] = None
        rows.append(row)
    return rows


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
