"""Generated parts of texts that people write: between two marks, and only there."""

from __future__ import annotations

from padbench.errors import UserError


def with_part(text: str, name: str, part: str) -> str:
    """The text with another part between `<!-- name: ... -->` and `<!-- end of name -->`.

    Raises UserError when the text does not hold exactly one such pair.
    """
    begin, end = f"<!-- {name}:", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise UserError(f"the text must hold one line that begins with {begin!r} and, after it, one line {end!r}")
    head, _, rest = text.partition(begin)
    mark, _, rest = rest.partition("\n")
    _, _, tail = rest.partition(end)
    return f"{head}{begin}{mark}\n{part.strip()}\n{end}{tail}"
