"""Boards: tables of stored results and, on demand, of published numbers.

A board holds sections; only rows of one section are ranked against each other. `build_boards` gives pure data,
`padbench.leaderboard.formats` turns it into a terminal table, Markdown, CSV, LaTeX or JSON.
"""

from padbench.leaderboard.build import build_boards, print_boards

__all__ = ["build_boards", "print_boards"]
