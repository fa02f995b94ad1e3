"""What the linear CFSum of the lite preset is worth on clips that it never saw, and what each part of it adds.

In: takes with their embedded sentences. Out: rows of figures by cross-validation over clips, a learning curve, the
calibration and how reliable it is. Every fold fits everything anew on the other folds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from highlightr.core.numeric import sigmoid
from highlightr.core.types import FloatArray, Query
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer, scene_excess
from highlightr.scorers.label_bank import LabelBank
from highlightr.scorers.zeroshot.scorer import ZeroShotScorer
from research.lite.clips import Take
from research.lite.fitting import FitSettings, fit_calibration, fit_tensors
from research.lite.judging import (
    Answer,
    Judged,
    Method,
    answers,
    by_linear,
    by_zeroshot,
    folds_of,
    videos_of,
)
from research.lite.stitching import Mixed

FULL = "cfsum-lite"

CONFIG_ROWS: Mapping[str, Mapping[str, Any]] = {
    "without the linear path": {"gain": 1e-6},
    "without ordinary sentences": {"common_share": 0.0},
    "without attention in scenes": {"scene_strength": 50.0},
}
"""Rows that need no other fit."""

FIT_ROWS: Mapping[str, Mapping[str, Any]] = {"without an evened text space": {"evening": 0.0}}

CURVE_TAKES = (150, 300)
"""Training takes of the learning curve; the last point is all of a fold's."""

MATCH_PARTS = (4, 8, 16)
"""Parts of the videos that the chance of a match is fitted on: it counts scenes, so they have to differ."""

BINS = 10

FALSELY = 8.0
"""Percent of answered queries that may be told that there is no answer."""


@dataclass(frozen=True)
class Material:
    """What is studied."""

    takes: Sequence[Take]
    queries: Sequence[Query]
    """One per take."""
    imagenet: LabelBank
    audioset: LabelBank


@dataclass(frozen=True)
class Calibration:
    """How log evidence becomes a score, and how far to trust it."""

    slope: float
    offset: float
    match_slope: float
    match_offset: float
    match_scenes: float
    """How the best log evidence becomes the chance that the video holds an answer, both being as likely before, and
    what is taken off for many scenes; not negative."""
    none_below: float
    """Chance that `FALSELY` percent of the queries which do have an answer stay below."""
    absent_noted: float
    """Share of queries without an answer in the video that stay below it, in percent."""
    bins: Sequence[Mapping[str, float]]
    """Per decile of the score: `score`, `observed` share of clips that answer, `clips`; on the other half of the
    videos than the fit's."""


@dataclass
class Study:
    """All figures of one cross-validation."""

    folds: int
    seed: int
    rows: dict[str, Judged] = field(default_factory=dict)
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


def fitted(
    material: Material, chosen: Sequence[int], config: CFSumLiteConfig, settings: FitSettings, seed: int
) -> dict[str, FloatArray]:
    """Tensors from some of the takes."""
    takes = [material.takes[i] for i in chosen]
    return fit_tensors(takes, [material.queries[i] for i in chosen], config, settings, seed)


def study(
    material: Material,
    config: CFSumLiteConfig,
    settings: FitSettings,
    folds: int,
    seed: int,
    told: Callable[[str], None],
    *,
    full_only: bool = False,
) -> Study:
    """Cross-validate every row.

    Args:
        material: takes, sentences and class names.
        config: of the full method; its calibration is not used.
        settings: of the fit.
        folds: every take is tested once.
        seed: of folds, deals and fits.
        told: called with a line per fold.
        full_only: leave the rows with parts taken away out; the calibration needs the full method alone.
    """
    found: dict[str, list[Answer]] = {}
    best: list[FloatArray] = []
    for fold, held_out in enumerate(folds_of(len(material.takes), folds, seed)):
        rest = sorted(set(range(len(material.takes))) - set(held_out))
        videos = list(videos_of(material.takes, held_out, np.random.default_rng([seed, fold])))
        tensors = fitted(material, rest, config, settings, seed)
        scorer = _linear(material, tensors, config)
        methods: Mapping[str, Method] = {FULL: by_linear(scorer)}
        if not full_only:
            methods = _methods(material, rest, tensors, config, settings, seed)
        for name, method in methods.items():
            found.setdefault(name, []).extend(answers(videos, material.queries, method))
        best.append(_best_scores(material, held_out, scorer, np.random.default_rng([seed, fold])))
        told(f"fold {fold + 1} of {folds}: " + _line(Judged.of(found[FULL])))
    rows = {name: Judged.of(each) for name, each in found.items()}
    return Study(folds, seed, rows, calibrate(found[FULL], np.concatenate(best)))


def _line(judged: Judged) -> str:
    return f"HIT@1 {judged.hit_at_1:.1f}, mAP {judged.mean_ap:.1f} after {judged.queries} queries"


def _linear(
    material: Material, tensors: Mapping[str, FloatArray], config: CFSumLiteConfig, *, named: bool = True
) -> CFSumLiteScorer:
    """The scorer of a fit; without names, the classes speak for no query."""
    banks = (material.imagenet, material.audioset) if named else map(_nameless, (material.imagenet, material.audioset))
    return CFSumLiteScorer(*banks, tensors, config, "the fit")


def _methods(
    material: Material,
    rest: Sequence[int],
    tensors: Mapping[str, FloatArray],
    config: CFSumLiteConfig,
    settings: FitSettings,
    seed: int,
) -> dict[str, Method]:
    """Every row; `tensors` are those of the full method."""

    def linear(tensors: Mapping[str, FloatArray], changed: CFSumLiteConfig = config) -> Method:
        return by_linear(_linear(material, tensors, changed))

    rng = np.random.default_rng(seed)
    methods: dict[str, Method] = {
        "random": lambda video, asked: [rng.random(len(video.owner)).astype(np.float32) for _ in asked],
        "zeroshot": by_zeroshot(ZeroShotScorer(material.imagenet, material.audioset)),
        FULL: linear(tensors),
    }
    methods |= {name: linear(tensors, replace(config, **change)) for name, change in CONFIG_ROWS.items()}
    for name, change in FIT_ROWS.items():
        methods[name] = linear(fitted(material, rest, config, replace(settings, **change), seed))
    order = rng.permutation(rest)
    for count in CURVE_TAKES:
        if count < len(rest):
            methods[f"{FULL} from {count} clips"] = linear(
                fitted(material, order[:count].tolist(), config, settings, seed)
            )
    return methods | {"without class names": by_linear(_linear(material, tensors, config, named=False))}


def _nameless(bank: LabelBank) -> LabelBank:
    """All classes lie at the same place, so that none speaks for a query."""
    return LabelBank(bank.names, np.repeat(bank.vectors[:1], len(bank.names), axis=0))


def _best_scores(
    material: Material, held_out: Sequence[int], scorer: CFSumLiteScorer, rng: np.random.Generator
) -> FloatArray:
    """For each sentence the best log evidence and `scene_excess` in its own video, and in one that does not show it.

    Returns:
        (n, 3): log evidence, `scene_excess`, 1 where the video shows the answer; in turns one that does and one that
        does not, over videos of `MATCH_PARTS`.
    """
    rows = []
    for parts in MATCH_PARTS:
        videos = list(videos_of(material.takes, held_out, rng, parts))
        for video, other in zip(videos, [*videos[1:], *videos[:1]], strict=True):
            asked = [material.queries[part.take] for part in video.parts]
            both = [_best_in(scorer, each, asked) for each in (video, other)]
            rows += [(*row, shown) for pair in zip(*both, strict=True) for row, shown in zip(pair, (1, 0), strict=True)]
    return np.array(rows, dtype=np.float32)


def _best_in(scorer: CFSumLiteScorer, video: Mixed, asked: Sequence[Query]) -> list[tuple[float, float]]:
    best = scorer.log_evidence(video.features, asked, video.shots).max(axis=1)
    excess = scene_excess(scorer.borders(video.features, video.shots))
    return [(float(value), excess) for value in best]


def calibrate(found: Sequence[Answer], best: FloatArray) -> Calibration:
    """Fit the sigmoid on all held-out answers, and check a fit of half the videos on the other half.

    Args:
        found: log evidence and labels of held-out videos.
        best: (n, 3) of `_best_scores`.
    """
    slope, offset = fit_calibration(*_joined(found))
    halves = [found[index::2] for index in (0, 1)]
    bins = reliability(*_joined(halves[1]), *fit_calibration(*_joined(halves[0])))
    facts, shown = best[:, :2].astype(np.float64), best[:, 2] > 0
    match_slope, excess, match_offset = fit_calibration(facts, shown)
    if excess > 0:  # More scenes cannot speak for a query: chance of the sample.
        excess, (match_slope, match_offset) = 0.0, fit_calibration(facts[:, 0], shown)
    chances = sigmoid(match_slope * facts[:, 0] + excess * facts[:, 1] + match_offset)
    none = float(np.floor(1000 * np.percentile(chances[shown], FALSELY)) / 1000)
    noted = float(100 * (chances[~shown] < none).mean())
    return Calibration(slope, offset, match_slope, match_offset, abs(excess), none, noted, bins)


def _joined(found: Sequence[Answer]) -> tuple[FloatArray, FloatArray]:
    return np.concatenate([each.values for each in found]), np.concatenate([each.labels for each in found])


def reliability(values: FloatArray, labels: FloatArray, slope: float, offset: float) -> list[dict[str, float]]:
    """Clips by tenths of their score: mean score, share that answers the query, and how many."""
    scores = sigmoid(slope * values + offset)
    index = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return [
        {
            "score": float(scores[index == each].mean()),
            "observed": float(labels[index == each].mean()),
            "clips": int((index == each).sum()),
        }
        for each in range(BINS)
        if (index == each).any()
    ]
