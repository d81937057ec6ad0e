"""The command line: one file a verb, imported when used."""

from __future__ import annotations

import importlib
import os
import sys

import click

from padbench.errors import UserError

# Verb -> its line in `padbench --help`, so that the help imports no verb.
VERBS = {
    "run": "Fit, predict and evaluate methods on a data set, and print the boards.",
    "evaluate": "Compute metrics, and draw pictures, from stored predictions.",
    "leaderboard": "Print accuracy, pose and timing boards of stored runs.",
    "compare": "Tell whether two methods differ, with intervals over queries.",
    "report": "Write one run as pages to open in a browser.",
    "view": "Show a run's Gaussians and cameras in 3D.",
    "list": "List methods, data sets and components.",
    "doctor": "Say what this machine can run, what is missing and how long a run takes.",
    "plugins": "Show installed plugins and what is wrong with broken ones.",
    "data": "Show, check, make and download data sets.",
    "weights": "List, download and verify weight files.",
    "warmup": "Compile the kernels, so that the first run need not.",
}


class _Verbs(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command = importlib.import_module(f"padbench.cli.{name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="padbench")
def command() -> None:
    """Compare methods for pose-agnostic anomaly detection.

    Example: padbench run --method igspad --dataset bricks
    """


def main() -> None:
    """Run the command line: exit code 2 and one sentence for bad input, 130 when interrupted."""
    # Idle OpenMP threads that spin slow numba kernels down to a fifth on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        sys.exit(command(standalone_mode=False))
    except UserError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
