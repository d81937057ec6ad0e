"""metrics.json of runs whose predictions are known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.metrics import average_precision_score, roc_auc_score

from evaluate.run_folders import TASK, perfect_map, write_run
from padbench.cli.evaluate import command
from padbench.errors import UserError
from padbench.evaluate import evaluate
from padbench.metrics.unit import measure
from padbench.plugins import load_plugins
from padbench.scene import GroundTruth
from padbench.store import RunFolder


def _ground_truth() -> list[GroundTruth]:
    return list(load_plugins().resolve("dataset", "bricks")(None).ground_truth(TASK))


def _noisy(truth: GroundTruth) -> NDArray[np.float32]:
    """A blurred mask in noise, the same for the same query."""
    generator = np.random.default_rng(sum(truth.query_id.encode()))
    noise = generator.random((256, 256), dtype=np.float32)
    blurred: NDArray[np.float32] = ndimage.gaussian_filter(perfect_map(truth) + noise, 2)
    return blurred


def test_a_perfect_run_scores_one_everywhere(tmp_path: Path) -> None:
    """Exact keys and values of the format; poses turned by 0.25 degrees at the right place."""
    metrics = evaluate(write_run(tmp_path))
    pose = metrics.pop("pose")
    ones = {"image_auroc": 1.0, "pixel_auroc": 1.0, "pixel_ap": 1.0, "aupro": pytest.approx(1.0)}
    detect = {"mean": 1.55, "median": 1.55, "p95": 2.855, "n": 30}
    assert metrics == {
        "schema": 1,
        "dataset": "bricks",
        "task": "01Duck",
        "method": "oracle",
        "profile": "lite",
        "protocol": "native",
        "queries": 30,
        "failed_queries": 0,
        "partial": False,
        **ones,
        "by_defect": {"Burrs": ones, "Missing": ones, "Stains": ones},
        "seconds": {
            "fit.representation": 60.0,
            "fit.detector": 2.0,
            "query": {
                "coarse": {"mean": 1.0, "median": 1.0, "p95": 1.0, "n": 30},
                "detect": pytest.approx(detect),
                "total": pytest.approx({"mean": 2.55, "median": 2.55, "p95": 3.855, "n": 30}),
            },
        },
    }
    assert pose["rotation_deg_median"] == pytest.approx(0.25)
    assert pose["rotation_deg_mean"] == pytest.approx(0.25)
    assert pose["rotation_rad_mean"] == pytest.approx(np.deg2rad(0.25))
    assert pose["translation_mean"] == pytest.approx(0.0, abs=1e-9)
    assert (pose["success_1deg"], pose["success_05deg"]) == (1.0, 1.0)
    assert pose["coarse"]["rotation_deg_median"] == pytest.approx(2.5)
    assert pose["coarse"]["success_1deg"] == 0.0
    assert set(pose["coarse"]) == set(pose) - {"coarse"}


def test_equals_scikit_learn_on_what_was_stored(tmp_path: Path) -> None:
    """Overall and for one defect with all normal queries."""
    run = write_run(tmp_path, _noisy)
    metrics = evaluate(run)
    rows = {row["id"]: row for row in run.predictions().to_dict("records")}
    for defect, part in ((None, metrics), ("Burrs", metrics["by_defect"]["Burrs"])):
        truths = [truth for truth in _ground_truth() if defect is None or truth.defect in (None, defect)]
        masks = np.concatenate([truth.load_mask().ravel() for truth in truths if truth.load_mask])
        scores = np.concatenate([run.anomaly_map(rows[truth.query_id]).ravel() for truth in truths])
        assert part["pixel_auroc"] == pytest.approx(roc_auc_score(masks, scores), abs=1e-9)
        assert part["pixel_ap"] == pytest.approx(average_precision_score(masks, scores), abs=1e-9)
        image_scores = [rows[truth.query_id]["image_score"] for truth in truths]
        expected = roc_auc_score([truth.anomalous for truth in truths], image_scores)
        assert part["image_auroc"] == pytest.approx(expected, abs=1e-12)


def test_maps_of_another_size_are_scored_on_the_masks_pixels(tmp_path: Path) -> None:
    """Maps at half the size: nearly perfect on blocks, and the number of pixels is that of the masks."""
    run = write_run(tmp_path, lambda truth: perfect_map(truth)[::2, ::2].copy())
    metrics = evaluate(run)
    assert 0.98 < metrics["pixel_auroc"] < 1.0
    assert metrics["aupro"] > 0.9


def test_written_atomically_and_computed_again(tmp_path: Path) -> None:
    """metrics.json is what was returned; it can be deleted and recomputed to the same bytes."""
    run = write_run(tmp_path, _noisy)
    assert json.loads((run.path / "metrics.json").read_text() if evaluate(run) else "") == evaluate(run)
    first = (run.path / "metrics.json").read_bytes()
    (run.path / "metrics.json").unlink()
    evaluate(run)
    assert (run.path / "metrics.json").read_bytes() == first
    assert not list(run.path.glob(".*"))


def test_failed_queries_make_a_run_partial_and_enter_no_metric(tmp_path: Path) -> None:
    """A failed query has no score, no map, no time."""
    metrics = evaluate(write_run(tmp_path, failed=("good_0", "Burrs_1")))
    assert (metrics["queries"], metrics["failed_queries"], metrics["partial"]) == (30, 2, True)
    assert metrics["pixel_auroc"] == 1.0
    assert metrics["seconds"]["query"]["coarse"] == {"mean": 1.0, "median": 1.0, "p95": 1.0, "n": 28}


def test_undefined_metrics_are_absent(tmp_path: Path) -> None:
    """One normal query alone: nothing can be ranked; never 0, never NaN. One with a defect: pixels of both kinds."""
    metrics = evaluate(write_run(tmp_path / "normal", limit=1))
    assert metrics["partial"] is True and metrics["queries"] == 1
    assert not {"image_auroc", "pixel_auroc", "pixel_ap", "aupro", "by_defect"} & set(metrics)
    normal = tuple(truth.query_id for truth in _ground_truth() if not truth.anomalous)
    metrics = evaluate(write_run(tmp_path / "defects", failed=normal))
    assert "image_auroc" not in metrics and "image_auroc" not in metrics["by_defect"]["Burrs"]
    assert metrics["pixel_auroc"] == metrics["by_defect"]["Burrs"]["pixel_auroc"] == 1.0


def test_without_masks_poses_and_times(tmp_path: Path) -> None:
    """What a data set does not know is absent; anomalous queries without a mask are no normal ones."""
    run = write_run(tmp_path, _noisy)
    known = _ground_truth()
    bare = measure(run, [GroundTruth(truth.query_id, truth.defect) for truth in known])
    assert "image_auroc" in bare
    assert not {"pixel_auroc", "pixel_ap", "aupro", "pose"} & set(bare)
    without_good_masks = [
        GroundTruth(truth.query_id, truth.defect, truth.load_mask if truth.anomalous else None) for truth in known
    ]
    full = measure(run, known)
    assert measure(run, without_good_masks)["pixel_ap"] == full["pixel_ap"]
    one_unknown = [
        GroundTruth(truth.query_id, truth.defect) if truth.query_id == "Burrs_0" else truth for truth in known
    ]
    assert measure(run, one_unknown)["pixel_ap"] != full["pixel_ap"]


@pytest.mark.parametrize("status", ["running", "failed"])
def test_refuses_a_run_that_is_not_finished(tmp_path: Path, status: str) -> None:
    """And says how to finish it."""
    with pytest.raises(UserError, match=rf"finished \(status '{status}'\); the same 'padbench run' command resumes"):
        evaluate(write_run(tmp_path, status=status))


def test_refuses_data_that_have_changed(tmp_path: Path) -> None:
    """Predictions are never scored against other data; nothing is written."""
    run = write_run(tmp_path, hashes={"recipe": "recipe", "data": "0" * 64, "code": "code"})
    with pytest.raises(UserError, match=r"is not what .* was run on"):
        evaluate(run)
    assert not (run.path / "metrics.json").exists()


def test_refuses_rows_that_do_not_fit_the_data(tmp_path: Path) -> None:
    """Unknown queries, and missing ones where no limit was set."""
    run = write_run(tmp_path)
    truths = _ground_truth()
    with pytest.raises(UserError, match="holds query 'good_0', which the data set"):
        measure(run, truths[1:])
    with pytest.raises(UserError, match="holds 30 rows for 31 queries"):
        measure(run, [*truths, GroundTruth("extra", None)])


def test_refuses_scores_that_cannot_be_ranked(tmp_path: Path) -> None:
    """A NaN score of a query that did not fail is an error, not a bad rank."""
    run = write_run(tmp_path)
    table = run.predictions()
    table.loc[3, "image_score"] = np.inf
    table.to_parquet(run.path / "predictions.parquet")
    with pytest.raises(UserError, match="NaN or infinite"):
        evaluate(RunFolder(run.path))


def test_evaluation_does_not_import_torch(tmp_path: Path) -> None:
    """Metrics need none of the methods' libraries."""
    run = write_run(tmp_path)
    script = (
        "import sys; from pathlib import Path; from padbench.evaluate import evaluate, write_pictures; "
        "from padbench.store import RunFolder; run = RunFolder(Path(sys.argv[1])); evaluate(run); write_pictures(run); "
        "sys.exit('torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script, str(run.path)], check=True)


def test_command_line_evaluates_what_it_can(tmp_path: Path) -> None:
    """One line per run, errors at the end; exit code 1 when some failed, 2 when all did."""
    write_run(tmp_path / "good")
    write_run(tmp_path / "bad", status="running")
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert result.exit_code == 1
    assert "image AUROC 100.0 %" in result.output and "is not finished" in result.output
    assert CliRunner().invoke(command, [str(tmp_path / "bad")]).exit_code == 2
    result = CliRunner().invoke(command, [str(tmp_path / "good"), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)[0]["task"] == "01Duck"
