"""Parametric chairs as lists of parts: six families, drawn from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import trimesh
from numpy.random import Generator

from padbench.scene import Matrix

DIAGONAL = 1.3
"""Of a chair's bounding box, in scene units; its centre is the world's origin, y is up."""


@dataclass(frozen=True)
class Part:
    """One part of a chair. kind: parts of one kind may be swapped between chairs."""

    name: str
    kind: str
    mesh: trimesh.Trimesh

    def moved(self, motion: Matrix) -> Part:
        """The part after a rigid motion or scaling, (4, 4)."""
        mesh = self.mesh.copy()
        mesh.apply_transform(motion)
        return replace(self, mesh=mesh)


def chair(seed: int) -> list[Part]:
    """The chair of a seed, the same on every machine; seeds take the families in turn."""
    generator = np.random.default_rng(seed)
    family = _FAMILIES[seed % len(_FAMILIES)]
    return _normalised(family(generator, _Frame.draw(generator)))


def bounds(parts: Sequence[Part]) -> Matrix:
    """The corners of the bounding box, (2, 3)."""
    corners = np.stack([part.mesh.bounds for part in parts])
    return np.stack([corners[:, 0].min(axis=0), corners[:, 1].max(axis=0)])


def joined(parts: Sequence[Part]) -> trimesh.Trimesh:
    """All parts as one mesh, face after face in their order."""
    mesh = trimesh.util.concatenate([part.mesh for part in parts])
    assert isinstance(mesh, trimesh.Trimesh)
    return mesh


def _normalised(parts: list[Part]) -> list[Part]:
    low, high = bounds(parts)
    motion = np.eye(4) * (DIAGONAL / np.linalg.norm(high - low))
    motion[3, 3] = 1
    motion[:3, 3] = -motion[0, 0] * (low + high) / 2
    return [part.moved(motion) for part in parts]


@dataclass(frozen=True)
class _Frame:
    """The measures that all families share, in metres. x points to the right, z to the front."""

    width: float
    depth: float
    height: float  # of the seat's upper side
    seat: float  # thickness
    back: float  # height of the back above the seat
    tilt: float  # of the back, radians
    leg: float  # thickness of a leg

    @staticmethod
    def draw(generator: Generator) -> _Frame:
        low = [0.38, 0.36, 0.36, 0.025, 0.30, 0.0, 0.020]
        high = [0.60, 0.56, 0.60, 0.080, 0.66, 0.26, 0.050]
        return _Frame(*(float(value) for value in generator.uniform(low, high)))

    def on_back(self, across: float, up: float) -> Matrix:
        """A point of the back: `across` in [-1, 1] of its width, `up` in [0, 1] of its height."""
        rise = up * self.back
        z = -self.depth / 2 + self.leg / 2 - rise * np.sin(self.tilt)
        return np.array([across * (self.width / 2 - self.leg / 2), self.height + rise * np.cos(self.tilt), z])


def _slat_back(generator: Generator, frame: _Frame) -> list[Part]:
    count = int(generator.integers(3, 7))
    top = generator.uniform(0.86, 0.97)
    slats = [
        _bar(f"slat_{index}", "slat", frame.on_back(across, 0.0), frame.on_back(across, top), 0.03, 0.012)
        for index, across in enumerate(np.linspace(-0.72, 0.72, count))
    ]
    rail = _bar("rail_top", "rail", frame.on_back(-1, top), frame.on_back(1, top), 0.06, 0.022)
    return [*_seat_and_legs(generator, frame), *_posts(frame), rail, *slats]


def _solid_back(generator: Generator, frame: _Frame) -> list[Part]:
    low, high = generator.uniform(0.05, 0.4), generator.uniform(0.85, 1.0)
    panel = _bar("panel", "panel", frame.on_back(0, low), frame.on_back(0, high), frame.width * 0.86, 0.02)
    return [*_seat_and_legs(generator, frame), *_posts(frame), panel]


def _ladder_back(generator: Generator, frame: _Frame) -> list[Part]:
    count = int(generator.integers(2, 6))
    thickness = generator.uniform(0.025, 0.06)
    rungs = [
        _bar(f"rung_{index}", "rail", frame.on_back(-1, up), frame.on_back(1, up), thickness, 0.018)
        for index, up in enumerate(np.linspace(0.25, 0.95, count))
    ]
    return [*_seat_and_legs(generator, frame), *_posts(frame), *rungs]


def _armchair(generator: Generator, frame: _Frame) -> list[Part]:
    body = (_solid_back if generator.random() < 0.5 else _slat_back)(generator, frame)
    return [*body, *_arms(generator, frame)]


def _stool(generator: Generator, frame: _Frame) -> list[Part]:
    radius, count = frame.width / 2, int(generator.integers(3, 5))
    spread = generator.uniform(0.75, 1.15)
    floor = [
        spread * radius * np.array([np.sin(angle), 0, np.cos(angle)])
        for angle in np.arange(count) * 2 * np.pi / count + np.pi / 4
    ]
    under = frame.height - frame.seat
    legs = [
        _rod(f"leg_{index}", "leg", foot, 0.6 * foot / spread + np.array([0, under, 0]), frame.leg / 2)
        for index, foot in enumerate(floor)
    ]
    share = generator.uniform(0.3, 0.6)
    ring = [spread * foot * share / spread + 0.6 * foot / spread * (1 - share) for foot in floor]
    bars = [
        _rod(
            f"stretcher_{index}",
            "stretcher",
            ring[index] + np.array([0, under * (1 - share), 0]),
            ring[(index + 1) % count] + np.array([0, under * (1 - share), 0]),
            0.011,
        )
        for index in range(count)
    ]
    seat = _rod("seat", "seat", np.array([0, under, 0]), np.array([0, frame.height, 0]), radius)
    low, high = frame.on_back(0, 0.45), frame.on_back(0, generator.uniform(0.75, 1.0))
    post = _bar("post_back", "post", np.array([0, under, -radius * 0.9]), low, 0.05, 0.02)
    panel = _bar("panel", "panel", low, high, frame.width * generator.uniform(0.5, 0.8), 0.022)
    return [seat, *legs, *bars, post, panel]


def _swivel(generator: Generator, frame: _Frame) -> list[Part]:
    reach = generator.uniform(0.24, 0.33)
    hub = np.array([0, 0.09, 0])
    spokes = [
        _bar(f"spoke_{index}", "spoke", hub, reach * np.array([np.sin(angle), 0.06, np.cos(angle)]), 0.035, 0.03)
        for index, angle in enumerate(np.arange(5) * 2 * np.pi / 5)
    ]
    under = frame.height - frame.seat
    column = _rod("column", "column", hub, np.array([0, under, 0]), generator.uniform(0.02, 0.04))
    low, high = generator.uniform(0.1, 0.35), generator.uniform(0.8, 1.0)
    panel = _bar("panel", "panel", frame.on_back(0, low), frame.on_back(0, high), frame.width * 0.8, 0.035)
    post = _bar("post_back", "post", np.array([0, under, -frame.depth * 0.35]), frame.on_back(0, low + 0.1), 0.06, 0.02)
    arms = _arms(generator, frame) if generator.random() < 0.5 else []
    return [_seat(frame), *spokes, column, post, panel, *arms]


_FAMILIES: tuple[Callable[[Generator, _Frame], list[Part]], ...] = (
    _slat_back,
    _solid_back,
    _ladder_back,
    _armchair,
    _stool,
    _swivel,
)


def _seat(frame: _Frame) -> Part:
    middle = np.array([0, frame.height - frame.seat / 2, 0])
    half = np.array([0, 0, frame.depth / 2])
    return _bar("seat", "seat", middle - half, middle + half, frame.width, frame.seat)


def _seat_and_legs(generator: Generator, frame: _Frame) -> list[Part]:
    splay, round_ = generator.uniform(0.0, 0.06), generator.random() < 0.5
    under = frame.height - frame.seat
    tops: dict[str, Matrix] = {}
    feet: dict[str, Matrix] = {}
    for name, across, along in (("fl", -1, 1), ("fr", 1, 1), ("bl", -1, -1), ("br", 1, -1)):
        corner = np.array([across * (frame.width - frame.leg) / 2, 0, along * (frame.depth - frame.leg) / 2])
        tops[name] = corner * 0.94 + [0, under, 0]
        feet[name] = corner + splay * np.array([across, 0, along])
    legs = [
        _rod(f"leg_{name}", "leg", feet[name], tops[name], frame.leg / 2)
        if round_
        else _bar(f"leg_{name}", "leg", feet[name], tops[name], frame.leg, frame.leg)
        for name in feet
    ]
    stretchers = []
    if generator.random() < 0.6:
        height = generator.uniform(0.25, 0.6)
        for one, other in (("fl", "bl"), ("fr", "br"), ("bl", "br")):
            ends = [feet[name] * (1 - height) + tops[name] * height for name in (one, other)]
            stretchers.append(_rod(f"stretcher_{one}_{other}", "stretcher", ends[0], ends[1], 0.011))
    return [_seat(frame), *legs, *stretchers]


def _posts(frame: _Frame) -> list[Part]:
    return [
        _bar(f"post_{side}", "post", frame.on_back(across, -0.02), frame.on_back(across, 1.0), frame.leg, frame.leg)
        for side, across in (("l", -1), ("r", 1))
    ]


def _arms(generator: Generator, frame: _Frame) -> list[Part]:
    height, length = generator.uniform(0.16, 0.26), generator.uniform(0.6, 0.95)
    parts = []
    for side, across in (("l", -1), ("r", 1)):
        x = across * (frame.width / 2 + 0.01)
        back = np.array([x, frame.height + height, -frame.depth / 2])
        front = back + np.array([0, 0, frame.depth * length])
        parts.append(_bar(f"arm_{side}", "arm", back, front, 0.05, 0.025))
        foot = np.array([x, frame.height - frame.seat, front[2] - 0.04])
        parts.append(_bar(f"support_{side}", "support", foot, foot + np.array([0, height + frame.seat, 0]), 0.03, 0.03))
    return parts


def _bar(name: str, kind: str, start: Matrix, end: Matrix, width: float, thickness: float) -> Part:
    """A bar of rectangular section from start to end; its width lies along x as far as it can."""
    along = end - start
    length = float(np.linalg.norm(along))
    along = along / length
    aside = np.array([1.0, 0, 0]) if abs(along[0]) < 0.9 else np.array([0, 1.0, 0])
    across = aside - along * (aside @ along)
    across /= np.linalg.norm(across)
    motion = np.eye(4)
    motion[:3, :3] = np.stack([across, np.cross(along, across), along], axis=1)
    motion[:3, 3] = (start + end) / 2
    return Part(name, kind, trimesh.creation.box(extents=(width, thickness, length), transform=motion))


def _rod(name: str, kind: str, start: Matrix, end: Matrix, radius: float) -> Part:
    return Part(name, kind, trimesh.creation.cylinder(radius=radius, segment=np.stack([start, end]), sections=24))
