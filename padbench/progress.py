"""Progress bars with the time left, one live display for all nested loops of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

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


class DownloadDisplay:
    """Says what is done, and shows bytes and their speed on a terminal; what `padbench.downloads` reports to."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print a line."""
        self._console.print(line, soft_wrap=True)

    @contextmanager
    def bytes(self, description: str) -> Iterator[Callable[[int, int | None], None]]:
        """Show a bar; the function it gives is told the bytes that are here and, where known, all bytes."""
        if not self._console.is_terminal:
            self.say(description)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as bars:
            bar = bars.add_task(description, total=None)
            yield lambda here, total: bars.update(bar, completed=here, total=total)
