"""Are shot boundaries found, and what does that cost? Real clips joined end to end, two detectors.

    python -m benchmarks.shot_boundaries --data ../shared/data [--videos 4] [--json OUT]

True boundaries are the joins, which are known, and the cuts inside the clips, for which TransNetV2's findings on each
clip alone stand in; where it overlooks one, a detector that finds it loses precision, so precision is a lower bound.
A boundary counts if it is within 0.1 s, one to one. Times are of one thread, per second of video.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from highlightr.features.lite.transnetv2 import BOUNDARY_PROBABILITY, TransNetV2

from benchmarks.stitching import Picture, deal, read_captions
from highlightr.core.types import Shot, TimeGrid
from highlightr.features.base import Extraction
from highlightr.media import Thumbnail, ThumbnailTap, decode, probe
from highlightr.media.change import FrameChange
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.selection import detect_shots, shots_from_probability

TOLERANCE_SECONDS = 0.1
CLIPS_PER_VIDEO = 8

SETS = {
    "captioned": Picture(width=298, height=224, frames_per_second=3),
    "events": Picture(width=640, height=360, frames_per_second=25),
}
"""Folder to what its stitched videos look like: the captioned clips have 3 frames per second themselves."""

Detector = Callable[[Sequence[Thumbnail], float], tuple[Shot, ...]]
"""Shots from the thumbnails of a video and its duration."""


@dataclass
class Tally:
    """What one detector did on one set."""

    true: int = 0
    found: int = 0
    right: int = 0
    joins: int = 0
    joins_found: int = 0
    seconds: float = 0.0
    video_seconds: float = 0.0
    decode_seconds: float = 0.0

    def add(self, joins: Sequence[float], inner: Sequence[float], found: Sequence[float]) -> None:
        """Count one video."""
        self.true += len(joins) + len(inner)
        self.found += len(found)
        self.right += matches([*joins, *inner], found)
        self.joins += len(joins)
        self.joins_found += matches(joins, found)

    def row(self) -> dict[str, float]:
        """The figures, in percent and milliseconds."""
        precision, recall = self.right / max(self.found, 1), self.right / max(self.true, 1)
        return {
            "precision": 100 * precision,
            "recall": 100 * recall,
            "F1": 200 * precision * recall / max(precision + recall, 1e-9),
            "joins": 100 * self.joins_found / max(self.joins, 1),
            "boundaries": self.true,
            "ms/s": 1000 * self.seconds / self.video_seconds,
            "share %": 100 * self.seconds / (self.seconds + self.decode_seconds),
        }


def matches(true: Sequence[float], found: Sequence[float], tolerance: float = TOLERANCE_SECONDS) -> int:
    """How many true times have a found one within the tolerance, each used once: the largest such pairing.

    Times in order on a line: pairing the earliest that fit leaves most for the later ones.
    """
    count, index, ordered = 0, 0, sorted(found)
    for moment in sorted(true):
        while index < len(ordered) and ordered[index] < moment - tolerance - 1e-6:
            index += 1
        if index < len(ordered) and ordered[index] <= moment + tolerance + 1e-6:
            count, index = count + 1, index + 1
    return count


def join(clips: Sequence[Path], output: Path, picture: Picture) -> list[float]:
    """Write the clips' pictures one after the other, each a whole number of frames long; returns where each starts."""
    rate, arguments, chains, starts = picture.frames_per_second, [], [], [0]
    for index, clip in enumerate(clips):
        frames = max(1, int(probe(clip).duration_seconds * rate + 1e-3))
        arguments += ["-i", str(clip)]
        chains.append(
            f"[{index}:v:0]scale={picture.width}:{picture.height},setsar=1,fps={rate},"
            f"tpad=stop=-1:stop_mode=clone,trim=end_frame={frames},setpts=N/{rate}/TB,format=yuv420p[v{index}]"
        )
        starts.append(starts[-1] + frames)
    chains.append("".join(f"[v{index}]" for index in range(len(clips))) + f"concat=n={len(clips)}[v]")
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]
    run_ffmpeg([*arguments, "-filter_complex", ";".join(chains), "-map", "[v]", *codec, "-y", str(output)])
    return [start / rate for start in starts]


def thumbnails(path: Path) -> tuple[list[Thumbnail], float]:
    """Thumbnails of every frame, and the duration."""
    source = probe(path)
    items = [item for _, item in decode(source, {"small": ThumbnailTap()}, threads=1)]
    return [item for item in items if isinstance(item, Thumbnail)], source.duration_seconds


def cheap(items: Sequence[Thumbnail], duration: float) -> tuple[Shot, ...]:
    """The default detector: the change of frames, measured in the same pass as motion, and its thresholds."""
    change = FrameChange()
    for item in items:
        change.push(item)
    return detect_shots(change.signal(), duration)


def transnet(network: TransNetV2) -> Detector:
    """The network as a detector."""

    def detect(items: Sequence[Thumbnail], duration: float) -> tuple[Shot, ...]:
        extraction: Extraction = network.start(TimeGrid(duration, 1.0))
        for item in items:
            extraction.push(item)
        return shots_from_probability(extraction.finish().signals[BOUNDARY_PROBABILITY], duration)

    return detect


def boundaries(shots: Sequence[Shot]) -> list[float]:
    """Where shots meet."""
    return [shot.start_seconds for shot in shots[1:]]


def measure(
    folder: Path, picture: Picture, num_videos: int, seed: int, detectors: dict[str, Detector]
) -> dict[str, Tally]:
    """Join clips of a folder into videos and run every detector on them."""
    tallies = {name: Tally() for name in detectors}
    with tempfile.TemporaryDirectory() as place:
        for group in deal(read_captions(folder), CLIPS_PER_VIDEO, seed)[:num_videos]:
            starts = join([clip.path for clip in group], Path(place) / "joined.mp4", picture)
            began = time.perf_counter()
            items, duration = thumbnails(Path(place) / "joined.mp4")
            decoding = time.perf_counter() - began
            inner = _inner_cuts(items, starts, detectors["transnetv2"])
            for name, detector in detectors.items():
                began = time.perf_counter()
                shots = detector(items, duration)
                tallies[name].seconds += time.perf_counter() - began
                tallies[name].video_seconds += duration
                tallies[name].decode_seconds += decoding
                tallies[name].add(starts[1:-1], inner, boundaries(shots))
    return tallies


def _inner_cuts(items: Sequence[Thumbnail], starts: Sequence[float], detector: Detector) -> list[float]:
    """What the detector finds in each part alone, in the time of the whole."""
    cuts: list[float] = []
    for start, stop in pairwise(starts):
        inside = [item for item in items if start - 1e-3 <= item.time_seconds < stop - 1e-3]
        moved = [Thumbnail(item.time_seconds - start, item.image) for item in inside]
        cuts += [start + cut for cut in boundaries(detector(moved, stop - start))]
    return cuts


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--videos", type=int, default=4, help="videos of eight clips per set")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    detectors: dict[str, Detector] = {"cheap": cheap, "transnetv2": transnet(TransNetV2())}
    rows = {
        f"{name}, {detector}": tally.row()
        for name, picture in SETS.items()
        for detector, tally in measure(
            arguments.data / name, picture, arguments.videos, arguments.seed, detectors
        ).items()
    }
    print_table(rows)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def print_table(rows: dict[str, dict[str, float]]) -> None:
    """One row per set and detector; `share %` is of decoding plus detection."""
    columns = list(next(iter(rows.values())))
    print(f"{'':24}" + "".join(f"{column:>12}" for column in columns))
    for name, row in rows.items():
        print(f"{name:24}" + "".join(f"{row[column]:12.1f}" for column in columns))


if __name__ == "__main__":
    main()
