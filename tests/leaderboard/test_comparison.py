"""`padbench compare`: differences of two methods on the embedded data set, with predictions of choice."""

from __future__ import annotations

import json
import statistics
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.spatial.transform import Rotation

from leaderboard.unit_folders import CLASSES, HARDWARE, write_unit
from padbench.cli.compare import command
from padbench.errors import UserError
from padbench.evaluate import evaluate
from padbench.interfaces import Dataset
from padbench.leaderboard.bootstrap import draw_counts
from padbench.leaderboard.comparison import Comparison, Difference, compare
from padbench.leaderboard.query_figures import statistics_of
from padbench.metrics.unit import records
from padbench.plugins import load_plugins
from padbench.scene import GroundTruth
from padbench.store import RunFolder, find_runs, write_anomaly_map, write_predictions


@pytest.fixture(scope="module")
def bricks() -> Dataset:
    dataset: Dataset = load_plugins().resolve("dataset", "bricks")(None, image_size=None)
    return dataset


@pytest.fixture(scope="module")
def hashes(bricks: Dataset) -> dict[str, str]:
    return {task: bricks.data_hash(task) for task in CLASSES}


class Writer:
    """Writes units on bricks whose queries have random scores, poses and times around chosen means."""

    def __init__(self, out: Path, dataset: Dataset, hashes: dict[str, str]) -> None:
        self.out, self.dataset, self.hashes = out, dataset, hashes

    def __call__(
        self,
        method: str,
        tasks: tuple[str, ...] = CLASSES,
        *,
        noise: int = 0,
        shift: float = 1.0,
        degrees: float = 0.5,
        seconds: float = 2.0,
        threshold: float | None = None,
        maps: bool = False,
        **facts: Any,
    ) -> None:
        for task in tasks:
            data = facts.get("data", self.hashes[task])
            root = Path(str(self.dataset.root))
            run = write_unit(self.out, task, method, **{**facts, "data": data, "root": root})
            generator = np.random.default_rng([noise, zlib.crc32(task.encode())])
            rows = []
            for truth in self.dataset.ground_truth(task):
                row = {
                    "id": truth.query_id,
                    "image_score": float(np.round(generator.normal() + shift * truth.anomalous, 1)),
                    "threshold": threshold,
                    "world_to_camera": _turned(truth, degrees * generator.uniform(0.1, 4)),
                    "seconds.coarse": 0.5,
                    "seconds.refine": seconds * generator.uniform(0.9, 1.1),
                }
                if maps:
                    row |= write_anomaly_map(run.path, truth.query_id, generator.random((16, 16), dtype=np.float32))
                rows.append(row)
            # Predictions need not be in the order of the ground truth.
            write_predictions(run.path, [rows[index] for index in generator.permutation(len(rows))])


@pytest.fixture
def write(tmp_path: Path, bricks: Dataset, hashes: dict[str, str]) -> Writer:
    return Writer(tmp_path, bricks, hashes)


def _turned(truth: GroundTruth, degrees: float) -> list[float]:
    assert truth.world_to_camera is not None
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
    pose: list[float] = (turn @ truth.world_to_camera).ravel().tolist()
    return pose


def _rows(comparison: Comparison) -> dict[tuple[str, str], Difference]:
    return {(column.name, row.name): row for column, rows in comparison.figures for row in rows}


def _compared(folder: Path, a: str = "alpha", b: str = "beta", **choice: Any) -> Comparison:
    (comparison,) = compare(find_runs([folder]), a, b, **{"resamples": 300, **choice})
    return comparison


def test_equal_predictions_differ_by_exactly_nothing(write: Writer) -> None:
    write("alpha", threshold=0.5)
    write("beta", threshold=0.5)
    rows = _rows(_compared(write.out))
    assert {metric for metric, _ in rows} == {
        "image_auroc",
        "accuracy",
        "rotation_deg_median",
        "rotation_deg_mean",
        "success_1deg",
        "seconds_per_query",
    }
    assert {name for _, name in rows} == {*CLASSES, "mean"}
    assert all((row.difference, row.low, row.high, row.better) == (0.0, 0.0, 0.0, None) for row in rows.values())


def test_swapping_the_methods_mirrors_every_interval(write: Writer) -> None:
    write("alpha", noise=1, degrees=0.4)
    write("beta", noise=2, degrees=0.6, seconds=3.0)
    there, back = _rows(_compared(write.out)), _rows(_compared(write.out, "beta", "alpha"))
    assert there.keys() == back.keys()
    other = {"a": "b", "b": "a", None: None}
    for key, row in there.items():
        assert (row.difference, row.low, row.high) == pytest.approx(
            (-back[key].difference, -back[key].high, -back[key].low), abs=1e-12
        )
        assert row.better == other[back[key].better]
    assert there == _rows(_compared(write.out)), "equal runs give equal intervals"


def test_planted_differences_are_found_in_the_right_direction(write: Writer) -> None:
    """More is better of AUROC, less of errors and times; what does not differ is not said to."""
    write("alpha", noise=1, shift=6.0, degrees=0.1, seconds=1.0)
    write("beta", noise=2, shift=0.2, degrees=2.0, seconds=4.0)
    rows = _rows(_compared(write.out))
    assert {row.better for row in rows.values()} == {"a"}
    assert rows["image_auroc", "mean"].difference > 0 > rows["seconds_per_query", "mean"].difference
    write("gamma", noise=3, shift=6.0, degrees=0.1, seconds=1.0)
    assert _rows(_compared(write.out, "alpha", "gamma"))["seconds_per_query", "mean"].better is None


def test_figures_are_those_of_the_boards(write: Writer) -> None:
    """`a` and `b` equal what `padbench evaluate` computes, for each class."""
    write("alpha", noise=1, threshold=0.4, maps=True)
    write("beta", noise=2, threshold=0.6, maps=True)
    rows = _rows(_compared(write.out, resamples=100))
    for run in find_runs([write.out]):
        metrics = evaluate(run)
        task, side = run.unit.task, {"alpha": "a", "beta": "b"}[run.unit.method]
        for name, value in {
            "image_auroc": 100 * metrics["image_auroc"],
            "accuracy": 100 * metrics["accuracy"],
            "rotation_deg_median": metrics["pose"]["rotation_deg_median"],
            "rotation_deg_mean": metrics["pose"]["rotation_deg_mean"],
            "success_1deg": 100 * metrics["pose"]["success_1deg"],
            "seconds_per_query": metrics["seconds"]["query"]["total"]["mean"],
        }.items():
            assert getattr(rows[name, task], side) == pytest.approx(value), (name, task)


def test_intervals_are_those_of_a_bootstrap_in_plain_loops(write: Writer, bricks: Dataset) -> None:
    """The same resamples, query by query: pairs counted for the AUROC, the mean over classes within each resample."""
    write("alpha", noise=1)
    write("beta", noise=2)
    rows = _rows(_compared(write.out, resamples=100))
    of_classes: dict[str, list[list[float]]] = {"image_auroc": [], "rotation_deg_median": [], "seconds_per_query": []}
    for task in CLASSES:
        truth = bricks.ground_truth(task)
        counts = draw_counts(
            np.array([of_query.anomalous for of_query in truth]), 100, np.random.default_rng(zlib.crc32(task.encode()))
        )
        tables = [_table(write.out, method, task) for method in ("alpha", "beta")]
        differences: dict[str, list[float]] = {name: [] for name in of_classes}
        for row in counts:
            drawn = [of_query for of_query, count in zip(truth, row, strict=True) for _ in range(count)]
            a, b = (_figures_in_loops(table, drawn) for table in tables)
            for name in differences:
                differences[name].append(a[name] - b[name])
        for name, of_class in differences.items():
            of_classes[name].append(of_class)
            expected = np.percentile(of_class, [2.5, 97.5])
            assert (rows[name, task].low, rows[name, task].high) == pytest.approx(expected)
    for name, per_class in of_classes.items():
        means = [statistics.fmean(of_resample) for of_resample in zip(*per_class, strict=True)]
        assert (rows[name, "mean"].low, rows[name, "mean"].high) == pytest.approx(np.percentile(means, [2.5, 97.5]))


def _table(out: Path, method: str, task: str) -> dict[str, Any]:
    rows = RunFolder(out / "bricks" / method / "lite" / task / "seed0").predictions().to_dict("records")
    return {row["id"]: row for row in rows}


def _figures_in_loops(table: dict[str, Any], drawn: list[GroundTruth]) -> dict[str, float]:
    anomalous = [table[truth.query_id]["image_score"] for truth in drawn if truth.anomalous]
    normal = [table[truth.query_id]["image_score"] for truth in drawn if not truth.anomalous]
    won = sum((high > low) + 0.5 * (high == low) for high in anomalous for low in normal)
    angles = []
    for truth in drawn:
        estimated = np.reshape(table[truth.query_id]["world_to_camera"], (4, 4))[:3, :3]
        assert truth.world_to_camera is not None
        cosine = (np.trace(estimated @ truth.world_to_camera[:3, :3].T) - 1) / 2
        angles.append(float(np.rad2deg(np.arccos(min(1.0, cosine)))))
    seconds = [table[truth.query_id]["seconds.coarse"] + table[truth.query_id]["seconds.refine"] for truth in drawn]
    return {
        "image_auroc": 100 * won / (len(anomalous) * len(normal)),
        "rotation_deg_median": statistics.median(angles),
        "seconds_per_query": statistics.fmean(seconds),
    }


def test_the_overlap_of_boxes_is_the_mean_over_the_drawn_anomalous_queries(write: Writer, bricks: Dataset) -> None:
    """Truth boxes of 10 px, predicted ones cover all, half or none of them; normal queries have none."""
    write("alpha", CLASSES[:1], maps=True)
    run = find_runs([write.out])[0]
    truth = [
        replace(of_query, box=(0.0, 0.0, 10.0, 10.0) if of_query.anomalous else None)
        for of_query in bricks.ground_truth(CLASSES[0])
    ]
    # The maps have 16 px, the masks 256 px: boxes are compared at the size of the masks.
    widths = {of_query.query_id: index % 3 * 5.0 / 16 for index, of_query in enumerate(truth)}
    write_predictions(
        run.path, [row | {"error": None, "box": [0.0, 0.0, widths[row["id"]], 10 / 16]} for row in records(run)]
    )
    counts = draw_counts(np.array([of_query.anomalous for of_query in truth]), 20, np.random.default_rng(0))
    values = statistics_of(run, truth)["mean_iou"](counts)
    for value, row in zip(values, counts, strict=True):
        overlaps = [
            widths[of_query.query_id] / (10 / 16)
            for of_query, count in zip(truth, row, strict=True)
            for _ in range(count)
            if of_query.anomalous
        ]
        assert value == pytest.approx(statistics.fmean(overlaps))


def test_equal_seeds_are_paired_and_averaged_within_each_resample(write: Writer, tmp_path: Path) -> None:
    """Seeds 0 and 1 of both; seed 2 of one alone takes no part. Averaging two seeds narrows nothing that is equal."""
    for seed in (0, 1):
        write("alpha", seed=seed, noise=seed)
        write("beta", seed=seed, noise=seed + 10)
    write("alpha", seed=2, noise=7, shift=9.0)
    row = _rows(_compared(write.out))["image_auroc", "mean"]
    assert row.seeds == (0, 1)
    single = []
    for seed in (0, 1):
        chosen = [run for run in find_runs([write.out]) if run.unit.seed == seed]
        (comparison,) = compare(chosen, "alpha", "beta", resamples=300)
        single.append(_rows(comparison)["image_auroc", "mean"])
    assert row.a == pytest.approx(statistics.fmean(of_seed.a for of_seed in single))
    assert row.difference == pytest.approx(statistics.fmean(of_seed.difference for of_seed in single))
    assert single[0].low != single[1].low
    assert row.high - row.low < max(of_seed.high - of_seed.low for of_seed in single)


def test_a_class_that_one_lacks_is_left_out_and_blocks_the_mean(write: Writer) -> None:
    write("alpha")
    write("beta", CLASSES[:1])
    write("beta", CLASSES[1:2], partial=True)
    comparison = _compared(write.out)
    assert {name for _, name in _rows(comparison)} == {"01Duck"}
    assert "02Truck: left out, since beta has only a partial run" in comparison.remarks
    assert "03Cat: left out, since beta has no run" in comparison.remarks
    assert any(remark.startswith("no mean:") for remark in comparison.remarks)


def test_accuracy_is_compared_within_a_protocol_and_times_on_one_machine(write: Writer) -> None:
    write("alpha")
    write("beta", noise=1, protocol="pad")
    write("gamma", noise=1, hardware=HARDWARE | {"threads": 1})
    protocols = _compared(write.out)
    assert {metric for metric, _ in _rows(protocols)} == {
        "rotation_deg_median",
        "rotation_deg_mean",
        "success_1deg",
        "seconds_per_query",
    }
    assert "accuracy is not compared: alpha is scored by protocol native, beta by pad" in protocols.remarks
    machines = _compared(write.out, "alpha", "gamma")
    metrics = {metric for metric, _ in _rows(machines)}
    assert "image_auroc" in metrics and "seconds_per_query" not in metrics
    (sentence,) = machines.remarks
    assert "01Duck, 02Truck, 03Cat: times are not compared" in sentence and "1 thread" in sentence


def test_categories_are_compared_as_on_the_boards(write: Writer) -> None:
    """Two tasks of one category share a row and count once in the mean."""
    categories = {"01Duck": "animal", "02Truck": "vehicle", "03Cat": "animal"}
    write("alpha", noise=1, categories=categories)
    write("beta", noise=2, categories=categories)
    rows = _rows(_compared(write.out))
    assert {name for _, name in rows} == {"animal", "vehicle", "mean"}
    vehicle, animal, mean = (rows["image_auroc", name] for name in ("vehicle", "animal", "mean"))
    assert mean.difference == pytest.approx((vehicle.difference + animal.difference) / 2)


def test_what_cannot_be_compared_is_said_in_one_sentence(write: Writer) -> None:
    write("alpha")
    write("beta", profile="paper")
    write("delta", data="of other images")
    write("epsilon", status="running", evaluated=False)
    write("zeta", CLASSES[:1], partial=True)
    runs = find_runs([write.out])
    for a, b, choice, sentence in (
        ("alpa", "beta", {}, "there is no run of a method 'alpa': did you mean 'alpha'"),
        ("alpha", "alpha", {}, "with itself"),
        ("alpha", "epsilon", {}, "no run of 'epsilon' is finished and evaluated; not finished: "),
        ("alpha", "beta", {}, "'alpha' was run on bricks in profile lite .* 'beta' on bricks in profile paper"),
        ("alpha", "delta", {}, "may be compared .* data of other"),
        ("alpha", "zeta", {}, "no figure in common; .*01Duck: left out, since zeta has only a partial run"),
        ("alpha", "beta", {"dataset": "mad"}, "there is no run on data set 'mad': known are bricks"),
    ):
        with pytest.raises(UserError, match=sentence):
            compare(runs, a, b, **choice)  # type: ignore[arg-type]


def test_data_that_changed_since_the_run_are_refused(write: Writer) -> None:
    """Truth is taken from data with the hash of the runs only."""
    write("alpha", data="an older version")
    write("beta", data="an older version")
    with pytest.raises(UserError, match=r"is not what .* was run on"):
        _compared(write.out)


def test_command_line_prints_tables_and_json(write: Writer) -> None:
    write("[bold]alpha", noise=1, shift=6.0)
    write("beta", noise=2, shift=0.2)
    arguments = ["[bold]alpha", "beta", str(write.out), "--resamples", "200"]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None
    assert "[bold]alpha and beta on bricks, profile lite" in result.output
    assert "[bold]alpha is better" in result.output and "no difference shown" in result.output
    assert "200 resamples of the queries" in result.output and "AUPRO pool the pixels" in " ".join(
        result.output.split()
    )
    content = json.loads(CliRunner().invoke(command, [*arguments, "--json"], standalone_mode=False).output)
    (comparison,) = content["comparisons"]
    assert (comparison["dataset"], comparison["a"], comparison["resamples"]) == ("bricks", "[bold]alpha", 200)
    rows = {
        (of_metric["metric"], row["class"]): row for of_metric in comparison["figures"] for row in of_metric["rows"]
    }
    mean = rows["image_auroc", "mean"]
    assert mean["better"] == "a" and 0 < mean["low"] <= mean["difference"] <= mean["high"]
    assert mean["difference"] == pytest.approx(mean["a"] - mean["b"])
    missing = CliRunner().invoke(command, ["alpha", "beta", str(write.out / "nowhere")], standalone_mode=False)
    assert isinstance(missing.exception, UserError)
