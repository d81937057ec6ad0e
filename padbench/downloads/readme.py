"""Write the tables of README.md from those the code uses: `python -m padbench.downloads.readme`.

They stand between the lines `<!-- data sets: ... -->` and `<!-- end of data sets -->`, and those of `weights`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from padbench.atomic import write_atomically
from padbench.downloads.sources import spoken_size
from padbench.marked import with_part
from padbench.plugins import Plugins, load_plugins

_DISTRIBUTION = "padbench"


def with_tables(text: str, plugins: Plugins) -> str:
    """The text of a README with its tables as they are now, of the plugins that come with padbench.

    Raises UserError where the text has no place for a table.
    """
    for name, table in {"data sets": _data_sets(plugins), "weights": _weights(plugins)}.items():
        text = with_part(text, name, table)
    return text


def main() -> None:
    """Rewrite README.md of the current folder, or the files that are named."""
    for name in sys.argv[1:] or ["README.md"]:
        path = Path(name)
        write_atomically(path, with_tables(path.read_text(), load_plugins()).encode())


def _data_sets(plugins: Plugins) -> str:
    rows = [
        (
            f"[{source.title}]({source.page})",
            source.licence,
            spoken_size(source.size),
            spoken_size(source.unpacked),
            f"`padbench data download {source.name}`",
        )
        for source in _own(plugins, "padbench_downloads")
    ]
    return _table(("data set", "licence", "download", "disk", "command"), rows)


def _weights(plugins: Plugins) -> str:
    rows = [
        (
            weight.name,
            weight.licence,
            spoken_size(weight.size),
            f"`padbench weights download {weight.name}`" if weight.downloaded else f"comes with `{weight.package}`",
        )
        for weight in _own(plugins, "padbench_weights")
    ]
    return _table(("file", "licence", "size", "command"), sorted(rows, key=lambda row: row[-1].startswith("comes")))


def _own(plugins: Plugins, attribute: str) -> list[Any]:
    return [entry for origin, entry in plugins.tabled(attribute) if origin.distribution == _DISTRIBUTION]


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    main()
