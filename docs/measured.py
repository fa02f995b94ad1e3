"""The tables of `docs/performance.md`: run a benchmark, keep what it measured, and write its table.

    python -m docs.measured demo/demo.mp4                   # all of them; hours on two cores
    python -m docs.measured demo/demo.mp4 realtime flow     # some

What is kept of each benchmark is one file, `benchmarks/results/NAME.json`: the command, the day, the commit, the
machine, every figure, and the table made of them. A file that says `older` was measured by an earlier version, and the
page says so.
"""

from __future__ import annotations

import argparse
import datetime
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from docs.snippets import ROOT

RESULTS = ROOT / "benchmarks" / "results"
Rows = list[list[str]]

SHORT_SECONDS = "8"
"""Of the video that presets with large networks are measured on."""

HEAVY = ("clip", "davihd-mrhisum", "davihd-tvsum", "cfsum-charades", "cfsum-qvhighlights")


@dataclass(frozen=True)
class Measurement:
    """One table: what is run for it, and what becomes of the figures."""

    module: str
    runs: tuple[tuple[str, ...], ...]
    """Arguments of each run behind the module's name; ``VIDEO`` and ``SHORT`` stand for the two videos."""
    columns: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Rows]
    """The figures of one run to its rows."""
    prints_json: bool = False
    """It prints its figures instead of taking ``--json``."""


def realtime_rows(figures: Mapping[str, Any]) -> Rows:
    """A row per length."""
    rows = []
    for minutes in dict.fromkeys(row["minutes"] for row in figures["rows"]):
        runs = [row for row in figures["rows"] if row["minutes"] == minutes]
        times = [row["times_real_time"] for row in runs]
        decode = statistics.median(row["wall_seconds"] / row["decode_seconds"] for row in runs)
        peak = max(row["peak_mib"] for row in runs)
        rows.append([f"{minutes:g} min", _spread(times), f"{decode:.1f}", f"{peak:.0f}"])
    return rows


def growth_rows(figures: Mapping[str, Any]) -> Rows:
    """The benchmark's own table."""
    from benchmarks.growth import Row, growth_table

    lines = growth_table([Row(**row) for row in figures["rows"]]).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:] if line.startswith("|")]


def second_query_rows(figures: Mapping[str, Any]) -> Rows:
    """First and second query of each way."""
    kept = figures["wall_and_processor_seconds"]
    rows = []
    for way in ("score", "summarize"):
        first, second = ([pair[0] for pair in kept[f"{way}, {which}"]] for which in ("first", "second"))
        share = statistics.median(100 * later / begun for later, begun in zip(second, first, strict=True))
        rows.append([f"`{way}`", _spread(first), _spread(second), f"{share:.1f} %"])
    return rows


def floor_rows(figures: Mapping[str, Any]) -> Rows:
    """One preset over the floor."""
    median = figures["pieces"]["pipeline"]["median_seconds"]
    each = 1000 * median / figures["video_seconds"]
    spread = f"{figures['ratio_least']:.2f} to {figures['ratio_most']:.2f}"
    ratios = [f"{figures['ratio']:.2f}", spread, f"{figures['strict_ratio']:.2f}"]
    return [[f"`{figures['preset']}` ({figures['rounds']} rounds)", f"{each:.0f}", *ratios]]


def plain_way_rows(figures: Mapping[str, Any]) -> Rows:
    """One preset beside the plain way."""
    ratios, processor = figures["ratios"], figures["processor_ratios"]
    name = f"`{figures['preset']}` ({len(ratios)} rounds)"
    return [[name, figures["video"], f"{_spread(ratios)}x", f"{min(processor):.1f} to {max(processor):.1f}x"]]


def backends_rows(figures: Mapping[str, Any]) -> Rows:
    """Processor milliseconds per input of each network on each backend."""
    rows = []
    for network in figures["networks"]:
        by_name = {each["backend"]: each for each in network["backends"]}
        cells = [by_name.get(name, {}).get("processor_seconds_per_input") for name in BACKENDS]
        rows.append([network["network"], *("" if cell is None else f"{1000 * cell:.0f}" for cell in cells)])
    return rows


def flow_rows(figures: Mapping[str, Any]) -> Rows:
    """Milliseconds per pair of frames of each way."""
    pairs = figures["pairs"]
    rows = []
    for name, way in figures["ways"].items():
        wall = [1000 * each / pairs for each in way["seconds"]]
        processor = 1000 * statistics.median(way["processor_seconds"]) / pairs
        rows.append([name, f"{statistics.median(wall):.0f} ({min(wall):.0f} to {max(wall):.0f})", f"{processor:.0f}"])
    return rows


def scorers_rows(figures: Mapping[str, Any]) -> Rows:
    """Seconds per 1,000 clips of each scorer, and of a plain transformer of its size."""
    kept = figures["results"]
    presets = dict.fromkeys(each["preset"] for each in kept)
    rows = []
    for preset in presets:
        own, plain = (
            next(e for e in kept if e["preset"] == preset and (e["case"] == "scorer") is is_own)
            for is_own in (True, False)
        )
        seconds = [f"{each['seconds_per_1000_clips']:.2f}" for each in (own, plain)]
        rows.append([f"`{preset}`", f"{own['parameters'] / 1e6:.1f} M", *seconds])
    return rows


BACKENDS = ("torch", "torch, channels last", "onnxruntime", "OpenVINO")

MEASUREMENTS: Mapping[str, Measurement] = {
    "realtime": Measurement(
        "benchmarks.realtime",
        (("VIDEO", "--minutes", "1", "--repeat", "5"),),
        ("video", "times real time", "times a bare decode", "peak, MiB"),
        realtime_rows,
    ),
    "growth": Measurement(
        "benchmarks.growth",
        (("VIDEO", "--svg", "docs/growth.svg"),),
        ("series", "size", "wall, s", "s per minute or query", "growth", "peak, MiB"),
        growth_rows,
    ),
    "second-query": Measurement(
        "benchmarks.second_query",
        (("VIDEO", "--minutes", "10", "--repeat", "1"),),
        ("command", "first query, s", "second query, s", "share"),
        second_query_rows,
    ),
    "floor": Measurement(
        "benchmarks.floor",
        (
            ("VIDEO", "--preset", "lite", "--query", "a cat", "--rounds", "5"),
            *(("SHORT", "--preset", name, "--random-weights", "--rounds", "2") for name in HEAVY),
        ),
        ("preset", "ms per second of video", "over the floor", "rounds", "where the encoder alone counts for the cut"),
        floor_rows,
    ),
    "plain-way": Measurement(
        "benchmarks.plain_way",
        (
            ("VIDEO", "--preset", "lite", "--rounds", "3"),
            *(("SHORT", "--preset", name, "--random-weights", "--rounds", "2") for name in HEAVY),
        ),
        ("preset", "video", "wall time", "processor time"),
        plain_way_rows,
    ),
    "backends": Measurement(
        "benchmarks.backends",
        (("SHORT",),),
        ("network", "torch", "torch, channels last", "onnxruntime", "OpenVINO"),
        backends_rows,
    ),
    "flow": Measurement(
        "benchmarks.flow", (("VIDEO",),), ("way", "ms per pair, wall time", "processor time"), flow_rows
    ),
    "scorers": Measurement(
        "benchmarks.scorers",
        ((),),
        ("preset", "parameters", "s per 1,000 clips", "plain transformer, s"),
        scorers_rows,
        prints_json=True,
    ),
}


def performance_blocks() -> dict[str, Callable[[], str]]:
    """Name of a block to what makes it, for every table of the page."""
    return {f"measured-{name}": lambda name=name: block(kept(name)) for name in MEASUREMENTS}  # type: ignore[misc]


def kept(name: str) -> Mapping[str, Any]:
    """What was measured last."""
    found: Mapping[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def block(result: Mapping[str, Any]) -> str:
    """The table, and below it when, at what commit, on what machine and by which command."""
    lines = [result["columns"], ["---"] * len(result["columns"]), *result["rows"]]
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    older = f" **{result['older']}**" if result.get("older") else ""
    about = f"Measured on {result['day']} at {result['commit']}, {result['machine']}."
    return f"{rows}\n\n{about}{older} Command: `{result['command']}`."


def measure(name: str, video: Path, folder: Path) -> dict[str, Any]:
    """Run what a table needs.

    Raises:
        subprocess.CalledProcessError: a benchmark fails.
    """
    wanted = MEASUREMENTS[name]
    videos = {"VIDEO": str(video), "SHORT": str(short(video, folder))}
    rows: Rows = []
    figures = []
    for arguments in wanted.runs:
        command = [sys.executable, "-m", wanted.module, *(videos.get(each, each) for each in arguments)]
        figures.append(_figures(command, folder / f"{name}.json", wanted.prints_json))
        rows += wanted.rows(figures[-1])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    machine = next((f"{each['machine']['cores']} cores" for each in figures if "machine" in each), "")
    return {
        "command": f"python -m docs.measured VIDEO {name}",
        "day": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": machine,
        "columns": list(wanted.columns),
        "rows": rows,
        "figures": figures,
    }


def short(video: Path, folder: Path) -> Path:
    """The first seconds of a video."""
    from highlightr.media.ffmpeg import run_ffmpeg

    path = folder / "short.mp4"
    if not path.exists():
        run_ffmpeg(["-i", f"file:{video}", "-t", SHORT_SECONDS, f"file:{path}"])
    return path


def _figures(command: Sequence[str], path: Path, prints: bool) -> Any:
    if prints:
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    path.unlink(missing_ok=True)
    subprocess.run([*command, "--json", str(path)], cwd=ROOT, check=True)
    return json.loads(path.read_text(encoding="utf-8"))


def _spread(values: Sequence[float]) -> str:
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


def main() -> None:
    """Measure, keep, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    options = parser.parse_args()
    if unknown := set(options.name) - set(MEASUREMENTS):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.name or MEASUREMENTS:
            result = measure(name, options.video.resolve(), Path(folder))
            text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
            (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "docs.generate"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
