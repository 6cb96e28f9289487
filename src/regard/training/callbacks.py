"""What happens beside the training: keeping the best weights, writing numbers, stopping well."""

import json
import math
import signal
import time
from collections.abc import Mapping
from types import FrameType
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor

from regard.errors import RunError
from regard.runs.folder import METRICS, Run
from regard.training.checkpoints import amid_a_step, fail_together, save
from regard.training.task import Task


class Interrupted(BaseException):
    """A training that a signal stopped, after its checkpoint was written."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class KeepWeights(Callback):
    """Writes ``model.safetensors`` at a validation: at each (``always``), or whenever its loss is
    lower than ever."""

    def __init__(self, run: Run, *, always: bool) -> None:
        self.run, self.best, self.always = run, float("inf"), always

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        loss = float(trainer.callback_metrics["valid_loss"])
        if trainer.sanity_checking or not (loss < self.best or (self.always and loss < math.inf)):
            return
        assert isinstance(pl_module, Task)
        self.best, failure = min(loss, self.best), None
        if trainer.is_global_zero:
            try:
                self.run.save_weights(pl_module.system.state_dict())
            except RunError as error:
                failure = RunError(f"{error}: make room and go on with --resume")
        fail_together(trainer, failure)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best = state_dict["best"]


class StopOnSignal(Callback):
    """On Ctrl-C or SIGTERM: finish the step, write the checkpoint, stop. A second time: at once.

    Used as a context. Before ``wait_for_the_step``, which is called when the run folder is to be
    made, there is nothing to keep, and a signal stops at once; after it there is no moment at which
    a signal leaves a run that cannot be resumed.
    """

    def __init__(self) -> None:
        self.signum, self.waits = 0, False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "StopOnSignal":
        self._before = {signum: signal.getsignal(signum) for signum in STOPPING}
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        for signum, handler in self._before.items():
            signal.signal(signum, handler)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Again, for the Trainer has set its own, which would end the program without a word.
        self._listen()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        # Before a step, not after one: then the last step's numbers are written too. All processes
        # stop at the same step, or those that go on would wait for ever for the others.
        if amid_a_step(trainer, batch_idx):
            return
        if trainer.strategy.reduce_boolean_decision(bool(self.signum), all=False):
            assert isinstance(pl_module, Task)
            save(trainer, pl_module.checkpoint)
            raise Interrupted(self.signum or signal.SIGTERM)

    def wait_for_the_step(self) -> None:
        """From now on, let a step be finished."""
        self.waits = True

    def raise_if_asked(self) -> None:
        """Stop, where a signal came in the last step or the last validation."""
        if self.signum:
            raise Interrupted(self.signum)

    def _listen(self) -> None:
        for signum in STOPPING:
            signal.signal(signum, self._remember)

    def _remember(self, signum: int, frame: FrameType | None) -> None:
        if self.signum or not self.waits:
            raise Interrupted(signum)
        self.signum = signum


STOPPING = (signal.SIGINT, signal.SIGTERM)


class JsonLines(Logger):
    """Writes ``metrics.jsonl``: a line for every few steps and every validation."""

    def __init__(self, run: Run) -> None:
        super().__init__()
        self.run, self.start, self.before = run, time.perf_counter(), 0.0
        self.trainer: Trainer | None = None

    @property
    def name(self) -> str:
        return "regard"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the run's config.yaml has them all."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | Tensor], step: int | None = None) -> None:
        # Lightning's own number is that of the batch, and off by one after a resumption; the
        # steps done are the same for losses of training and of validation.
        done = self.trainer.global_step if self.trainer is not None else step
        numbers = {name: float(value) for name, value in metrics.items()}
        epoch = numbers.pop("epoch", 0.0)
        line = {"step": done, "epoch": int(epoch), "seconds": round(self.seconds, 3), **numbers}
        self.run.add_metrics(line)

    @property
    def seconds(self) -> float:
        """How long the training has taken; of one that was resumed, with what came before."""
        return self.before + time.perf_counter() - self.start

    def forget_after(self, step: int) -> None:
        """Drop lines that a resumed training will write again."""
        kept = [line for line in self.run.metrics if line["step"] <= step]
        if kept or (self.run.path / METRICS).exists():
            self.run.write(METRICS, "".join(json.dumps(line) + "\n" for line in kept))
        self.before = max((line["seconds"] for line in kept), default=0.0)
