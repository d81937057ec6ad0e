"""Weight and first table of a site of runs: how many bytes it has, and how long until a browser shows the first table.

python benchmarks/speed/site.py runs [--chromium PATH]
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from padbench.leaderboard import build_boards
from padbench.progress import SilentProgress
from padbench.report.from_runs import write_site
from padbench.store import find_runs

TARGET_BYTES, TARGET_SECONDS, TARGET_UNITS = 15e6, 1.0, 24  # 3 classes x 8 methods
REPEATS = 5


def main() -> None:
    """Print both figures, and the weight of 3 classes x 8 methods by that of the units at hand."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    runs = find_runs([arguments.runs])
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder) / "site"
        begun = time.perf_counter()
        write_site(runs, build_boards(runs), site, "padbench leaderboards", SilentProgress())
        made = time.perf_counter() - begun
        weight = sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
        seconds = []
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=arguments.chromium)
            for _ in range(REPEATS):
                page = browser.new_page()
                begun = time.perf_counter()
                page.goto(f"file://{site}/index.html", wait_until="commit")
                page.locator("tbody tr:visible").first.wait_for()
                seconds.append(time.perf_counter() - begun)
                page.close()
            browser.close()
    whole = weight * TARGET_UNITS / len(runs)
    print(f"{len(runs)} units, made in {made:.1f} s")
    first = statistics.median(seconds)
    print(f"{'':<28}{'measured':>10}{'target':>8}{'ratio':>7}")
    rows = [(f"weight of {TARGET_UNITS} units [MB]", whole / 1e6, TARGET_BYTES / 1e6)]
    rows.append(("first table [s]", first, TARGET_SECONDS))
    for name, measured, target in rows:
        print(f"{name:<28}{measured:>10.2f}{target:>8.1f}{measured / target:>7.2f}")


if __name__ == "__main__":
    main()
