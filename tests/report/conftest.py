"""One site for all tests that only read it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from padbench.cli.leaderboard import command
from report.site_runs import write_runs


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of two methods with published numbers, as the command line writes them; the runs lie beside it."""
    folder = tmp_path_factory.mktemp("pages")
    write_runs(folder / "runs")
    arguments = [str(folder / "runs"), "--html", str(folder / "site"), "--published"]
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert result.exception is None
    assert result.output.strip() == str(folder / "site" / "index.html")
    return folder / "site"
