"""What the file names of BrokenChairs say: shape, pose and defect of a query image, pose of a reference view."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from padbench.scene import Matrix

DEFECTS = ("position", "rotate", "missing", "damaged", "swapped")

_NUMBER = r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?"
_QUERY = re.compile(
    rf"(?P<rest>(?P<shape>[^_]+)_(?P<texture>[^_]+)_(?P<radius>{_NUMBER})_(?P<azimuth>{_NUMBER})_(?P<elevation>{_NUMBER})"
    r"_(?P<light>[^_]+)_(?:normal|anomaly_(?P<defect>[^_]+)(?:_.*)?))"
)
_VIEW = re.compile(rf"(?P<shape>[^_]+)_(?P<radius>{_NUMBER})_(?P<azimuth>{_NUMBER})_(?P<elevation>{_NUMBER})")


@dataclass(frozen=True)
class Orbit:
    """Where a camera stands: distance from the world's origin in scene units, azimuth and elevation in degrees.

    The distance is above 0 and the elevation between -90 and 90, apart from both.
    """

    radius: float
    azimuth: float
    elevation: float

    def camera_to_world(self, target: Matrix) -> Matrix:
        """The camera that looks at `target`, (3,), with the world's y axis up: (4, 4), OpenGL axes."""
        azimuth, elevation = math.radians(self.azimuth), math.radians(self.elevation)
        direction = [
            math.cos(elevation) * math.cos(azimuth),
            math.sin(elevation),
            math.cos(elevation) * math.sin(azimuth),
        ]
        pose = np.eye(4)
        pose[:3, 3] = self.radius * np.array(direction)
        back = pose[:3, 3] - target
        back /= np.linalg.norm(back)
        right = np.cross([0.0, 1.0, 0.0], back)
        right /= np.linalg.norm(right)
        pose[:3, :3] = np.stack([right, np.cross(back, right), back], axis=1)
        return pose


@dataclass(frozen=True)
class QueryName:
    """What the name of a query image says. rest: the part that the names of its annotations share."""

    rest: str
    shape: str
    defect: str | None
    orbit: Orbit


def parse_query(stem: str) -> QueryName | None:
    """Read `render_<shape>_<texture>_<radius>_<azimuth>_<elevation>_<light>_{normal|anomaly_<defect>[_<part>]}`.

    None for a name of another form, with an unknown defect or without a place for the camera.
    """
    prefix, _, rest = stem.partition("_")
    match = _QUERY.fullmatch(rest) if prefix == "render" else None
    if match is None or match["defect"] not in (None, *DEFECTS) or (orbit := _orbit(match)) is None:
        return None
    return QueryName(match["rest"], match["shape"], match["defect"], orbit)


def parse_view(stem: str) -> Orbit | None:
    """Read `<shape>_<radius>_<azimuth>_<elevation>`; None for a name of another form."""
    match = _VIEW.fullmatch(stem)
    return None if match is None else _orbit(match)


def _orbit(match: re.Match[str]) -> Orbit | None:
    orbit = Orbit(float(match["radius"]), float(match["azimuth"]), float(match["elevation"]))
    return orbit if orbit.radius > 0 and abs(orbit.elevation) < 90 else None
