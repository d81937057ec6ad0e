"""Trains the network on the pairs, with checkpoints that a killed training goes on from, bit for bit."""

from __future__ import annotations

import copy
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from padbench.atomic import write_atomically
from padbench.interfaces import Progress
from padbench_rpepad.loss import RelativePoseLoss, pair_weights
from padbench_rpepad.network import RelativePoseNetwork
from padbench_rpepad.pairs import TrainingPairs
from padbench_rpepad.relative_pose import inverse
from padbench_rpepad.workers import workers

Decay = Literal["step", "cosine"]

_FILE = "training.pt"
_WARM_UP = 0.05
_FIRST_SHARE = 0.02


@dataclass(frozen=True)
class Schedule:
    """The published schedule has the decay "step": late_learning_rate holds from epoch `late_from` on.

    decay "cosine": the rate rises over the first twentieth and falls along a cosine to late_learning_rate. batch_size:
    source images, each with all its pairs. random_directions: half of the pairs, drawn anew for each batch, are learned
    from the source image to the training view. The paper pairs training views with novel ones in training, but takes
    novel views, too, for the gallery at inference. weight_decay: decoupled (AdamW, Loshchilov & Hutter 2019); 0 leaves
    Adam.
    """

    epochs: int
    learning_rate: float
    late_learning_rate: float
    decay: Decay
    late_from: int
    batch_size: int
    random_directions: bool
    weight_decay: float = 0.0

    def rate(self, epoch: int, progress: float) -> float:
        """The learning rate of a batch. progress: the share of all batches that are done, in [0, 1)."""
        if self.decay == "step":
            return self.late_learning_rate if epoch >= self.late_from else self.learning_rate
        span = self.learning_rate - self.late_learning_rate
        falling = self.late_learning_rate + span * (1 + math.cos(math.pi * progress)) / 2
        return falling * min(1.0, _FIRST_SHARE + progress / _WARM_UP)


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
    """Train the network in place by Adam on Eq. 8; batch normalisation sees half a batch at a time.

    generator: a CPU generator that draws the order and the directions. scratch: where a checkpoint is kept after every
    epoch and looked for at first. On the CPU the weights are bit-identical whether the training was interrupted or not.
    """
    loss = RelativePoseLoss().to(prepared.device)
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad] + list(loss.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    checkpoint = _Checkpoint(scratch, network, loss, optimizer, generator)
    done = checkpoint.restore()
    network.train()
    networks = (network, _replica(network))

    def gradient(part: tuple[RelativePoseNetwork, Tensor, Tensor]) -> tuple[Tensor, ...]:
        model, batch, reversed_pairs = part
        device = prepared.device
        part_loss = batch_loss(model, loss, prepared, pairs, batch.to(device), reversed_pairs.to(device))
        return torch.autograd.grad(part_loss * len(batch), parameters)

    with workers(prepared.device.type) as in_parallel:
        for epoch in progress.track(range(done, schedule.epochs), "training irprn"):
            batches = torch.split(torch.randperm(len(pairs.source), generator=generator), schedule.batch_size)
            for number, batch in enumerate(batches):
                share = (epoch + number / len(batches)) / schedule.epochs
                optimizer.param_groups[0]["lr"] = schedule.rate(epoch, share)
                reversed_pairs = torch.zeros(len(batch), pairs.views.shape[1], dtype=torch.bool)
                if schedule.random_directions:
                    reversed_pairs = torch.rand(reversed_pairs.shape, generator=generator) < 0.5
                halves = zip(networks, torch.tensor_split(batch, 2), torch.tensor_split(reversed_pairs, 2), strict=True)
                gradients = list(in_parallel(gradient, [half for half in halves if len(half[1])]))
                for parameter, *of_halves in zip(parameters, *gradients, strict=True):
                    parameter.grad = torch.stack(of_halves).sum(dim=0) / len(batch)
                optimizer.step()
            checkpoint.save(epoch + 1)
    network.eval()


def _replica(network: RelativePoseNetwork) -> RelativePoseNetwork:
    """The same parameters, with running statistics of its own."""
    replica = copy.deepcopy(network)
    for module, copied in zip(network.modules(), replica.modules(), strict=True):
        copied._parameters.update(module._parameters)
    return replica


def batch_loss(
    network: RelativePoseNetwork,
    loss: RelativePoseLoss,
    prepared: Tensor,  # (G, ...)
    pairs: TrainingPairs,
    batch: Tensor,  # (B,) indices into the pairs' source images
    reversed_pairs: Tensor,  # (B, K) bool: learned from the source image to the view
) -> Tensor:
    """Eq. 8, averaged over the source images of the batch."""
    views, count = pairs.views[batch], pairs.views.shape[1]
    # A training view that is paired with several sources passes the backbone once.
    distinct, place = torch.unique(views, return_inverse=True)
    features = network.backbone(prepared[torch.cat([distinct, pairs.source[batch]])])
    gallery = features[place.flatten()]
    query = features[len(distinct) :].repeat_interleave(count, dim=0)
    truth = (pairs.quaternion[batch].flatten(0, 1), pairs.translation[batch].flatten(0, 1))
    backwards = inverse(*truth)
    swap = reversed_pairs.flatten()
    first, second = torch.where(_like(swap, query), query, gallery), torch.where(_like(swap, query), gallery, query)
    quaternion, translation = (torch.where(_like(swap, a), a, b) for a, b in zip(backwards, truth, strict=True))
    losses: Tensor = loss(network(first, second), (quaternion, translation))
    losses = losses.view(-1, count)
    mean: Tensor = (losses * pair_weights(count).to(losses)).sum(dim=1).mean()
    return mean


def _like(choice: Tensor, values: Tensor) -> Tensor:  # (B,), (B, ...)
    return choice.view(-1, *[1] * (values.dim() - 1))


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
