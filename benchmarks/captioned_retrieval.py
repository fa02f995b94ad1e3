"""Does a caption find its clip? Eight silent clips are stitched into each video, every caption is a query.

    python -m benchmarks.captioned_retrieval --data ../shared/data/captioned --features DIR --json OUT

Prints HIT@1 and mAP of the zero-shot scorer from mp4 to scores, beside guessing, knowing, and each part of the method
taken away. `half` splits the clips by a fixed shuffle: settings were chosen on `tuning`, `held-out` confirms them.
The committed `cfsum-lite` was fitted on these clips and has no row here: research.lite_training measures it by
cross-validation, and with `--stitched 5` from mp4 to scores.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.command import run_command
from benchmarks.running import write_json
from benchmarks.stitching import (
    Captioned,
    Picture,
    Pipeline,
    Stitched,
    answer,
    deal,
    measure,
    read_captions,
    table,
    yardsticks,
)
from highlightr.features.base import TextEncoder
from highlightr.features.labels import label_names
from highlightr.scorers.label_bank import LabelBank
from highlightr.scorers.zeroshot.scorer import ZeroShotConfig, ZeroShotScorer

PICTURE = Picture(width=298, height=224, frames_per_second=3)
"""The clips' own size and rate."""

_SPLIT_SEED = 99

ABLATIONS: Mapping[str, ZeroShotConfig] = {
    "full method": ZeroShotConfig(),
    "clips alone": replace(ZeroShotConfig(), scene_seconds=(), shot_weight=0.0),
    "shots only": replace(ZeroShotConfig(), scene_seconds=()),
    "scenes only": replace(ZeroShotConfig(), shot_weight=0.0),
    "no hubness correction": replace(ZeroShotConfig(), hub_correction=0.0),
    "posteriors as they are": replace(ZeroShotConfig(), posterior_power=1.0),
    "ten labels per clip": replace(ZeroShotConfig(), top_labels=10),
}


def halves(clips: Sequence[Captioned], half: str) -> list[Captioned]:
    """All clips, or one half of a fixed shuffle."""
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(clips))
    chosen = {"all": order, "tuning": order[: len(order) // 2], "held-out": order[len(order) // 2 :]}[half]
    return [clips[index] for index in chosen]


def run(videos: Sequence[Stitched], pipeline: Pipeline, seed: int) -> dict[str, dict[str, float]]:
    """Every row of the table."""
    queries = {caption: pipeline.encoder.encode(caption) for video in videos for caption in video.captions}
    rows = yardsticks(videos, seed)
    for name, config in ABLATIONS.items():
        rows[name] = measure(videos, answer(pipeline.scorer(config), queries))
    bare = ZeroShotScorer(bare_names(pipeline.encoder), pipeline.banks["yamnet"])
    rows["bare label names"] = measure(videos, answer(bare, queries))
    return rows


def bare_names(encoder: TextEncoder) -> LabelBank:
    """ImageNet's labels as their lists of names alone, the published form of the method."""
    names = label_names("imagenet")
    return LabelBank(names, encoder.vectors(names))


def main() -> None:
    """Parse, stitch, analyse, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/captioned"))
    parser.add_argument("--features", type=Path, help="keep extracted features here between runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips-per-video", type=int, default=8)
    parser.add_argument("--half", choices=("all", "tuning", "held-out"), default="all")
    parser.add_argument("--limit", type=int, help="use only this many videos")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pipeline = Pipeline()
    groups = deal(halves(read_captions(options.data), options.half), options.clips_per_video, options.seed)
    videos = pipeline.stitch_all(groups[: options.limit], PICTURE, options.features)
    rows = run(videos, pipeline, options.seed)
    print(f"{len(videos)} videos, {sum(len(video.captions) for video in videos)} queries, seed {options.seed}")
    print(table(rows))
    write_json(options.json, {"seed": options.seed, "videos": len(videos), "rows": rows})


if __name__ == "__main__":
    run_command(main)
