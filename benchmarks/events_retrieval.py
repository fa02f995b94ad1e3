"""Does sound help? Clips with sound are stitched, every caption is a query, and each sense answers alone too.

    python -m benchmarks.events_retrieval --data ../shared/data/events --rounds 8 --features DIR --json OUT

The clips are few, so they are dealt into videos several times (`--rounds`, seeds from `--seed` on); one clip comes in
every round, so figures of rounds are not independent. `--clips-per-video 8` as in captioned_retrieval. `cfsum-lite` is
the committed file, which was fitted on none of these clips; only its weight of sound was chosen on them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.command import run_command
from benchmarks.running import write_json
from benchmarks.stitching import (
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
from highlightr.model_loader import load_models
from highlightr.scorers.zeroshot.scorer import ZeroShotConfig
from highlightr.zoo import load_preset

PICTURE = Picture(width=320, height=240, frames_per_second=25)


def run(videos: Sequence[Stitched], pipeline: Pipeline, seed: int) -> dict[str, dict[str, float]]:
    """Every row of the table."""
    queries = {caption: pipeline.encoder.encode(caption) for video in videos for caption in video.captions}
    rows = yardsticks(videos, seed)
    scorer = pipeline.scorer()
    rows["visual only"] = measure(videos, answer(scorer, queries, without=("yamnet",)))
    rows["audio only"] = measure(videos, answer(scorer, queries, without=("imagenet",)))
    rows["fused"] = measure(videos, answer(scorer, queries))
    for share in (0.2, 0.35, 0.65, 0.8):
        weighted = pipeline.scorer(replace(ZeroShotConfig(), audio_share=share))
        rows[f"fused, audio share {share}"] = measure(videos, answer(weighted, queries))
    trained = load_models(load_preset("lite"), "cpu").scorer_for("a query")
    rows["cfsum-lite, visual only"] = measure(videos, answer(trained, queries, without=("yamnet",)))
    rows["cfsum-lite"] = measure(videos, answer(trained, queries))
    clips_alone = pipeline.scorer(replace(ZeroShotConfig(), scene_seconds=(), shot_weight=0.0))
    rows["fused, clips alone"] = measure(videos, answer(clips_alone, queries))
    return rows


def main() -> None:
    """Parse, stitch, analyse, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/events"))
    parser.add_argument("--features", type=Path, help="keep extracted features here between runs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--clips-per-video", type=int, default=8)
    parser.add_argument("--limit", type=int, help="use only this many videos")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pipeline = Pipeline()
    clips = read_captions(options.data)
    rounds = range(options.seed, options.seed + options.rounds)
    groups = [group for seed in rounds for group in deal(clips, options.clips_per_video, seed)]
    videos = pipeline.stitch_all(groups[: options.limit], PICTURE, options.features)
    rows = run(videos, pipeline, options.seed)
    print(f"{len(videos)} videos, {sum(len(video.captions) for video in videos)} queries, seeds from {options.seed}")
    print(table(rows))
    write_json(options.json, {"seed": options.seed, "videos": len(videos), "rows": rows})


if __name__ == "__main__":
    run_command(main)
