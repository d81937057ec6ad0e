"""Weight files of random numbers in the right shapes: the real ones are no packages, and no test downloads."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from padbench.weights import sha256
from paper.random_networks import NETWORKS, State, WriteWeights


@pytest.fixture
def random_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WriteWeights]:
    """Writes files of random weights for networks by name, where the plugins look for them; gives the file names."""
    monkeypatch.setenv("PADBENCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "weights"
    folder.mkdir(parents=True)

    def write(*networks: str) -> list[str]:
        names = []
        for network in networks:
            table, key, state = NETWORKS[network]
            path = folder / table[key].name
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                _save(state(), path)
            monkeypatch.setitem(table, key, replace(table[key], sha256=sha256(path)))
            names.append(path.name)
        return names

    yield write
    shutil.rmtree(folder)  # hundreds of megabytes, which pytest would keep


def _save(state: State, path: Path) -> None:
    if path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    else:
        torch.save(state, path)
