"""padbench doctor: what this machine can run, what is missing, and how long a run takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from padbench.cli.run import choose_machine, profile_by_default
from padbench.plugins import load_plugins

if TYPE_CHECKING:
    from rich.console import Console


@click.command()
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads; default: all cores.")
@click.option("--quick", is_flag=True, help="Try nothing: no kernels and no times of runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, device: str, threads: int | None, quick: bool, as_json: bool) -> None:
    """Say what this machine can run, what is missing, and how long a run takes. Nothing is downloaded.

    Each method is tried for seconds on a data set that is here, which takes a minute or two in all. What is written
    are caches: kernels are compiled once, as padbench warmup does, into the cache of numba, or of torch on CUDA, and
    the index of a large data set's images is kept in the cache folder of padbench. --quick compiles and tries nothing.

    Exit code 0 where the profile lite can run, else 1.

    Example: padbench doctor
    """
    from rich.console import Console

    from padbench.doctor.report import examine

    plugins = load_plugins()
    device, threads = choose_machine(device, threads)
    with Console(stderr=True).status("") as status:
        report = examine(plugins, device, threads, profile_by_default(device), quick, status.update)
    if as_json:
        click.echo(json.dumps(report, indent=2))
    else:
        console = Console(markup=False, highlight=False)
        if not console.is_terminal:
            console.width = 130
        _print(report, console)
    context.exit(0 if report["runnable"] else 1)


def _print(report: dict[str, Any], console: Console) -> None:
    _print_machine(report, console)
    _print_datasets(report, console)
    _print_methods(report, console)
    if report["problems"]:
        console.print("\nProblems")
        for problem in report["problems"]:
            console.print(f"  {problem}", soft_wrap=True)
    console.print(f"\nNext: {report['next']}", soft_wrap=True)


def _print_machine(report: dict[str, Any], console: Console) -> None:
    from padbench.doctor.machine import gib

    machine = report["machine"]
    versions, disk = machine["libraries"], machine["free_disk_bytes"]
    if machine["device"] == "cuda":
        device = f"CUDA: {machine['device_name']}, {gib(machine['device_memory_bytes'])}"
        why = "the default where CUDA is available"
    else:
        device = f"CPU: {machine['cpu']}"
        why = "the default without CUDA; paper is sized for a GPU"
    rows = [
        ("device", device),
        ("threads", f"{machine['threads']} on {machine['usable_cores']} cores"),
        ("memory", f"{gib(machine['memory_bytes'])}, of which {gib(machine['available_memory_bytes'])} free"),
        ("free disk", f"{gib(disk['data'])} for data, {gib(disk['cache'])} for weights"),
        ("software", f"Python {versions['python']}, torch {versions['torch']}; {_kernels(report['kernels'])}"),
        ("profile", f"{report['default_profile']}, {why}"),
    ]
    console.print("This machine")
    for label, text in rows:
        console.print(f"  {label:<10} {text}", soft_wrap=True)


def _kernels(kernels: dict[str, dict[str, Any]] | None) -> str:
    if kernels is None:
        return "kernels not tried"
    now = sum(kernel["seconds"] for kernel in kernels.values() if kernel["compiled_now"])
    return f"kernels compiled now, once, in {now:.0f} s" if now else "kernels compiled"


def _print_datasets(report: dict[str, Any], console: Console) -> None:
    console.print("\nData sets")
    for dataset in report["datasets"]:
        name, command = dataset["name"], dataset["command"]
        if dataset["fault"] is None:
            count = dataset["classes"]
            where = "comes with padbench" if dataset["shipped"] else dataset["root"]
            text = f"here, {count} {'class' if count == 1 else 'classes'}; {where}"
        elif dataset["root"] is None and command:
            text = f"not here: {command}"
        else:
            text = dataset["fault"]
        console.print(f"  {name:<14} {text}", soft_wrap=True)


def _print_methods(report: dict[str, Any], console: Console) -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), show_edge=False)
    for heading in ("  method", "lite", "paper", "data set", "fit a class", "a query", "all of it"):
        left = heading in ("  method", "lite", "paper", "data set")
        table.add_column(heading, justify="left" if left else "right")
    numbers: dict[str, int] = {}
    for entry in report["methods"]:
        cells = [_state(entry["profiles"].get(profile), numbers) for profile in ("lite", "paper")]
        table.add_row(f"  {entry['method']}", *cells, entry["dataset"] or "not here", *_times(entry))
    console.print("\nMethods")
    console.print(table)
    if numbers:
        console.print("  weights: " + ", ".join(f"{number} {name}" for name, number in numbers.items()))
        console.print("  to get them: padbench weights download NAME")
    lacking: dict[str, list[str]] = {}
    for entry in report["methods"]:
        if entry["to_get_a_dataset"]:
            lacking.setdefault(" or ".join(entry["to_get_a_dataset"]), []).append(entry["method"])
    for commands, methods in lacking.items():
        console.print(f"  no data set is here for {', '.join(methods)}: {commands}", soft_wrap=True)
    _print_times(report, console)


def _print_times(report: dict[str, Any], console: Console) -> None:
    """What was tried, what was not, and how far to trust it."""
    notes: list[str] = []
    reasons: dict[str, list[str]] = {}
    for entry in report["methods"]:
        if entry["estimate"]:
            notes += entry["estimate"]["tried"]
        elif entry["not_estimated"]:
            reasons.setdefault(entry["not_estimated"], []).append(entry["method"])
    tried = "; ".join(dict.fromkeys(notes))
    if any(entry["estimate"] for entry in report["methods"]):
        console.print(
            f"  times: estimated from a trial on the first class{f', whole but for {tried}' if tried else ''}; "
            "expect them within a factor of two"
        )
    elif not reasons:
        console.print("  times: not tried")
    for reason, methods in reasons.items():
        console.print(f"  no times of {', '.join(methods)}: {reason}")
    load, cores = report["machine"]["load"], report["machine"]["usable_cores"]
    if load is not None and load > 0.5 * cores:
        console.print(f"  other programs keep this machine busy (load {load:.1f} on {cores} cores): times are too long")


def _state(profile: dict[str, Any] | None, numbers: dict[str, int]) -> str:
    """What a profile lacks; weights by their numbers in the list below the table."""
    if profile is None:
        return "none"
    if profile["problems"]:
        return "cannot run"
    if profile["ready"]:
        return "ready"
    marks = [numbers.setdefault(weight["name"], len(numbers) + 1) for weight in profile["missing_weights"]]
    return "lacks weights " + ", ".join(map(str, sorted(marks)))


def _times(entry: dict[str, Any]) -> tuple[str, str, str]:
    from padbench.doctor.report import duration

    estimate = entry["estimate"]
    if estimate is None:
        return "", "", "" if entry["not_estimated"] is None else "not tried"
    return tuple(duration(estimate[f"{part}_seconds"]) for part in ("fit", "query", "total"))  # type: ignore[return-value]
