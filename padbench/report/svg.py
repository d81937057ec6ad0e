"""Drawings as inline SVG: plain elements whose texts are escaped, coloured by the page's style sheet."""

from __future__ import annotations

from xml.etree import ElementTree

SERIES = 8
"""Colours and marks that the style sheet tells apart (classes c0 to c7)."""


class Drawing:
    """An SVG picture of fixed proportions that scales with the page."""

    def __init__(self, width: float, height: float, title: str, description: str) -> None:
        """width, height: of the coordinate system. title, description: what a screen reader says."""
        self._root = ElementTree.Element(
            "svg",
            {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "class": "plot", "style": f"max-width:{width:g}px"},
        )
        ElementTree.SubElement(self._root, "title").text = title
        ElementTree.SubElement(self._root, "desc").text = description

    def line(self, x0: float, y0: float, x1: float, y1: float, style: str) -> None:
        """A straight line; style: its CSS class."""
        self._add("line", {"x1": x0, "y1": y0, "x2": x1, "y2": y1, "class": style})

    def path(self, points: list[tuple[float, float]], style: str) -> None:
        """A polyline."""
        self._add("polyline", {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points), "class": style})

    def text(self, x: float, y: float, content: str, anchor: str = "start", style: str = "") -> None:
        """A line of text; anchor: start, middle or end."""
        self._add("text", {"x": x, "y": y, "text-anchor": anchor, "class": style}).text = content

    def bar(self, x: float, y: float, width: float, height: float, style: str, tip: str) -> None:
        """A rectangle with a tooltip."""
        element = self._add("rect", {"x": x, "y": y, "width": max(width, 0), "height": height, "class": style})
        ElementTree.SubElement(element, "title").text = tip

    def mark(self, x: float, y: float, series: int, tip: str, radius: float = 5.5, whole: bool = True) -> None:
        """A mark of a series, told apart by colour and by shape, with a tooltip; pale where the row is not whole."""
        style = f"mark c{series % SERIES}" + ("" if whole else " partial")
        element = self._add("path", {"d": _shape(series, x, y, radius), "class": style})
        ElementTree.SubElement(element, "title").text = tip

    def render(self) -> str:
        """The element's markup."""
        return ElementTree.tostring(self._root, encoding="unicode")

    def _add(self, tag: str, attributes: dict[str, float | str]) -> ElementTree.Element:
        texts = {
            name: value if isinstance(value, str) else f"{value:.1f}"
            for name, value in attributes.items()
            if value != ""
        }
        return ElementTree.SubElement(self._root, tag, texts)


def _shape(series: int, x: float, y: float, r: float) -> str:
    """The outline of a circle, square, diamond, hexagon, or a triangle that points up, down, left or right."""
    corners = {
        1: ((-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)),
        2: ((0, -1.2), (1.2, 0), (0, 1.2), (-1.2, 0)),
        3: ((0, -1.15), (1.1, 0.85), (-1.1, 0.85)),
        4: ((0, 1.15), (1.1, -0.85), (-1.1, -0.85)),
        5: ((-0.5, -1), (0.5, -1), (1.1, 0), (0.5, 1), (-0.5, 1), (-1.1, 0)),
        6: ((-1.15, 0), (0.85, -1.1), (0.85, 1.1)),
        7: ((1.15, 0), (-0.85, -1.1), (-0.85, 1.1)),
    }.get(series % SERIES)
    if corners is None:
        return f"M{x - r:.1f},{y:.1f}a{r},{r} 0 1,0 {2 * r},0a{r},{r} 0 1,0 {-2 * r},0"
    return "M" + "L".join(f"{x + r * dx:.1f},{y + r * dy:.1f}" for dx, dy in corners) + "Z"
