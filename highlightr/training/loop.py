"""The training loop: one network, one data set, one seed, run by Lightning.

In: a `Learner`, stores of examples and a `TrainConfig`. Out: the best and the last weights, the curves, and Lightning's
own state for resuming, all in the run's folder. No line here depends on which network is trained.
"""

from __future__ import annotations

import copy
import csv
import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.files import write_whole
from highlightr.core.progress import ProgressHook
from highlightr.core.tensors import write_tensors
from highlightr.evaluation import find_protocol
from highlightr.scorers.neural import load_weights
from highlightr.training.batches import EpochOrder, Store, epoch_loader
from highlightr.training.config import TrainConfig
from highlightr.training.curves import curves_svg
from highlightr.training.learners import Batch, Learner
from highlightr.training.objectives import weighted_loss

try:
    import lightning
    from lightning.pytorch.callbacks import ModelCheckpoint
except ModuleNotFoundError as error:
    raise ConfigError("training needs Lightning: pip install 'highlightr[train]'") from error
from highlightr.training.predict import predict

__all__ = ["BEST", "LAST", "METRICS", "STATE", "Fitted", "fit"]

BEST, LAST, METRICS, CURVES = "best.safetensors", "last.safetensors", "metrics.csv", "curves.svg"
STATE = "last.ckpt"
"""Lightning's checkpoint of the last finished epoch; only for resuming."""

_SEED_STEP = 100_003
"""More than any run has epochs: no two seeds share the draws of an epoch."""

_RANK_STEP = 1_000_000_007

_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


@dataclass(frozen=True)
class Fitted:
    """What one run came to."""

    best_epoch: int
    history: tuple[dict[str, float], ...]
    """One row per epoch: `epoch`, `loss`, its terms, and the validation's metrics."""


class _Loop(lightning.LightningModule):
    """The network, its moving average and its curves."""

    def __init__(self, learner: Learner, config: TrainConfig, stores: Sequence[Store | None], folder: Path) -> None:
        super().__init__()
        self.learner, self.config, self.folder = learner, config, folder
        # Scorers make networks in evaluation mode, and Lightning leaves modes as it finds them.
        self.network = learner.network.train()
        self.average = copy.deepcopy(self.network).requires_grad_(False).eval() if config.average else None
        self.train_store, self.validation_store = stores
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, Tensor] = {}

    @property
    def judged(self) -> nn.Module:
        """The weights that are evaluated and kept."""
        return self.average or self.network

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches of the current epoch."""
        store = self.train_store
        assert store is not None, "only the validation may be absent"
        lengths = [len(item.labels) for item in store.items]
        where = (self.trainer.global_rank, self.trainer.world_size)
        order = EpochOrder(lengths, self.config.batch_size, self.config.seed, self.current_epoch, *where)
        return epoch_loader(store, self.learner, self.config.augment, order)

    def configure_optimizers(self) -> Any:
        """Adam or AdamW, and the schedule; see `Optimiser`."""
        chosen = self.config.optimiser
        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[chosen.name]
        optimiser = kind(self.network.parameters(), lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        if chosen.schedule == "constant":
            return optimiser
        if chosen.schedule == "exponential":
            return [optimiser], [torch.optim.lr_scheduler.ExponentialLR(optimiser, chosen.decay)]
        steps = int(self.trainer.estimated_stepping_batches)
        # Lightning steps the schedule after the last batch too, and OneCycleLR refuses one step too many.
        # The way up takes a tenth, and in the shortest runs the two steps that it cannot do with less.
        up = max(0.1, 2 / (steps + 1))
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimiser, chosen.learning_rate, steps + 1, pct_start=up)
        return [optimiser], [{"scheduler": cycle, "interval": "step"}]

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:  # noqa: ARG002
        """Lightning does not know `Batch`."""
        return batch.to(device)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """The weighted loss of one batch."""
        if batch_index == 0:
            # Dropout draws from torch's own generator: seeded here, an epoch does not depend on those before it. The
            # hook for an epoch's start would not do: Lightning leaves it out in the first epoch after a resume.
            torch.manual_seed(self.config.seed * _SEED_STEP + self.current_epoch + self.global_rank * _RANK_STEP)
        outcome = self.learner.run(self.network, batch)
        loss, terms = weighted_loss(self.config.objective, outcome, batch.labels, batch.mask)
        count = torch.ones((), device=loss.device)
        for name, value in {"loss": loss, **terms, "batches": count}.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(count)) + value.detach().float()
        return loss

    def on_train_batch_end(self, *_: Any) -> None:
        """Move the average. Buffers, such as counts of BatchNorm, are copied."""
        if self.average is None:
            return
        with torch.no_grad():
            decay = min(self.config.average, (1 + self.global_step) / (10 + self.global_step))
            for kept, now in zip(self.average.parameters(), self.network.parameters(), strict=True):
                kept.lerp_(now, 1 - decay)
            for held, new in zip(self.average.buffers(), self.network.buffers(), strict=True):
                held.copy_(new)

    def on_train_epoch_end(self) -> None:
        """Validate, extend the curves, keep the best and the last weights, and stop where it does not get better."""
        sums = {name: float(value) for name, value in self._sums.items()}
        self._sums = {}
        row = {"epoch": float(self.current_epoch)}
        row |= {name: value / sums["batches"] for name, value in sums.items() if name != "batches"}
        if self.validation_store is not None:
            cases = predict(self.learner, self.judged, self.validation_store)
            row |= find_protocol(self.config.protocol).measure(cases)
            if self.config.monitor not in row:
                known = ", ".join(name for name in row if name != "epoch")
                raise ConfigError(f"{self.config.name}: monitor is {self.config.monitor!r}; there are {known}")
        self.history.append(row)
        if self.trainer.is_global_zero:
            self._write()
        waited = len(self.history) - 1 - best_epoch(self.history, self.config)
        if self.config.patience and waited >= self.config.patience:
            self.trainer.should_stop = True

    def _write(self) -> None:
        weights = {name: value.cpu() for name, value in self.judged.state_dict().items()}
        write_tensors(self.folder / LAST, weights)
        if best_epoch(self.history, self.config) == len(self.history) - 1:
            write_tensors(self.folder / BEST, weights)
        write_whole(self.folder / METRICS, _table(self.history))
        write_whole(self.folder / CURVES, curves_svg(self.history, self.config.name))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """The curves so far go with the state."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `on_save_checkpoint`."""
        self.history = list(checkpoint["history"])


def best_epoch(history: Sequence[dict[str, float]], config: TrainConfig) -> int:
    """Index of the first epoch with the highest monitored metric; the last epoch without validation."""
    if not config.validates:
        return len(history) - 1
    values = [row[config.monitor] for row in history]
    return values.index(max(values))


def _table(history: Sequence[dict[str, float]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def fit(
    learner: Learner,
    config: TrainConfig,
    train: Store,
    validation: Store | None,
    folder: Path,
    device: str = "auto",
    progress: ProgressHook | None = None,
) -> Fitted:
    """Train until the last epoch, or until validation stops it; goes on where a killed run in `folder` stopped.

    Args:
        learner: what is trained; afterwards its network holds the last weights.
        config: the run; `config.seed` seeds everything that is drawn after the first weights.
        train: examples to learn from.
        validation: examples to stop by; `None`: every epoch is run and the last is kept.
        folder: exists; gets the best and last weights, the curves as CSV and picture, and the state for resuming.
        device: `auto` or `cuda` (every GPU there is, else the CPU), or `cpu`.
        progress: called with stage `train`, in epochs.

    Raises:
        ConfigError: a term or metric that this network or protocol does not have.
        WeightsError: a state in `folder` that is not plain data.
        OutputError: the folder cannot be written.
    """
    place, count = _devices(device)
    if count > 1:
        for store in (train, validation):
            if store is not None:
                store.embed_queries()  # the other processes get the vectors, not the encoder
    loop = _Loop(learner, config, (train, validation), folder)
    state = folder / STATE
    with _quiet():
        trainer = _trainer(config, folder, place, count, progress)
        try:
            trainer.fit(loop, ckpt_path=str(state) if state.is_file() else None, weights_only=True)
        except UnpicklingError as error:
            raise WeightsError(f"{state} is not a state that this program wrote; remove it to start again") from error
    # Read back from the folder: where several processes trained, this one has seen neither weights nor curves.
    load_weights(learner.network.cpu().eval(), folder / LAST, config.scorer.name)
    history = _read_table(folder / METRICS)
    return Fitted(best_epoch(history, config), tuple(history))


def _read_table(path: Path) -> list[dict[str, float]]:
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


def _devices(device: str) -> tuple[str, int]:
    """Lightning's name of the accelerator, and how many of them train together."""
    if device == "cpu" or not torch.cuda.is_available():
        return "cpu", 1
    return "gpu", torch.cuda.device_count()


def _trainer(
    config: TrainConfig, folder: Path, place: str, count: int, progress: ProgressHook | None
) -> lightning.Trainer:
    saver = ModelCheckpoint(
        folder, "last", save_top_k=1, every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    told = [_Told(progress)] if progress else []
    return lightning.Trainer(
        accelerator=place,
        devices=count,
        # Spawned, because the usual way runs the whole command again for each device, with a results folder of its own.
        # A batch in which every video lacks sound leaves the audio's weights without a gradient: they are looked for.
        strategy="ddp_spawn_find_unused_parameters_true" if count > 1 else "auto",
        precision=_PRECISION[config.precision],  # type: ignore[arg-type]
        max_epochs=config.epochs,
        gradient_clip_val=config.gradient_clip or None,
        reload_dataloaders_every_n_epochs=1,
        use_distributed_sampler=False,
        callbacks=[saver, *told],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


class _Told(lightning.Callback):
    def __init__(self, progress: ProgressHook) -> None:
        self._progress = progress

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:  # noqa: ARG002
        self._progress("train", trainer.current_epoch + 1, trainer.max_epochs or 1)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice about devices, workers and loggers that are chosen on purpose."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("lightning", "pytorch_lightning"))]
    loggers = [logging.getLogger(name) for name in {*names, "lightning.pytorch", "lightning.fabric"}]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
