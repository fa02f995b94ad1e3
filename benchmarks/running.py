"""What the speed benchmarks share: presets on random weights, timing by turns, and what is kept as JSON.

In: named pieces of work. Out: seconds per piece with their spread, wall or processor.
Pieces are timed by turns, one of each per round, so that a machine that slows down slows all of them.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

from highlightr.core.errors import WeightsError
from highlightr.features import Extractor, Weights
from highlightr.features.engines.source import NetworkSource
from highlightr.model_loader import Models, models, opening
from highlightr.scorers import ScorerContext
from highlightr.zoo.hub import is_on_hub
from highlightr.zoo.manifest import entry
from highlightr.zoo.store import weights_path

_MISSING = Path("weights that are not here")


@dataclass(frozen=True)
class Spread:
    """Seconds of one piece of work over the rounds."""

    seconds: tuple[float, ...]
    processor: tuple[float, ...] = ()
    """The same rounds on the processors' clock: what counts where other work runs beside; empty if not taken."""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def range(self) -> float:
        return max(self.seconds) - min(self.seconds)

    def __str__(self) -> str:
        return f"{self.median:.2f} s ({min(self.seconds):.2f} to {max(self.seconds):.2f})"

    def as_dict(self) -> dict[str, Any]:
        return {"median_seconds": self.median, "seconds": list(self.seconds), "processor_seconds": list(self.processor)}


def timed(work: Callable[[], object]) -> float:
    """Wall seconds of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def by_turns(pieces: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Spread]:
    """Time every piece once per round, by the wall and by the processors' clock."""
    seconds: dict[str, list[float]] = {name: [] for name in pieces}
    processor: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(rounds):
        for name, work in pieces.items():
            before = cpu_seconds()
            seconds[name].append(timed(work))
            processor[name].append(cpu_seconds() - before)
    return {name: Spread(tuple(seconds[name]), tuple(processor[name])) for name in pieces}


def cpu_seconds() -> float:
    """Processor seconds of this process, all threads, and of the children that it has waited for."""
    return sum(os.times()[:4])


def machine(device: str = "cpu") -> dict[str, Any]:
    """What a figure has to be read with."""
    about = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "device": device,
    }
    if device != "cpu":
        import torch

        about["gpu"] = torch.cuda.get_device_name(0)
    return about


def write_json(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Keep every figure, if a place was given."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def extractors_of(models: Models) -> tuple[Extractor, ...]:
    """A preset's extractors, opened."""
    for each in models.extractors:
        each.load()
    return models.extractors


@contextmanager
def random_where_missing(wanted: bool = True) -> Iterator[None]:
    """While this is open, every model whose weights are not here opens on random ones (seed 0) and runs as it ships."""
    if not wanted:
        yield
        return
    with ExitStack() as stack:
        stack.enter_context(patch.object(NetworkSource, "random_in_torch", new=False))
        for name, value in _stand_ins().items():
            for module in (models, opening):
                if hasattr(module, name):
                    stack.enter_context(patch.object(module, name, value))
        yield


def _stand_ins() -> dict[str, Any]:
    """For the functions by which a preset's models are opened."""
    find, create, recorded = weights_path, models.create_scorer, opening.records

    def found(name: str) -> Path:
        try:
            return find(name)
        except WeightsError:
            return _MISSING

    def weights(checkpoints: Collection[str], _: int | None) -> dict[str, Any]:
        """The files, or a seed for what would have to be fetched."""
        try:
            return {"weights": {each: find(each) for each in checkpoints}} if checkpoints else {}
        except WeightsError:
            if all(not is_on_hub(each) and entry(each).embedded for each in checkpoints):
                raise
            return {"random_seed": 0}

    def create_scorer(name: str, config: Any, context: ScorerContext) -> Any:
        absent = context.weights is _MISSING
        return create(name, config, replace(context, weights=None, random_seed=0) if absent else context)

    def records(checkpoints: Iterable[str]) -> tuple[Weights, ...]:
        return recorded(each for each in checkpoints if found(each) is not _MISSING)

    return {"weights_path": found, "_weights": weights, "create_scorer": create_scorer, "records": records}


@contextmanager
def without_cache() -> Iterator[None]:
    """While this is open, features are neither kept nor found again."""
    with patch.dict(os.environ, {"HIGHLIGHTR_CACHE_LIMIT": "0"}):
        yield
