"""What is committed in leaderboards/ is what its figures give."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from padbench.errors import UserError
from padbench.marked import with_part
from padbench.plugins import load_plugins
from padbench.report.committed import rebuild

ROOT = Path(__file__).parents[2]


def _texts(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.suffix in (".md", ".html")]
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in files}


def test_make_leaderboards_changes_nothing(tmp_path: Path) -> None:
    """Markdown and pages regenerated from the committed CSV and JSON files, byte for byte; the README's boards too."""
    folder = tmp_path / "leaderboards"
    shutil.copytree(ROOT / "leaderboards", folder)
    shutil.copy(ROOT / "README.md", tmp_path / "README.md")
    for stale in [folder / "index.html", *folder.glob("methods/*"), *folder.glob("measured/*/README.md")]:
        stale.unlink()
    rebuild(folder, tmp_path / "README.md", "bricks", load_plugins())
    assert _texts(folder) == _texts(ROOT / "leaderboards"), "run make leaderboards and commit"
    assert (tmp_path / "README.md").read_text() == (ROOT / "README.md").read_text(), "run make leaderboards and commit"


def test_a_changed_figure_changes_markdown_and_pages(tmp_path: Path) -> None:
    """The figure of a CSV file is what is shown."""
    folder = tmp_path / "leaderboards"
    shutil.copytree(ROOT / "leaderboards", folder)
    shutil.copy(ROOT / "README.md", tmp_path / "README.md")
    file = folder / "measured" / "bricks" / "accuracy.csv"
    lines = file.read_text().splitlines(keepends=True)
    (index,) = [i for i, line in enumerate(lines) if ",mean,omniposead," in line and ",image_auroc," in line]
    value = lines[index].split(",image_auroc,")[1].split(",")[0]
    lines[index] = lines[index].replace(value, "12.345678")
    file.write_text("".join(lines))
    rebuild(folder, tmp_path / "README.md", "bricks", load_plugins())
    for path in (tmp_path / "README.md", folder / "README.md", file.parent / "README.md"):
        assert "| 12.35 |" in path.read_text(), path
    assert 'data-value="12.345678"' in (folder / "index.html").read_text()


@given(st.text(), st.text(), st.text().filter(lambda part: "<!--" not in part))
def test_only_what_is_between_the_marks_changes(head: str, tail: str, part: str) -> None:
    """Whatever stands around them."""
    text = f"{head}<!-- boards: made -->\nold\n<!-- end of boards -->{tail}"
    if text.count("<!-- boards:") == 1 and text.count("<!-- end of boards -->") == 1:
        expected = f"{head}<!-- boards: made -->\n{part.strip()}\n<!-- end of boards -->{tail}"
        assert with_part(text, "boards", part) == expected
        assert with_part(expected, "boards", part) == expected


@pytest.mark.parametrize("text", ["", "<!-- boards: x -->", "<!-- end of boards -->\n<!-- boards: x -->"])
def test_without_marks_nothing_is_written(text: str) -> None:
    """A text that lost its marks is not guessed at."""
    with pytest.raises(UserError, match="end of boards"):
        with_part(text, "boards", "part")
