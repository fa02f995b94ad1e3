"""What benchmarks.gpu_check tells: a row per thing that was tried, on the way from a part's process and as a table."""

from __future__ import annotations

import resource
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FAULTS = ("differs", "failed", "not run")


@dataclass(frozen=True)
class Row:
    """What was found of one thing."""

    part: str
    name: str
    state: str = "ok"
    """``ok``; ``differs``: it ran and is wrong; ``failed``; ``not here``: this machine lacks it; ``not run``: no time
    was left."""
    figures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def reset_peak(device: str) -> None:
    """Count the GPU's memory from here on."""
    if device != "cpu":
        import torch

        torch.cuda.reset_peak_memory_stats()


def memory(device: str) -> dict[str, float]:
    """Peak of this process in main memory, since it began, and of its tensors on the GPU."""
    return {"host MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, **gpu_memory(device)}


def gpu_memory(device: str) -> dict[str, float]:
    """Peak of this process's tensors on the GPU, if it has one."""
    if device == "cpu":
        return {}
    import torch

    return {"GPU MiB": torch.cuda.max_memory_allocated() / 2**20}


def words(error: Any) -> str:
    """An error in one short line."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def rows_table(rows: Sequence[Row]) -> str:
    """Markdown."""
    lines = ["| part | what | state | figures |", "| --- | --- | --- | --- |"]
    for row in rows:
        told = [*(f"{name} {_number(value)}" for name, value in row.figures.items()), *([row.note] if row.note else [])]
        lines.append(f"| {row.part} | {row.name} | {row.state} | {'; '.join(told).replace('|', '/')} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4g}"
