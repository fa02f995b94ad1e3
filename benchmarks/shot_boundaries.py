"""Are shot boundaries found, and what does that cost? Real clips joined by cuts, dissolves and fades, three detectors.

    python -m benchmarks.shot_boundaries --data ../shared/data [--half report] [--sets mixed events] [--videos 4] \
        [--transitions cut dissolve fade] [--detectors cheap content transnetv2] [--json OUT]

Joins are known: *joins* is the share of them that is found, within 0.1 s (of the span of a gradual one), one to one.
What is found elsewhere, *others*, is a cut inside a clip or false: *false* counts those that TransNetV2, run on the
clip alone, gives less than 0.1 within two frames of the clip; it needs `transnetv2` among the detectors. `content`
is PySceneDetect's ContentDetector at its own settings, where that package is installed. *ms/s* is time of one thread
per second of video, decoding left out but for `content`, which decodes for itself. Settings were chosen on the tuning
half of the clips.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from benchmarks.command import run_command
from benchmarks.other_ways import boundaries_of, scene_detection
from benchmarks.running import write_json
from benchmarks.stitching import Captioned, Picture, deal, read_captions, table
from highlightr.core.types import Shot, Signal, TimeGrid
from highlightr.features.backbones.transnetv2 import BOUNDARY_PROBABILITY
from highlightr.media import Thumbnail, ThumbnailRequest, decode, probe
from highlightr.media.change import FrameChange
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.model_loader import open_extractor
from highlightr.selection import detect_shots, shots_from_probability

TOLERANCE_SECONDS = 0.1
LONGEST_PART_SECONDS = 16.0
DOUBTFUL = 0.1
"""TransNetV2's probability below which a boundary inside a clip counts as false."""

SETS: Mapping[str, tuple[Sequence[str], Picture, int]] = {
    "captioned": (["captioned"], Picture(width=298, height=224, frames_per_second=3), 18),
    "events": (["events", "events2"], Picture(width=640, height=360, frames_per_second=25), 9),
    "mixed": (["captioned", "events2"], Picture(width=640, height=360, frames_per_second=25), 18),
}
"""Folders, what the joined videos look like (captioned clips have 3 frames per second themselves), parts per video."""

TRANSITIONS = {"cut": None, "dissolve": "fade", "fade": "fadeblack"}
"""To ffmpeg's name of it."""

TRANSITION_SECONDS = (0.4, 1.2)

Span = tuple[float, float]
Detector = Callable[[Path, Sequence[Thumbnail], float], list[float]]
"""Boundaries of a file, of which thumbnails and duration are at hand."""


@dataclass
class Tally:
    """What one detector did on one set."""

    joins: int = 0
    joins_found: int = 0
    others: int = 0
    false: int = 0
    seconds: float = 0.0
    video_seconds: float = 0.0

    def add(self, joins: Sequence[Span], found: Sequence[float], doubt: Callable[[float], bool]) -> None:
        """Count one video; `doubt` tells which boundaries away from the joins are false."""
        right = matches(joins, found)
        elsewhere = [each for each in found if not any(_within(each, join) for join in joins)]
        self.joins += len(joins)
        self.joins_found += right
        self.others += len(elsewhere)
        self.false += sum(map(doubt, elsewhere))

    def row(self) -> dict[str, float]:
        """The figures: a percentage, two counts, milliseconds and minutes."""
        return {
            "joins %": 100 * self.joins_found / max(self.joins, 1),
            "of": self.joins,
            "others": self.others,
            "false": self.false,
            "ms/s": 1000 * self.seconds / self.video_seconds,
            "minutes": self.video_seconds / 60,
        }


def _within(moment: float, span: Span) -> bool:
    return span[0] - TOLERANCE_SECONDS - 1e-6 <= moment <= span[1] + TOLERANCE_SECONDS + 1e-6


def matches(true: Sequence[Span], found: Sequence[float]) -> int:
    """How many true spans have a found time in them, each used once: the largest such pairing.

    Spans in order on a line: pairing the earliest that fit leaves most for the later ones.
    """
    count, index, ordered = 0, 0, sorted(found)
    for span in sorted(true):
        while index < len(ordered) and ordered[index] < span[0] and not _within(ordered[index], span):
            index += 1
        if index < len(ordered) and _within(ordered[index], span):
            count, index = count + 1, index + 1
    return count


@dataclass(frozen=True)
class Joined:
    """A file made of parts."""

    path: Path
    joins: list[Span]
    parts: list[tuple[Captioned, float]]
    """Each with where its first frame would lie."""
    clips: dict[Path, Signal] = field(default_factory=dict)
    """TransNetV2's probabilities of each clip alone."""

    def doubtful(self, moment: float, frames_per_second: float) -> bool:
        """Whether the clip alone has no boundary there."""
        clip, start = [each for each in self.parts if each[1] <= moment + 1e-6][-1]
        signal = self.clips.get(clip.path)
        if signal is None:
            return False
        near = np.abs(signal.times_seconds - (moment - start)) <= max(0.15, 2.1 / frames_per_second)
        return not bool(np.any(signal.values[near, 0] >= DOUBTFUL))


def join(
    clips: Sequence[Captioned], output: Path, picture: Picture, transition: str, rng: np.random.Generator
) -> Joined:
    """Write the clips' pictures one after the other, each a whole number of frames long."""
    rate = picture.frames_per_second
    frames = [int(min(probe(clip.path).duration_seconds, LONGEST_PART_SECONDS) * rate + 1e-3) for clip in clips]
    overlaps = [0 if transition == "cut" else int(rng.uniform(*TRANSITION_SECONDS) * rate + 0.999) for _ in clips[1:]]
    starts = list(accumulate((length - gone for length, gone in zip(frames, overlaps, strict=False)), initial=0))
    chains = [
        f"[{index}:v:0]scale={picture.width}:{picture.height},setsar=1,fps={rate},tpad=stop=-1:stop_mode=clone,"
        f"trim=end_frame={length},setpts=N/{rate}/TB,settb=1/{rate},format=yuv420p[p{index}]"
        for index, length in enumerate(frames)
    ]
    if transition == "cut":
        chains.append(
            "".join(f"[p{index}]" for index in range(len(clips))) + f"concat=n={len(clips)}[x{len(clips) - 1}]"
        )
    else:
        chains[0] = chains[0].replace("[p0]", "[x0]")
        chains += [
            f"[x{index}][p{index + 1}]xfade=transition={TRANSITIONS[transition]}:duration={gone / rate:.6f}:"
            f"offset={starts[index + 1] / rate:.6f}[x{index + 1}]"
            for index, gone in enumerate(overlaps)
        ]
    inputs = [each for clip in clips for each in ("-i", str(clip.path))]
    codec = ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20"]
    graph = ["-filter_complex", ";".join(chains), "-map", f"[x{len(clips) - 1}]"]
    run_ffmpeg([*inputs, *graph, *codec, "-y", str(output)])
    joins = [(at / rate, (at + gone) / rate) for at, gone in zip(starts[1:], overlaps, strict=True)]
    return Joined(output, joins, [(clip, at / rate) for clip, at in zip(clips, starts, strict=True)])


def thumbnails(path: Path) -> tuple[list[Thumbnail], float]:
    """Thumbnails of every frame, and the duration."""
    source = probe(path)
    items = [item for _, item in decode(source, {"small": ThumbnailRequest()}, threads=1)]
    return [item for item in items if isinstance(item, Thumbnail)], source.duration_seconds


def cheap(path: Path, items: Sequence[Thumbnail], duration: float) -> list[float]:
    """The default detector: the change of frames, measured in the same pass as motion, and its thresholds."""
    change = FrameChange()
    for item in items:
        change.push(item)
    return boundaries(detect_shots(change.signal(), duration))


def content(path: Path, items: Sequence[Thumbnail], duration: float) -> list[float]:
    """PySceneDetect's ContentDetector, which decodes for itself."""
    return boundaries_of(scene_detection(path, "ContentDetector"))


class Network:
    """TransNetV2 as a detector, and as a judge of clips."""

    def __init__(self) -> None:
        import torch

        torch.set_num_threads(1)
        self._network = open_extractor("transnetv2", clip_seconds=1.0)
        self._network.load()

    def __call__(self, path: Path, items: Sequence[Thumbnail], duration: float) -> list[float]:
        return boundaries(shots_from_probability(self.probabilities(items, duration), duration))

    def probabilities(self, items: Sequence[Thumbnail], duration: float) -> Signal:
        """Its signal."""
        extraction = self._network.start(TimeGrid(duration, 1.0))
        for item in items:
            extraction.push(item)
        return extraction.finish().signals[BOUNDARY_PROBABILITY]


def boundaries(shots: Sequence[Shot]) -> list[float]:
    """Where shots meet."""
    return [stop.start_seconds for _, stop in pairwise(shots)]


def half_of(clip: Captioned) -> str:
    """``tuning`` or ``report``, by the file's name."""
    return ("tuning", "report")[int(hashlib.sha256(clip.path.name.encode()).hexdigest(), 16) % 2]


def measure(
    clips: Sequence[Captioned],
    picture: Picture,
    parts: int,
    transition: str,
    num_videos: int,
    seed: int,
    detectors: Mapping[str, Detector],
) -> dict[str, Tally]:
    """Join clips into videos and run every detector on them."""
    tallies = {name: Tally() for name in detectors}
    judge = detectors.get("transnetv2")
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory() as place:
        for group in deal(clips, parts, seed)[:num_videos]:
            video = join(group, Path(place) / "joined.mp4", picture, transition, rng)
            if isinstance(judge, Network):
                video.clips.update({clip.path: judge.probabilities(*thumbnails(clip.path)) for clip in group})
            items, duration = thumbnails(video.path)
            rate = min(picture.frames_per_second, 3 if "captioned" in str(group[0].path) else 25)
            for name, detector in detectors.items():
                began = time.thread_time()
                found = detector(video.path, items, duration)
                tallies[name].seconds += time.thread_time() - began
                tallies[name].video_seconds += duration
                tallies[name].add(
                    video.joins, found, lambda moment, video=video, rate=rate: video.doubtful(moment, rate)
                )
    return tallies


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--half", choices=("tuning", "report"), default="report")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    parser.add_argument("--transitions", nargs="+", choices=TRANSITIONS, default=list(TRANSITIONS))
    parser.add_argument("--detectors", nargs="+", choices=("cheap", "content", "transnetv2"), default=["cheap"])
    parser.add_argument("--videos", type=int, default=4, help="videos per set and transition")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    known: dict[str, Callable[[], Detector]] = {
        "cheap": lambda: cheap,
        "content": lambda: content,
        "transnetv2": Network,
    }
    detectors = {name: known[name]() for name in given.detectors}
    rows: dict[str, dict[str, float]] = {}
    for name in given.sets:
        folders, picture, parts = SETS[name]
        clips = [clip for folder in folders for clip in read_captions(given.data / folder)]
        clips = [clip for clip in clips if half_of(clip) == given.half]
        for transition in given.transitions:
            tallies = measure(clips, picture, parts, transition, given.videos, given.seed, detectors)
            rows |= {f"{name}, {transition}, {detector}": tally.row() for detector, tally in tallies.items()}
            print(table({key: rows[key] for key in list(rows)[-len(tallies) :]}), flush=True)
    write_json(given.json, rows)


if __name__ == "__main__":
    run_command(main)
