"""Plugins through real entry points, in a fresh interpreter: isolation, clashes, versions, and no torch in listings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.toy import toy_plugins
from padbench.errors import UserError
from padbench.plugins import load_plugins

REGISTER = """
from padbench.hookspecs import hookimpl
padbench_api_version = {version}
@hookimpl
def padbench_register(registry):
    registry.{kind}({name!r}, {target!r})
    {then}
"""


def install(site: Path, module: str, source: str) -> None:
    """Install a one-module distribution, as pip would leave it."""
    site.mkdir(exist_ok=True)
    (site / f"{module}.py").write_text(source)
    information = site / f"{module}-2.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 2.1\n")
    (information / "entry_points.txt").write_text(f"[padbench]\n{module} = {module}\n")


def padbench(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), *filter(None, sys.path)])}
    program = "import sys; from padbench.cli import main; sys.argv[0] = 'padbench'; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def plugin(kind: str = "detector", name: str = "mine", target: str = "m:C", version: int = 1, then: str = "") -> str:
    return REGISTER.format(kind=kind, name=name, target=target, version=version, then=then or "pass")


def test_a_third_party_component_is_listed_with_its_origin(tmp_path: Path) -> None:
    install(tmp_path, "good_plugin", plugin())
    rows = json.loads(padbench(tmp_path, "list", "components", "--json").stdout)
    assert {
        "kind": "detector",
        "name": "mine",
        "reference": "m:C",
        "origin": "good_plugin (good_plugin 2.1)",
    } in rows
    assert any(row["name"] == "3dgs" for row in rows)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import not_installed_anywhere", "failed to import: ModuleNotFoundError"),
        ("raise SystemError('boom')", "failed to import: SystemError: boom"),
        ("def broken(:", "failed to import: SyntaxError"),
        (plugin(then="raise KeyError('half-way')"), "failed to register: KeyError: 'half-way'"),
        (plugin(name="a/b"), "must be a plain word"),
        (plugin(version=99), "was written for API 99, this padbench offers API 1"),
        ("x = 1", "states no padbench_api_version"),
    ],
)
def test_a_broken_plugin_is_skipped_and_reported(tmp_path: Path, source: str, reason: str) -> None:
    install(tmp_path, "broken_plugin", source)
    listing = padbench(tmp_path, "list", "methods")
    assert listing.returncode == 0
    assert "igspad" in listing.stdout
    assert "broken_plugin" in listing.stderr
    report = padbench(tmp_path, "plugins")
    assert report.returncode == 0
    assert reason in report.stdout
    names = [row["name"] for row in json.loads(padbench(tmp_path, "list", "components", "--json").stdout)]
    assert "mine" not in names, "a plugin that failed half-way registered something"
    used = padbench(tmp_path, "run", "--method", "nothing", "--dataset", "bricks")
    assert used.returncode == 2
    assert "broken_plugin" in used.stderr


def test_the_traceback_of_a_broken_plugin_is_shown(tmp_path: Path) -> None:
    install(tmp_path, "broken_plugin", "raise SystemError('boom')")
    report = padbench(tmp_path, "plugins").stdout
    assert "Traceback" in report
    assert "broken_plugin.py" in report


def test_a_name_clash_names_both_packages(tmp_path: Path) -> None:
    install(tmp_path, "rival_plugin", plugin("pose_estimator", "igs"))
    listing = padbench(tmp_path, "list", "methods")
    assert listing.returncode == 0
    assert "rival_plugin" in listing.stderr
    assert "padbench_igspad" in listing.stderr
    used = padbench(tmp_path, "run", "--method", "igspad", "--dataset", "bricks", "--out", str(tmp_path / "runs"))
    assert used.returncode == 2
    assert "'igs' is registered by padbench_igspad (padbench " in used.stderr
    assert "rival_plugin (rival_plugin 2.1)" in used.stderr
    assert "Traceback" not in used.stderr


@pytest.mark.parametrize("what", [("list", "methods", "-v"), ("list", "datasets"), ("list", "components"), ("--help",)])
def test_listing_imports_no_heavy_library(what: tuple[str, ...]) -> None:
    program = (
        "import sys; from padbench.cli import main; sys.argv = ['padbench', *sys.argv[1:]]\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    output = subprocess.run([sys.executable, "-c", program, *what], capture_output=True, text=True, check=True).stdout
    loaded = output.rpartition("loaded:")[2].split()
    assert "padbench" in loaded
    assert not {"torch", "numba", "pandas", "scipy", "timm", "kornia", "gsplat"} & set(loaded)


def test_every_built_in_reference_can_be_imported() -> None:
    plugins = load_plugins()
    assert not plugins.broken
    assert not plugins.clashes()
    for kind in ("representation", "pose_estimator", "detector", "dataset"):
        names = [registration.name for registration in plugins.registered(kind)]
        assert names
        for name in names:
            plugins.resolve(kind, name)


def test_a_recipe_of_one_plugin_does_not_stop_the_listing(tmp_path: Path) -> None:
    recipe = tmp_path / "broken.yaml"
    recipe.write_text("method: x\nsummary: without a paper\n")
    install(tmp_path, "bad_recipe", plugin("method", "unfinished", str(recipe)))
    listing = padbench(tmp_path, "list", "methods", "-v")
    assert listing.returncode == 0
    assert "igspad" in listing.stdout
    assert "bad_recipe" in listing.stderr
    assert "paper.venue" in listing.stderr


def test_a_reference_to_nothing_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = toy_plugins(tmp_path)
    registration = plugins.find("detector", "difference")
    (tmp_path / "breaks_when_used.py").write_text("raise OSError('a shared library is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    for target, message in (
        ("harness.toy:Nothing", "does not exist"),
        ("no_such_module:X", "cannot be imported"),
        ("breaks_when_used:X", "cannot be imported: OSError: a shared library is missing"),
    ):
        plugins._registered["detector", "broken"] = [
            type(registration)("detector", "broken", target, registration.origin)
        ]
        with pytest.raises(UserError, match=message):
            plugins.resolve("detector", "broken")
