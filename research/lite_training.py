"""Makes the lite preset's trained query scorer again: data, cross-validation, calibration, weights and figures.

    python -m research.lite_training --data ../shared/data --features DIR --out DIR

Features of single clips are extracted once into `--features`. The figures come from cross-validation over clips, from
joined features, and for `--stitched` folds also from mp4 files that are really stitched and analysed by the pipeline.
The weights are then fitted on all clips. The same data and seed give the same figures and the same weights.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from benchmarks.captioned_retrieval import PICTURE
from benchmarks.command import run_command
from benchmarks.stitching import Captioned, stitch
from highlightr.core.files import write_whole
from highlightr.features import TextEncoder
from highlightr.model_loader import label_bank, open_text_encoder
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.zeroshot.scorer import ZeroShotScorer
from research.lite.clips import Take, analyse, open_extractors, read_analysis, read_takes, write_analysis
from research.lite.fitting import FitSettings
from research.lite.judging import Judged, Method, answers, by_linear, by_zeroshot, folds_of, videos_of
from research.lite.stitching import Mixed, Part, deal
from research.lite.study import Material, fitted, study

EVENT_DEALS = 8
"""Times that the few clips with sound are dealt into videos."""

HALF = np.float16

FITTED_SIZES = ("slope", "offset", "match_slope", "match_offset", "match_scenes", "none_below")
"""Numbers of the configuration that the study finds."""


def material(takes: Sequence[Take], encoder: TextEncoder) -> Material:
    """Takes with their sentences embedded, and the class names."""
    banks = [label_bank(encoder, name) for name in ("imagenet", "yamnet")]
    return Material(takes, [encoder.encode(take.caption) for take in takes], *banks)


def really_stitched(
    found: Material, data: Path, kept: Path, config: CFSumLiteConfig, folds: int, chosen: int, seed: int
) -> dict[str, Judged]:
    """The first folds' clips stitched into mp4 files, which the pipeline's own stages then analyse."""
    rows: dict[str, list[Any]] = {}
    extractors = open_extractors()
    for fold, held_out in enumerate(folds_of(len(found.takes), folds, seed)[:chosen]):
        rest = sorted(set(range(len(found.takes))) - set(held_out))
        tensors = fitted(found, rest, config, FitSettings(), seed)
        scorer = CFSumLiteScorer(found.imagenet, found.audioset, tensors, config, "the fit")
        methods: dict[str, Method] = {
            "zeroshot": by_zeroshot(ZeroShotScorer(found.imagenet, found.audioset)),
            "cfsum-lite": by_linear(scorer),
        }
        joined = list(videos_of(found.takes, held_out, np.random.default_rng([seed, fold])))
        groups = deal(len(held_out), 8, np.random.default_rng([seed, fold]))
        real = [_analysed([held_out[m] for m in group], found.takes, data, kept, extractors) for group in groups]
        for kind, videos in (("joined features", joined), ("stitched files", real)):
            for name, method in methods.items():
                rows.setdefault(f"{name}, {kind}", []).extend(answers(videos, found.queries, method))
    return {name: Judged.of(each) for name, each in rows.items()}


def _analysed(group: Sequence[int], takes: Sequence[Take], data: Path, kept: Path, extractors: Sequence[Any]) -> Mixed:
    """One stitched file; the owner of a clip is the part that holds its centre."""
    clips = [Captioned(data / takes[i].name, takes[i].caption) for i in group]
    file = kept / f"stitched-{'-'.join(map(str, group))}.npz"
    edges_file = file.with_suffix(".edges.npy")
    if not (file.exists() and edges_file.exists()):
        with tempfile.TemporaryDirectory() as scratch:
            video = Path(scratch) / "stitched.mp4"
            spans = stitch(clips, video, PICTURE)
            np.save(edges_file, np.array([start for start, _ in spans]))
            write_analysis(file, *analyse(video, extractors))
    features, shots = read_analysis(file)
    owner = np.searchsorted(np.load(edges_file), features.grid.centers(), side="right") - 1
    parts = tuple(Part(take, 0, int((owner == index).sum())) for index, take in enumerate(group))
    return Mixed(features, shots, parts, owner)


def with_sound(found: Material, events: Material, config: CFSumLiteConfig, seed: int) -> dict[str, Judged]:
    """Clips with sound, none of which is trained on: does the query scorer hear, and does it do without?"""
    tensors = fitted(found, range(len(found.takes)), config, FitSettings(), seed)
    scorer = CFSumLiteScorer(found.imagenet, found.audioset, tensors, config, "the fit")
    zeroshot = ZeroShotScorer(found.imagenet, found.audioset)
    chosen = range(len(events.takes))
    deals = [np.random.default_rng([seed, number]) for number in range(EVENT_DEALS)]
    videos = [video for rng in deals for video in videos_of(events.takes, chosen, rng)]
    methods: dict[str, Method] = {
        "zeroshot": by_zeroshot(zeroshot),
        "zeroshot, sound taken away": by_zeroshot(zeroshot, ("yamnet",)),
        "cfsum-lite": by_linear(scorer),
        "cfsum-lite, sound taken away": by_linear(scorer, ("yamnet",)),
    }
    return {name: Judged.of(answers(videos, events.queries, method)) for name, method in methods.items()}


def table(rows: dict[str, Judged]) -> str:
    """One line per row."""
    width = max(map(len, rows))
    return "\n".join(
        f"{name:{width}} {row.hit_at_1:6.1f} ± {row.hit_error:.1f} {row.mean_ap:6.1f}  ({row.queries} queries)"
        for name, row in rows.items()
    )


def main() -> None:
    """Parse, study, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--features", type=Path, required=True, help="features are kept here between runs")
    parser.add_argument("--out", type=Path, required=True, help="gets cfsum-lite.safetensors and cfsum-lite.json")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--stitched", type=int, default=1, help="folds that are also stitched into files")
    parser.add_argument("--calibrate", action="store_true", help="find slopes and offsets alone, and write no weights")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    encoder = open_text_encoder("minilm")
    found = material(read_takes(options.data / "captioned", options.features), encoder)
    events = material(read_takes(options.data / "events", options.features), encoder)
    config = CFSumLiteConfig()
    result = study(found, config, FitSettings(), options.folds, options.seed, print, full_only=options.calibrate)
    print(table(result.rows))
    if options.calibrate:
        print(json.dumps(asdict(result)["calibration"], indent=1))
        return
    heard = with_sound(found, events, config, options.seed)
    print(table(heard))
    place = options.data / "captioned"
    files = really_stitched(found, place, options.features, config, options.folds, options.stitched, options.seed)
    print(table(files))
    tensors = fitted(found, range(len(found.takes)), config, FitSettings(), options.seed)
    assert result.calibration is not None
    sizes = {name: getattr(result.calibration, name) for name in FITTED_SIZES}
    final = replace(config, **{name: round(value, 4) for name, value in sizes.items()})
    options.out.mkdir(parents=True, exist_ok=True)
    halves = {name: np.ascontiguousarray(value, dtype=HALF) for name, value in tensors.items()}
    write_whole(options.out / "cfsum-lite.safetensors", save(halves))
    figures = result.as_dict() | {
        "events": {name: asdict(row) for name, row in heard.items()},
        "files": {name: asdict(row) for name, row in files.items()},
        "config": final.to_mapping(),
    }
    (options.out / "cfsum-lite.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
