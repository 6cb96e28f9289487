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
    """A checkpoint replaces the one before when its last byte is on the disk, and not sooner."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        """Write a checkpoint.

        Raises:
            RunError: it cannot be written; the one before is still there, and the message says so.
        """
        path = Path(path)
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
            raise RunError(
                f"{path}: the checkpoint of step {checkpoint['global_step']} cannot be written "
                f"({reason}); {kept}: make room and go on with --resume"
            ) from error
        finally:
            Path(temporary).unlink(missing_ok=True)


class SaveOften(Callback):
    """Writes the state every few steps, so that a killed training loses little."""

    def __init__(self, every: int) -> None:
        self.every = every

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        assert isinstance(pl_module, Task)
        # Not amid accumulated batches, whose gradients no checkpoint keeps.
        between = batch_idx % trainer.accumulate_grad_batches == 0
        if between and trainer.global_step and trainer.global_step % self.every == 0:
            trainer.save_checkpoint(pl_module.checkpoint)


def _reason(error: BaseException) -> str:
    """What the system said, wherever in the chain of causes it stands."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror
        cause = cause.__cause__ or cause.__context__
    return str(error).splitlines()[0]
