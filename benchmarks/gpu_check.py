"""Does everything run on this GPU, is it right, and how fast is it? One table in under six minutes.

    python -m benchmarks.gpu_check [VIDEO] [--budget 330] [--json gpu.json]
    python -m benchmarks.gpu_check --device cpu --seconds 2 --height 144      # a rehearsal on a machine without one

Decoders (NVDEC where it is there), presets from file to scores beside the plain way, one worker and two on the device,
two epochs of every network that is trained, and every backbone in fp32, bf16 and fp16 beside its own outputs on the
CPU. Weights are random where they are not here; of the weights in the wheel only YAMNet's are needed, and no ffmpeg
program: without VIDEO one is made. A part that fails is a row that says so. When the budget is over, what is left is
listed as not run. Exit 1 if anything failed, differs or was not run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.gpu_parts import DECODERS, NAMES
from benchmarks.gpu_processes import Check, part_rows, worker_rows
from benchmarks.gpu_rows import FAULTS, Row, rows_table
from benchmarks.gpu_training import TRAINED
from benchmarks.made_video import make_video
from benchmarks.running import write_json
from highlightr.core.device import PRECISIONS, resolve_device

PRESETS = ("clip", "davihd-mrhisum", "cfsum-qvhighlights")


def main(arguments: Sequence[str] | None = None) -> None:
    """Try everything, print, keep."""
    options = _options(arguments)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        video = options.video or Path(folder) / "made.mp4"
        device = resolve_device(options.device)
        if options.video is None:
            make_video(video, options.seconds, _even(options.height * 16 / 9), options.height)
        until = began + options.budget
        check = Check(video.resolve(), device, options.rounds, Path(folder), until, options.precisions)
        rows = _all_rows(check, options)
    took = time.monotonic() - began
    print(rows_table(rows))
    faults = [row for row in rows if row.state in FAULTS]
    print(f"{took:.0f} s of {options.budget:.0f}; {len(faults)} of {len(rows)} rows failed, differ or were not run")
    figures = {
        "device": device,
        "seconds": took,
        "budget_seconds": options.budget,
        "rows": [asdict(row) for row in rows],
    }
    write_json(options.json, figures)
    if faults:
        sys.exit(1)


def _all_rows(check: Check, options: argparse.Namespace) -> list[Row]:
    parts = [
        part_rows(check, "machine", ["machine"]),
        part_rows(check, "decode", DECODERS),
        *(part_rows(check, "throughput", [preset]) for preset in options.presets),
        worker_rows(check, options.presets[0]),
        part_rows(check, "training", list(TRAINED)),
        part_rows(check, "backbones", options.backbones, share=1.0),
    ]
    rows = []
    for row in chain.from_iterable(parts):
        print(f"{row.part}: {row.name}: {row.state}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


def _even(number: float) -> int:
    return round(number / 2) * 2


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--budget", type=float, default=330.0, help="seconds for all of it")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--presets", nargs="+", default=PRESETS, help="the first is that of the workers, too")
    parser.add_argument("--backbones", nargs="+", default=NAMES, choices=NAMES)
    few = "such as fp32 alone on a CPU that has no bf16: it does as if, which takes an hour"
    parser.add_argument("--precisions", nargs="+", default=PRECISIONS, choices=PRECISIONS, help=few)
    parser.add_argument("--seconds", type=float, default=40.0, help="of the video that is made")
    parser.add_argument("--height", type=int, default=720, help="of its pictures")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
