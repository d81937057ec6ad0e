"""Suites: the units that `padbench run --suite` runs, listed in a YAML file (see benchmarks/)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from padbench.errors import UserError
from padbench.methods import Method, resolve_method
from padbench.plugins import Plugins
from padbench.recipes import PROFILES, aliases_of_methods, find_method, read_yaml, refuse_unknown

_SUITE_KEYS = {"summary", "dataset", "seeds", "runs"}
_RUN_KEYS = {"method", "profile", "set", "label"}
_LONGEST_LABEL = 100
_UNSAFE = set('/\\<>:"|?*')


@dataclass(frozen=True)
class Run:
    """A method on all classes: its name or alias, its overrides and what it is called with them.

    profile: None for the default of the device. label: None for the default (see `padbench.methods`).
    """

    method: str
    profile: str | None = None
    overrides: tuple[str, ...] = ()
    label: str | None = None


@dataclass(frozen=True)
class Suite:
    """Runs on a data set. path: the file that lists them, None for a suite given on the command line."""

    dataset: str
    seeds: tuple[int, ...]
    runs: tuple[Run, ...]
    path: Path | None = None

    def about(self, run: Run) -> str:
        """The beginning of an error sentence about a run."""
        return f"{self.path}, run {run.label or run.method!r}: " if self.path else ""


def read_suite(path: Path) -> Suite:
    """Read a suite file; raises UserError when it is not one. Whether its methods exist is not looked at."""
    try:
        content = read_yaml(path)
    except FileNotFoundError:
        raise UserError(f"there is no suite {path}; give a YAML file such as benchmarks/bricks.yaml") from None
    except (OSError, ValueError) as error:
        raise UserError(f"suite {path} cannot be read: {error}") from error
    refuse_unknown(content, _SUITE_KEYS, f"suite {path}")
    if not isinstance(content.get("dataset"), str):
        raise UserError(f"suite {path} names no data set: add 'dataset: NAME'")
    seeds = content.get("seeds", [0])
    if not _all(seeds, int) or not seeds or min(seeds) < 0:
        raise UserError(f"suite {path}: seeds must be a list of whole numbers from 0, not {seeds!r}")
    runs = content.get("runs")
    if not isinstance(runs, list) or not runs:
        raise UserError(f"suite {path} has no runs: add 'runs:' with a list of '- method: NAME'")
    return Suite(content["dataset"], tuple(dict.fromkeys(seeds)), tuple(_run(run, path) for run in runs), path)


def resolve_suite(plugins: Plugins, suite: Suite, profile: str | None, default_profile: str) -> list[Method]:
    """Resolve every run of a suite, in its order.

    profile: for all runs, whatever the suite says. default_profile: for runs that state none.
    Raises UserError for a run that cannot be resolved, a label that is none, and two runs with one label.
    """
    methods: dict[tuple[str, str], Method] = {}
    for run in suite.runs:
        try:
            chosen = profile or run.profile or default_profile
            method = resolve_method(plugins, run.method, chosen, run.overrides, label=run.label)
            _check_label(plugins, run, method)
            if (method.label, method.profile) in methods:
                raise UserError(f"two runs are called {method.label!r}: give each a label of its own")
        except UserError as error:
            raise UserError(f"{suite.about(run)}{error}") from error
        methods[method.label, method.profile] = method
    return list(methods.values())


def find_methods(plugins: Plugins, suite: Suite) -> None:
    """Raise UserError for the first run whose method is not registered; imports no component."""
    for run in suite.runs:
        try:
            find_method(plugins, run.method)
        except UserError as error:
            raise UserError(f"{suite.about(run)}{error}") from error


def _run(content: Any, path: Path) -> Run:
    refuse_unknown(content, _RUN_KEYS, f"suite {path}: a run")
    method, profile, label = content.get("method"), content.get("profile"), content.get("label")
    overrides = content.get("set", [])
    if not isinstance(method, str):
        raise UserError(f"suite {path}: the run {content!r} names no method")
    if profile is not None and profile not in PROFILES:
        raise UserError(f"suite {path}, run {method!r}: profile must be one of {', '.join(PROFILES)}, not {profile!r}")
    if not _all(overrides, str):
        raise UserError(f"suite {path}, run {method!r}: set must be a list of PATH=VALUE, not {overrides!r}")
    if label is not None and not isinstance(label, str):
        raise UserError(f"suite {path}, run {method!r}: label must be a text, not {label!r}")
    return Run(method, profile, tuple(overrides), label)


def _check_label(plugins: Plugins, run: Run, method: Method) -> None:
    """A variant's label names a folder and a row of the boards, so it must be fit for both and no method's name."""
    if method.variant is None:
        if run.label is not None:
            raise UserError(
                f"the label {run.label!r} names a variant of {method.name!r}: say what differs with --set (set: in a "
                "suite), or leave the label out"
            )
        return
    label = method.label
    unsafe = [character for character in label if character in _UNSAFE or not character.isprintable()]
    if unsafe or label != label.strip() or label.startswith(".") or len(label.encode()) > _LONGEST_LABEL:
        given = f"the label {label!r}" if run.label else f"the default label {label!r}"
        raise UserError(
            f"{given} cannot name a folder: give a --label (label: in a suite) of at most {_LONGEST_LABEL} characters "
            f"without {' '.join(sorted(_UNSAFE))}"
        )
    registered = list(plugins.registered("method"))
    if label in {registration.name for registration in registered} | aliases_of_methods(registered).keys():
        raise UserError(f"the label {label!r} is the name of a method: a variant needs another")


def _all(values: Any, kind: type) -> bool:
    return isinstance(values, list) and all(isinstance(value, kind) and not isinstance(value, bool) for value in values)
