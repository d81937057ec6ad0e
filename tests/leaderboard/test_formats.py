"""Boards as Markdown, LaTeX, CSV, JSON and on a terminal."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from leaderboard.unit_folders import CLASSES, write_unit
from padbench.cli.leaderboard import command
from padbench.errors import UserError
from padbench.leaderboard import build_boards, print_boards
from padbench.leaderboard.board import Board
from padbench.leaderboard.formats.csv import COLUMNS
from padbench.leaderboard.formats.csv import render as render_csv
from padbench.leaderboard.formats.json import render as render_json
from padbench.leaderboard.formats.latex import render as render_latex
from padbench.leaderboard.formats.markdown import render as render_markdown
from padbench.store import find_runs

HOSTILE = "<b>|_&%$#[x]`*~^{}\\"


def _boards(folder: Path) -> list[Board]:
    """Two methods, one with a hostile name and a missing class, two seeds of the other."""
    for task, score in zip(CLASSES, (0.8, 0.9, 1.0), strict=True):
        for seed in (0, 1):
            write_unit(folder, task, "alpha", seed=seed, image_auroc=score - 0.1 * seed)
    for task in CLASSES[:2]:
        write_unit(folder, task, HOSTILE.replace("/", ""), image_auroc=0.95)
    return build_boards(find_runs([folder]))


def test_markdown_has_a_table_per_section_with_the_best_marked(tmp_path: Path) -> None:
    """Golden lines of the accuracy board."""
    text = render_markdown(_boards(tmp_path))
    name = r"&lt;b&gt;\|\_&amp;%\$\#\[x\]\`\*\~^\{\}\\"
    lines = text.splitlines()
    assert lines[:6] == [
        "## Accuracy on bricks in percent",
        "",
        "### profile lite, protocol native",
        "",
        "| class | method | seeds | status | image AUROC | pixel AUROC |",
        "| --- | --- | --- | --- | ---: | ---: |",
    ]
    assert "| 01Duck | alpha | 0 1 |  | <u>75.00 ± 7.07</u> | **99.00 ± 0.00** |" in lines
    assert f"| 01Duck | {name} | 0 |  | **95.00** | **99.00** |" in lines
    assert f"| 03Cat | {name} |  | missing | missing | missing |" in lines
    assert "| mean | alpha | 0 1 |  | 85.00 ± 7.07 | 99.00 ± 0.00 |" in lines
    assert f"| mean | {name} |  | missing: 03Cat | missing | missing |" in lines
    assert "<b>" not in text


def test_every_markdown_row_has_the_cells_of_its_header(tmp_path: Path) -> None:
    """No name can open a new cell."""
    width = None
    for line in render_markdown(_boards(tmp_path)).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.split(r"(?<!\\)\|", line))
        width = width or cells
        assert cells == width


def test_latex_is_balanced_and_escaped(tmp_path: Path) -> None:
    """Environments close, each row has the columns of its tabular, special characters of names are escaped."""
    text = render_latex(_boards(tmp_path))
    for environment in ("table", "tabular"):
        assert text.count(f"\\begin{{{environment}}}") == text.count(f"\\end{{{environment}}}") == 2
    for rule in ("toprule", "bottomrule"):
        assert text.count(f"\\{rule}") == 2
    assert r"01Duck & alpha & 0 1 &  & \underline{75.00 \textpm{} 7.07} & \textbf{99.00 \textpm{} 0.00} \\" in text
    assert r"\textless{}b\textgreater{}\textbar{}\_\&\%\$\#[x]`*\textasciitilde{}\textasciicircum{}\{\}" in text
    columns = 0
    for line in text.splitlines():
        if match := re.search(r"\\begin\{tabular\}\{(\w+)\}", line):
            columns = len(match[1])
        elif line.endswith(r" \\"):
            assert len(re.split(r"(?<!\\)&", line)) == columns
    without_escapes = re.sub(r"\\[\\&%$#_{}]", "", text)
    depth = 0
    for character in without_escapes:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert "$" not in without_escapes and "#" not in without_escapes and "_" not in without_escapes
    assert text.isascii()


def test_notes_stand_under_the_board_in_every_format_for_people(tmp_path: Path) -> None:
    """Deviations as they are written in the recipe, escaped, and in JSON; CSV holds figures only."""
    for task in CLASSES:
        write_unit(tmp_path, task, deviations=(f"100% of *{HOSTILE}*", "the bundled matcher instead of LoFTR"))
    boards = build_boards(find_runs([tmp_path]))
    markdown = render_markdown(boards)
    assert "- the bundled matcher instead of LoFTR" in markdown.splitlines()
    assert "<b>" not in markdown
    assert markdown.index("alpha (profile lite):") < markdown.index("## Time on bricks")
    latex = render_latex(boards)
    assert "alpha (profile lite): 100\\% of *" in latex and "; the bundled matcher instead of LoFTR" in latex
    (note,) = json.loads(render_json(boards))["boards"][0]["notes"]
    assert note["subject"] == "alpha (profile lite)"
    assert note["sentences"] == [f"100% of *{HOSTILE}*", "the bundled matcher instead of LoFTR"]
    assert "LoFTR" not in render_csv(boards)
    stream = io.StringIO()
    print_boards(find_runs([tmp_path]), Console(file=stream, width=200))
    assert f"100% of *{HOSTILE}*" in stream.getvalue()
    assert "  the bundled matcher instead of LoFTR" in stream.getvalue()


def test_a_long_label_leaves_room_for_the_figures(tmp_path: Path) -> None:
    """A label of a hundred characters is folded, not cut."""
    label = "alpha[" + "pose.1.learning_rate=0.0123," * 3 + "x=1]"
    folders = [write_unit(tmp_path, task, label) for task in CLASSES]
    stream = io.StringIO()
    print_boards(folders, Console(file=stream, width=80))
    assert all(len(line) <= 80 for line in stream.getvalue().splitlines())
    assert stream.getvalue().count("90.00") == 4


def test_csv_has_one_header_and_full_precision(tmp_path: Path) -> None:
    """A line per figure; missing rows are lines without a metric."""
    rows = list(csv.DictReader(io.StringIO(render_csv(_boards(tmp_path)))))
    assert list(rows[0]) == list(COLUMNS)
    (line,) = [
        row
        for row in rows
        if (row["board"], row["class"], row["method"], row["metric"]) == ("accuracy", "mean", "alpha", "image_auroc")
    ]
    assert float(line["value"]) == pytest.approx(85.0) and float(line["deviation"]) == pytest.approx(50**0.5)
    assert (line["seeds"], line["status"], line["unit"], line["profile"]) == ("0 1", "complete", "%", "lite")
    missing = [row for row in rows if row["status"] == "missing"]
    assert {(row["class"], row["method"], row["metric"], row["value"]) for row in missing} == {
        ("03Cat", HOSTILE, "", "")
    }
    assert {row["metric"] for row in rows} >= {"seconds_per_query", "seconds_fit_representation", "peak_memory_host"}


def test_json_holds_the_same(tmp_path: Path) -> None:
    """Absent figures are absent keys."""
    content = json.loads(render_json(_boards(tmp_path)))
    assert content["schema"] == 1
    accuracy, timing = content["boards"]
    assert (accuracy["kind"], timing["kind"]) == ("accuracy", "timing")
    rows = {(row["class"], row["method"]): row for row in accuracy["sections"][0]["rows"]}
    assert rows["01Duck", HOSTILE]["values"]["image_auroc"] == {"value": 95.0, "place": 1}
    assert rows["mean", HOSTILE] == {
        "class": "mean",
        "method": HOSTILE,
        "image_size": "256",
        "seeds": "",
        "status": "missing: 03Cat",
        "values": {},
    }
    assert timing["sections"][0]["hardware"] == "cpu: Test CPU, 2 threads"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_terminal_cuts_no_figure_and_reads_no_markup(tmp_path: Path, width: int) -> None:
    """At any width every figure is on one line, and a name in brackets is a name."""
    folders = [write_unit(tmp_path, task, "[bold]x[/nothing]", image_auroc=0.875) for task in CLASSES]
    stream = io.StringIO()
    print_boards(folders, Console(file=stream, width=width))
    text = stream.getvalue()
    assert all(len(line) <= width for line in text.splitlines())
    assert text.count("[bold]x[/nothing]") >= 8
    assert text.count("87.50") == 4
    assert text.count("0.250") == 4  # queries per second
    assert "…" not in text


def test_command_line_prints_each_format(tmp_path: Path) -> None:
    """The formats are the renderers', --json is --format json, and text ends in one new line."""
    boards = _boards(tmp_path)
    for option, expected in (
        ("md", render_markdown(boards)),
        ("latex", render_latex(boards)),
        ("csv", render_csv(boards)),
    ):
        result = CliRunner().invoke(command, [str(tmp_path), "--format", option], standalone_mode=False)
        assert result.exception is None
        assert result.output.rstrip("\n") == expected.rstrip("\n")
    result = CliRunner().invoke(command, [str(tmp_path), "--json"], standalone_mode=False)
    assert json.loads(result.output)["boards"][0]["dataset"] == "bricks"
    result = CliRunner().invoke(command, [str(tmp_path)], standalone_mode=False)
    assert "Accuracy on bricks in percent" in result.output


def test_command_line_says_what_is_wrong(tmp_path: Path) -> None:
    """No folder, no run, another data set: one sentence."""
    write_unit(tmp_path / "runs", "01Duck")
    (tmp_path / "empty").mkdir()
    for arguments, sentence in (
        ([str(tmp_path / "nowhere")], "is not a folder"),
        ([str(tmp_path / "empty")], "there is no run below"),
        ([str(tmp_path / "runs"), "--dataset", "mad"], "there is no run on data set 'mad'"),
    ):
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert isinstance(result.exception, UserError) and sentence in str(result.exception)
