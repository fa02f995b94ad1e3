"""Many short videos in one process: does memory grow, do descriptors leak, is the same input the same output?

    python -m benchmarks.soak [--count 200] [--preset lite] [--query "a cat"] [--json FILE]

In: nothing; the videos are made. Out: a table of resident memory, open descriptors and threads every few videos.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import shutil
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.command import run_command
from benchmarks.running import write_json
from highlightr.batch import BatchOptions, Job
from highlightr.batch.output_dir import OutputDir
from highlightr.batch.work import JobRunner
from tests.mediamaker import made

DISTINCT = 8
"""Videos that are made; they come around again and again."""

EVERY = 5
"""Measured after so many videos."""


@dataclass
class Soak:
    """What was seen."""

    rss_mib: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)
    digests: dict[int, set[str]] = field(default_factory=dict)
    """Video to the digests of what was made of it; one each if the output is a function of the input."""
    failures: list[str] = field(default_factory=list)

    @property
    def growth_mib(self) -> float:
        """Largest of the last quarter over largest of the second: the first warms up."""
        quarter = max(1, len(self.rss_mib) // 4)
        return max(self.rss_mib[-quarter:]) - max(self.rss_mib[quarter : 2 * quarter])


def soak(folder: Path, count: int, preset: str, query: str | None) -> Soak:
    """Summarise `count` videos, one after the other, with the models of one load."""
    place = OutputDir(folder)
    place.prepare()
    work = JobRunner(place, BatchOptions(preset=preset, cache=False, overwrite=True), device="cpu")
    videos = [made("short.mp4", seconds=2.0 + number / 4, size=(320, 240)) for number in range(DISTINCT)]
    seen = Soak()
    for number in range(count):
        which = number % DISTINCT
        job = Job(str(videos[which]), query, f"{which}.mp4")
        outcome = work(job)
        if outcome.state != "done":
            seen.failures.append(f"{number}: {outcome.error}")
            continue
        seen.digests.setdefault(which, set()).add(_digest(place.outputs(job)))
        if number % EVERY == EVERY - 1:
            _measure(seen)
    return seen


def _digest(outputs: dict[str, Path]) -> str:
    receipt = json.loads(outputs["receipt"].read_text())
    told = json.dumps([receipt[name] for name in ("scores", "parts", "shots", "segments", "cut")])
    return hashlib.sha256(outputs["video"].read_bytes() + told.encode()).hexdigest()


def _measure(seen: Soak) -> None:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    seen.rss_mib.append(round(pages * os.sysconf("SC_PAGE_SIZE") / 2**20, 1))
    seen.descriptors.append(len(os.listdir("/proc/self/fd")))  # noqa: PTH208  (no path objects: they cost memory)
    seen.threads.append(threading.active_count())


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--query", default="a cat")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="highlightr-soak-"))
    try:
        seen = soak(folder, chosen.count, chosen.preset, chosen.query or None)
    finally:
        shutil.rmtree(folder)
    for number, row in enumerate(zip(seen.rss_mib, seen.descriptors, seen.threads, strict=True), start=1):
        print(f"{number * EVERY:5} videos  {row[0]:8.1f} MiB  {row[1]:3} descriptors  {row[2]:3} threads")
    told: dict[str, Any] = {"count": chosen.count, "growth_mib": round(seen.growth_mib, 1)}
    told |= {"outputs_per_input": max(map(len, seen.digests.values())), "failures": seen.failures}
    print(json.dumps(told))
    write_json(chosen.json, {**told, "rss_mib": seen.rss_mib, "descriptors": seen.descriptors})


if __name__ == "__main__":
    run_command(main)
