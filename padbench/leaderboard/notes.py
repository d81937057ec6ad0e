"""What stands under the accuracy board about each method: deviations from its paper, overrides of variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from padbench.leaderboard.board import Note
from padbench.leaderboard.results import Group


def notes(groups: Sequence[Group]) -> tuple[Note, ...]:
    """The deviations of each method and profile, and what makes each variant, as their runs recorded them.

    Raises UserError when a recipe.yaml is missing or damaged.
    """
    sentences: dict[str, list[str]] = {}
    for group in groups:
        for competitor in group.competitors:
            run = competitor.results[0].run
            for subject, sentence in _about(run.recipe, run.unit.profile):
                known = sentences.setdefault(subject, [])
                if sentence not in known:
                    known.append(sentence)
    return tuple(Note(subject, tuple(known)) for subject, known in sorted(sentences.items()))


def _about(recipe: dict[str, Any], profile: str) -> list[tuple[str, str]]:
    method = f"{recipe['method']} (profile {profile})"
    pairs = [(method, deviation) for deviation in recipe["deviations"]]
    if variant := recipe.get("variant"):
        overrides = ", ".join(variant["set"])
        pairs.append((f"{variant['label']} (profile {profile})", f"{recipe['method']} with {overrides}"))
    return pairs
