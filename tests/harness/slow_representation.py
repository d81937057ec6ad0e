"""A representation that takes its time to fit, keeps checkpoints and can be killed at one."""

from __future__ import annotations

import time
from typing import ClassVar

from harness.toy import MeanView
from padbench.interfaces import Runtime
from padbench.scene import Scene

PAUSE = 0.2


class SlowMeanView(MeanView):
    """Fits in three steps, each with a checkpoint, and is killed after `die_after` of them."""

    die_after: ClassVar[int | None] = None
    steps: ClassVar[list[int]] = []

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        assert runtime.scratch is not None
        self.scratch = runtime.scratch

    def fit(self, scene: Scene) -> None:
        checkpoint = self.scratch / "step"
        done = int(checkpoint.read_text()) if checkpoint.exists() else 0
        for step in range(done, 3):
            if step == self.die_after:
                raise KeyboardInterrupt
            time.sleep(PAUSE)
            self.steps.append(step)
            checkpoint.write_text(str(step + 1))
        super().fit(scene)
