"""How fast a 720p video with sound becomes a summary, and in how much memory, whole process included.

    python -m benchmarks.realtime demo/demo.mp4 --minutes 1 120 --repeat 3

The video is the given one, played in a loop to each length by stream copy. Beside each run stands the plainest
baseline there is: one ffmpeg that decodes the same file to nothing. Prints a table; `--json` keeps every figure.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.running import machine, write_json
from highlightr.media.ffmpeg import ffmpeg_path, run_ffmpeg


@dataclass(frozen=True)
class Row:
    """One run."""

    minutes: float
    wall_seconds: float
    peak_mib: float
    """Largest resident size of highlightr's own process, ffmpeg aside."""
    ffmpeg_mib: float
    """Largest resident size of the ffmpeg that cut."""
    decode_seconds: float
    """Wall time of `ffmpeg -i FILE -f null -` on the same file, just before."""
    stages: dict[str, float]

    @property
    def times_real_time(self) -> float:
        return 60 * self.minutes / self.wall_seconds


def looped(video: Path, minutes: float, folder: Path) -> Path:
    """The video played again and again to this length, without re-encoding."""
    target = folder / f"{minutes:g}-minutes.mp4"
    if not target.exists():
        run_ffmpeg(
            ["-stream_loop", "-1", "-i", f"file:{video}", "-t", str(60 * minutes), "-c", "copy", f"file:{target}"]
        )
    return target


def process_seconds(command: list[str]) -> float:
    """Wall seconds of one process."""
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{command[0]} failed: {done.stderr.decode()}")
    return seconds


def measure(video: Path, minutes: float, query: str | None) -> Row:
    """One run, with its baseline just before it."""
    decode_seconds = process_seconds([ffmpeg_path(), "-v", "error", "-i", str(video), "-f", "null", "-"])
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "summary.mp4"
        asked = ["--query", query] if query else []
        command = ["summarize", str(video), "-o", str(output), "--quiet", "--no-cache", *asked]
        seconds = process_seconds([*highlightr_in(Path(name)), *command])
        receipt = json.loads(output.with_suffix(".json").read_text())
        own, ffmpeg = json.loads((Path(name) / "peaks.json").read_text())
    return Row(minutes, seconds, own, ffmpeg, decode_seconds, receipt["timings"])


def highlightr_in(folder: Path) -> list[str]:
    """The command, which keeps its own peak, and that of its children, in ``peaks.json`` there."""
    program = (
        "import json, resource, runpy, sys\n"
        "peaks, sys.argv = sys.argv[1], sys.argv[1:]\n"
        "try: runpy.run_module('highlightr', run_name='__main__', alter_sys=True)\n"
        "finally:\n"
        "    own, children = (resource.getrusage(who).ru_maxrss / 1024 for who in (0, -1))\n"
        "    json.dump([own, children], open(peaks, 'w'))\n"
    )
    return [sys.executable, "-c", program, str(folder / "peaks.json")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1.0])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--query", default="a cat")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for minutes in arguments.minutes:
            video = looped(arguments.video, minutes, Path(folder))
            rows += [measure(video, minutes, arguments.query) for _ in range(arguments.repeat)]
            _show(rows[-arguments.repeat :])
    kept = [asdict(row) | {"times_real_time": row.times_real_time} for row in rows]
    write_json(arguments.json, {"machine": machine(), "rows": kept})


def _show(rows: list[Row]) -> None:
    middle = sorted(rows, key=lambda row: row.wall_seconds)[len(rows) // 2]
    spread = [row.times_real_time for row in rows]
    print(
        f"{middle.minutes:g} min: {statistics.median(spread):.1f}x real time ({min(spread):.1f} to {max(spread):.1f}), "
        f"{middle.wall_seconds:.1f} s, {middle.wall_seconds / middle.decode_seconds:.2f} times a bare decode, "
        f"peak {max(row.peak_mib for row in rows):.0f} MiB (ffmpeg {max(row.ffmpeg_mib for row in rows):.0f})"
    )
    total = sum(middle.stages.values())
    shares = ", ".join(f"{name} {seconds / total:.1%}" for name, seconds in middle.stages.items())
    print(f"  stages: {shares}; start-up and the rest {middle.wall_seconds - total:.1f} s", flush=True)


if __name__ == "__main__":
    run_command(main)
