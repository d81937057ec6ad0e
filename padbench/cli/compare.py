"""padbench compare: whether two methods differ."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from padbench.errors import UserError

if TYPE_CHECKING:
    from rich.table import Table

    from padbench.leaderboard.board import Column
    from padbench.leaderboard.comparison import Comparison, Difference

SCHEMA = 1
_DEFAULT = Path("runs")
_REMARK = (
    "{resamples} resamples of the queries of each class, the same for both methods; an interval without 0 shows a "
    "difference beyond the choice of queries, one time in twenty by chance; it says nothing of other seeds. Pixel "
    "AUROC, pixel AP and AUPRO pool the pixels of all queries and are not compared"
)


@click.command()
@click.argument("a")
@click.argument("b")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dataset", help="Only on this data set.")
@click.option("--profile", help="Only in this profile.")
@click.option(
    "--resamples",
    type=click.IntRange(min=100),
    default=2000,
    show_default=True,
    help="How often the queries are drawn anew.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON, in full precision.")
def command(
    a: str, b: str, runs: tuple[Path, ...], dataset: str | None, profile: str | None, resamples: int, as_json: bool
) -> None:
    """Compare methods A and B, labelled as on the boards, over all runs below the folders RUNS (default: runs).

    Differences A - B with 95 % intervals from a paired bootstrap over queries, per class and in the mean over the
    complete set of classes. Only runs of the same data and profile are compared; of the same protocol for accuracy, of
    the same machine for times.

    \b
    Example: padbench compare splatpose igspad
             padbench compare splatpose "igspad 100 steps" runs --dataset bricks --json
    """
    from padbench.leaderboard.comparison import compare
    from padbench.store import find_runs

    found = find_runs(runs or (_DEFAULT,))
    if not found:
        where = ", ".join(map(str, runs or (_DEFAULT,)))
        raise UserError(f"there is no run below {where}; give a folder that 'padbench run' wrote")
    comparisons = compare(found, a, b, dataset, profile, resamples)
    if as_json:
        content = {"schema": SCHEMA, "comparisons": [_as_dict(comparison) for comparison in comparisons]}
        click.echo(json.dumps(content, indent=1, allow_nan=False))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console.width = 200  # a file or a pipe: no cell need be folded
    for comparison in comparisons:
        title = f"{a} and {b} on {comparison.dataset}, profile {comparison.profile}"
        console.print(Text(title, style="bold"))
        for column, rows in comparison.figures:
            console.print(_table(comparison, column, rows))
        for remark in (*comparison.remarks, _REMARK.format(resamples=comparison.resamples)):
            console.print(Text(remark, style="dim"))


def _table(comparison: Comparison, column: Column, rows: tuple[Difference, ...]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from padbench.leaderboard.board import MEAN
    from padbench.leaderboard.formats.cells import decimals

    unit = "" if column.unit in column.title else f" [{column.unit}]"
    table = Table(
        box=box.SIMPLE_HEAD, header_style="", pad_edge=False, title=Text(column.title + unit), title_justify="left"
    )
    table.add_column("class")
    for heading in (comparison.a, comparison.b, "difference", "95 % interval"):
        table.add_column(Text(heading), justify="right")
    table.add_column("verdict")
    several = any(len(row.seeds) > 1 for row in rows)
    if several:
        table.add_column("seeds")
    for row in rows:
        if row.name == MEAN and len(rows) > 1:
            table.add_section()
        figures = [f"{figure:.{decimals(figure, column)}f}" for figure in (row.a, row.b)]
        digits = decimals(max(abs(row.a), abs(row.b)), column)
        signed = [f"{figure:+.{digits}f}" for figure in (row.difference, row.low, row.high)]
        better = {"a": comparison.a, "b": comparison.b}.get(row.better or "")
        verdict = f"{better} is better" if better else "no difference shown"
        cells = [row.name, *figures, signed[0], f"{signed[1]} to {signed[2]}", verdict]
        table.add_row(*map(Text, [*cells, *([" ".join(map(str, row.seeds))] if several else [])]))
    return table


def _as_dict(comparison: Comparison) -> dict[str, Any]:
    content = {name: value for name, value in asdict(comparison).items() if name not in ("figures", "remarks")}
    content["figures"] = [
        {
            "metric": column.name,
            "unit": column.unit,
            "better": column.better,
            "rows": [
                {
                    "class": row.name,
                    "seeds": list(row.seeds),
                    "a": row.a,
                    "b": row.b,
                    "difference": row.difference,
                    "low": row.low,
                    "high": row.high,
                    "better": row.better,
                }
                for row in rows
            ],
        }
        for column, rows in comparison.figures
    ]
    return content | {"remarks": list(comparison.remarks)}
