"""Names of files and anchors from names that plugins and data sets choose."""

from __future__ import annotations

import hashlib
import re

_LONGEST = 48


def slug(*texts: str) -> str:
    """A name of lower-case letters, digits and hyphens that no other texts have and no file system misreads."""
    return "--".join(map(_slug, texts))


def _slug(text: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST].strip("-")
    if plain == text:
        return plain
    return f"{plain or 'x'}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
