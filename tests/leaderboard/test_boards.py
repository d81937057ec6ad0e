"""What is averaged, what is ranked, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.unit_folders import CLASSES, HARDWARE, write_unit
from padbench.errors import UserError
from padbench.leaderboard import build_boards
from padbench.leaderboard.board import Board, Row
from padbench.store import RunFolder, find_runs


def _board(runs: list[RunFolder], kind: str = "accuracy", published: bool = False) -> Board:
    (board,) = [board for board in build_boards(runs, published) if board.kind == kind]
    return board


def _rows(board: Board) -> dict[tuple[str, str], Row]:
    """Rows by class and method; the board must have one section."""
    (section,) = board.sections
    return {(row.labels["class"], row.labels["method"]): row for row in section.rows}


def _placed(board: Board) -> list[int]:
    return [
        value.place
        for section in board.sections
        for row in section.rows
        for value in row.values.values()
        if value.place is not None
    ]


def test_mean_over_the_complete_set_of_classes_in_percent(tmp_path: Path) -> None:
    """All classes complete: their mean, in canonical order, and nothing is ranked where one method stands alone."""
    scores = (0.8, 0.9, 1.0)
    runs = [write_unit(tmp_path, task, image_auroc=score) for task, score in zip(CLASSES, scores, strict=True)]
    board = _board(runs[::-1])
    rows = _rows(board)
    assert [name for name, _ in rows] == [*CLASSES, "mean"]
    assert rows["mean", "alpha"].values["image_auroc"].value == pytest.approx(90.0)
    assert rows["02Truck", "alpha"].values["image_auroc"].value == pytest.approx(90.0)
    assert rows["mean", "alpha"].values["image_auroc"].deviation is None
    assert "aupro" not in rows["mean", "alpha"].values
    assert _placed(board) == []


def test_a_missing_class_blocks_the_mean_and_is_named(tmp_path: Path) -> None:
    """Two of three classes have no mean, whatever the others do."""
    runs = [write_unit(tmp_path, task, "alpha") for task in CLASSES]
    runs += [write_unit(tmp_path, task, "beta", image_auroc=0.99) for task in CLASSES[:2]]
    rows = _rows(_board(runs))
    assert rows["03Cat", "beta"].status == "missing" and rows["03Cat", "beta"].values == {}
    assert rows["mean", "beta"].status == "missing: 03Cat" and rows["mean", "beta"].values == {}
    assert rows["mean", "alpha"].values["image_auroc"].place is None
    assert rows["01Duck", "beta"].values["image_auroc"].place == 1
    assert rows["01Duck", "alpha"].values["image_auroc"].place == 2
    assert rows["03Cat", "alpha"].values["image_auroc"].place is None


def test_an_undefined_metric_on_one_class_has_no_mean(tmp_path: Path) -> None:
    """A metric that is absent on one class is absent from the mean; the others are not."""
    runs = [write_unit(tmp_path, task, metrics={"aupro": 0.5} if task != "02Truck" else None) for task in CLASSES]
    mean = _rows(_board(runs))["mean", "alpha"]
    assert "aupro" not in mean.values and "image_auroc" in mean.values


def test_partial_runs_are_shown_but_never_ranked_nor_averaged(tmp_path: Path) -> None:
    """A partial run that beats all takes no place, and its method has no mean."""
    runs = [write_unit(tmp_path, task, "alpha") for task in CLASSES]
    runs += [write_unit(tmp_path, task, "beta", image_auroc=1.0, partial=task == "02Truck") for task in CLASSES]
    rows = _rows(_board(runs))
    assert rows["02Truck", "beta"].status == "partial: 5 of 30 queries"
    assert rows["02Truck", "beta"].values["image_auroc"].value == 100.0
    assert rows["02Truck", "beta"].values["image_auroc"].place is None
    assert rows["02Truck", "alpha"].values["image_auroc"].place is None
    assert rows["mean", "beta"].status == "partial: 02Truck"
    assert rows["mean", "beta"].values == {}


@pytest.mark.parametrize(
    "difference",
    [{"profile": "paper"}, {"data": "other data"}, {"classes": (*CLASSES, "04Bird")}],
    ids=lambda difference: next(iter(difference)),
)
def test_what_is_not_comparable_stands_in_sections_of_its_own(tmp_path: Path, difference: dict[str, str]) -> None:
    """Other profile, data or set of classes: no common section, headings that differ, no ranking."""
    runs = [write_unit(tmp_path, task, "alpha") for task in CLASSES]
    runs += [write_unit(tmp_path, task, "beta", **difference) for task in CLASSES]  # type: ignore[arg-type]
    for kind in ("accuracy", "timing"):
        board = _board(runs, kind)
        assert len(board.sections) == 2
        assert len({section.title for section in board.sections}) == 2
        assert _placed(board) == []


def test_protocols_separate_accuracy_but_neither_poses_nor_times(tmp_path: Path) -> None:
    """How a map is scored says nothing about the pose and its time."""
    metrics = {"pose": {"rotation_deg_median": 0.5}}
    for method, protocol, refine in (("alpha", "native", 2.0), ("beta", "pad", 3.0)):
        for task in CLASSES:
            write_unit(tmp_path, task, method, protocol=protocol, refine=refine, metrics=metrics)
    boards = {board.kind: board for board in build_boards(find_runs([tmp_path]))}
    assert {section.facts["protocol"] for section in boards["accuracy"].sections} == {"native", "pad"}
    assert _placed(boards["accuracy"]) == []
    assert _rows(boards["pose"])["mean", "beta"].values["rotation_deg_median"].place == 1
    assert _rows(boards["timing"])["mean", "beta"].values["seconds_per_query"].place == 2


@pytest.mark.parametrize("change", [{"threads": 1}, {"memory_bytes": 9}])
def test_times_of_different_machines_are_never_ranked_but_accuracy_is(
    tmp_path: Path, change: dict[str, str | int]
) -> None:
    """Any difference in the description of the machine separates times."""
    runs = [write_unit(tmp_path, task, "alpha", image_auroc=0.8) for task in CLASSES]
    runs += [write_unit(tmp_path, task, "beta", hardware=HARDWARE | change) for task in CLASSES]
    timing = _board(runs, "timing")
    assert len({section.title for section in timing.sections}) == len(timing.sections) == 2
    assert _placed(timing) == []
    assert _rows(_board(runs))["mean", "beta"].values["image_auroc"].place == 1


def test_rows_of_different_devices_are_never_ranked(tmp_path: Path) -> None:
    """Neither times nor accuracy nor poses of a CPU and a GPU; the headings tell the sections apart."""
    cuda = HARDWARE | {"device": "cuda", "device_name": "GPU"}
    pose = {"pose": {"rotation_deg_median": 0.5}}
    runs = [write_unit(tmp_path, task, "alpha", metrics=pose) for task in CLASSES]
    runs += [write_unit(tmp_path, task, "beta", metrics=pose, hardware=cuda) for task in CLASSES]
    for kind in ("accuracy", "pose", "timing"):
        board = _board(runs, kind)
        assert _placed(board) == []
        assert len({section.title for section in board.sections}) == len(board.sections) == 2
    assert {section.title.rpartition("; ")[2] for section in _board(runs).sections} == {"device cpu", "device cuda"}


def test_one_method_on_two_machines_has_no_mean_time(tmp_path: Path) -> None:
    """Classes timed on different machines are not averaged."""
    runs = [
        write_unit(tmp_path, task, hardware=HARDWARE | {"threads": 1 if task == "03Cat" else 2}) for task in CLASSES
    ]
    for section in _board(runs, "timing").sections:
        assert section.rows[-1].labels["class"] == "mean" and section.rows[-1].missing


def test_mean_and_deviation_over_seeds(tmp_path: Path) -> None:
    """The mean of each seed over the classes comes first, then mean and sample deviation over the seeds."""
    for seed, scores in enumerate([(0.8, 0.9, 1.0), (0.8, 0.8, 0.8)]):
        for task, score in zip(CLASSES, scores, strict=True):
            write_unit(tmp_path, task, seed=seed, image_auroc=score)
    rows = _rows(_board(find_runs([tmp_path])))
    mean = rows["mean", "alpha"]
    assert mean.labels["seeds"] == "0 1"
    assert mean.values["image_auroc"].value == pytest.approx(85.0)
    assert mean.values["image_auroc"].deviation == pytest.approx(50**0.5)
    assert rows["01Duck", "alpha"].values["image_auroc"].deviation == pytest.approx(0.0)


def test_a_seed_that_is_not_complete_takes_no_part_in_the_mean(tmp_path: Path) -> None:
    """Seed 1 lacks a class: the mean is seed 0's."""
    for task in CLASSES:
        write_unit(tmp_path, task, seed=0, image_auroc=0.8)
    write_unit(tmp_path, CLASSES[0], seed=1, image_auroc=1.0)
    rows = _rows(_board(find_runs([tmp_path])))
    assert rows["mean", "alpha"].labels["seeds"] == "0"
    assert rows["mean", "alpha"].values["image_auroc"].value == pytest.approx(80.0)
    assert rows["01Duck", "alpha"].values["image_auroc"].value == pytest.approx(90.0)


def test_recipes_are_never_mixed(tmp_path: Path) -> None:
    """One method with two recipes: two rows with labels that differ, no mean across them."""
    runs = [write_unit(tmp_path, task, recipe="recipe-two" if task == "03Cat" else "other-recipe") for task in CLASSES]
    rows = _rows(_board(runs))
    assert {method for _, method in rows} == {"alpha (recipe recipe-t)", "alpha (recipe other-re)"}
    assert all(row.missing for (name, _), row in rows.items() if name == "mean")


def test_the_same_unit_in_two_folders_gives_two_rows(tmp_path: Path) -> None:
    """Two results of one unit are told apart by their folder, not averaged; a folder given twice counts once."""
    for out, score in (("a", 0.7), ("b", 0.8)):
        for task in CLASSES:
            write_unit(tmp_path / out, task, image_auroc=score)
    runs = [*find_runs([tmp_path]), *find_runs([tmp_path / "a" / ".." / "b"])]
    rows = _rows(_board(runs))
    best = rows["mean", f"alpha (in {tmp_path / 'b'})"].values["image_auroc"]
    assert best.value == pytest.approx(80.0) and best.place == 1
    assert len(rows) == 8


def test_ties_share_a_place(tmp_path: Path) -> None:
    """Two best are both first, and the next is third."""
    for method, score in (("alpha", 0.9), ("beta", 0.9), ("gamma", 0.8)):
        write_unit(tmp_path, CLASSES[0], method, image_auroc=score)
    rows = _rows(_board(find_runs([tmp_path])))
    places = [rows["01Duck", method].values["image_auroc"].place for method in ("alpha", "beta", "gamma")]
    assert places == [1, 1, 3]


def test_times_rank_the_lower_first_and_rates_follow_from_mean_times(tmp_path: Path) -> None:
    """Seconds per query, throughput, share of the retrieval and fit time of the mean row."""
    for task, refine in zip(CLASSES, (1.0, 3.0, 8.0), strict=True):
        write_unit(tmp_path, task, "alpha", coarse=1.0, refine=refine)
        write_unit(tmp_path, task, "beta", coarse=1.0, refine=9.0)
    mean = _rows(_board(find_runs([tmp_path]), "timing"))["mean", "alpha"].values
    assert mean["seconds_per_query"].value == pytest.approx(5.0)
    assert mean["seconds_per_query"].place == 1
    assert mean["queries_per_second"].value == pytest.approx(0.2)
    assert mean["retrieval_share"].value == pytest.approx(20.0)
    assert mean["seconds_fit"].value == pytest.approx(62.0)
    assert mean["peak_memory_host"].value == pytest.approx(1.0)
    assert "peak_memory_device" not in mean


def test_the_time_without_retrieval_and_every_fit_stage_stand_on_the_board(tmp_path: Path) -> None:
    """What the papers count beside what a query costs; later links of the chain are refinement."""
    times = {"coarse": 1.0, "refine": 3.0, "refine.2": 0.5, "render": 0.25, "detect": 0.25, "total": 5.0}
    seconds = {
        "fit.representation": 60.0,
        "fit.pose": 3.0,
        "fit.detector": 2.0,
        "query": {name: {"mean": value, "median": value, "p95": value, "n": 30} for name, value in times.items()},
    }
    runs = [write_unit(tmp_path, task, metrics={"seconds": seconds}) for task in CLASSES]
    board = _board(runs, "timing")
    values = _rows(board)["mean", "alpha"].values
    expected = {
        "seconds_per_query": 5.0,
        "seconds_without_coarse": 4.0,
        "seconds_coarse": 1.0,
        "seconds_refine": 3.5,
        "seconds_render": 0.25,
        "seconds_detect": 0.25,
        "seconds_fit": 65.0,
        "seconds_fit_representation": 60.0,
        "seconds_fit_pose": 3.0,
        "seconds_fit_detector": 2.0,
    }
    assert {name: values[name].value for name in expected} == pytest.approx(expected)
    shown = {column.name for column in board.columns if not column.detail}
    assert expected.keys() <= shown
    assert any("papers leave out" in remark for remark in board.remarks)


def test_deviations_and_overrides_stand_under_the_accuracy_board(tmp_path: Path) -> None:
    """Once for each method and profile; a variant says what it changes."""
    for task in CLASSES:
        write_unit(tmp_path, task, "alpha", deviations=("64 px", "bundled matcher"))
        write_unit(tmp_path, task, "alpha", profile="paper", deviations=("another optimiser",))
        write_unit(
            tmp_path, task, "no MPS", recipe="recipe-2", variant_of="alpha", deviations=("64 px", "bundled matcher")
        )
        write_unit(tmp_path, task, "beta")
    boards = build_boards(find_runs([tmp_path]))
    accuracy, *others = boards
    assert {note.subject: note.sentences for note in accuracy.notes} == {
        "alpha (profile lite)": ("64 px", "bundled matcher"),
        "alpha (profile paper)": ("another optimiser",),
        "no MPS (profile lite)": ("alpha with pose.1.mps=false",),
    }
    assert all(not board.notes for board in others)


def test_a_run_without_a_readable_recipe_is_named(tmp_path: Path) -> None:
    """No board without knowing what its rows are."""
    run = write_unit(tmp_path, "01Duck")
    for content in ("{", "a text", ""):
        (run.path / "recipe.yaml").write_text(content)
        with pytest.raises(UserError, match=r"recipe\.yaml .*--overwrite"):
            build_boards(find_runs([tmp_path]))
    (run.path / "recipe.yaml").unlink()
    with pytest.raises(UserError, match=r"recipe\.yaml .*--overwrite"):
        build_boards(find_runs([tmp_path]))


def test_pose_board_shows_coarse_beside_final(tmp_path: Path) -> None:
    """Present where poses are known, with fractions in percent and errors in degrees."""
    pose = {"rotation_deg_median": 0.5, "success_1deg": 0.75, "coarse": {"rotation_deg_median": 6.0}}
    runs = [write_unit(tmp_path, task, metrics={"pose": pose}) for task in CLASSES]
    mean = _rows(_board(runs, "pose"))["mean", "alpha"].values
    assert mean["rotation_deg_median"].value == pytest.approx(0.5)
    assert mean["coarse_rotation_deg_median"].value == pytest.approx(6.0)
    assert mean["success_1deg"].value == pytest.approx(75.0)
    assert "pose" not in {board.kind for board in build_boards([write_unit(tmp_path / "none", CLASSES[0])])}


def test_runs_without_metrics_are_named_with_what_to_do(tmp_path: Path) -> None:
    """Not evaluated, not finished and failed runs appear below the board and in no row."""
    write_unit(tmp_path, "01Duck", evaluated=False)
    write_unit(tmp_path, "02Truck", status="running", evaluated=False)
    write_unit(tmp_path, "03Cat", status="failed", evaluated=False)
    board = _board(find_runs([tmp_path]))
    assert board.sections == ()
    folder = tmp_path / "bricks" / "alpha" / "lite"
    assert f"not evaluated: padbench evaluate {folder / '01Duck' / 'seed0'}" in board.remarks
    assert any(remark.startswith(f"not finished: {folder / '02Truck' / 'seed0'}") for remark in board.remarks)
    assert f"failed: {folder / '03Cat' / 'seed0'}: ValueError: broken" in board.remarks


@pytest.mark.parametrize("content", ["{", '{"schema": 99}'])
def test_a_damaged_metrics_file_is_named(tmp_path: Path, content: str) -> None:
    """The sentence names the file and the command that mends it."""
    run = write_unit(tmp_path, "01Duck")
    (run.path / "metrics.json").write_text(content)
    with pytest.raises(UserError, match=r"metrics\.json .*padbench evaluate"):
        build_boards([run])


def test_published_rows_stand_apart(tmp_path: Path) -> None:
    """Named by paper and table, matched to class folders, as printed, without a place; times with their notes."""
    classes = ("01Gorilla", "13Pheonix")
    runs = [write_unit(tmp_path, task, "igspad", dataset="mad", classes=classes) for task in classes]
    boards = {board.kind: board for board in build_boards(runs, published=True)}
    measured, *printed = boards["accuracy"].sections
    assert [row.labels["method"] for row in measured.rows] == ["igspad"] * 3
    assert all("published: " in section.title and "not ranked" in section.title for section in printed)
    (table,) = [section for section in printed if section.facts["source"] == "igspad, Table 2"]
    rows = {(row.labels["class"], row.labels["method"]): row for row in table.rows}
    assert rows["01Gorilla", "omniposead"].values["image_auroc"].value == 93.6
    assert ("13Pheonix", "igspad") in rows and ("mean", "igspad") in rows
    assert [row.labels["class"] for row in table.rows][-1] == "mean"
    assert all(value.place is None for part in printed for row in part.rows for value in row.values.values())
    notes = [row.labels["note"] for section in boards["published timing"].sections for row in section.rows]
    assert any("coarse LoFTR retrieval not counted" in note for note in notes)


def test_published_ablations_are_left_out(tmp_path: Path) -> None:
    """One value per class, method and metric of a table: the main result."""
    (board,) = [board for board in build_boards([], published=True, dataset="mad") if board.kind == "accuracy"]
    for section in board.sections:
        keys = [(row.labels["class"], row.labels["method"]) for row in section.rows]
        assert len(keys) == len(set(keys))
    assert not any("Table 5" in section.title or "Table 6" in section.title for section in board.sections)


def test_a_data_set_without_published_numbers_says_so(tmp_path: Path) -> None:
    """No section, a remark."""
    board = _board([write_unit(tmp_path, "01Duck")], published=True)
    assert len(board.sections) == 1
    assert "no published numbers of the data set 'bricks'" in board.remarks


def test_objects_of_one_category_share_a_row_and_count_once(tmp_path: Path) -> None:
    """As in RAD, whose tables have 13 rows for 18 objects."""
    classes = ("cup2_upright", "cup2_upright2", "spoon_upright", "can")
    shared = {
        "dataset": "rad",
        "classes": classes,
        "categories": {"cup2_upright": "cup2", "cup2_upright2": "cup2", "spoon_upright": "spoon", "can": "can"},
    }
    scores = {"cup2_upright": 0.6, "cup2_upright2": 0.8, "spoon_upright": 0.9, "can": 1.0}
    runs = [write_unit(tmp_path, task, image_auroc=score, **shared) for task, score in scores.items()]  # type: ignore[arg-type]
    runs += [write_unit(tmp_path, task, "beta", **shared) for task in classes if task != "cup2_upright2"]  # type: ignore[arg-type]
    rows = _rows(_board(runs))
    alpha = {name: row.values["image_auroc"].value for (name, method), row in rows.items() if method == "alpha"}
    assert alpha == pytest.approx({"cup2": 70.0, "spoon": 90.0, "can": 100.0, "mean": 260 / 3})
    assert list(alpha) == ["cup2", "spoon", "can", "mean"]
    assert rows["cup2", "beta"].status == rows["mean", "beta"].status == "missing: cup2_upright2"
    assert rows["spoon", "beta"].values["image_auroc"].value == pytest.approx(90.0)


def test_published_rows_of_rad_stand_under_its_categories(tmp_path: Path) -> None:
    runs = [write_unit(tmp_path, "gluebottle", dataset="rad", classes=("gluebottle",))]
    board = _board(runs, published=True)
    printed = {row.labels["class"] for section in board.sections[1:] for row in section.rows}
    assert {"gluebottle", "cup2", "mean"} <= printed and "glue" not in printed
