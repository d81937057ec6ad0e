"""padbench evaluate: metrics and pictures of stored runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from padbench.errors import UserError


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--pictures", is_flag=True, help="Draw pictures/<id>.png of every query as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics as JSON.")
def command(runs: tuple[Path, ...], pictures: bool, as_json: bool) -> None:
    """Compute metrics.json of every run below the folders RUNS, from stored predictions and the data set.

    Example: padbench evaluate runs/bricks/igspad --pictures
    """
    from rich.console import Console

    from padbench.evaluate import evaluate, write_pictures
    from padbench.progress import ConsoleProgress
    from padbench.store import find_runs

    found = find_runs(runs)
    if not found:
        raise UserError(f"there is no run below {', '.join(map(str, runs))}; give a folder that 'padbench run' wrote")
    evaluated: list[dict[str, Any]] = []
    errors: list[str] = []
    with ConsoleProgress(Console(stderr=True)) as progress:
        for run in progress.track(found, "evaluating"):
            try:
                evaluated.append({"run": str(run.path), **evaluate(run)})
                if pictures:
                    write_pictures(run)
            except UserError as error:
                errors.append(str(error))
    if as_json:
        click.echo(json.dumps(evaluated, indent=1))
    else:
        for metrics in evaluated:
            click.echo(_line(metrics))
    for sentence in errors:
        click.echo(f"error: {sentence}", err=True)
    if errors:
        raise SystemExit(1 if evaluated else 2)


def _line(metrics: dict[str, Any]) -> str:
    names = {"image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "pixel_ap": "pixel AP", "aupro": "AUPRO"}
    facts = [f"{title} {100 * metrics[name]:.1f} %" for name, title in names.items() if name in metrics]
    if "rotation_deg_median" in metrics.get("pose", {}):
        facts.append(f"median rotation error {metrics['pose']['rotation_deg_median']:.2f}°")
    if metrics["partial"]:
        facts.append("partial")
    return f"{metrics['run']}: {', '.join(facts) or 'no metric is defined'}"
