"""The README's tables of data sets and weights are those the code uses."""

from __future__ import annotations

from pathlib import Path

import pytest

from padbench.downloads.readme import with_tables
from padbench.errors import UserError
from padbench.plugins import load_plugins
from padbench_datasets.downloads import DOWNLOADS
from padbench_features.weights import WEIGHTS

README = Path(__file__).parents[2] / "README.md"


def test_the_readme_is_up_to_date() -> None:
    text = README.read_text()
    assert with_tables(text, load_plugins()) == text, "run `make tables`"


def test_every_command_size_and_licence_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    text = README.read_text()
    for name, source in DOWNLOADS.items():
        (row,) = (line for line in text.splitlines() if f"`padbench data download {name}` |" in line)
        assert source.licence in row and source.page in row
    row = next(line for line in text.splitlines() if "`padbench weights download sam_vit_b_01ec64.pth`" in line)
    assert row.split(" | ")[1:3] == ["Apache-2.0", "375 MB"]
    monkeypatch.delitem(WEIGHTS, "sam_vit_b")
    assert with_tables(text, load_plugins()) != text


def test_a_text_without_a_place_for_a_table_is_refused() -> None:
    with pytest.raises(UserError, match="<!-- data sets:"):
        with_tables("# padbench\n", load_plugins())
