"""Colours that everybody can read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import padbench.report

STYLE = (Path(padbench.report.__file__).parent / "templates" / "style.css").read_text(encoding="utf-8")
SCRIPT = (Path(padbench.report.__file__).parent / "templates" / "site.js").read_text(encoding="utf-8")


def _luminance(colour: str) -> float:
    channels = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def _themes() -> list[dict[str, str]]:
    blocks = re.findall(r"\{([^{}]*--ground:[^{}]*)\}", STYLE)
    return [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block)) for block in blocks]


@pytest.mark.parametrize("theme", range(3))
def test_contrast(theme: int) -> None:
    """Texts 4.5 to 1 and marks 3 to 1 on every ground, light and dark (WCAG 2.1, 1.4.3 and 1.4.11)."""
    colours = _themes()[theme]
    for ground in ("ground", "card", "strip", "best"):
        for text in ("ink", "soft", "accent", "warn"):
            assert _contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for series in range(8):
        assert _contrast(colours[f"c{series}"], colours["card"]) >= 3, series


def test_the_dark_colours_are_the_same_by_system_and_by_button() -> None:
    """One palette, stated twice because CSS cannot share it between a media query and an attribute."""
    light, by_system, by_button = _themes()
    assert by_system == by_button != light


def test_the_script_is_small() -> None:
    """Plain JavaScript of at most 300 lines that asks for nothing."""
    assert len(SCRIPT.splitlines()) <= 300
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|https?:|innerHTML|eval\(", SCRIPT)


def _contrast(one: str, other: str) -> float:
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)
