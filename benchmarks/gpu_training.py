"""Two epochs of every network that is trained, on one device, beside the same on the CPU in single precision.

In: made-up examples, of which one is longer than a window. Out: a row per network and precision: the last loss, how far
it is from the CPU's, and the seconds of an epoch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.gpu_rows import Row, gpu_memory, reset_peak
from benchmarks.running import timed
from highlightr.core.config import from_plain
from highlightr.core.source import Source
from highlightr.core.types import Signal, TimeGrid
from highlightr.datasets import Dataset, Example, Item

CLIPS = (5, 12, 16, 16, 9, 30)
LONGEST = 20
WIDTHS = {"video": 96, "audio": 64}
EPOCHS = 2

LARGEST_DIFFERENCE = {"fp32": 0.01, "bf16": 0.1, "fp16": 0.5}
"""Of the loss from the CPU's in single precision, as a share of that. In fp16 the first steps are left out, until the
scale of the gradients is found."""

_CFSUM = {
    "video_streams": {"video": WIDTHS["video"]},
    "audio_streams": {"audio": WIDTHS["audio"]},
    "text_width": 32,
    "width": 64,
    "dropout": 0.0,
    "clip_seconds": 1.0,
    "longest_clips": LONGEST,
}
_LOGITS = {"output": "logits"}
_REGULARISED = {"variant": "regularised", "similarity_width": 16, "refinement_layers": 1, "smoothing_seconds": 1.0}
_DAVIHD = {
    "visual_streams": {"video": WIDTHS["video"]},
    "audio_streams": {"audio": WIDTHS["audio"]},
    "visual_width": 64,
    "audio_width": 128,
    "hidden_width": 32,
    "dropout": 0.0,
    "longest_clips": LONGEST,
}
TRAINED: Mapping[str, tuple[str, Mapping[str, Any], tuple[str, ...]]] = {
    "cfsum": ("cfsum", _CFSUM, ("mse",)),
    "cfsum-regularised": ("cfsum", {**_CFSUM, **_LOGITS, **_REGULARISED}, ("bce", "listwise", "contrastive")),
    "davihd": ("davihd", _DAVIHD, ("mse", "bce")),
    "plain-transformer": ("plain-transformer", {**_CFSUM, **_LOGITS}, ("bce",)),
}
"""Name to the learner, its settings and the terms of its loss."""


class Made(Dataset):
    """Examples of noise, the same each time."""

    def __init__(self) -> None:
        super().__init__("made", (), (), WIDTHS)

    def __len__(self) -> int:
        return len(CLIPS)

    def __getitem__(self, index: int) -> Example:
        rng, item = np.random.default_rng(index), self.items[index]
        streams = {name: rng.standard_normal((CLIPS[index], width), np.float32) for name, width in WIDTHS.items()}
        times = np.arange(CLIPS[index] * 10) / 10
        mel = Signal(times, rng.standard_normal((len(times), 128), np.float32))
        tokens = rng.standard_normal((4 + index, _CFSUM["text_width"]), np.float32)
        return Example(item, streams, item.labels, tokens, {"davihd_mel": mel})

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(_item(index, clips) for index, clips in enumerate(CLIPS))


def _item(index: int, clips: int) -> Item:
    labels = (np.arange(clips) % 3 == 0).astype(np.float32)
    return Item(str(index), f"v{index}", "a query", TimeGrid(clips, 1.0), labels, labels[:, None].astype(np.float64))


def training(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """Each network in each precision that the device has."""
    for name in options.names or TRAINED:
        yield name
        expected, _ = _trained(name, "cpu", "fp32")
        for precision in options.precisions:
            if precision == "fp16" and options.device == "cpu":
                yield Row("training", f"{name}, {precision}", "not here", note="fp16 needs a CUDA device")
                continue
            reset_peak(options.device)
            loss, seconds = _trained(name, options.device, precision)
            difference = abs(loss - expected) / expected
            figures = {"loss": loss, "difference": difference, "s per epoch": seconds / EPOCHS}
            state = "ok" if difference <= LARGEST_DIFFERENCE[precision] else "differs"
            yield Row("training", f"{name}, {precision}", state, {**figures, **gpu_memory(options.device)})


def _trained(name: str, device: str, precision: str) -> tuple[float, float]:
    """The last loss and the seconds; the validation scores every example, the long one in windows."""
    from highlightr.training.batches import Queries, SampleStore
    from highlightr.training.config import TrainConfig
    from highlightr.training.learners import create_learner
    from highlightr.training.loop import fit

    scorer, settings, terms = TRAINED[name]
    plain = {
        "name": name,
        "summary": "",
        "data": {"name": "plain"},
        "scorer": {"name": scorer, "config": settings},
        "protocol": "moments",
        "monitor": "map",
        "objective": dict.fromkeys(terms, 1.0),
        "epochs": EPOCHS,
        "batch_size": 3,
        "gradient_clip": 1.0,
        "average": 0.5,
        "precision": precision,
    }
    config = from_plain(TrainConfig, plain, name)
    learner = create_learner(scorer, settings, 0)
    store, losses = SampleStore(Made(), learner, Queries(None)), list[float]()
    with TemporaryDirectory() as folder:
        run = lambda: losses.append(fit(learner, config, store, store, Path(folder), device).history[-1]["loss"])  # noqa: E731
        seconds = timed(run)
    return losses[0], seconds
