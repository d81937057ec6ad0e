"""Trains the network on the pairs, with checkpoints that a killed training goes on from, bit for bit."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from padbench.atomic import write_atomically
from padbench.interfaces import Progress
from padbench_rpepad.loss import RelativePoseLoss, pair_weights
from padbench_rpepad.network import RelativePoseNetwork
from padbench_rpepad.pairs import TrainingPairs
from padbench_rpepad.relative_pose import inverse

_FILE = "training.pt"


@dataclass(frozen=True)
class Schedule:
    """late_learning_rate holds from epoch `late_from` on. batch_size: source images, each with all its pairs.

    both_directions: every pair is also learned from the source image to the training view. The paper pairs training
    views with novel ones in training, but takes novel views, too, for the gallery at inference.
    """

    epochs: int
    learning_rate: float
    late_learning_rate: float
    late_from: int
    batch_size: int
    both_directions: bool


def train(
    network: RelativePoseNetwork,
    prepared: Tensor,  # (G, ...) the gallery as `Backbone.prepare` gives it
    pairs: TrainingPairs,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    scratch: Path | None,
    progress: Progress,
) -> None:
    """Train the network in place by Adam on Eq. 8.

    generator: a CPU generator that orders the images. scratch: where a checkpoint is kept after every epoch and looked
    for at first. On the CPU the weights are bit-identical whether the training was interrupted or not.
    """
    loss = RelativePoseLoss().to(prepared.device)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam([*parameters, *loss.parameters()], lr=schedule.learning_rate)
    checkpoint = _Checkpoint(scratch, network, loss, optimizer, generator)
    done = checkpoint.restore()
    network.train()
    for epoch in progress.track(range(done, schedule.epochs), "training irprn"):
        late = epoch >= schedule.late_from
        optimizer.param_groups[0]["lr"] = schedule.late_learning_rate if late else schedule.learning_rate
        for batch in torch.split(torch.randperm(len(pairs.source), generator=generator), schedule.batch_size):
            optimizer.zero_grad()
            indices = batch.to(prepared.device)
            batch_loss(network, loss, prepared, pairs, indices, schedule.both_directions).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        checkpoint.save(epoch + 1)
    network.eval()


def batch_loss(
    network: RelativePoseNetwork,
    loss: RelativePoseLoss,
    prepared: Tensor,  # (G, ...)
    pairs: TrainingPairs,
    batch: Tensor,  # (B,) indices into the pairs' source images
    both_directions: bool,
) -> Tensor:
    """Eq. 8, averaged over the source images of the batch and, if so wanted, over both directions."""
    views, count = pairs.views[batch], pairs.views.shape[1]
    # A training view that is paired with several sources passes the backbone once.
    distinct, place = torch.unique(views, return_inverse=True)
    features = network.backbone(prepared[torch.cat([distinct, pairs.source[batch]])])
    gallery = features[place.flatten()]
    query = features[len(distinct) :].repeat_interleave(count, dim=0)
    truth = (pairs.quaternion[batch].flatten(0, 1), pairs.translation[batch].flatten(0, 1))
    losses: Tensor = loss(network(gallery, query), truth)
    if both_directions:
        losses = (losses + loss(network(query, gallery), inverse(*truth))) / 2
    losses = losses.view(-1, count)
    mean: Tensor = (losses * pair_weights(count).to(losses)).sum(dim=1).mean()
    return mean


class _Checkpoint:
    def __init__(
        self,
        folder: Path | None,
        network: RelativePoseNetwork,
        loss: RelativePoseLoss,
        optimizer: torch.optim.Optimizer,
        generator: torch.Generator,
    ) -> None:
        self._path = None if folder is None else folder / _FILE
        self._stateful: dict[str, Any] = {"network": network, "loss": loss, "optimizer": optimizer}
        self._generator = generator

    def restore(self) -> int:
        """Take up the checkpoint, if there is one; returns the number of epochs it has behind it."""
        if self._path is None or not self._path.exists():
            return 0
        state = torch.load(self._path, map_location="cpu", weights_only=True)
        for name, part in self._stateful.items():
            part.load_state_dict(state[name])
        self._generator.set_state(state["generator"])
        return int(state["epochs"])

    def save(self, epochs: int) -> None:
        """Keep the state after so many epochs."""
        if self._path is None:
            return
        state = {name: part.state_dict() for name, part in self._stateful.items()}
        buffer = io.BytesIO()
        torch.save({**state, "generator": self._generator.get_state(), "epochs": epochs}, buffer)
        write_atomically(self._path, buffer.getvalue())
