"""Checkpoints: there whole or not at all, and written often."""

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins.io import TorchCheckpointIO

from regard.errors import RunError
from regard.training.task import Task


class WholeFiles(TorchCheckpointIO):
    """A checkpoint replaces the one before when its last byte is on the disk, and not sooner.

    Attributes:
        failure: why the last one could not be written; the one before is still there.
    """

    failure: RunError | None = None

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write a checkpoint, in the first of the processes: ``save`` tells the others."""
        self.failure, path = None, Path(path)
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                torch.save(checkpoint, file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        # torch's writer of archives makes a RuntimeError of what the system says.
        except (OSError, RuntimeError) as error:
            kept = "the last good checkpoint is still there" if path.exists() else "there is none"
            reason = _reason(error)
            self.failure = RunError(
                f"{path}: the checkpoint of step {checkpoint['global_step']} cannot be written "
                f"({reason}); {kept}: make room and go on with --resume"
            )
        finally:
            Path(temporary).unlink(missing_ok=True)


def save(trainer: Trainer, path: Path) -> None:
    """Write the state of all processes.

    Raises:
        RunError: it cannot be written; the checkpoint before is still there.
    """
    trainer.save_checkpoint(path)
    files = trainer.strategy.checkpoint_io
    assert isinstance(files, WholeFiles)
    fail_together(trainer, files.failure)


def fail_together(trainer: Trainer, failure: RunError | None) -> None:
    """Raise in all processes what the first has met: else they would wait for it."""
    failure = trainer.strategy.broadcast(failure)
    if failure is not None:
        raise failure


def amid_a_step(trainer: Trainer, batch_idx: int) -> bool:
    """Whether gradients of batches before this one wait for others: no checkpoint keeps them."""
    return batch_idx % trainer.accumulate_grad_batches != 0


class SaveOften(Callback):
    """Writes the state every few steps, so that a killed training loses little."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Task)
        due = trainer.global_step and trainer.global_step % self.every == 0
        if due and not amid_a_step(trainer, batch_idx):
            save(trainer, pl_module.checkpoint)


def _reason(error: BaseException) -> str:
    """What the system said, wherever in the chain of causes it stands."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]
