"""What every detector that learns from labelled images does, whatever its network."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import interpolate

from padbench.atomic import write_atomically
from padbench.errors import UserError
from padbench.interfaces import FittedScene, Prediction, Rendering, Runtime, Trial
from padbench_ptad.examples import ExampleMaker
from padbench_ptad.network import Judgement
from padbench_ptad.training import Schedule, train

_FILE = "network.safetensors"


class TrainedDetector:
    """Learns from the labelled images of the training scenes; the image score is the probability of a defect.

    build: makes the network, not yet trained. size: side in px that it sees. Implements `interfaces.Detector`.
    """

    trial: ClassVar[Trial] = Trial("epochs", (1, 3))

    def __init__(
        self,
        runtime: Runtime,
        build: Callable[[], nn.Module],
        examples: ExampleMaker,
        schedule: Schedule,
        size: int,
    ) -> None:
        for name, value in (("epochs", schedule.epochs), ("batch_size", schedule.batch_size), ("input_size", size)):
            if value < 1:
                raise UserError(f"a trained detector needs {name} of at least 1, not {value}: mend the recipe")
        if schedule.learning_rate <= 0 or min(schedule.weight_decay, schedule.box_weight) < 0:
            raise UserError(
                "a trained detector needs a learning_rate above 0 and no negative weight_decay or box_weight, not "
                f"{schedule.learning_rate}, {schedule.weight_decay} and {schedule.box_weight}: mend the recipe"
            )
        self._runtime, self._build, self._examples = runtime, build, examples
        self._schedule, self._size = schedule, size
        self._network: nn.Module | None = None

    def fit(self, fitted: Sequence[FittedScene]) -> None:
        """Make the examples and train; raises UserError where the scenes have no labelled images."""
        runtime = self._runtime
        network = self._seeded()
        with tempfile.TemporaryDirectory() as unkept:
            folder = runtime.scratch or Path(unkept)
            train(
                network,
                self._examples.make(fitted, folder, torch.Generator().manual_seed(runtime.seed)),
                schedule=self._schedule,
                generator=torch.Generator().manual_seed(runtime.seed),
                device=runtime.device,
                scratch=runtime.scratch,
                progress=runtime.progress,
            )
        self._network = network

    @torch.inference_mode()
    def score(self, images: Tensor, references: Rendering | None) -> Prediction:  # images: (B, 3, H, W)
        """Judge the images; the map is the network's distance, the box is in px of the images."""
        if self._network is None:
            raise RuntimeError("a trained detector is used before fit or load")
        height, width = images.shape[-2:]
        images = images.to(self._runtime.device)
        seen = self._examples.see_image(images)
        depths = images.new_zeros(len(images), 1, height, width)
        if references is not None:
            depths = self._examples.see_depth(references.depth_image())
        of_each = _resized(depths, self._size).view(len(images), -1, self._size, self._size)
        judgement: Judgement = self._network(_resized(seen, self._size), of_each)
        x, y, across, down = judgement.box.unbind(1)
        box = torch.stack([(x - across / 2) * width, (y - down / 2) * height, across * width, down * height], 1)
        anomaly_map = interpolate(
            judgement.distance[:, None], (height, width), mode="bilinear", align_corners=False
        ).squeeze(1)
        return Prediction(anomaly_map, judgement.logit.sigmoid(), box, threshold=0.5)

    def save(self, folder: Path) -> None:
        """Write the trained network."""
        if self._network is None:
            raise RuntimeError("a trained detector is used before fit or load")
        state = {name: tensor.contiguous() for name, tensor in self._network.state_dict().items()}
        write_atomically(folder / _FILE, save(state))

    def load(self, folder: Path, fitted: Sequence[FittedScene]) -> None:
        """Read the trained network; raises UserError when it is missing, damaged or of other sizes."""
        network = self._seeded()
        try:
            network.load_state_dict(load_file(folder / _FILE, device=self._runtime.device))
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{folder / _FILE} cannot be read ({reason}): fit anew with --overwrite") from error
        self._network = network.eval()

    def _seeded(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._runtime.seed)
            # Channels last: a fifth faster on the CPU.
            network: Any = self._build().to(self._runtime.device)
            return cast(nn.Module, network.to(memory_format=torch.channels_last))


def _resized(images: Tensor, size: int) -> Tensor:
    return interpolate(images, (size, size), mode="bilinear", antialias=True, align_corners=False)
