"""Folders for checkpoints: a component that fits for minutes goes on after a kill, and its time stays complete."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from padbench.atomic import unwritable, write_json_atomically

_SESSIONS = "sessions.json"


class Scratch:
    """The scratch folder of one component of a unit (`interfaces.Runtime.scratch`) and the seconds already spent on it.

    A killed fit counts until its last checkpoint: what it did after that is done, and counted, again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def open(self) -> float:
        """Make the folder ready for a fit; returns the seconds of earlier, killed fits that its checkpoints hold."""
        sessions = self.folder.with_name(f".{self.folder.name}.{_SESSIONS}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            checkpoints = [path.stat().st_mtime for path in self.folder.rglob("*") if path.is_file()]
            seconds = 0.0
            if checkpoints and sessions.exists():
                before = json.loads(sessions.read_text())
                seconds = before["seconds"] + max(0.0, max(checkpoints) - before["started"])
            write_json_atomically(sessions, {"seconds": seconds, "started": time.time()})
        except OSError as error:
            raise unwritable(self.folder, error) from error
        return seconds

    def remove(self) -> None:
        """Delete the folder: the component is fitted and saved."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.with_name(f".{self.folder.name}.{_SESSIONS}").unlink(missing_ok=True)
