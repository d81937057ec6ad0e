"""Read files and folders of a data set; what cannot be read becomes a UserError that names it."""

from __future__ import annotations

import re
from pathlib import Path

from padbench.errors import UserError

RESTORE = "restore it from the release"


def unreadable(path: Path, error: OSError) -> UserError:
    """The sentence for a file or folder that the operating system does not let us read."""
    if isinstance(error, FileNotFoundError):
        return UserError(f"{path} is missing: {RESTORE}")
    if isinstance(error, PermissionError):
        return UserError(f"{path} cannot be read (permission denied): allow reading it")
    return UserError(f"{path} cannot be read ({error.strerror or error}): {RESTORE}")


def read_bytes(path: Path) -> bytes:
    """The content of a file; raises UserError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error


def list_folder(folder: Path) -> list[Path]:
    """Visible entries of a folder in natural order (2.png before 10.png); raises UserError where it cannot be read."""
    try:
        return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural_order)
    except OSError as error:
        raise unreadable(folder, error) from error


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key that orders the digits in a file's name by value."""
    parts = re.findall(r"\d+|\D+", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
