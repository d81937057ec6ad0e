"""Procedural surfaces: a colour for every point of a part, drawn from a texture's number."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.random import Generator

from padbench.scene import Matrix

COUNT = 400
"""How many textures there are."""

_MOST_MATERIALS = 3


class Texture:
    """One texture: every kind of part is of one of its materials, the same wherever the texture is used."""

    def __init__(self, number: int) -> None:
        self._number = number

    def colours(self, kind: str, points: Matrix) -> Matrix:  # points: (N, 3) scene units
        """RGB in [0, 1] of points on parts of one kind, (N, 3)."""
        generator = np.random.default_rng([self._number, 1 + self._material(kind)])
        base = _colour(generator)
        other = np.clip(base * generator.uniform(0.5, 0.9) + generator.uniform(-0.08, 0.08, 3), 0, 1)
        pattern = (_plain, _wood, _stripes, _checks, _mottled)[int(generator.integers(5))]
        share = pattern(points, generator)[:, None]
        return np.asarray(base * (1 - share) + other * share)

    def _material(self, kind: str) -> int:
        materials = 1 + np.random.default_rng([self._number, 0]).integers(_MOST_MATERIALS)
        # The letters of a kind are the same on every machine; hash() of it would not be.
        return int(np.random.default_rng([self._number, *kind.encode()]).integers(materials))


def _colour(generator: Generator) -> Matrix:
    """Bright more often than dark: dark patterns hide what casts no shadow."""
    hue, saturation, value = generator.random(), generator.uniform(0.05, 0.7), 0.35 + 0.6 * generator.random() ** 0.5
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value))


def _plain(points: Matrix, generator: Generator) -> Matrix:
    return np.zeros(len(points))


def _wood(points: Matrix, generator: Generator) -> Matrix:
    axis = int(generator.integers(3))
    radius = np.linalg.norm(np.delete(points, axis, axis=1) + generator.uniform(-0.3, 0.3, 2), axis=1)
    rings = radius * generator.uniform(30, 90) + 0.6 * _waves(points, generator, 6)
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * rings))


def _stripes(points: Matrix, generator: Generator) -> Matrix:
    phase = points[:, int(generator.integers(3))] * generator.uniform(8, 30)
    return np.asarray((phase % 1.0 < generator.uniform(0.25, 0.6)).astype(np.float64))


def _checks(points: Matrix, generator: Generator) -> Matrix:
    cells = np.floor(points * generator.uniform(8, 25) + generator.random(3)).astype(np.int64)
    return np.asarray((cells.sum(axis=1) % 2).astype(np.float64))


def _mottled(points: Matrix, generator: Generator) -> Matrix:
    return np.asarray(np.clip(0.5 + 0.5 * _waves(points, generator, 25), 0, 1))


def _waves(points: Matrix, generator: Generator, frequency: float) -> Matrix:
    """A smooth random field of about unit size."""
    waves = generator.normal(size=(3, 8)) * frequency
    return np.asarray(
        np.sin(np.einsum("ij,jk->ik", points, waves) + generator.uniform(0, 2 * np.pi, 8)).mean(axis=1) * 2
    )
