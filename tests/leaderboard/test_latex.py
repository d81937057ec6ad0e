"""LaTeX that a paper can include: compiled where there is a TeX engine, and in any case read back."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from leaderboard.unit_folders import write_unit
from padbench.leaderboard import build_boards
from padbench.leaderboard.board import Board
from padbench.leaderboard.formats.cells import blocks, figure, label_columns, place, value_columns
from padbench.leaderboard.formats.latex import render
from padbench.store import find_runs

ENGINES = ("pdflatex", "lualatex", "tectonic")
HOSTILE = '<b>|_&%$#[x]`*~^{}\\"-- é'
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
%s
\end{document}
"""


@pytest.fixture
def boards(tmp_path: Path) -> list[Board]:
    """All kinds: several methods and seeds, a missing class, deviations, published numbers, a hostile name."""
    pose = {"rotation_deg_median": 0.5, "success_1deg": 0.75, "coarse": {"rotation_deg_median": 6.0}}
    classes = tuple(f"0{index}_{name}" for index, name in enumerate(("Gorilla", "50%_Bird", "Cat")))
    for index, task in enumerate(classes):
        for method, seeds in (("alpha", (0, 1)), ("beta", (0,)), (HOSTILE, (0,)), ("[2pt]", (0,))):
            for seed in seeds:
                write_unit(
                    tmp_path,
                    task,
                    method,
                    dataset="mad",
                    classes=classes,
                    seed=seed,
                    image_auroc=0.5 + 0.1 * index + 0.02 * len(method) / 10 + 0.05 * seed,
                    refine=float(len(method)),
                    metrics={"pose": pose},
                    deviations=(f"100 % of {HOSTILE}; σ ≤ 3, 2×2 → “µ” … 漢字 \u200b",),
                )
    write_unit(tmp_path, classes[0], "gamma", dataset="mad", classes=classes)
    built = build_boards(find_runs([tmp_path]), published=True)
    assert {board.kind for board in built} == {"accuracy", "pose", "timing", "pareto", "published timing"}
    return built


def test_every_table_reads_back_as_its_section(boards: list[Board]) -> None:
    """Rules of booktabs in their places, a cell for each label and figure, the best bold, the second underlined."""
    tables = re.findall(
        r"\\begin\{table\}\n\\centering\n\\caption\{[^\n]+\}\n"
        r"\\resizebox\{[^\n]+\}\{!\}\{%\n"
        r"\\begin\{tabular\}\{(l*)(r*)\}\n\\toprule\n(.+?)\\bottomrule\n\\end\{tabular\}\}\n(?:[^\n]+\n)*?\\end\{table\}\n",
        render(boards),
        re.DOTALL,
    )
    sections = [(board, section) for board in boards for section in board.sections]
    assert len(tables) == len(sections) > 5
    seen = set()
    for (labels, figures, body), (board, section) in zip(tables, sections, strict=True):
        columns = value_columns(board)
        assert (len(labels), len(figures)) == (len(label_columns(board)), len(columns))
        header, *parts = body.split("\\midrule\n")
        assert len(header.splitlines()) == 1
        assert [len(part.splitlines()) for part in parts] == [len(rows) for rows in blocks(section)]
        for line, row in zip("".join(parts).splitlines(), section.rows, strict=True):
            assert line.endswith(r" \\")
            assert line[0] not in "[*", "it would be an argument of the line before"
            cells = re.split(r"(?<!\\)&", line.removesuffix(r" \\"))
            assert len(cells) == len(labels) + len(figures)
            for cell, column in zip(cells[len(labels) :], columns, strict=True):
                text, deviation = figure(row, column)
                plain = text.replace("–", "--") + (f" \\textpm{{}} {deviation}" if deviation else "")
                rank = place(row, column)
                expected = {1: f"\\textbf{{{plain}}}", 2: f"\\underline{{{plain}}}"}.get(rank or 0, plain)
                assert cell.strip() == expected
                seen.add(rank)
    assert {1, 2, 3, None} <= seen


@pytest.mark.skipif(not any(map(shutil.which, ENGINES)), reason=f"none of {', '.join(ENGINES)} is installed")
def test_a_document_with_every_board_compiles(boards: list[Board], tmp_path: Path) -> None:
    engine = next(filter(shutil.which, ENGINES))
    # A float a page: LaTeX keeps only so many in memory.
    body = render(boards).replace("\\end{table}\n", "\\end{table}\n\\clearpage\n")
    (tmp_path / "boards.tex").write_text(DOCUMENT % body, encoding="utf-8")
    options = [] if engine == "tectonic" else ["-interaction=nonstopmode", "-halt-on-error"]
    result = subprocess.run(
        [engine, *options, "boards.tex"], cwd=tmp_path, capture_output=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stdout.decode(errors="replace")[-3000:]
    assert (tmp_path / "boards.pdf").stat().st_size > 1000
    assert b"Overfull \\hbox" not in result.stdout, "a table is wider than the page"
