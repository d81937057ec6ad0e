"""Which of the stored runs a reader wants to see."""

from __future__ import annotations

from collections.abc import Sequence

from padbench.errors import UserError, nearest
from padbench.store import RunFolder


def select(
    runs: Sequence[RunFolder],
    methods: Sequence[str] = (),
    dataset: str | None = None,
    profile: str | None = None,
    protocol: str | None = None,
    device: str | None = None,
) -> list[RunFolder]:
    """The runs of these methods (or labels of variants), data set, profile, scoring protocol and device.

    Raises UserError when a wanted value is that of no run, and when no run has all of them.
    """
    wanted = {
        "of method": (methods, [run.unit.method for run in runs]),
        "on data set": (() if dataset is None else (dataset,), [run.unit.dataset for run in runs]),
        "in profile": (() if profile is None else (profile,), [run.unit.profile for run in runs]),
        "of protocol": (() if protocol is None else (protocol,), [run.info["protocol"] for run in runs]),
        "on device": (() if device is None else (device,), [run.info["hardware"]["device"] for run in runs]),
    }
    for fact, (values, present) in wanted.items():
        for value in values:
            if value not in present:
                raise UserError(f"there is no run {fact} {value!r}: {nearest(value, set(present))}")
    chosen = [
        run
        for index, run in enumerate(runs)
        if all(not values or present[index] in values for values, present in wanted.values())
    ]
    if runs and not chosen:
        facts = ", ".join(f"{fact} {' or '.join(values)}" for fact, (values, _) in wanted.items() if values)
        raise UserError(f"no run is {facts}; leave one of the filters out")
    return chosen
