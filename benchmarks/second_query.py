"""What a second query on the same video costs, from the command line.

    python -m benchmarks.second_query demo/demo.mp4 --minutes 10 --repeat 3

Per repeat: a run with an empty feature cache, then one with another query, of `highlightr score` (from video to scores)
and of `highlightr summarize` (scores, choice, cut and report). Process start stands in rows of its own: `--version`,
and the imports, text encoder and scorer that any query needs, on a video of one second. Every row has wall seconds and
processor seconds; where other work runs beside, only the latter can be compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.realtime import looped
from benchmarks.running import Spread, cpu_seconds, machine, write_json
from highlightr.media.ffmpeg import run_ffmpeg

TARGET_PERCENT = 5.0
QUERIES = ("a cat", "a cup of coffee")


Times = tuple[float, float]
"""Wall seconds, processor seconds."""


def timed(home: Path, *arguments: object) -> Times:
    """One `highlightr` process, its feature cache in `home`."""
    command = [sys.executable, "-m", "highlightr", *map(str, arguments)]
    began, before = time.perf_counter(), cpu_seconds()
    subprocess.run(command, env={**os.environ, "HIGHLIGHTR_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began, cpu_seconds() - before


def cleared(home: Path) -> Path:
    """The home without features; compiled models stay, they are made once per machine."""
    timed(home, "cache", "clear")
    return home


def measure(video: Path, short: Path, home: Path, folder: Path, repeat: int) -> dict[str, list[Times]]:
    """Row name to times, repeat by repeat."""
    rows: dict[str, list[Times]] = {"process start": [], "start, models and scoring of one second": []}
    ways: dict[str, Callable[[str], tuple[object, ...]]] = {
        "score": lambda query: ("score", video, "-q", query, "--quiet"),
        "summarize": lambda query: ("summarize", video, "-q", query, "-o", folder / "s.mp4", "--overwrite", "--quiet"),
    }
    for _ in range(repeat):
        rows["process start"].append(timed(home, "--version"))
        rows["start, models and scoring of one second"].append(timed(home, "score", short, "-q", QUERIES[0], "--quiet"))
        for name, command in ways.items():
            cleared(home)
            rows.setdefault(f"{name}, first", []).append(timed(home, *command(QUERIES[0])))
            rows.setdefault(f"{name}, second", []).append(timed(home, *command(QUERIES[1])))
    return rows


def main() -> None:
    """Measure, print, and keep every figure as JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = looped(options.video, options.minutes, folder)
        short = folder / "short.mp4"
        run_ffmpeg(["-i", f"file:{options.video}", "-t", "1", f"file:{short}"])
        home = folder / "home"
        timed(home, "score", short, "-q", QUERIES[0], "--quiet")  # compiles the models, once
        rows = measure(video, short, home, folder, options.repeat)
    for row, times in rows.items():
        wall, processor = (Spread(tuple(each)) for each in zip(*times, strict=True))
        print(f"{row:42} {wall}, processor {processor}")
    for way in ("score", "summarize"):
        wall_percent, processor_percent = (_percent(rows, way, clock) for clock in (0, 1))
        print(
            f"{way}: the second query takes {wall_percent:.1f} % of the first run, start included "
            f"(at most {TARGET_PERCENT:g}), {processor_percent:.1f} % of its processor time"
        )
    write_json(options.json, {"machine": machine(), "minutes": options.minutes, "wall_and_processor_seconds": rows})


def _percent(rows: Mapping[str, Sequence[Times]], way: str, clock: int) -> float:
    """The median share of the second run in the first."""
    pairs = zip(rows[f"{way}, second"], rows[f"{way}, first"], strict=True)
    return statistics.median(100 * second[clock] / first[clock] for second, first in pairs)


if __name__ == "__main__":
    run_command(main)
