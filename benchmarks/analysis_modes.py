"""Does looking at keyframes alone lose anything? Joined clips, one encoding per GOP length, both modes of analysis.

    python -m benchmarks.analysis_modes --data ../shared/data/events [--gops 1 2 5 10] [--open] [--json OUT]

Per GOP length: HIT@1 and mAP of every caption by `cfsum-lite` and `zeroshot`, from features of `exact` and of `auto`;
*boundaries*, how many shot boundaries `exact` finds, how many of them `auto` misses by more than 0.1 s, and how many
it finds beside them; *seen*, the share of the video that `auto` decodes. `cfsum-lite` is the committed file, fitted on
every clip of `captioned`: there, both modes have that advantage, and `zeroshot` has none.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.command import run_command
from benchmarks.running import machine, write_json
from benchmarks.stitching import Picture, Pipeline, Stitched, answer, deal, measure, read_captions, stitch
from highlightr.core.types import TimeArray
from highlightr.media.change import FRAME_CHANGE, unseen_spans
from highlightr.model_loader import load_models
from highlightr.zoo import load_preset

PICTURE = Picture(width=640, height=360, frames_per_second=25)
MODES = ("exact", "auto")
TOLERANCE_SECONDS = 0.1


@dataclass
class Comparison:
    """Videos of one GOP length, as both modes see them."""

    videos: dict[str, list[Stitched]] = field(default_factory=lambda: {mode: [] for mode in MODES})
    boundaries: int = 0
    missed: int = 0
    extra: int = 0
    seconds: float = 0.0
    unseen_seconds: float = 0.0

    def add(self, exact: Stitched, auto: Stitched) -> None:
        """Count one video."""
        starts = [np.array([shot.start_seconds for shot in each.shots[1:]]) for each in (exact, auto)]
        self.boundaries += len(starts[0])
        self.missed += _without_a_neighbour(*starts)
        self.extra += _without_a_neighbour(*reversed(starts))
        self.seconds += exact.features.grid.duration_seconds
        self.unseen_seconds += sum(stop - start for start, stop in unseen_spans(auto.features.signals[FRAME_CHANGE]))
        for mode, video in zip(MODES, (exact, auto), strict=True):
            self.videos[mode].append(video)


def _without_a_neighbour(times: TimeArray, others: TimeArray) -> int:
    """How many times have no other one near."""
    distance = np.abs(times[:, None] - others[None, :])
    return int((distance.min(axis=1, initial=np.inf) > TOLERANCE_SECONDS).sum())


def codec(gop_seconds: float, frames_per_second: int, *, open_gop: bool = False) -> list[str]:
    """How the joined files are written."""
    frames = round(gop_seconds * frames_per_second)
    return ["-c:v", "libx264", "-preset", "veryfast", "-crf", "23", "-g", str(frames), *OPEN_GOP[: 2 * open_gop]]


OPEN_GOP = ("-x264-params", "open-gop=1")


def compare(
    data: Path, pipeline: Pipeline, rounds: int, per_video: int, encoding: Sequence[str], limit: int | None
) -> Comparison:
    """Join, encode and analyse."""
    found = Comparison()
    clips = read_captions(data)
    groups = [group for seed in range(rounds) for group in deal(clips, per_video, seed)]
    for group in groups[:limit]:
        captions = tuple(clip.caption for clip in group)
        with tempfile.TemporaryDirectory() as folder:
            video = Path(folder) / "joined.mp4"
            spans = stitch(group, video, PICTURE, codec=encoding)
            seen = [pipeline.analyse(video, skip_calm=mode == "auto") for mode in MODES]
        exact, auto = (Stitched(features, shots, spans, captions) for features, shots in seen)
        found.add(exact, auto)
    return found


def figures(found: Comparison, pipeline: Pipeline) -> Mapping[str, Mapping[str, float]]:
    """One row per scorer and mode."""
    captions = {caption for video in found.videos["exact"] for caption in video.captions}
    queries = {caption: pipeline.encoder.encode(caption) for caption in captions}
    scorers = {
        "cfsum-lite": load_models(load_preset("lite"), "cpu").scorer_for("a query"),
        "zeroshot": pipeline.scorer(),
    }
    return {
        f"{name}, {mode}": measure(found.videos[mode], answer(scorer, queries))
        for name, scorer in scorers.items()
        for mode in MODES
    }


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/events"))
    parser.add_argument("--gops", type=float, nargs="+", default=[1, 2, 5, 10], help="seconds")
    parser.add_argument("--open", action="store_true", help="open groups of pictures")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clips-per-video", type=int, default=8)
    parser.add_argument("--limit", type=int, help="use only this many videos")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pipeline = Pipeline()
    written: list[dict[str, object]] = []
    for gop in options.gops:
        encoding = codec(gop, PICTURE.frames_per_second, open_gop=options.open)
        found = compare(options.data, pipeline, options.rounds, options.clips_per_video, encoding, options.limit)
        rows = figures(found, pipeline)
        seen = 100 * (1 - found.unseen_seconds / found.seconds)
        print(
            f"GOP {gop:g} s: {len(found.videos['exact'])} videos, {found.seconds:.0f} s, {seen:.0f} % seen, "
            f"{found.boundaries} boundaries, {found.missed} missed, {found.extra} extra",
            flush=True,
        )
        for name, row in rows.items():
            print(f"  {name:18}" + "".join(f"  {key} {value:5.1f}" for key, value in row.items()), flush=True)
        counts = {"boundaries": found.boundaries, "missed": found.missed, "extra": found.extra}
        queries = sum(len(video.captions) for video in found.videos["exact"])
        about = {"clips": options.data.name, "queries": queries, "gop_seconds": gop, "open": options.open}
        written.append({**about, "seen": seen, **counts, "rows": rows})
        write_json(options.json, {"machine": machine(), "groups": written})


if __name__ == "__main__":
    run_command(main)
