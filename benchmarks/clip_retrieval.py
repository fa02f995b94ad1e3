"""Does a caption find its clip by the cosine of picture and query? As `captioned_retrieval`, for the `clip` preset.

    python -m benchmarks.clip_retrieval --data ../shared/data/captioned --model ViT-L-14/laion2b_s32b_b82k --json OUT

Runs where the weights are, or can be fetched (`highlightr models pull clip`). Prints HIT@1 and mAP of the scorer
`cosine` from mp4 to scores, beside guessing, knowing, parts of the method taken away, and the same pictures through
ImageNet's class names alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.captioned_retrieval import PICTURE, halves
from benchmarks.command import run_command
from benchmarks.stitching import Captioned, Stitched, answer, deal, measure, read_captions, stitch, table, yardsticks
from highlightr.core.types import Query, TimeGrid
from highlightr.features import extract
from highlightr.media import probe
from highlightr.model_loader import Models, label_bank, load_models
from highlightr.scorers import Scorer
from highlightr.scorers.cosine.scorer import CosineConfig, CosineScorer
from highlightr.scorers.zeroshot.scorer import ZeroShotScorer
from highlightr.selection import detect_shots
from highlightr.zoo import load_preset
from highlightr.zoo.presets import with_model


def scorers(models: Models) -> Mapping[str, Scorer]:
    """The preset's scorer, parts of it taken away, and the way through class names."""
    encoder = models.text_encoder
    pictures, sounds = (label_bank(encoder, stream) for stream in ("imagenet", "yamnet"))
    scale = encoder.logit_scale
    if scale is None:
        raise SystemExit("the text encoder has no scale of its own: it is not a model of pictures and words")
    full = CosineConfig.from_mapping(models.preset.scorers["cosine"].config)
    ablations = {
        "cosine": full,
        "clips alone": replace(full, clip_share=1.0, smooth_clips=1),
        "shots only": replace(full, scene_seconds=(), clip_share=0.0),
        "scenes only": replace(full, shot_weight=0.0, clip_share=0.0),
    }
    made = {name: CosineScorer(pictures, sounds, scale, config) for name, config in ablations.items()}
    return {**made, "class names": ZeroShotScorer(pictures, sounds)}


def stitched(models: Models, clips: Sequence[Captioned], folder: Path) -> Stitched:
    """Join the clips into one video and run the preset's extractors on it."""
    path = folder / "stitched.mp4"
    spans = stitch(clips, path, PICTURE)
    source = probe(path)
    grid = TimeGrid(source.duration_seconds, models.preset.clip_seconds)
    features = extract(source, grid, models.extractors)
    shots = detect_shots(features.signals["frame_change"], source.duration_seconds)
    return Stitched(features, tuple(shots), spans, tuple(clip.caption for clip in clips))


def run(videos: Sequence[Stitched], models: Models, seed: int) -> dict[str, dict[str, float]]:
    """Every row of the table."""
    encode = models.text_encoder.encode
    queries: dict[str, Query] = {caption: encode(caption) for video in videos for caption in video.captions}
    rows = yardsticks(videos, seed)
    for name, scorer in scorers(models).items():
        rows[name] = measure(videos, answer(scorer, queries))
    return rows


def main() -> None:
    """Parse, stitch, analyse, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/captioned"))
    parser.add_argument("--model", help="NAME/TAG of open_clip; by default the preset's own")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clips-per-video", type=int, default=8)
    parser.add_argument("--half", choices=("all", "tuning", "held-out"), default="all")
    parser.add_argument("--limit", type=int, help="use only this many videos")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    preset = load_preset("clip")
    models = load_models(preset if options.model is None else with_model(preset, options.model), options.device)
    groups = deal(halves(read_captions(options.data), options.half), options.clips_per_video, options.seed)
    with tempfile.TemporaryDirectory() as scratch:
        videos = [stitched(models, group, Path(scratch)) for group in groups[: options.limit]]
    rows = run(videos, models, options.seed)
    queries = sum(len(video.captions) for video in videos)
    print(f"{len(videos)} videos, {queries} queries, seed {options.seed}, {options.model or 'the model of the preset'}")
    print(table(rows))
    if options.json:
        facts = {"model": options.model, "seed": options.seed, "videos": len(videos), "queries": queries, "rows": rows}
        options.json.write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    run_command(main)
