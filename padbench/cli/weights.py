"""padbench weights: which pretrained weights the plugins use, and whether the files are sound."""

from __future__ import annotations

import importlib
import json
from typing import Any

import click

from padbench.errors import UserError, nearest
from padbench.plugins import Plugins, load_plugins
from padbench.weights import WeightFile, expected_path, locate, sha256


@click.group()
def command() -> None:
    """List and verify the pretrained weights that the plugins use.

    Example: padbench weights list
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_weights(as_json: bool) -> None:
    """List every weight file: size, licence, whether it is here, and where it comes from.

    Example: padbench weights list
    """
    rows = [_row(plugin, weight) for plugin, weight in _registered(load_plugins())]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        size = f"{row['size'] / 1e6:,.0f} MB" if row["size"] else "?"
        shipped = f"package {row['package']}" if row["package"] else row["source"]
        here = "present" if row["present"] else "missing"
        click.echo(f"{row['name']:<40} {size:>9}  {here:<8} {row['licence']:<13} {shipped}")


@command.command("verify")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the sha256 of weight files with the expected one: of all that are here, or of the NAMES given.

    Exit code 2 when a file is wrong, or when a file that was named is missing.

    Example: padbench weights verify sam_vit_b_01ec64.pth
    """
    registered = _registered(load_plugins())
    known = {weight.name for _, weight in registered}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"no plugin uses weights named {unknown[0]!r}: {nearest(unknown[0], known)}")
    chosen = [weight for _, weight in registered if (weight.name in names if names else _is_here(weight))]
    rows = [_verified(weight) for weight in chosen]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    else:
        for row in rows:
            click.echo(f"{row['name']:<40} {row['result']}")
    if faults := [row["fault"] for row in rows if row["fault"]]:
        raise UserError("; ".join(faults))


def _registered(plugins: Plugins) -> list[tuple[str, WeightFile]]:
    """The weights that the plugins name by the attribute `padbench_weights = "module:table"`."""
    found = []
    for origin, module in plugins.modules:
        if (reference := getattr(module, "padbench_weights", None)) is None:
            continue
        module_name, _, attribute = reference.partition(":")
        try:
            table: dict[str, WeightFile] = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"{origin} names its weights as {reference!r}, which cannot be imported: {error}"
            ) from error
        found += [(origin.plugin, weight) for weight in table.values()]
    return found


def _row(plugin: str, weight: WeightFile) -> dict[str, Any]:
    return {
        "name": weight.name,
        "plugin": plugin,
        "size": weight.size,
        "licence": weight.licence,
        "sha256": weight.sha256,
        "package": weight.package,
        "source": weight.source,
        "present": _is_here(weight),
    }


def _is_here(weight: WeightFile) -> bool:
    try:
        return expected_path(weight).is_file()
    except UserError:  # the package that ships it is not installed
        return False


def _verified(weight: WeightFile) -> dict[str, Any]:
    try:
        found = sha256(locate(weight))
    except UserError as fault:
        return {"name": weight.name, "result": "FAULT", "sha256": None, "fault": str(fault)}
    result = "ok" if weight.sha256 else f"no reference sha256 is known; found {found}"
    return {"name": weight.name, "result": result, "sha256": found, "fault": None}
