"""Ask a person before something is downloaded under a licence."""

from __future__ import annotations

import sys

import click

from padbench.errors import UserError


def attended() -> bool:
    """Whether a person at a terminal can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_consent(what: str, licences: str, yes: bool) -> None:
    """Ask once whether to download; `yes` answers.

    Raises UserError where nobody can answer, and where the answer is no.
    """
    if yes:
        return
    if not attended():
        raise UserError(f"{what} is not downloaded before its licence ({licences}) is accepted: add --yes to accept it")
    if not click.confirm("Accept the licence and download it?", err=True):
        raise UserError(f"{what} was not downloaded")
