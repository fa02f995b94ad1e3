"""Without a query: does a small DAViHD find the moment better than `zeroshot`, loudness or novelty do?

    python -m tests.benchmarks.lite_unasked --data ../shared/data --features DIR --json OUT

Simulated and small: one recorded clip in which something happens is put among silent footage and one calm recording.
Pictures are stitched into real files and analysed as the pipeline does; backgrounds are made sounds at drawn levels.
Three folds over moments, footage and calm: a network never met what it is asked about. Each moment is asked about in
one file under several soundtracks; errors are over moments.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.evaluation.ranking import average_precision, expected_hit_at_1
from highlightr.features import create_extractor, create_text_encoder, extract
from highlightr.features.labels import label_embeddings, label_names
from highlightr.media import probe
from highlightr.media.change import FRAME_CHANGE
from highlightr.scorers.davihd import DAViHD
from highlightr.scorers.davihd_scorer import pool_logmel
from highlightr.scorers.zeroshot import ZeroShotScorer
from highlightr.scorers.zeroshot_labels import LabelBank
from highlightr.scorers.zeroshot_smoothing import average_over, moving_average, shot_index
from highlightr.selection import detect_shots
from highlightr.timeline import Features, FloatArray, Signal, TimeGrid
from highlightr.training.lite.clips import CLIP_SECONDS, Take, read_analysis, read_takes, write_analysis
from highlightr.training.lite.davihd import SMALL, SMALL_HEARING, FitSettings, fit_davihd, score_davihd
from highlightr.training.lite.eventful import Ears, Eventful, Recipe, Sounding, draw_eventful, mix_recorded, read_sound
from highlightr.training.lite.judging import folds_of
from tests.benchmarks.captioned_retrieval import PICTURE
from tests.benchmarks.stitching import Captioned, stitch

CALM = ("mdn_flower.mp4", "mdn_friday.mp4", "mdn_stream-of-water.mp4", "vf_v_ZNVhz7ctTq0.mp4")
"""Recordings in which nothing happens, chosen by their captions; the others are moments."""

FOLDS = 3
FOOTAGE_PARTS = 6
NETWORKS = {"davihd": SMALL, "davihd, sound only": SMALL_HEARING}
TRAIN_RECIPE = Recipe(recorded=(0, 3), made=(0, 2))


@dataclass(frozen=True)
class Asked:
    """One test video."""

    moment: str
    video: Eventful


@dataclass(frozen=True)
class Fold:
    """Material that only one side of the split has."""

    footage: Sequence[Take]
    moments: Sequence[Sounding]
    calm: Sequence[Sounding]


class Workshop:
    """Draws videos, and keeps what was analysed in a folder between runs."""

    def __init__(self, data: Path, kept: Path, seed: int) -> None:
        self.data, self.kept, self.seed = data, kept, seed
        self.footage = read_takes(data / "captioned", kept)
        heard = [Sounding(take, read_sound(data / "events" / take.name)) for take in read_takes(data / "events", kept)]
        self.calm = [each for each in heard if each.take.name in CALM]
        self.moments = [each for each in heard if each.take.name not in CALM]
        self._ears = Ears()
        self._eyes = [create_extractor(name, clip_seconds=CLIP_SECONDS) for name in ("efficientnet_lite0", "motion")]

    def fold(self, number: int, *, held_out: bool) -> Fold:
        """One side of a split."""

        def side(items: Sequence[Any], seed: int) -> list[Any]:
            chosen = set(folds_of(len(items), FOLDS, seed)[number])
            return [item for index, item in enumerate(items) if (index in chosen) == held_out]

        return Fold(side(self.footage, self.seed), side(self.moments, self.seed), side(self.calm, self.seed))

    def training(self, number: int, count: int) -> list[Eventful]:
        """Drawn videos of the fold's training side."""
        side = self.fold(number, held_out=False)
        material = (side.footage, side.moments, side.calm, TRAIN_RECIPE, self._ears)
        made = []
        for index in range(count):
            draw = partial(draw_eventful, *material, np.random.default_rng([self.seed, number, index]))
            made.append(self._kept(f"train-{number}-{index}", draw))
        return made

    def asked(self, number: int, soundtracks: int) -> list[Asked]:
        """Every held-out moment in one stitched file, under several soundtracks."""
        side = self.fold(number, held_out=True)
        return [
            Asked(moment.take.name, video)
            for index, moment in enumerate(side.moments)
            for video in self._with_soundtracks(side, moment, f"{number}-{index}", soundtracks)
        ]

    def _with_soundtracks(self, side: Fold, moment: Sounding, key: str, soundtracks: int) -> list[Eventful]:
        rng = np.random.default_rng([self.seed, 1, *map(int, key.split("-"))])
        places = rng.choice(len(side.footage), FOOTAGE_PARTS, replace=False)
        parts: list[Take | Sounding] = [side.footage[i] for i in places]
        parts += [moment, side.calm[int(rng.integers(len(side.calm)))]]
        parts = [parts[i] for i in rng.permutation(len(parts))]
        starts, silent = self._pictures(parts, key)
        recorded = [
            (start, each.samples) for start, each in zip(starts, parts, strict=True) if isinstance(each, Sounding)
        ]
        owner = np.searchsorted(starts, silent.features.grid.centers(), side="right") - 1
        labels = (owner == next(i for i, each in enumerate(parts) if each is moment)).astype(np.float32)
        found = []
        for track in range(soundtracks):
            draw = partial(self._heard, silent, labels, recorded, np.random.default_rng([*rng.integers(2**31, size=2)]))
            found.append(self._kept(f"asked-{key}-{track}", draw))
        return found

    def _heard(
        self,
        silent: Eventful,
        labels: FloatArray,
        recorded: Sequence[tuple[float, FloatArray]],
        rng: np.random.Generator,
    ) -> Eventful:
        samples = mix_recorded(silent.features.grid, recorded, Recipe(), rng)
        return Eventful(self._ears.hear(samples, silent.features), silent.shots, labels)

    def _pictures(self, parts: Sequence[Take | Sounding], key: str) -> tuple[list[float], Eventful]:
        """Stitch into a file, decode, look. Returns each part's start in seconds, and the silent video."""
        takes = [part.take if isinstance(part, Sounding) else part for part in parts]
        folders = ["events" if isinstance(part, Sounding) else "captioned" for part in parts]
        clips = [Captioned(self.data / folder / take.name, "") for folder, take in zip(folders, takes, strict=True)]
        seconds = [probe(clip.path).duration_seconds for clip in clips]
        starts = [float(start) for start in np.cumsum([0.0, *seconds[:-1]])]
        return starts, self._kept(f"pictures-{key}", partial(self._looked_at, clips))

    def _looked_at(self, clips: Sequence[Captioned]) -> Eventful:
        with tempfile.TemporaryDirectory() as scratch:
            video = Path(scratch) / "stitched.mp4"
            stitch(clips, video, PICTURE)
            source = probe(video)
            features = extract(source, TimeGrid(source.duration_seconds, CLIP_SECONDS), self._eyes)
        shots = detect_shots(features.signals[FRAME_CHANGE], source.duration_seconds)
        return Eventful(features, shots, np.zeros(features.grid.num_clips, dtype=np.float32))

    def _kept(self, key: str, make: Callable[[], Eventful]) -> Eventful:
        """What an earlier run kept, or what is made now."""
        file = self.kept / f"unasked-{self.seed}-{key}.npz"
        if not file.exists():
            made = _slim(make())
            np.save(file.with_suffix(".labels.npy"), made.labels)
            write_analysis(file, made.features, made.shots)
        return Eventful(*read_analysis(file), np.load(file.with_suffix(".labels.npy")))


def _slim(video: Eventful) -> Eventful:
    """The spectrogram as one row per clip, which is all that DAViHD takes of it; the size is a sixtieth."""
    features = video.features
    if "logmel" not in features.signals:
        return video
    rows = Signal(features.grid.starts(), pool_logmel(features.signals["logmel"], features.grid))
    return replace(video, features=replace(features, signals={"logmel": rows}))


def pooled(video: Eventful, values: FloatArray) -> FloatArray:
    """Half the clip with its neighbours, half its shot: what `zeroshot` does without a query, for every row alike."""
    index = shot_index(video.features.grid, video.shots)
    return np.asarray((moving_average(values, 3) + average_over(values, index)) / 2, dtype=np.float32)


Method = Callable[[Eventful], FloatArray]


def yardsticks(seed: int) -> dict[str, Method]:
    """Rows that nothing is fitted for."""
    encoder = create_text_encoder("minilm")
    seen, heard = (LabelBank(label_names(name), label_embeddings(encoder, name)) for name in ("imagenet", "yamnet"))
    zeroshot, rng = ZeroShotScorer(seen, heard), np.random.default_rng(seed)

    def column(stream: str, place: int) -> Method:
        return lambda video: pooled(video, video.features.streams[stream][:, place])

    def without(*left_out: str) -> Method:
        def method(video: Eventful) -> FloatArray:
            streams = {name: rows for name, rows in video.features.streams.items() if name not in left_out}
            return zeroshot.score(Features(video.features.grid, streams), None, video.shots).values

        return method

    return {
        "random": lambda video: rng.random(video.features.grid.num_clips, dtype=np.float32),
        "loudness": column("audio_dynamics", 0),
        "onsets": column("audio_dynamics", 2),
        "novelty": column("novelty", 0),
        "motion": column("motion", 0),
        "zeroshot": without(),
        "zeroshot, sound only": without("motion", "novelty"),
    }


def judged(asked: Sequence[Asked], method: Method) -> dict[str, list[tuple[float, float]]]:
    """Moment to HIT@1 and AP in percent, one pair per soundtrack."""
    found: dict[str, list[tuple[float, float]]] = {}
    for each in asked:
        values, labels = method(each.video), each.video.labels
        pair = (100 * expected_hit_at_1(labels, values), 100 * average_precision(labels, values))
        found.setdefault(each.moment, []).append(pair)
    return found


def row(found: Mapping[str, Sequence[tuple[float, float]]]) -> dict[str, Any]:
    """Mean over moments, and the standard error over moments."""
    means = np.array([np.mean(pairs, axis=0) for pairs in found.values()])
    errors = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    each = dict(zip(found, means[:, 1].round(1).tolist(), strict=True))
    return {"HIT@1": means[:, 0].mean(), "mAP": means[:, 1].mean(), "errors": errors.tolist(), "mAP of moments": each}


def main() -> None:
    """Parse, draw, fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--features", type=Path, required=True, help="features are kept here between runs")
    parser.add_argument("--videos", type=int, default=60, help="training videos per fold")
    parser.add_argument("--soundtracks", type=int, default=3, help="per held-out moment")
    parser.add_argument("--fits", type=int, default=3, help="seeds of the network")
    parser.add_argument("--networks", nargs="*", choices=list(NETWORKS), default=list(NETWORKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    shop = Workshop(options.data, options.features, options.seed)
    fixed = yardsticks(options.seed)
    results: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for number in range(FOLDS):
        asked = shop.asked(number, options.soundtracks)
        methods = dict(fixed)
        drawn = shop.training(number, options.videos)
        for kind in options.networks:
            methods |= fitted(drawn, kind, options.fits)
        for name, method in methods.items():
            results.setdefault(name, {}).update(judged(asked, method))
        print(f"fold {number + 1} of {FOLDS}: {len(asked)} videos", flush=True)
    rows = {name: row(found) for name, found in results.items()}
    for name, each in rows.items():
        print(f"{name:32} {each['HIT@1']:5.1f} ± {each['errors'][0]:.1f} {each['mAP']:5.1f} ± {each['errors'][1]:.1f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")


def fitted(drawn: Sequence[Eventful], kind: str, fits: int) -> dict[str, Method]:
    """Small networks of several seeds, and the mean of their scores; pooled as the others are."""
    networks = [fit_davihd(drawn, NETWORKS[kind], FitSettings(), seed) for seed in range(fits)]

    def mean_of(chosen: Sequence[DAViHD]) -> Method:
        return lambda video: pooled(video, np.mean([score_davihd(each, video.features) for each in chosen], axis=0))

    rows = {f"{kind}, seed {seed}": mean_of([network]) for seed, network in enumerate(networks)}
    return rows | {f"{kind}, mean of seeds": mean_of(networks)}


if __name__ == "__main__":
    main()
