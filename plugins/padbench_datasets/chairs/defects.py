"""The five defects of BrokenChairs: a part that is moved, turned, missing, broken off or of another chair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import trimesh
from numpy.random import Generator

from padbench_datasets.chairs.parts import Part, bounds

_STIFF = ("seat", "column")
"""Kinds that a chair does not stand without: they are neither missing nor turned."""


def with_defect(
    parts: Sequence[Part], defect: str, others: Sequence[Part], generator: Generator
) -> tuple[Part, Part | None] | None:
    """Choose a part and change it: the part as it was and as it is, None for a missing one.

    others: parts of other chairs, which a swapped one is taken from. None where no part allows this defect.
    """
    eligible = [part for part in parts if part.kind not in _STIFF]
    if defect == "swapped":
        eligible = [part for part in eligible if any(other.kind == part.kind for other in others)]
    if not eligible:
        return None
    old = eligible[int(generator.integers(len(eligible)))]
    new = None if defect == "missing" else _CHANGES[defect](old, others, generator)
    return old, new


def _position(old: Part, others: Sequence[Part], generator: Generator) -> Part:
    motion = np.eye(4)
    motion[:3, 3] = _direction(generator) * generator.uniform(0.05, 0.13)
    return old.moved(motion)


def _rotate(old: Part, others: Sequence[Part], generator: Generator) -> Part:
    angle = np.radians(generator.uniform(12, 45)) * generator.choice([-1, 1])
    centre = bounds([old]).mean(axis=0)
    turn = trimesh.transformations.rotation_matrix(angle, _direction(generator), centre)  # type: ignore[no-untyped-call]
    return old.moved(turn)


def _damaged(old: Part, others: Sequence[Part], generator: Generator) -> Part:
    """Cut off an end, slantingly, at 30 to 70 % of the part's longest side."""
    low, high = bounds([old])
    longest = int(np.argmax(high - low))
    normal = 0.35 * _direction(generator)
    normal[longest] = generator.choice([-1.0, 1.0])
    origin = low + (high - low) * 0.5
    origin[longest] = low[longest] + (high - low)[longest] * generator.uniform(0.3, 0.7)
    vertices = np.asarray(old.mesh.vertices)
    heights = (vertices - origin) @ normal
    ends = vertices[old.mesh.edges_unique]
    first, second = heights[old.mesh.edges_unique].T
    crossing = first * second < 0
    share = (first / (first - second))[crossing, None]
    cut = ends[crossing, 0] * (1 - share) + ends[crossing, 1] * share
    # Every part is convex, so is what is left of it.
    return Part(old.name, old.kind, trimesh.convex.convex_hull(np.concatenate([vertices[heights >= 0], cut])))


def _swapped(old: Part, others: Sequence[Part], generator: Generator) -> Part:
    """A part of the same kind, brought to the same place and to about the same size."""
    candidates = [other for other in others if other.kind == old.kind]
    new = candidates[int(generator.integers(len(candidates)))]
    (low, high), (new_low, new_high) = bounds([old]), bounds([new])
    scale = float(np.linalg.norm(high - low) / np.linalg.norm(new_high - new_low))
    motion = np.eye(4)
    motion[:3, :3] *= scale
    motion[:3, 3] = (low + high) / 2 - scale * (new_low + new_high) / 2
    return Part(old.name, old.kind, new.moved(motion).mesh)


_CHANGES = {"position": _position, "rotate": _rotate, "damaged": _damaged, "swapped": _swapped}


def _direction(generator: Generator) -> np.ndarray:
    direction = generator.normal(size=3)
    return np.asarray(direction / np.linalg.norm(direction))
