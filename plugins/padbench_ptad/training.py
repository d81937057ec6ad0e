"""Trains a detection network on examples, with checkpoints that a killed training goes on from, bit for bit."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss
from torchvision.ops import box_convert, generalized_box_iou_loss

from padbench.atomic import write_atomically
from padbench.interfaces import Progress
from padbench_ptad.augmentation import augmented
from padbench_ptad.examples import Examples
from padbench_ptad.network import Judgement

_FILE = "training.pt"
_WARM_UP = 0.05


@dataclass(frozen=True)
class Schedule:
    """decay "cosine": the rate rises over the first twentieth and falls to zero along a cosine; "none": it stays.

    weight_decay: decoupled (AdamW); 0 leaves Adam. box_weight: of the box loss against the classification.
    augment: see `augmented`.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    decay: Literal["none", "cosine"]
    weight_decay: float
    box_weight: float
    augment: bool

    def rate(self, progress: float) -> float:
        """The learning rate of a batch. progress: the share of all batches that are done, in [0, 1)."""
        if self.decay == "none":
            return self.learning_rate
        falling = self.learning_rate * (1 + math.cos(math.pi * progress)) / 2
        return falling * min(1.0, progress / _WARM_UP + 0.02)


def train(
    network: nn.Module,  # a padbench_ptad.network.Network
    examples: Examples,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    device: str,
    scratch: Path | None,
    progress: Progress,
) -> None:
    """Train the network in place.

    generator: a CPU generator that draws the order, the references and the augmentation. scratch: where a checkpoint is
    kept after every epoch and looked for at first. On the CPU the weights are bit-identical whether the training was
    interrupted or not.
    """
    optimizer = torch.optim.AdamW(network.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay)
    checkpoint = _Checkpoint(scratch, network, optimizer, generator)
    done = checkpoint.restore()
    network.train()
    for epoch in progress.track(range(done, schedule.epochs), "training the detector"):
        batches = torch.split(torch.randperm(len(examples), generator=generator), schedule.batch_size)
        for number, batch in enumerate(batches):
            optimizer.param_groups[0]["lr"] = schedule.rate((epoch + number / len(batches)) / schedule.epochs)
            images, references = _images(examples, batch, generator)
            boxes = examples.boxes[batch]
            if schedule.augment:
                images, references, boxes = augmented(images, references, boxes, generator)
            judgement: Judgement = network(images.to(device), references.to(device))
            loss = detection_loss(
                judgement, examples.anomalous[batch].to(device), boxes.to(device), schedule.box_weight
            )
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        checkpoint.save(epoch + 1)
    network.eval()


def detection_loss(
    judgement: Judgement,
    anomalous: Tensor,  # (B,) bool
    boxes: Tensor,  # (B, 4) centre x, centre y, width, height as shares; NaN where unknown
    box_weight: float,
) -> Tensor:
    """Binary cross-entropy of the logits and, where there is a box, its L1 and generalised IoU losses (PTAD, 4.2)."""
    loss = binary_cross_entropy_with_logits(judgement.logit, anomalous.float())
    known = anomalous & boxes.isfinite().all(1)
    if box_weight > 0 and bool(known.any()):
        found, true = judgement.box[known], boxes[known]
        corners = [box_convert(part, "cxcywh", "xyxy") for part in (found, true)]
        loss = loss + box_weight * (l1_loss(found, true) + generalized_box_iou_loss(*corners, reduction="mean"))
    return loss


def _images(examples: Examples, batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The images of a batch, and of each its references or one of them, drawn anew, all in [0, 1]."""
    rows = batch.numpy()
    images = torch.from_numpy(np.asarray(examples.images[rows])).float() / 255
    draws = examples.references.shape[1]
    if draws == 0:
        return images, images.new_zeros(len(rows), 1, *images.shape[2:])
    if examples.together:
        return images, torch.from_numpy(np.asarray(examples.references[rows])).float() / 255
    chosen = torch.randint(draws, (len(rows),), generator=generator).numpy()
    return images, torch.from_numpy(np.asarray(examples.references[rows, chosen]))[:, None].float() / 255


class _Checkpoint:
    def __init__(
        self, folder: Path | None, network: nn.Module, optimizer: torch.optim.Optimizer, generator: torch.Generator
    ) -> None:
        self._path = None if folder is None else folder / _FILE
        self._network, self._optimizer, self._generator = network, optimizer, generator

    def restore(self) -> int:
        """Take up the checkpoint, if there is one; returns the number of epochs it has behind it."""
        if self._path is None or not self._path.exists():
            return 0
        state = torch.load(self._path, map_location="cpu", weights_only=True)
        self._network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        return int(state["epochs"])

    def save(self, epochs: int) -> None:
        """Keep the state after so many epochs."""
        if self._path is None:
            return
        state = {"network": self._network.state_dict(), "optimizer": self._optimizer.state_dict()}
        buffer = io.BytesIO()
        torch.save({**state, "generator": self._generator.get_state(), "epochs": epochs}, buffer)
        write_atomically(self._path, buffer.getvalue())
