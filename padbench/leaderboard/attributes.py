"""Attributes of objects against accuracy: do complex or colourful objects make a method better or worse?"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from padbench.evaluate import dataset_of
from padbench.leaderboard.board import COMPLETE, Board, Column, Row, Section, Value
from padbench.leaderboard.build import measured_accuracy
from padbench.leaderboard.measures import ACCURACY
from padbench.leaderboard.published import STATUS, accuracy_sections, published_attributes
from padbench.leaderboard.results import Group, collect, rankable_groups
from padbench.leaderboard.rows import mean_figures
from padbench.metrics.object_attributes import colour_contrast, shape_complexity, silhouette
from padbench.store import RunFolder

ATTRIBUTES = {"shape_complexity": "shape complexity", "colour_contrast": "colour contrast"}
"""Name -> title."""
METRICS = ("image_auroc", "pixel_auroc", "pixel_ap")
FEWEST = 4
"""Classes below which no correlation is given."""
COMPUTED = "computed"
_FEW = 7  # 5,040 orders; of more, t is close
_VIEWS = 40  # of a class, evenly chosen: more change the means little
_IMAGE_SIZE = 256  # one for all methods: an outline is longer in finer images
_ABSENT = "absent: the background is not of one colour"
_MEANING = {
    True: (
        "computed from normal views: shape complexity is perimeter^2 / (4 pi area) of the silhouette, 1 for a disc, in "
        "the mean over views; colour contrast is sqrt(std(a)^2 + std(b)^2) in CIE Lab over the object's pixels"
    ),
    False: (
        "as published: shape complexity is the number of triangles of the model, mapped to 0 to 100; colour contrast "
        "is sqrt(std(a)^2 + std(b)^2) in CIE Lab"
    ),
}


@dataclass(frozen=True)
class ObjectAttributes:
    """Attributes of a class, by name; absent where not known. source: "computed", or "published: " and the paper."""

    name: str
    values: dict[str, float]
    source: str


@dataclass(frozen=True)
class AttributePoint:
    """One dot of a scatter plot: an attribute of a class against a method's accuracy on it.

    section: the heading of the accuracy board under which the method stands. accuracy: in percent.
    """

    dataset: str
    section: str
    method: str
    name: str
    attribute: str
    attribute_value: float
    metric: str
    accuracy: float


@dataclass(frozen=True)
class Correlation:
    """Spearman's rank correlation rho of an attribute with a method's accuracy over n classes, two-sided p-value."""

    rho: float
    p: float
    n: int


@dataclass(frozen=True)
class AttributeData:
    """The attributes of a data set's classes against accuracy: boards to print, and the dots of a scatter plot.

    boards: kind "attributes", and kind "attribute correlations" where a method has results on four classes.
    """

    dataset: str
    boards: tuple[Board, ...]
    points: tuple[AttributePoint, ...]


CORRELATION_COLUMNS = tuple(
    column
    for attribute, attribute_title in ATTRIBUTES.items()
    for metric in ACCURACY.columns
    if metric.name in METRICS
    for column in (
        Column(f"{attribute}_{metric.name}_rho", f"{attribute_title}, {metric.title}", "1", None, 2),
        Column(f"{attribute}_{metric.name}_p", "p", "1", None, 3),
        Column(f"{attribute}_{metric.name}_n", "classes", "1", None, 0, detail=True),
    )
)
ATTRIBUTE_COLUMNS = (
    Column("shape_complexity", ATTRIBUTES["shape_complexity"], "1", None),
    Column("colour_contrast", ATTRIBUTES["colour_contrast"], "Lab", None),
)


def rank_correlation(x: Sequence[float], y: Sequence[float]) -> Correlation | None:
    """Correlate the ranks; None for fewer than four pairs, and where one side is constant.

    The p-value is exact for up to seven pairs: the share of their orders that correlate as much. Of more, it follows
    from the distribution of t.
    """
    from scipy.stats import rankdata, spearmanr

    if len(x) < FEWEST or len(set(x)) < 2 or len(set(y)) < 2:
        return None
    result = spearmanr(x, y)
    rho, p = float(result.statistic), float(result.pvalue)
    if len(x) <= _FEW:
        ranks, others = rankdata(x) - (len(x) + 1) / 2, rankdata(y) - (len(y) + 1) / 2
        products = others[list(permutations(range(len(y))))] @ ranks
        p = float(np.mean(np.abs(products) >= abs(others @ ranks) - 1e-9))
    return Correlation(rho, p, len(x))


def attribute_data(runs: Sequence[RunFolder]) -> list[AttributeData]:
    """Attributes, correlations and dots of every data set of the runs.

    Attributes are as published where all classes of the data set are, else computed from its normal views. Raises
    UserError when a data set that is needed is missing or has changed since it was run.
    """
    return [_of_dataset(runs, dataset) for dataset in sorted({run.unit.dataset for run in runs})]


def published_attribute_data(dataset: str) -> AttributeData | None:
    """Published attributes against the published accuracy of every method that is printed by class.

    None where the papers print neither.
    """
    sections = accuracy_sections(dataset, ())
    classes = list(dict.fromkeys(row.labels["class"] for section in sections for row in section.rows))
    attributes = {
        name: ObjectAttributes(name, values, f"published: {source}")
        for name, (values, source) in published_attributes(dataset, classes).items()
    }
    points = [point for section in sections for point in _points(dataset, section, attributes)]
    if not points:
        return None
    boards = [_attribute_board(dataset, [attributes]), _correlation_board(dataset, points)]
    return AttributeData(dataset, tuple(board for board in boards if board), tuple(points))


def attributes_of_views(images: Iterable[NDArray[np.float32]]) -> dict[str, float]:
    """The mean attributes over images (H, W, 3) of an object; empty where the background of most is not plain."""
    complexities, contrasts, seen = [], [], 0
    for image in images:
        seen += 1
        mask = silhouette(image)
        if mask is not None:
            complexities.append(shape_complexity(mask))
            contrasts.append(colour_contrast(image, mask))
    if 2 * len(complexities) <= seen:
        return {}
    return {"shape_complexity": statistics.fmean(complexities), "colour_contrast": statistics.fmean(contrasts)}


def _of_dataset(runs: Sequence[RunFolder], dataset: str) -> AttributeData:
    results, _ = collect(run for run in runs if run.unit.dataset == dataset)
    groups = rankable_groups(results, by_protocol=True)
    computed: dict[tuple[str, str], dict[str, float]] = {}
    known: list[dict[str, ObjectAttributes]] = []  # of one version of the data each
    points: list[AttributePoint] = []
    for group, section in zip(groups, measured_accuracy(groups), strict=True):
        attributes = _of_classes(group, computed)
        points += _points(dataset, section, attributes)
        for others in known:
            if all(others.get(name, own) == own for name, own in attributes.items()):
                others.update(attributes)
                break
        else:
            known.append(dict(attributes))
    boards = [_attribute_board(dataset, known), _correlation_board(dataset, points)]
    return AttributeData(dataset, tuple(board for board in boards if board), tuple(points))


def _of_classes(group: Group, computed: dict[tuple[str, str], dict[str, float]]) -> dict[str, ObjectAttributes]:
    """The attributes of each row of the group's tables that was run; those of a category are means over its classes.

    computed: what is known of each task and data hash; grows.
    """
    published = published_attributes(group.first.run.unit.dataset, list(group.categories))
    run_of = {result.run.unit.task: result.run for competitor in group.competitors for result in competitor.results}
    attributes = {}
    for name, tasks in group.categories.items():
        if not set(tasks) <= run_of.keys():
            continue
        if len(published) == len(group.categories):
            values, source = published[name]
            attributes[name] = ObjectAttributes(name, values, f"published: {source}")
            continue
        of_tasks = []
        for task in tasks:
            key = task, run_of[task].info["hashes"]["data"]
            if key not in computed:
                computed[key] = _of_normal_views(run_of[task])
            of_tasks.append(computed[key])
        values = mean_figures(of_tasks)
        attributes[name] = ObjectAttributes(name, values, COMPUTED)
    return attributes


def _of_normal_views(run: RunFolder) -> dict[str, float]:
    task = dataset_of(run, image_size=_IMAGE_SIZE).task(run.unit.task)
    views = [view for scene in task.test for view in scene.views]
    step = max(1.0, len(views) / _VIEWS)
    return attributes_of_views(views[int(place)].load() for place in np.arange(0, len(views), step))


def _points(dataset: str, section: Section, attributes: dict[str, ObjectAttributes]) -> list[AttributePoint]:
    return [
        AttributePoint(
            dataset,
            section.title,
            row.labels["method"],
            row.labels["class"],
            attribute,
            value,
            metric,
            row.values[metric].value,
        )
        for row in section.rows
        if row.status in (COMPLETE, STATUS) and row.labels["class"] in attributes
        for attribute, value in attributes[row.labels["class"]].values.items()
        for metric in METRICS
        if metric in row.values
    ]


def _attribute_board(dataset: str, known: Sequence[dict[str, ObjectAttributes]]) -> Board | None:
    sections = tuple(
        Section(
            "objects" if len(known) == 1 else f"objects, version {number} of the data",
            tuple(
                Row(
                    {"class": of_class.name, "method": "", "source": of_class.source},
                    COMPLETE if of_class.values else _ABSENT,
                    {name: Value(value) for name, value in of_class.values.items()},
                )
                for of_class in of_version.values()
            ),
        )
        for number, of_version in enumerate(known, 1)
        if of_version
    )
    if not sections:
        return None
    computed = {of_class.source == COMPUTED for of_version in known for of_class in of_version.values()}
    remarks = tuple(_MEANING[kind] for kind in sorted(computed))
    labels = {"class": "class", "source": "source"}
    return Board(
        "attributes", dataset, f"Attributes of the objects of {dataset}", labels, ATTRIBUTE_COLUMNS, sections, remarks
    )


def _correlation_board(dataset: str, points: Sequence[AttributePoint]) -> Board | None:
    """A row per method of each section of the accuracy board, as far as there are classes enough."""
    sections = []
    for title in dict.fromkeys(point.section for point in points):
        rows = []
        for method in dict.fromkeys(point.method for point in points if point.section == title):
            values: dict[str, Value] = {}
            for attribute in ATTRIBUTES:
                for metric in METRICS:
                    pairs = [
                        (point.attribute_value, point.accuracy)
                        for point in points
                        if (point.section, point.method, point.attribute, point.metric)
                        == (title, method, attribute, metric)
                    ]
                    found = rank_correlation([x for x, _ in pairs], [y for _, y in pairs])
                    if found:
                        values |= {
                            f"{attribute}_{metric}_{name}": Value(float(figure)) for name, figure in vars(found).items()
                        }
            if values:
                rows.append(Row({"method": method}, COMPLETE, values))
        if rows:
            sections.append(Section(title, tuple(rows)))
    if not sections:
        return None
    return Board(
        "attribute correlations",
        dataset,
        f"Rank correlation of objects' attributes with accuracy on {dataset}",
        {"method": "method"},
        CORRELATION_COLUMNS,
        tuple(sections),
        ("Spearman's rho over classes, and its two-sided p-value: below 0, more complex or colourful is harder",),
    )
