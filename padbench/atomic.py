"""Files that are either complete or absent, whatever happens while they are written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from padbench.errors import UserError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, fsync and rename it.

    Raises UserError when the disk is full or the folder may not be written; the old file, if any, is then intact.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json_atomically(path: Path, content: Any) -> None:
    """Write JSON with indentation and a final newline, atomically; NaN and infinity are refused (ValueError)."""
    write_atomically(path, (json.dumps(content, indent=1, allow_nan=False) + "\n").encode())


def unwritable(path: Path, error: OSError) -> UserError:
    """The sentence for a file that cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError(
            f"cannot write {path}: the disk is full; free some space or choose another folder, then "
            "run the same command again to resume"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError(f"cannot write {path}: no permission; choose another folder")
    if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
        return UserError(f"cannot write {path}: a part of this path is not a folder; choose another")
    return UserError(f"cannot write {path}: {error.strerror or error}; choose another folder")


def sync_tree(folder: Path) -> None:
    """Fsync every file below a folder; raises OSError."""
    for path in folder.rglob("*"):
        if path.is_file():
            _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
