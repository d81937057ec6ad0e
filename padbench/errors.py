"""Errors that are the user's to mend: one sentence, exit code 2, no traceback."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input: the message is one sentence that names the file, the value and the remedy."""


class MissingData(UserError):
    """There is no data set where a reader looked: whoever opened it adds how to get it (`padbench.datasets`)."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause that offers the known names, nearest first, to append to an error sentence."""
    names = sorted(known)
    if not names:
        return "none is registered"
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(candidate) for candidate in close)}?"
    return f"known are {', '.join(names)}"
