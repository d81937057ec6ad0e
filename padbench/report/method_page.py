"""What the page of a method says: its paper, its recipe, and how each of its units was obtained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from padbench.errors import UserError
from padbench.plugins import Plugins
from padbench.recipes import read_recipe


def describe_method(provenance: dict[str, Any], label: str, plugins: Plugins) -> dict[str, Any]:
    """The variables of the template method.html for a method, or the label of a variant.

    provenance: of one data set, as `leaderboard.measured.provenance` gives it.
    """
    units = [unit for unit in provenance["units"] if unit["method"] == label]
    digests = list(dict.fromkeys(unit["hashes"]["recipe"] for unit in units))
    recipes = [{"hash": digest, **_recipe(provenance["recipes"][digest])} for digest in digests]
    method = provenance["recipes"][digests[0]]["method"]
    numbers = sorted({unit["environment"] for unit in units})
    return {
        "title": f"{label} on {units[0]['dataset']}",
        "method": method,
        "about": _about(method, plugins),
        "recipes": recipes,
        "units": units,
        "weights": {name: digest for unit in units for name, digest in unit["weights"].items()},
        "environments": [{"number": number, "facts": _flat(provenance["environments"][number])} for number in numbers],
    }


def _recipe(resolved: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in resolved.items() if name != "deviations"}
    text = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True)
    return {"profile": resolved["profile"], "deviations": resolved["deviations"], "text": text}


def _about(method: str, plugins: Plugins) -> dict[str, Any] | None:
    """Summary, paper and reference code as the method's recipe states them; None where its plugin is not installed."""
    try:
        recipe = read_recipe(Path(plugins.find("method", method).target))
    except UserError:
        return None
    paper, code = recipe["paper"], recipe["code"]
    published = ", ".join(str(paper[key]) for key in ("venue", "year") if paper[key])
    return {
        "summary": recipe["summary"],
        "paper": f"{paper['title']} ({published or 'venue and year not stated'})",
        "paper_url": _link(paper["url"]),
        "code_url": _link(code["url"]),
        "licence": code["licence"] or "licence not stated",
    }


def _link(url: Any) -> str | None:
    """The address, of a page and nothing that a browser would run."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else None


def _flat(environment: dict[str, Any]) -> dict[str, str]:
    return {f"{group} {name}": str(value) for group, entries in environment.items() for name, value in entries.items()}
