"""Headings of sections: what their rows share, and what tells sections apart."""

from __future__ import annotations

from collections.abc import Sequence

from padbench.leaderboard.results import Group, Result


def machine(result: Result) -> str:
    """The device a unit ran on, in words."""
    hardware = result.run.info["hardware"]
    name = hardware["device_name"] if hardware["device"] == "cpu" else f"{hardware['device_name']}, {hardware['cpu']}"
    threads = hardware["threads"]
    return f"{hardware['device']}: {name}, {threads} thread{'s' if threads != 1 else ''}"


def distinct_titles(titles: Sequence[str], groups: Sequence[Group], by_hardware: bool) -> list[str]:
    """Append to equal titles what their groups differ in: data of a class, classes, or details of the machine."""
    result = []
    for title, group in zip(titles, groups, strict=True):
        namesakes = [_facts(other, by_hardware) for name, other in zip(titles, groups, strict=True) if name == title]
        differing = [
            f"{name} {value}"
            for name, value in _facts(group, by_hardware).items()
            if any(facts.get(name, value) != value for facts in namesakes)
        ]
        result.append("; ".join([title, *differing]))
    return result


def _facts(group: Group, by_hardware: bool) -> dict[str, str]:
    facts = {
        f"data of {task}": data_hash[:8]
        for competitor in group.competitors
        for task, data_hash in competitor.hashes.items()
    }
    facts["classes"] = ", ".join(group.classes)
    facts["device"] = str(group.first.run.info["hardware"]["device"])
    if by_hardware:
        facts |= {str(name): str(value) for name, value in group.first.run.info["hardware"].items()}
    return facts
