"""padbench data download, and the offer to do it when a run finds no data set."""

from __future__ import annotations

from pathlib import Path

import click

from padbench.cli.consent import attended, require_consent
from padbench.datasets import open_dataset
from padbench.downloads.sources import DataSource, data_sources, spoken_size
from padbench.errors import MissingData, UserError
from padbench.interfaces import MakesData
from padbench.plugins import Plugins, load_plugins


@click.command()
@click.argument("name")
@click.option(
    "--data", type=click.Path(path_type=Path), help="Data root it gets a subfolder of; default: $PADBENCH_DATA."
)
@click.option("--yes", is_flag=True, help="Accept the licence.")
@click.option("--accept-faults", is_flag=True, help="Install it with the faults that the check finds.")
def download(name: str, data: Path | None, yes: bool, accept_faults: bool) -> None:
    """Download a data set, check it, and put it where readers look; resumes what was interrupted.

    \b
    Example: padbench data download mad
             padbench data download rad --data ~/data --yes
    """
    plugins = load_plugins()
    sources = data_sources(plugins)
    if name not in sources:
        _without_source(plugins, name, data, sources)
        return
    _install(plugins, sources[name], data, yes, accept_faults)


def offer_download(plugins: Plugins, name: str, data: Path | None) -> bool:
    """Where a person can answer, offer to download a data set that is absent; whether it is there now."""
    source = data_sources(plugins).get(name)
    if source is None or not attended():
        return False
    click.echo(f"there is no data set {name} here yet", err=True)
    _install(plugins, source, data, yes=False, accept_faults=False)
    return True


def _install(plugins: Plugins, source: DataSource, data: Path | None, yes: bool, accept_faults: bool) -> None:
    from rich.console import Console

    from padbench.downloads.install import Installation
    from padbench.progress import DownloadDisplay

    installation = Installation(source, source.folder(data), plugins.resolve("dataset", source.reader))
    if there := installation.present(data):
        installation.clear()
        check = f"`padbench data check {there} --as {source.reader}`"
        if (missing := installation.missing_in(there)) and not accept_faults:
            raise UserError(
                f"{source.name} is at {there}, but incomplete ({missing}): {check} lists what it lacks; remove it to "
                "download it anew"
            )
        click.echo(f"{source.name} is already at {there}; {check} reads every file")
        return
    installation.require_space()
    click.echo(
        f"{source.title} ({source.page})\n"
        f"  licence: {source.licence}\n"
        f"  size: {spoken_size(source.size)} to download, {spoken_size(source.unpacked)} on the disk\n"
        f"  folder: {installation.folder}",
        err=True,
    )
    require_consent(source.name, source.licence, yes)
    try:
        installation.run(DownloadDisplay(Console(stderr=True, markup=False)), accept_faults=accept_faults)
    except KeyboardInterrupt:
        click.echo(
            f"what has arrived is kept in {installation.workplace}; the same command goes on from there", err=True
        )
        raise
    named = "" if data is None and source.name == source.reader else f" --data {installation.folder}"
    click.echo(f"{source.name} is at {installation.folder}; use it with --dataset {source.reader}{named}")


def _without_source(plugins: Plugins, name: str, data: Path | None, sources: dict[str, DataSource]) -> None:
    """Say of what is no download that it is made, or where it is."""
    plugins.find("dataset", name, sources)
    if isinstance(plugins.resolve("dataset", name), MakesData):
        raise UserError(f"{name} is made and not downloaded: padbench data make {name}")
    try:
        dataset = open_dataset(plugins, name, data)
    except MissingData as missing:
        raise UserError(f"nothing says where to download {name}: {missing}") from missing
    click.echo(f"{name} is already at {dataset.root}")
