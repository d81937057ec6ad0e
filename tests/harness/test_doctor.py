"""padbench doctor: what it finds, what it says to do, and how it tells the time of a run from a trial."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.test_plugins import install, padbench
from harness.timed_toys import RECIPE, Clock, TimedPose
from harness.toy import RECIPE as TOY_RECIPE
from harness.toy import Events
from padbench.cli import doctor
from padbench.doctor import trials
from padbench.doctor.equipment import look_at_methods
from padbench.doctor.report import duration
from padbench.errors import UserError
from padbench.interfaces import NamesWeights, Runtime, Trial, UsesWeights
from padbench.methods import resolve_method
from padbench.plugins import Origin, Plugins, load_plugins
from padbench.progress import SilentProgress

Examine = Callable[..., Result]


@pytest.fixture(scope="module")
def examined(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """The whole of a machine with a broken plugin, without data and weights, and the folder where they would be."""
    site = tmp_path_factory.mktemp("site")
    install(site, "broken_plugin", "import not_installed_anywhere")
    install(site, "needy_plugin", "padbench_api_version = 1")
    with (site / "needy_plugin-2.1.dist-info" / "METADATA").open("a") as metadata:
        metadata.write("Requires-Dist: Absent_library>=2\nRequires-Dist: opengl-toy\n")
        metadata.write('Requires-Dist: of-an-extra; extra == "more"\n')
    (site / "opengl_toy.py").write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    library = site / "opengl_toy-1.0.dist-info"
    library.mkdir()
    (library / "METADATA").write_text("Metadata-Version: 2.1\nName: opengl-toy\nVersion: 1.0\n")
    (library / "top_level.txt").write_text("opengl_toy\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PADBENCH_HOME", str(site / "home"))
        patch.setenv("PADBENCH_DATA", str(site / "data"))
        result = padbench(site, "doctor", "--quick", "--json", "--threads", "1")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout), site


def test_the_report_has_the_documented_parts(examined: tuple[dict[str, Any], Path]) -> None:
    report, _ = examined
    assert set(report) == {
        "schema",
        "machine",
        "default_profile",
        "kernels",
        "datasets",
        "methods",
        "problems",
        "runnable",
        "next",
    }
    machine = report["machine"]
    assert machine["threads"] == 1 and machine["memory_bytes"] >= machine["available_memory_bytes"] > 0
    assert set(machine["free_disk_bytes"]) == {"data", "cache"} and {"python", "torch"} <= set(machine["libraries"])
    assert report["default_profile"] == ("paper" if machine["device"] == "cuda" else "lite")
    assert report["runnable"] is True and report["kernels"] is None
    for entry in report["methods"]:
        assert set(entry) == {"method", "profiles", "dataset", "to_get_a_dataset", "estimate", "not_estimated"}
        for profile in entry["profiles"].values():
            assert set(profile) == {"ready", "missing_weights", "problems"}
            assert profile["ready"] == (not profile["missing_weights"] and not profile["problems"])


def test_a_broken_plugin_is_a_problem_with_its_reason(examined: tuple[dict[str, Any], Path]) -> None:
    (problem,) = [problem for problem in examined[0]["problems"] if "broken_plugin" in problem]
    assert "No module named 'not_installed_anywhere'" in problem and "padbench plugins" in problem


def test_a_library_that_is_missing_or_lacks_its_own_is_a_problem(examined: tuple[dict[str, Any], Path]) -> None:
    problems = "\n".join(examined[0]["problems"])
    assert "the package absent-library is missing: pip install absent-library" in problems
    assert "the package opengl-toy is installed but cannot be imported: ImportError: libGL.so.1" in problems
    assert "of-an-extra" not in problems


def test_absent_data_come_with_their_command_and_nothing_is_made(examined: tuple[dict[str, Any], Path]) -> None:
    report, site = examined
    datasets = {dataset["name"]: dataset for dataset in report["datasets"]}
    assert datasets["bricks"]["fault"] is None and datasets["bricks"]["classes"] == 3 and datasets["bricks"]["shipped"]
    for name, verb in (("mad", "download"), ("rad", "download"), ("brokenchairs", "download"), ("chairs", "make")):
        assert datasets[name]["fault"] and datasets[name]["root"] is None
        assert datasets[name]["command"] == f"padbench data {verb} {name}"
    assert not (site / "data").exists() and not (site / "home").exists()


def test_each_method_has_a_data_set_that_serves_it_or_the_commands_for_one(
    examined: tuple[dict[str, Any], Path],
) -> None:
    """Only bricks are here, which have posed views and neither meshes nor training labels."""
    methods = {entry["method"]: entry for entry in examined[0]["methods"]}
    posed = {"igspad", "splatpose", "omniposead", "rpe-pad"}
    assert {name for name, entry in methods.items() if entry["dataset"] == "bricks"} == posed
    for name in methods.keys() - posed:
        assert methods[name]["dataset"] is None
        assert methods[name]["to_get_a_dataset"] == [
            "padbench data make chairs",
            "padbench data download brokenchairs",
        ]


def test_absent_weights_are_named_for_the_profile_that_needs_them(examined: tuple[dict[str, Any], Path]) -> None:
    methods = {entry["method"]: entry["profiles"] for entry in examined[0]["methods"]}
    for name, files in (
        ("igspad", {"sam_vit_b_01ec64.pth"}),
        ("splatpose", {"loftr_outdoor.ckpt", "tf_efficientnet_b4.aa_in1k.safetensors"}),
        ("ptad-depth-anything", {"resnet18.tv_in1k.safetensors", "depth_anything_v2_small.safetensors"}),
    ):
        assert {weight["name"] for weight in methods[name]["paper"]["missing_weights"]} == files
    assert all(profiles["lite"]["ready"] for profiles in methods.values() if "lite" in profiles)
    assert methods["vit-tiny"]["paper"]["ready"], "it needs no weights"


def test_components_name_the_weights_that_they_load() -> None:
    """What doctor looks for is what a run records."""
    plugins = load_plugins()
    runtime = Runtime("cpu", 0, SilentProgress())
    for name in ("igspad", "splatpose", "omniposead", "rpe-pad", "ptad"):
        for component in resolve_method(plugins, name, "lite").components():
            named = set()
            if isinstance(component.factory, NamesWeights):
                named = {weight.name for weight in component.factory.weight_files(component.parameters)}
            built = component.build(runtime)
            assert named == set(built.weights() if isinstance(built, UsesWeights) else ()), component.name


def toys(
    recipe: Path, dataset: str, detector: str = "harness.toy:Difference", shapes: str = "harness.toy:Absent"
) -> Plugins:
    module = ModuleType("toy_plugin")

    def register(registry: Any) -> None:
        registry.dataset("toys", dataset)
        for name, target in (
            ("mean-view", "toy:MeanView"),
            ("timed-view", "timed_toys:TimedView"),
        ):
            registry.representation(name, f"harness.{target}")
        for name, target in (
            ("first-view", "toy:FirstView"),
            ("nudge", "toy:Nudge"),
            ("timed-pose", "timed_toys:TimedPose"),
            ("timed-training", "timed_toys:TimedTraining"),
        ):
            registry.pose_estimator(name, f"harness.{target}")
        registry.detector("difference", detector)
        registry.detector("timed-difference", "harness.timed_toys:TimedDifference")
        registry.detector("timed-learner", "harness.timed_toys:TimedLearner")
        registry.dataset("shapes", shapes)
        registry.method("toy", recipe)

    module.padbench_register = register  # type: ignore[attr-defined]
    module.padbench_api_version = 1  # type: ignore[attr-defined]
    plugins = Plugins()
    plugins.add(module, Origin("toys", "1.0", "toy_plugin"))
    assert not plugins.broken, plugins.broken
    return plugins


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """The command on a machine where the toys are all that is installed."""
    Events.reset()
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PADBENCH_DATA", str(tmp_path / "data"))

    def call(*arguments: str, recipe: str = TOY_RECIPE, dataset: str = "harness.toy:ToyDataset", **rest: str) -> Result:
        file = tmp_path / "toy.yaml"
        file.write_text(recipe)
        plugins = toys(file, dataset, **rest)
        monkeypatch.setattr(doctor, "load_plugins", lambda: plugins)
        return CliRunner().invoke(doctor.command, [*arguments, "--device", "cpu"], catch_exceptions=False)

    return call


def test_the_page_ends_with_what_to_do(examine: Examine) -> None:
    result = examine()
    assert result.exit_code == 0
    last = result.stdout.rstrip().splitlines()[-1]
    assert last.startswith("Next: padbench run --method toy --dataset toys --profile lite (about ")
    assert "lite, the default without CUDA" in result.stdout and "Problems" not in result.stdout


def test_quick_tries_nothing(examine: Examine) -> None:
    result = examine("--quick")
    assert result.exit_code == 0 and "times: not tried" in result.stdout
    assert Events.log == []


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        ({"dataset": "harness.toy:Absent"}, "the profile lite cannot run: no data set is here"),
        ({"detector": "harness.toy:Absent"}, "the profile lite cannot run: no method is ready"),
        ({"recipe": "{"}, "the profile lite cannot run: no method is ready"),
        ({"detector": "harness.timed_toys:Weighed"}, "the profile lite cannot run: no method is ready"),
    ],
    ids=["no data", "no detector", "no recipe", "no weights"],
)
def test_a_machine_that_can_run_nothing_exits_with_1(examine: Examine, machine: dict[str, str], reason: str) -> None:
    result = examine(**machine)
    assert result.exit_code == 1
    assert reason in result.stdout
    assert not json.loads(examine("--json", **machine).stdout)["runnable"]


def test_a_weight_that_is_put_there_makes_the_method_ready(examine: Examine, tmp_path: Path) -> None:
    weighed = {"detector": "harness.timed_toys:Weighed"}
    assert "padbench weights download toy.pth" in examine(**weighed).stdout.splitlines()[-1]
    (tmp_path / "home" / "weights").mkdir(parents=True)
    (tmp_path / "home" / "weights" / "toy.pth").write_bytes(b"toy")
    assert examine(**weighed).exit_code == 0


def test_a_method_that_fails_its_trial_says_why(examine: Examine) -> None:
    """It does not stop the others' report."""
    recipe = TOY_RECIPE.replace("{name: mean-view}", "{name: mean-view, iterations: 0}")
    (entry,) = json.loads(examine("--json", recipe=recipe).stdout)["methods"]
    assert entry["estimate"] is None and entry["not_estimated"] == "ValueError: the toy cannot be fitted"


def test_the_time_of_a_run_is_that_of_the_whole_recipe(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """The laws by which the toys take time are known: 5 + 2 n, 3 + n / 4, 6 (4 + 3 n) seconds."""
    Clock.now, TimedPose.used = 0.0, False
    monkeypatch.setattr(trials, "timer_for", lambda device: Clock())
    monkeypatch.setattr(trials, "time", Clock())
    (entry,) = json.loads(examine("--json", recipe=RECIPE).stdout)["methods"]
    estimate = entry["estimate"]
    assert entry["not_estimated"] is None
    first_iteration = 18  # is slower, once
    fit = 5 + first_iteration + 2 * 5000 + 1 + 6 * (4 + 3 * 10) + 0.75
    query = 3 + 300 / 4 + 0.5 + 0.125
    assert estimate["fit_seconds"] == pytest.approx(fit)
    assert estimate["query_seconds"] == pytest.approx(query)
    # Two classes of six queries; the first query of each is run twice.
    assert estimate["total_seconds"] == pytest.approx(2 * fit + 14 * query)
    assert estimate["tried"] == [
        "timed-view: 10 of 5,000 iterations",
        "timed-pose: 30 of 300 steps",
        "timed-training: 2 of 10 epochs, 1 of 6 copies",
    ]


LEARNS = (
    RECIPE.replace("posed-views", "mesh")
    .replace(", {name: timed-training}", "")
    .replace("timed-difference", "timed-learner")
)


def test_a_method_on_meshes_is_tried_on_the_data_set_that_has_them(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four of forty training scenes are learnt from; 43 are fitted, and the poses of 80 images are estimated."""
    Clock.now, TimedPose.used = 0.0, False
    monkeypatch.setattr(trials, "timer_for", lambda device: Clock())
    monkeypatch.setattr(trials, "time", Clock())
    machine = {"recipe": LEARNS, "shapes": "harness.timed_toys:ToyShapes"}
    (entry,) = json.loads(examine("--json", **machine).stdout)["methods"]
    assert (entry["dataset"], entry["not_estimated"]) == ("shapes", None)
    scene, query = 5 + 18 + 2 * 5000 + 1, 3 + 300 / 4
    fit = (3 + 40) * scene + 40 * (7 + 2 * query + 2 * 10)
    assert entry["estimate"]["fit_seconds"] == pytest.approx(fit)
    assert entry["estimate"]["total_seconds"] == pytest.approx(fit + (18 + 1) * (query + 0.5 + 0.125))
    assert entry["estimate"]["tried"][-1] == "timed-learner: 3 of 10 epochs, 4 of 40 training scenes"
    assert "padbench run --method toy --dataset shapes --profile lite" in examine(**machine).stdout.splitlines()[-1]


def test_a_method_without_its_data_set_is_told_how_to_get_one(examine: Examine) -> None:
    """The toys that are here have no meshes."""
    result = examine(recipe=LEARNS)
    assert result.exit_code == 1
    assert "the profile lite cannot run: no data set is here" in result.stdout


def test_a_trial_that_takes_too_long_is_ended(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "timer_for", lambda device: Clock())
    monkeypatch.setattr(trials, "time", Clock())
    recipe = RECIPE.replace("{name: timed-training}", "{name: timed-training, epochs: 100, copies: 1}")
    monkeypatch.setattr("harness.timed_toys.TimedTraining.trial", Trial("epochs", (90,)))
    (entry,) = json.loads(examine("--json", recipe=recipe).stdout)["methods"]
    assert entry["estimate"] is None and "takes more than" in entry["not_estimated"]


def test_methods_that_share_components_try_them_once(tmp_path: Path) -> None:
    """As splatpose and igspad share their Gaussians."""
    Events.reset()
    file = tmp_path / "toy.yaml"
    file.write_text(TOY_RECIPE)
    plugins = toys(file, "harness.toy:ToyDataset")
    (state,) = look_at_methods(plugins, "cpu")
    assert state.resolved is not None
    both = trials.Trials(plugins.resolve("dataset", "toys"), "cpu")
    both.estimate(state.resolved)
    other = resolve_method(plugins, "toy", "lite", ("detector.power=2",))
    both.estimate(other)
    assert Events.log.count("fit representation") == 1
    assert Events.log.count("fit detector") == 2


def test_cuda_where_there_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(UserError, match="no CUDA device is available here; use --device cpu"):
        CliRunner().invoke(doctor.command, ["--device", "cuda"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("seconds", "spoken"),
    [(0.0123, "0.012 s"), (4.44, "4.4 s"), (9.97, "10 s"), (89.4, "89 s"), (95, "2 min"), (5399, "90 min")],
)
def test_durations_have_two_figures(seconds: float, spoken: str) -> None:
    assert duration(seconds) == spoken
