"""What `score` and `summarize` take beside one ffmpeg that decodes the same file to nothing.

    python -m benchmarks.beside_decode [--data FOLDER ...] [--seconds 290] [--gops 2 1 5 10] [--rounds 3] [--json OUT]

The file is real clips joined at 720p and encoded once per length of groups of pictures; clips come again where there
are too few. Each command is a process of its own, start included, with one query and nothing cached; all of them run
once per round, by turns, and each is told in multiples of the decode of its round.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.analysis_modes import codec
from benchmarks.beside_others import PICTURE, Way, run_once
from benchmarks.command import run_command
from benchmarks.running import machine, write_json
from benchmarks.stitching import Captioned, read_captions, stitch
from highlightr.core.errors import ConfigError
from highlightr.media.ffmpeg import ffmpeg_path
from highlightr.media.probe import probe

WAYS: Mapping[str, Sequence[str]] = {
    "`score`": ("score",),
    "`summarize`": ("summarize",),
    "with `--fill`": ("summarize", "--fill"),
    "`score --analysis exact`": ("score", "--analysis", "exact"),
}
COLUMNS = ("video", "GOP", *WAYS, "peak of `summarize`, MiB")
DATA = (Path("../shared/data/events"), Path("../shared/data/events2"))


def clips_for(folders: Sequence[Path], seconds: float, seed: int = 0) -> list[Captioned]:
    """Clips with sound in an order of chance, again and again until they fill the time."""
    clips = [clip for folder in folders for clip in read_captions(folder)]
    sources = [(clip, probe(clip.path)) for clip in clips]
    heard = [(clip, source.duration_seconds) for clip, source in sources if source.audio is not None]
    if not heard:
        raise ConfigError(f"{folders[0]}: no clip with sound")
    order = cycle(heard[index] for index in np.random.default_rng(seed).permutation(len(heard)))
    return list(_until(order, seconds))


def _until(clips: Iterator[tuple[Captioned, float]], seconds: float) -> Iterator[Captioned]:
    begins = 0.0
    for clip, length in clips:
        if begins >= seconds:
            return
        yield clip
        begins += length


def measure(video: Path, query: str, rounds: int, folder: Path) -> dict[str, Way]:
    """Every command by turns, the decode first."""
    asked = ["--query", query, "--quiet", "--no-cache", "--overwrite"]
    commands = {"decode": [ffmpeg_path(), "-nostdin", "-v", "error", "-i", str(video), "-f", "null", "-"]}
    for name, (command, *flags) in WAYS.items():
        output = folder / ("scores.json" if command == "score" else "summary.mp4")
        commands[name] = [sys.executable, "-m", "highlightr", command, str(video), "-o", str(output), *flags, *asked]
    ways = {name: Way() for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            run_once(ways[name], command, folder / "nothing")
            if ways[name].failure:
                sys.exit(f"{name}: {ways[name].failure}")
    return ways


def rows_of(figures: Mapping[str, Any]) -> list[list[str]]:
    """A row per length of groups, from what is kept as JSON."""
    rows = []
    for video in figures["videos"]:
        ways = video["ways"]
        decode = ways["decode"]["wall_seconds"]
        ratios = [[took / bare for took, bare in zip(ways[name]["wall_seconds"], decode, strict=True)] for name in WAYS]
        told = [", ".join(f"{each:.2f}" for each in sorted(found)) for found in ratios]
        peak = f"{ways['`summarize`']['peak_mib']:.0f}"
        rows.append([f"{video['seconds']:.0f} s, {video['clips']} clips", f"{video['gop_seconds']:g} s", *told, peak])
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Join, encode, measure, print, keep."""
    options = _options(arguments)
    clips = clips_for(options.data, options.seconds)
    videos: list[dict[str, Any]] = []
    figures = {"machine": machine(), "rounds": options.rounds, "videos": videos}
    for gop in options.gops:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            encoding = codec(gop, options.picture.frames_per_second)
            spans = stitch(clips, folder / "joined.mp4", options.picture, codec=encoding)
            ways = measure(folder / "joined.mp4", clips[0].caption, options.rounds, folder)
        different = len({clip.path for clip in clips})
        about = {"gop_seconds": gop, "seconds": spans[-1][1], "clips": different}
        videos.append({**about, "ways": {way: asdict(took) for way, took in ways.items()}})
        print(" | ".join(rows_of(figures)[-1]), flush=True)
        write_json(options.json, figures)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, nargs="+", default=DATA, help="folders of clips with captions.csv")
    parser.add_argument("--seconds", type=float, default=290.0)
    parser.add_argument("--gops", type=float, nargs="+", default=[2, 1, 5, 10], help="seconds")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.set_defaults(picture=PICTURE)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
