"""padbench weights: which pretrained weights the plugins use, how to get them, and whether the files are sound."""

from __future__ import annotations

import json
from typing import Any

import click

from padbench.cli.consent import require_consent
from padbench.downloads.sources import spoken_size
from padbench.errors import UserError, nearest
from padbench.plugins import Plugins, load_plugins
from padbench.weights import WeightFile, is_here, locate, reference, sha256


@click.group()
def command() -> None:
    """List, download and verify the pretrained weights that the plugins use.

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
        shipped = f"package {row['package']}" if row["package"] else row["source"]
        here = "present" if row["present"] else "missing"
        digest = f"sha256 {row['sha256'][:12]}" if row["sha256"] else "sha256 unknown"
        size = spoken_size(row["size"])
        recorded = ", recorded" if row["recorded"] else ""
        click.echo(f"{row['name']:<40} {size:>8}  {here:<8} {row['licence']:<13} {digest + recorded:<20} {shipped}")


@command.command("download")
@click.argument("names", nargs=-1)
@click.option("--method", help="Those that a method needs and that are missing.")
@click.option(
    "--profile", type=click.Choice(["paper", "lite"]), default="paper", show_default=True, help="Of --method."
)
@click.option("--set", "overrides", multiple=True, metavar="PATH=VALUE", help="Overrides of --method, as in run.")
@click.option("--yes", is_flag=True, help="Accept the licences.")
def download(names: tuple[str, ...], method: str | None, profile: str, overrides: tuple[str, ...], yes: bool) -> None:
    """Download weight files: the NAMES given, those of a method, or all that are missing; resumes and verifies.

    \b
    Example: padbench weights download sam_vit_b_01ec64.pth
             padbench weights download --method igspad
    """
    plugins = load_plugins()
    if method is None:
        if overrides:
            raise click.UsageError("--set is of a --method.")
        wanted = (
            _named(plugins, names)
            if names
            else [weight for _, weight in _registered(plugins) if weight.downloaded and _is_lacking(weight)]
        )
        _fetch_all(wanted, yes)
        return
    if names:
        raise click.UsageError("name weight files or a --method.")
    _fetch_all([weight for weight in _needed_by(plugins, method, profile, overrides) if _is_lacking(weight)], yes)
    click.echo(f"all weights of {method} (profile {profile}) are here")


@command.command("verify")
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the sha256 of weight files with the expected one: of all that are here, or of the NAMES given.

    Exit code 2 when a file is wrong, or when a file that was named is missing.

    Example: padbench weights verify sam_vit_b_01ec64.pth
    """
    plugins = load_plugins()
    chosen = _named(plugins, names) if names else [weight for _, weight in _registered(plugins) if is_here(weight)]
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
    return [(origin.plugin, weight) for origin, weight in plugins.tabled("padbench_weights")]


def _named(plugins: Plugins, names: tuple[str, ...]) -> list[WeightFile]:
    known = {weight.name: weight for _, weight in _registered(plugins)}
    if unknown := [name for name in names if name not in known]:
        raise UserError(f"no plugin uses weights named {unknown[0]!r}: {nearest(unknown[0], known)}")
    return [known[name] for name in dict.fromkeys(names)]


def _needed_by(plugins: Plugins, method: str, profile: str, overrides: tuple[str, ...]) -> list[WeightFile]:
    """The files that the components of a method load."""
    from padbench.interfaces import NamesWeights
    from padbench.methods import resolve_method

    needed: dict[str, WeightFile] = {}
    for component in resolve_method(plugins, method, profile, overrides).components():
        if isinstance(component.factory, NamesWeights):
            needed.update({weight.name: weight for weight in component.factory.weight_files(component.parameters)})
    return list(needed.values())


def _is_lacking(weight: WeightFile) -> bool:
    """Whether it is not here, or is here with nothing that vouches for it."""
    return not is_here(weight) or (weight.downloaded and reference(weight) is None)


def _fetch_all(weights: list[WeightFile], yes: bool) -> None:
    from rich.console import Console

    from padbench.downloads.weights import download_weight
    from padbench.progress import DownloadDisplay

    absent = [weight for weight in weights if not is_here(weight)]
    for weight in absent:
        click.echo(f"{weight.name}: {spoken_size(weight.size)}, {weight.licence}, {weight.source}", err=True)
    if absent and any(weight.downloaded for weight in absent):
        licences = ", ".join(sorted({weight.licence for weight in absent}))
        require_consent(", ".join(weight.name for weight in absent), licences, yes)
    display = DownloadDisplay(Console(stderr=True, markup=False))
    for weight in weights:
        if weight.package is not None and is_here(weight):
            click.echo(f"{weight.name} comes with the package {weight.package}")
            continue
        here = is_here(weight)
        try:
            with display.bytes(weight.name) as report:
                path = download_weight(weight, report)
        except KeyboardInterrupt:
            click.echo("what has arrived is kept; the same command goes on from there", err=True)
            raise
        click.echo(f"{weight.name} is {'already ' if here else ''}at {path}, sha256 {sha256(path)}")


def _row(plugin: str, weight: WeightFile) -> dict[str, Any]:
    return {
        "name": weight.name,
        "plugin": plugin,
        "size": weight.size,
        "licence": weight.licence,
        "sha256": reference(weight),
        "recorded": weight.sha256 is None and reference(weight) is not None,
        "package": weight.package,
        "source": weight.source,
        "present": is_here(weight),
    }


def _verified(weight: WeightFile) -> dict[str, Any]:
    try:
        found = sha256(locate(weight))
    except UserError as fault:
        return {"name": weight.name, "result": "FAULT", "sha256": None, "fault": str(fault)}
    result = "ok" if reference(weight) else f"no reference sha256 is known; found {found}"
    return {"name": weight.name, "result": result, "sha256": found, "fault": None}
