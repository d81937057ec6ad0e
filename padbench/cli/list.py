"""padbench list: methods, data sets and components, without importing any of them."""

from __future__ import annotations

import json
from typing import Any

import click

from padbench.errors import UserError
from padbench.plugins import KINDS, Plugins, load_plugins


@click.command()
@click.argument("what", type=click.Choice(["methods", "datasets", "components"]))
@click.option("-v", "--verbose", is_flag=True, help="Show papers, profiles and deviations of methods.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(what: str, verbose: bool, as_json: bool) -> None:
    """List methods, data sets or components and where each comes from.

    Example: padbench list methods -v
    """
    plugins = load_plugins()
    rows = _methods(plugins) if what == "methods" else _components(plugins, what)
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(_line(row))
        if verbose and row["kind"] == "method":
            _print_details(row)
    for clash in plugins.clashes() + (_alias_clashes(plugins) if what == "methods" else []):
        click.echo(f"warning: {clash}", err=True)
    for broken in plugins.broken:
        click.echo(f"warning: skipped: {broken.reason}; see 'padbench plugins'", err=True)


def _components(plugins: Plugins, what: str) -> list[dict[str, Any]]:
    kinds = ("dataset",) if what == "datasets" else KINDS[:3]
    return [
        {"kind": item.kind, "name": item.name, "reference": item.target, "origin": str(item.origin)}
        for kind in kinds
        for item in plugins.registered(kind)
    ]


def _methods(plugins: Plugins) -> list[dict[str, Any]]:
    from pathlib import Path

    from padbench.recipes import read_recipe

    rows = []
    for item in plugins.registered("method"):
        try:
            recipe = read_recipe(Path(item.target))
        except UserError as error:
            click.echo(f"warning: skipped: {item.origin}: {error}", err=True)
            continue
        rows.append(
            {
                "kind": "method",
                "name": item.name,
                "aliases": recipe["aliases"],
                "origin": str(item.origin),
                "summary": recipe["summary"],
                "reference": recipe["reference"],
                "profiles": list(recipe["profiles"]),
                "paper": recipe["paper"],
                "code": recipe["code"],
                "deviations": recipe["deviations"],
            }
        )
    return rows


def _alias_clashes(plugins: Plugins) -> list[str]:
    from padbench.recipes import alias_clashes

    return alias_clashes(plugins)


def _line(row: dict[str, Any]) -> str:
    if row["kind"] == "method":
        name = f"{row['name']} ({', '.join(row['aliases'])})" if row["aliases"] else row["name"]
        return f"{name:<24} {'/'.join(row['profiles']):<12} {row['summary']}  [{row['origin']}]"
    return f"{row['kind'].replace('_', ' '):<16} {row['name']:<20} {row['reference']}  [{row['origin']}]"


def _print_details(row: dict[str, Any]) -> None:
    paper = row["paper"]
    published = " ".join(str(paper[key]) for key in ("venue", "year") if paper[key]) or "venue and year not stated"
    click.echo(f"    paper      {paper['title']} ({published}) {paper['url'] or ''}".rstrip())
    url, licence = row["code"]["url"], row["code"]["licence"]
    click.echo(f"    code       {url} ({licence or 'licence not stated'})" if url else "    code       none published")
    click.echo(f"    reference  {row['reference']}")
    for profile, deviations in row["deviations"].items():
        for deviation in deviations:
            click.echo(f"    {profile:<10} {deviation}")
