"""Which worker runs where: one process per GPU, or as many as keep a CPU's cores busy.

In: the caller's device and count of workers. Out: a `Placement` per worker. A GPU is given by the environment, so that
every library in the worker sees that one device and no other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from highlightr.core.device import core_count, cuda_device_count, resolve_device

CORES_PER_WORKER = 2
"""Decoding and the models of one video keep about two cores busy."""


@dataclass(frozen=True)
class Placement:
    """Where one worker runs."""

    device: str
    """``cpu``, or ``cuda``, which is the only device that this worker sees."""
    name: str
    """For people: ``cpu``, ``cuda:1``."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What is added to the worker's environment."""


def place_workers(device: str, workers: int | None) -> tuple[Placement, ...]:
    """A placement per worker, by default one per GPU or per two cores; more workers than GPUs share them in turn.

    Raises:
        ConfigError: an unknown device, or CUDA on a machine that has none.
    """
    if resolve_device(device) == "cpu":
        count = workers or max(1, core_count() // CORES_PER_WORKER)
        threads = str(max(1, core_count() // count))
        # Each library would start a thread per core in every worker; a caller's own setting stays.
        own = {} if count == 1 or "OMP_NUM_THREADS" in os.environ else {"OMP_NUM_THREADS": threads}
        return tuple(Placement("cpu", "cpu", own) for _ in range(count))
    names = _device_names()
    chosen = [(index % len(names)) for index in range(workers or len(names))]
    return tuple(Placement("cuda", f"cuda:{index}", {"CUDA_VISIBLE_DEVICES": names[index]}) for index in chosen)


def _device_names() -> list[str]:
    """What `CUDA_VISIBLE_DEVICES` calls each device that is here; the driver counts only those that it names."""
    listed = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")]
    named = [name for name in listed if name]
    return named[: cuda_device_count()] or [str(index) for index in range(cuda_device_count())]
