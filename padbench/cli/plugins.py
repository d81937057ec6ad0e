"""padbench plugins: what is installed, and why a plugin was skipped."""

from __future__ import annotations

import json

import click

from padbench.plugins import KINDS, load_plugins


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Show installed plugins, what each registers, and the traceback of broken ones.

    Example: padbench plugins
    """
    plugins = load_plugins()
    registered = [item for kind in KINDS for item in plugins.registered(kind)]
    if as_json:
        loaded = [
            {
                "plugin": origin.plugin,
                "distribution": origin.distribution,
                "version": origin.version,
                "registers": [{"kind": item.kind, "name": item.name} for item in registered if item.origin == origin],
            }
            for origin, _ in plugins.modules
        ]
        broken = [
            {"plugin": item.origin.plugin, "reason": item.reason, "traceback": item.traceback}
            for item in plugins.broken
        ]
        click.echo(json.dumps({"loaded": loaded, "broken": broken, "clashes": plugins.clashes()}, indent=2))
        return
    for origin, _ in plugins.modules:
        items = ", ".join(f"{item.kind} {item.name}" for item in registered if item.origin == origin)
        click.echo(f"{origin.plugin:<24} {origin.distribution} {origin.version}: {items or 'observes runs'}")
    for clash in plugins.clashes():
        click.echo(f"clash: {clash}")
    for item in plugins.broken:
        click.echo(f"broken: {item.reason}")
        if item.traceback:
            click.echo(item.traceback.rstrip())
