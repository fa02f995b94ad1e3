"""How wall time and memory grow with the length of the video and with the number of queries.

    python -m benchmarks.growth demo/demo.mp4 --json growth.json --table docs/growth.md --svg docs/growth.svg

Two series, each run a process of its own, nothing kept between runs: the video looped to 1, 10 and 60 minutes
(`--sizes 600`: ten hours take half an hour), and 1, 10 and 100 queries on ten minutes. Rows that the JSON file already
holds are kept, so a run can be resumed.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.growth_picture import growth_svg
from benchmarks.realtime import highlightr_in, looped, process_seconds
from benchmarks.running import machine, write_json

MEMORY_TARGET_MIB = 1.2 * 1024
FULL = "as given"
QUERIES = "queries"
SIZES: Mapping[str, Sequence[float]] = {FULL: (1, 10, 60), QUERIES: (1, 10, 100)}
"""Minutes of video per series; number of queries for the last."""

QUERY_MINUTES = 10.0
WORDS = ("cat", "dog", "cup of coffee", "rocket", "person who speaks", "applause", "car", "crowd", "river", "keyboard")


@dataclass(frozen=True)
class Row:
    """One run."""

    series: str
    size: float
    """Minutes of video, or number of queries."""
    wall_seconds: float
    peak_mib: float
    """Largest resident size of highlightr's own process."""
    ffmpeg_mib: float
    """Largest resident size of the ffmpeg that cut; 0 where nothing is cut."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, then write the table and the picture."""
    options = _options(arguments)
    rows = kept_rows(options.json)
    with tempfile.TemporaryDirectory(dir=options.scratch) as name:
        for series in options.series:
            for size in options.sizes or SIZES[series]:
                if not any((row.series, row.size) == (series, size) for row in rows):
                    rows.append(measure(series, size, options.video, Path(name)))
                    print(f"{series}, {size:g}: {rows[-1].wall_seconds:.1f} s, {rows[-1].peak_mib:.0f} MiB", flush=True)
                    write_json(options.json, {"machine": machine(), "rows": [asdict(row) for row in rows]})
    rows.sort(key=lambda row: (list(SIZES).index(row.series), row.size))
    table = growth_table(rows)
    print(table, end="")
    if options.table:
        options.table.write_text(table, encoding="utf-8")
    if options.svg:
        options.svg.write_text(growth_svg(_points(rows)), encoding="utf-8")


def kept_rows(path: Path | None) -> list[Row]:
    """What an earlier run measured."""
    if path is None or not path.exists():
        return []
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))["rows"]]


def measure(series: str, size: float, video: Path, folder: Path) -> Row:
    """One process: a summary with one query, or the scores of many."""
    if series == QUERIES:
        asked = [part for number in range(int(size)) for part in ("--query", query(number))]
        return _run(series, size, ["score", str(looped(video, QUERY_MINUTES, folder)), *asked], folder)
    source = looped(video, size, folder)
    row = _run(series, size, ["summarize", str(source), "-o", str(folder / "summary.mp4"), "--query", query(0)], folder)
    source.unlink()
    return row


def query(number: int) -> str:
    """The sentence of this number; no two are alike."""
    word = WORDS[number % len(WORDS)]
    return f"a {word}" if number < len(WORDS) else f"a {word}, scene {number // len(WORDS)}"


def _run(series: str, size: float, command: Sequence[str], folder: Path) -> Row:
    seconds = process_seconds([*highlightr_in(folder), *command, "--quiet", "--no-cache", "--overwrite"])
    own, ffmpeg = json.loads((folder / "peaks.json").read_text())
    return Row(series, size, seconds, own, 0.0 if series == QUERIES else ffmpeg)


def growth_table(rows: Sequence[Row]) -> str:
    """Markdown; `growth` is the exponent of wall time since the row before: 1 is linear, below 1 is better."""
    lines = ["| series | size | wall, s | s per minute or query | growth | peak, MiB |", "|---|---|---|---|---|---|"]
    before: Row | None = None
    for row in rows:
        same = before is not None and before.series == row.series
        growth = f"{exponent(before, row):.2f}" if before is not None and same else ""
        unit = "queries" if row.series == QUERIES else "min"
        name = f"{QUERY_MINUTES:g} min, scores" if row.series == QUERIES else row.series
        each = f"{row.wall_seconds / row.size:.2f}"
        lines.append(
            f"| {name} | {row.size:g} {unit} | {row.wall_seconds:.1f} | {each} | {growth} | {row.peak_mib:.0f} |"
        )
        before = row
    most = max((row.peak_mib for row in rows), default=0.0)
    kept = "kept" if most <= MEMORY_TARGET_MIB else "NOT kept"
    return "\n".join([*lines, "", f"Most memory: {most:.0f} MiB; at most {MEMORY_TARGET_MIB:.0f}: {kept}.", ""])


def exponent(before: Row, row: Row) -> float:
    """p where wall time grew as size to the power p between two rows."""
    return math.log(row.wall_seconds / before.wall_seconds) / math.log(row.size / before.size)


def _points(rows: Sequence[Row]) -> dict[str, dict[str, list[tuple[float, float]]]]:
    """Panel to series to points."""
    panels: dict[str, dict[str, list[tuple[float, float]]]] = {
        "wall time, s, over minutes of video": {},
        "peak memory, MiB, over minutes of video": {},
        "wall time, s, over queries": {},
    }
    time, memory, queries = panels.values()
    for row in rows:
        if row.series == QUERIES:
            queries.setdefault(f"{QUERY_MINUTES:g} minutes", []).append((row.size, row.wall_seconds))
        else:
            time.setdefault(row.series, []).append((row.size, row.wall_seconds))
            memory.setdefault(row.series, []).append((row.size, row.peak_mib))
    return {title: series for title, series in panels.items() if series}


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--series", nargs="*", default=list(SIZES), choices=list(SIZES), help="none: write only")
    parser.add_argument("--sizes", nargs="+", type=float, help="minutes or queries, instead of each series' own")
    parser.add_argument("--scratch", type=Path, help="where the long videos are made")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--table", type=Path)
    parser.add_argument("--svg", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
