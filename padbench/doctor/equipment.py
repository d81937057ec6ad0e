"""What is installed and what is on the disk: data sets, weights, and the methods that can run with them."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from padbench.data_root import dataset_folder
from padbench.errors import UserError
from padbench.interfaces import Dataset, MakesData, NamesWeights, Runtime, ServesReferences
from padbench.methods import Component, Method, resolve_method
from padbench.plugins import Plugins
from padbench.progress import SilentProgress
from padbench.recipes import PROFILES, read_recipe
from padbench.weights import WeightFile, is_here

_MAKE = "padbench data make"


@dataclass(frozen=True)
class DatasetState:
    """One registered data set.

    root: its folder, None where there is none. shipped: whether it comes inside its plugin. fault: why it cannot be
    read, None where it is here. command: what makes or downloads it. references: of the methods that it serves.
    """

    name: str
    root: Path | None
    classes: int
    shipped: bool
    fault: str | None
    command: str | None
    references: tuple[str, ...]


@dataclass(frozen=True)
class ProfileState:
    """One profile of a method: what it lacks to run; nothing where it can."""

    method: str
    profile: str
    resolved: Method | None
    missing_weights: tuple[WeightFile, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether it can run."""
        return not self.missing_weights and not self.problems


def look_at_datasets(plugins: Plugins) -> list[DatasetState]:
    """Every registered data set; none is made or downloaded."""
    return [_dataset(plugins, item.name) for item in plugins.registered("dataset")]


def look_at_methods(plugins: Plugins, device: str) -> list[ProfileState]:
    """Every profile of every method: its recipe resolved, its weights looked for, its components built."""
    runtime = Runtime(device, 0, SilentProgress())
    built: dict[str, str | None] = {}
    states = []
    for registration in plugins.registered("method"):
        try:
            profiles = read_recipe(Path(registration.target))["profiles"]
        except UserError as error:
            states.append(ProfileState(registration.name, "lite", None, (), (str(error),)))
            continue
        for profile in PROFILES:
            if profile in profiles:
                states.append(_profile(plugins, registration.name, profile, runtime, built))
    return states


def find_dataset(datasets: Sequence[DatasetState], reference: str) -> DatasetState | None:
    """The data set to try methods of that reference on: one that comes with a plugin, else any that is here."""
    here = [dataset for dataset in datasets if dataset.fault is None and reference in dataset.references]
    return next((dataset for dataset in here if dataset.shipped), next(iter(here), None))


def commands_for(datasets: Sequence[DatasetState], reference: str) -> list[str]:
    """What gets a data set for methods of that reference, those that are made here before those that are downloaded."""
    commands = [dataset.command for dataset in datasets if reference in dataset.references and dataset.command]
    return sorted(commands, key=lambda command: not command.startswith(_MAKE))


def _dataset(plugins: Plugins, name: str) -> DatasetState:
    command = None
    references: tuple[str, ...] = ()
    expected = dataset_folder(name, None)
    root = expected if expected.is_dir() else None
    try:
        factory = plugins.resolve("dataset", name)
        made = isinstance(factory, MakesData)
        command = f"{_MAKE if made else 'padbench data download'} {name}"
        references = factory.references if isinstance(factory, ServesReferences) else ("posed-views",)
        # One that can be made would be made at first use, unless its folder is named.
        reader: Dataset = factory(expected if made else None, image_size=None)
        classes = len(reader.classes())
    except UserError as error:
        return DatasetState(name, root, 0, False, str(error), command, references)
    except Exception as error:  # a third party's reader
        return DatasetState(name, root, 0, False, f"{type(error).__name__}: {error}", command, references)
    module = importlib.import_module(factory.__module__)
    package = Path(str(module.__file__)).resolve().parent
    shipped = package in reader.root.resolve().parents
    return DatasetState(name, reader.root, classes, shipped, None, command, references)


def _profile(plugins: Plugins, name: str, profile: str, runtime: Runtime, built: dict[str, str | None]) -> ProfileState:
    try:
        method = resolve_method(plugins, name, profile)
    except UserError as error:
        return ProfileState(name, profile, None, (), (str(error),))
    missing: dict[str, WeightFile] = {}
    problems = []
    for component in method.components():
        absent = [weight for weight in _weight_files(component) if not is_here(weight)]
        missing.update({weight.name: weight for weight in absent})
        if not absent and (problem := _problem(component, runtime, built)):
            problems.append(problem)
    return ProfileState(name, profile, method, tuple(missing.values()), tuple(problems))


def _weight_files(component: Component) -> Sequence[WeightFile]:
    if not isinstance(component.factory, NamesWeights):
        return ()
    try:
        return component.factory.weight_files(component.parameters)
    except Exception:
        return ()  # building it fails as well, and is reported


def _problem(component: Component, runtime: Runtime, built: dict[str, str | None]) -> str | None:
    """Why the component cannot be built, None where it can; several methods share components."""
    key = repr((component.kind, component.to_dict()))
    if key not in built:
        try:
            component.build(runtime)
            built[key] = None
        except UserError as error:
            built[key] = str(error)
        except Exception as error:
            built[key] = f"{component.kind.replace('_', ' ')} {component.name}: {type(error).__name__}: {error}"
    return built[key]
