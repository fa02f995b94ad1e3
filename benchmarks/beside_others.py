"""highlightr beside other tools, on one file, in one run: what each finds, and what it takes.

    python -m benchmarks.beside_others --data ../shared/data/events2 [--clips 36] [--rounds 3] [--json OUT]

The file is real clips joined at 720p, so that its joins and the part that each caption describes are known. Every way
is a program of its own, timed by turns, start included: wall and processor seconds, its children's too, times what one
ffmpeg takes to decode the file to nothing, and the peak of its largest process. Beside that, what it finds: *joins*
(share of them within 0.1 s of a boundary), *elsewhere* (boundaries that are no join), and over all captions *best
second* (the best lies in the caption's part) and *right* (share of a summary's seconds in it). A way that does not
answer has a dash; CLIP's weights are random, so that only its time counts. A way that fails says so in its row.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.command import run_command
from benchmarks.running import machine, without_cache, write_json
from benchmarks.shot_boundaries import TOLERANCE_SECONDS, matches
from benchmarks.stitching import Captioned, Picture, read_captions, stitch
from highlightr import Highlighter
from highlightr.core.types import Segment
from highlightr.media.ffmpeg import ffmpeg_path
from highlightr.selection import SelectionOptions

PICTURE = Picture(width=1280, height=720, frames_per_second=25)
LABELS: Mapping[str, str] = {
    "decode": "one ffmpeg that decodes to nothing",
    "highlightr-score": "`highlightr`, scores of a query",
    "highlightr-summarize": "`highlightr summarize` with a query",
    "scenedetect-content": "PySceneDetect, ContentDetector",
    "scenedetect-adaptive": "PySceneDetect, AdaptiveDetector",
    "scenedetect-split": "PySceneDetect, detection and split",
    "clip-per-second": "a CLIP-per-second script, random weights",
    "plain": "the features and scores of `lite` by the plain way",
}


@dataclass
class Way:
    """What one way took in each round, and what it found."""

    wall_seconds: list[float] = field(default_factory=list)
    processor_seconds: list[float] = field(default_factory=list)
    peak_mib: float = 0.0
    found: Mapping[str, Any] = field(default_factory=dict)
    quality: dict[str, float] = field(default_factory=dict)
    failure: str = ""


def command_of(way: str, video: Path, output: Path, query: str) -> list[str]:
    """The program."""
    if way == "decode":
        return [ffmpeg_path(), "-nostdin", "-v", "error", "-i", str(video), "-f", "null", "-"]
    if way == "highlightr-summarize":
        asked = ["--query", query, "-o", str(output.with_suffix(".mp4")), "--quiet", "--no-cache", "--overwrite"]
        return [sys.executable, "-m", "highlightr", "summarize", str(video), *asked]
    return [sys.executable, "-m", "benchmarks.other_ways", way, str(video), str(output), "--query", query]


def run_once(way: Way, command: Sequence[str], output: Path) -> None:
    """Add one round, unless the way has failed before."""
    if way.failure:
        return
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(process.pid, 0)
        way.wall_seconds.append(time.perf_counter() - began)
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            said.seek(0)
            way.failure = (said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"])[-1]
            return
    way.processor_seconds.append(usage.ru_utime + usage.ru_stime)
    way.peak_mib = max(way.peak_mib, usage.ru_maxrss / 1024)
    way.found = json.loads(output.read_text("utf-8")) if output.exists() else {}


def shot_quality(boundaries: Sequence[float], spans: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Joins found, in percent, and boundaries that are none."""
    joins = [(start, start) for start, _ in spans[1:]]
    near = [any(abs(each - join) <= TOLERANCE_SECONDS + 1e-6 for join, _ in joins) for each in boundaries]
    return {"joins": 100 * matches(joins, boundaries) / max(1, len(joins)), "elsewhere": float(near.count(False))}


def moment_quality(video: Path, captions: Sequence[str], spans: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Over all captions, in percent: whether the best second is in the caption's part, and how much of a summary is."""
    with without_cache():
        highlighter = Highlighter.from_preset("lite", device="cpu")
        analyses = highlighter.analyse_queries(video, captions)
    hits, right = [], []
    for analysis, span in zip(analyses, spans, strict=True):
        best = int(np.argmax(analysis.scores.values)) + 0.5
        hits.append(span[0] <= best < span[1])
        right.append(share_inside(highlighter.choose(analysis, SelectionOptions()), span))
    return {"best second": 100 * float(np.mean(hits)), "right": 100 * float(np.mean(right))}


def share_inside(segments: Sequence[Segment], span: tuple[float, float]) -> float:
    """How much of what is delivered lies in a span."""
    inside = sum(max(0.0, min(each.stop_seconds, span[1]) - max(each.start_seconds, span[0])) for each in segments)
    return inside / max(1e-9, sum(each.seconds for each in segments))


def measure(clips: Sequence[Captioned], options: argparse.Namespace, folder: Path) -> dict[str, Way]:
    """Join, go every way by turns, then judge."""
    video = folder / "joined.mp4"
    spans = stitch(clips, video, options.picture)
    ways = {name: Way() for name in ("decode", *(each for each in options.ways if each != "decode"))}
    for _ in range(options.rounds):
        for name, way in ways.items():
            output = folder / name / "found.json"
            output.parent.mkdir(exist_ok=True)
            output.unlink(missing_ok=True)
            run_once(way, command_of(name, video, output, clips[0].caption), output)
    moments = moment_quality(video, [clip.caption for clip in clips], spans)
    for name, way in ways.items():
        if "boundaries" in way.found:
            way.quality |= shot_quality(way.found["boundaries"], spans)
        if name == "highlightr-score":
            way.quality["best second"] = moments["best second"]
        if name == "highlightr-summarize":
            way.quality["right"] = moments["right"]
    return ways


_TOOK = ("wall, s", "processor, s", "times a decode", "peak, MiB")
_UNITS = {"joins": " %", "elsewhere": "", "best second": " %", "right": " %"}
COLUMNS = ("way", *_TOOK, *_UNITS)


def rows_of(figures: Mapping[str, Any]) -> list[list[str]]:
    """A row per way, from what is kept as JSON."""
    ways: Mapping[str, Mapping[str, Any]] = figures["ways"]
    decode, rows = median(ways["decode"]["wall_seconds"]), []
    for name, way in ways.items():
        if way["failure"]:
            rows.append([LABELS[name], f"failed: {way['failure']}".replace("|", "/"), *[""] * (len(COLUMNS) - 2)])
            continue
        wall, quality = median(way["wall_seconds"]), way["quality"]
        took = [
            f"{wall:.1f}",
            f"{median(way['processor_seconds']):.1f}",
            f"{wall / decode:.2f}",
            f"{way['peak_mib']:.0f}",
        ]
        found = [f"{quality[name]:.0f}{unit}" if name in quality else "-" for name, unit in _UNITS.items()]
        rows.append([LABELS[name], *took, *found])
    return rows


def table_of(rows: Sequence[Sequence[str]]) -> str:
    """Markdown."""
    lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _options(arguments)
    clips = read_captions(options.data)[: options.clips]
    with tempfile.TemporaryDirectory() as folder:
        ways = measure(clips, options, Path(folder))
    figures = {"machine": machine(), "rounds": options.rounds, "clips": len(clips)}
    figures["ways"] = {name: asdict(way) for name, way in ways.items()}
    print(table_of(rows_of(figures)))
    write_json(options.json, figures)
    if failed := [name for name, way in ways.items() if way.failure]:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder of clips with captions.csv")
    parser.add_argument("--clips", type=int, default=60, help="at most so many of them are joined")
    parser.add_argument("--ways", nargs="+", choices=list(LABELS), default=list(LABELS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.set_defaults(picture=PICTURE)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
