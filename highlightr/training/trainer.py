"""How Lightning is set up for a training run: devices, precision, callbacks, and its advice silenced.

In: a `TrainConfig` and a folder. Out: a trainer for the loop.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from highlightr.core.device import check_device, resolve_device
from highlightr.core.errors import ConfigError
from highlightr.core.files import write_whole
from highlightr.core.progress import ProgressHook
from highlightr.training.config import TrainConfig

try:
    from lightning import LightningModule as LightningModule  # for the loop, which is imported after this check
    from lightning import Trainer
    from lightning.pytorch.callbacks import Callback, ModelCheckpoint, WeightAveraging
    from lightning.pytorch.loggers import CSVLogger
    from lightning.pytorch.plugins import TorchCheckpointIO
except ModuleNotFoundError as error:
    raise ConfigError("training needs Lightning: pip install 'highlightr[train]'") from error

_PRECISION = {"fp32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def devices(device: str) -> tuple[str, int]:
    """``cpu`` or ``cuda``, and how many of them train together; a `ConfigError` for a device that cannot be had."""
    if resolve_device(device) == "cpu":
        return "cpu", 1
    return check_device("cuda"), torch.cuda.device_count()


def make_trainer(config: TrainConfig, folder: Path, place: str, count: int, progress: ProgressHook | None) -> Trainer:
    """The trainer of one run: `count` devices train together, and the state for resuming lies in `folder`."""
    saver = ModelCheckpoint(
        folder, "last", save_top_k=1, every_n_epochs=1, save_on_train_epoch_end=True, enable_version_counter=False
    )
    callbacks: list[Callback] = [saver]
    if progress is not None and count == 1:  # A caller's terminal is not in the processes of several.
        callbacks.append(_EpochProgress(progress))
    if config.average:
        # Not a function made here: it goes to other processes.
        callbacks.append(WeightAveraging(use_buffers=False, avg_fn=partial(_moving_average, config.average)))
    return Trainer(
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
        callbacks=callbacks,
        plugins=[StateFiles()],
        # Into the folder itself: results have a fresh folder already.
        logger=CSVLogger(folder, name="", version="", flush_logs_every_n_steps=1),
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )


class StateFiles(TorchCheckpointIO):
    """Write the state for resuming whole or not at all, beside where it goes.

    Lightning's own way is through the folder of temporary files and, where that is another file system, bytewise over
    the state before.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        """See the base class; an `OutputError` where the place cannot be written."""
        written = io.BytesIO()
        torch.save(checkpoint, written)
        write_whole(Path(path), written.getbuffer())


def _moving_average(most: float, average: Tensor, now: Tensor, steps: Tensor) -> Tensor:
    """An average that forgets fast at first: after n steps its decay is (2 + n) / (11 + n), at most `most`."""
    return average.lerp(now, 1 - ((2 + steps) / (11 + steps)).clamp(max=most).to(now.dtype))


class _EpochProgress(Callback):
    def __init__(self, progress: ProgressHook) -> None:
        self._progress = progress

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002
        self._progress("train", trainer.current_epoch + 1, trainer.max_epochs or 1)


@contextmanager
def quiet() -> Iterator[None]:
    """Without Lightning's advice about devices, workers and loggers that are chosen on purpose."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("lightning", "pytorch_lightning"))]
    loggers = [logging.getLogger(name) for name in {*names, "lightning.pytorch", "lightning.fabric"}]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
