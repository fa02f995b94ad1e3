"""The registry of protocols, and the evaluation of two files: what ``highlightr evaluate --protocol`` calls.

A protocol's name and two paths go in, a `Report` comes out: the predictions' row first, then random, position prior
and oracle on the same cases with other scores. A figure means something only between the first and the last of these.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.evaluation.base import Array, Case, Protocol, Report, Row
from highlightr.evaluation.moments import Moments
from highlightr.evaluation.mrhisum import MrHiSum, MrHiSumDAViHD, MrHiSumTripleSumm
from highlightr.evaluation.qvhighlights import QVHighlights
from highlightr.evaluation.umt import TVSum, YouTubeHighlights

RANDOM_SEEDS = 5
"""Repetitions of the random row."""

PROTOCOLS: dict[str, type[Protocol]] = {
    protocol.name: protocol
    for protocol in (QVHighlights, TVSum, YouTubeHighlights, MrHiSum, MrHiSumDAViHD, MrHiSumTripleSumm, Moments)
}
"""Name to protocol."""


POSITION_BINS = 20
"""Parts of a video, from its start to its end, for which the prior learns a mean rating."""

PRIOR_FOLDS = 5
"""A video's prior is learned on the videos of the other folds only."""


def random_scores(cases: Sequence[Case], seed: int) -> list[Case]:
    """Uniform scores; a case's draw depends on the seed and its key, not on its place in the file."""
    drawn = (np.random.default_rng([seed, zlib.crc32(case.key.encode())]) for case in cases)
    return [case.scored(rng.random(len(case.ratings))) for case, rng in zip(cases, drawn, strict=True)]


def oracle(cases: Sequence[Case]) -> list[Case]:
    """The annotators' mean rating as the score. Below 100 where annotators disagree."""
    return [case.scored(case.relevance) for case in cases]


def position_prior(cases: Sequence[Case]) -> list[Case]:
    """The mean rating at the same relative position in videos of other folds, whatever the query.

    Videos are dealt to folds in order of name. With a single video nothing can be learned and all scores are 0.
    """
    videos = {name: i % PRIOR_FOLDS for i, name in enumerate(sorted({case.video for case in cases}))}
    sums, counts = np.zeros((2, PRIOR_FOLDS, POSITION_BINS))
    for case in cases:
        bins = np.minimum((_positions(case) * POSITION_BINS).astype(np.int64), POSITION_BINS - 1)
        np.add.at(sums[videos[case.video]], bins, case.relevance)
        np.add.at(counts[videos[case.video]], bins, 1)
    return [case.scored(_prior(case, sums, counts, videos[case.video])) for case in cases]


def _positions(case: Case) -> Array:
    """(num_clips,) middle of each clip as a fraction of the video."""
    num_clips = len(case.ratings)
    return np.linspace(0.5 / num_clips, 1 - 0.5 / num_clips, num_clips)


def _prior(case: Case, sums: Array, counts: Array, fold: int) -> Array:
    others = np.delete(np.arange(len(sums)), fold)
    count = counts[others].sum(axis=0)
    seen = count > 0
    if not seen.any():
        return np.zeros(len(case.ratings))
    centers = (np.arange(POSITION_BINS) + 0.5) / POSITION_BINS
    means = sums[others].sum(axis=0)[seen] / count[seen]
    return np.asarray(np.interp(_positions(case), centers[seen], means), dtype=np.float64)


def baseline_rows(protocol: Protocol, cases: Sequence[Case], seeds: int) -> tuple[Row, ...]:
    """Random (mean and deviation over seeds 0 … seeds - 1), position prior and oracle."""
    runs = [protocol.measure(random_scores(cases, seed)) for seed in range(seeds)]
    return (
        Row.mean_of("random", runs),
        Row("position prior", protocol.measure(position_prior(cases))),
        Row("oracle", protocol.measure(oracle(cases))),
    )


def find_protocol(name: str) -> Protocol:
    """A protocol by name; a `ConfigError` lists the known ones."""
    if name not in PROTOCOLS:
        raise ConfigError(f"unknown protocol {name!r}; known: {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]()


def evaluate_cases(protocol: Protocol, cases: Sequence[Case], seeds: int = RANDOM_SEEDS) -> Report:
    """Judge cases and add the rows that put figures in proportion; a `ConfigError` without cases or seeds."""
    if not cases or seeds < 1:
        raise ConfigError(f"an evaluation needs cases and seeds, got {len(cases)} cases and {seeds} seeds")
    rows = (Row("predictions", protocol.measure(cases)), *baseline_rows(protocol, cases, seeds))
    return Report(protocol.name, protocol.source, len(cases), rows, protocol.notes(cases))


def evaluate_files(
    protocol: str, predictions: Path, annotations: Path, seeds: int = RANDOM_SEEDS, *, allow_missing: bool = False
) -> Report:
    """Judge a prediction file against an annotation file.

    Args:
        predictions: JSON Lines; each protocol's `predictions_format` shows a line.
        annotations: as the data set is released: JSON Lines, or HDF5 for Mr.HiSum.
        allow_missing: judge the items that are predicted where others are not; rows then carry the count.

    Raises:
        ConfigError: an unknown protocol; a file that is absent or malformed, named with its line; items that only one
            of the files has.
    """
    found = find_protocol(protocol)
    cases, annotated = found.read(Path(predictions), Path(annotations), allow_missing=allow_missing)
    return evaluate_cases(found, cases, seeds).counted(annotated)
