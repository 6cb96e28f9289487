"""The one Lightning task for all systems: a loss, an optimizer, a schedule."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader

from regard.data.batching import LengthBatches
from regard.training.options import Training


class Task(LightningModule):
    """Trains anything with ``loss(batch)``.

    Args:
        system: the model; ``system.loss(batch)`` is a scalar (nats).
        options: how it is trained.
        judge: what else to measure of a validation batch; larger is better.
        checkpoint: where the state goes when a signal stops the training.
        name: what ``judge`` measures.
    """

    def __init__(
        self,
        system: nn.Module,
        options: Training,
        judge: Callable[[Any, Any], float],
        checkpoint: Path,
        name: str = "exact_match",
    ) -> None:
        super().__init__()
        self.system, self.options, self.judge, self.name = system, options, judge, name
        self.checkpoint = checkpoint

    def training_step(self, batch: Any) -> Tensor:
        loss = self.system.loss(batch)  # pyright: ignore[reportCallIssue]
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any) -> None:
        rows = len(batch[0])
        loss = self.system.loss(batch)  # pyright: ignore[reportCallIssue]
        self.log("valid_loss", loss, batch_size=rows, prog_bar=True)
        self.log(
            f"valid_{self.name}", self.judge(self.system, batch), batch_size=rows, prog_bar=True
        )

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), self.options.learning_rate)
        steps = self.trainer.estimated_stepping_batches
        if math.isinf(steps):  # it ends by the clock, and no share of it is known
            return optimizer
        steps = max(int(steps), 1)
        rising = max(1, int(self.options.warm_up * steps))

        def factor(step: int) -> float:
            if step < rising:
                return (step + 1) / rising
            return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / (steps - rising + 1))))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_train_epoch_start(self) -> None:
        self._batches().epoch = self.current_epoch

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # Lightning keeps neither the random state nor the place in the data: without them a
        # resumed training would be another one.
        progress: Any = self.trainer.fit_loop.epoch_loop.batch_progress.current
        whole = progress.processed >= len(self._batches())
        checkpoint["regard"] = {
            "epoch": self.current_epoch + whole,
            "skip": 0 if whole else progress.processed,
            "random": torch.get_rng_state(),
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self._resumed = checkpoint["regard"]

    def on_train_start(self) -> None:
        resumed = self.__dict__.pop("_resumed", None)
        if resumed is not None:
            batches = self._batches()
            batches.epoch, batches.skip = resumed["epoch"], resumed["skip"]
            torch.set_rng_state(resumed["random"])

    def _batches(self) -> LengthBatches:
        loader = self.trainer.train_dataloader
        assert isinstance(loader, DataLoader)
        assert isinstance(loader.batch_sampler, LengthBatches)
        return loader.batch_sampler
