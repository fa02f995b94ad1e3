"""What a second query on the same video costs, from the command line.

    python -m tests.benchmarks.second_query demo/demo.mp4 --minutes 10 --repeat 3

Per repeat: a run with an empty feature cache, then one with another query, of `highlightr score` (from video to scores)
and of `highlightr summarize` (scores, choice, cut and report). Process start stands in rows of its own: `--version`,
and the imports, text encoder and scorer that any query needs, on a video of one second.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from highlightr.media.ffmpeg import run_ffmpeg
from tests.benchmarks.realtime import looped
from tests.benchmarks.running import Spread, machine, write_json

TARGET_PERCENT = 5.0
QUERIES = ("a cat", "a cup of coffee")


def timed(home: Path, *arguments: object) -> float:
    """Wall seconds of one `highlightr` process, its feature cache in `home`."""
    command = [sys.executable, "-m", "highlightr", *map(str, arguments)]
    began = time.perf_counter()
    subprocess.run(command, env={**os.environ, "HIGHLIGHTR_HOME": str(home)}, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def cleared(home: Path) -> Path:
    """The home without features; compiled models stay, they are made once per machine."""
    timed(home, "cache", "clear")
    return home


def measure(video: Path, short: Path, home: Path, folder: Path, repeat: int) -> dict[str, list[float]]:
    """Row name to wall seconds, repeat by repeat."""
    rows: dict[str, list[float]] = {"process start": [], "start, models and scoring of one second": []}
    ways = {
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
    for row, seconds in rows.items():
        print(f"{row:42} {Spread(tuple(seconds))}")
    for way in ("score", "summarize"):
        pairs = zip(rows[f"{way}, second"], rows[f"{way}, first"], strict=True)
        share = statistics.median(100 * second / first for second, first in pairs)
        print(
            f"{way}: the second query takes {share:.1f} % of the first run, start included (at most {TARGET_PERCENT:g})"
        )
    write_json(options.json, {"machine": machine(), "minutes": options.minutes, "seconds": rows})


if __name__ == "__main__":
    main()
