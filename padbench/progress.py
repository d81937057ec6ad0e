"""Progress bars with the time left, one live display for all nested loops of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sized
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from padbench.interfaces import Item


class ConsoleProgress:
    """Shows bars on a terminal and nothing elsewhere; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> ConsoleProgress:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        """Yield the items and show a bar until they end or the loop is left."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        task = self._progress.add_task(description, total=total)
        try:
            for item in items:
                yield item
                self._progress.advance(task)
        finally:
            self._progress.remove_task(task)


class SilentProgress:
    """Shows nothing."""

    def track(self, items: Iterable[Item], description: str, total: int | None = None) -> Iterable[Item]:
        """Yield the items."""
        return items
