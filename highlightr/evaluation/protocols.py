"""The registry of protocols, and the evaluation of two files: what ``highlightr evaluate --protocol`` calls.

A protocol's name and two paths go in, a `Report` comes out: the predictions' row first, then random, position prior
and oracle on the same cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from highlightr.core.errors import ConfigError
from highlightr.evaluation.base import Case, Protocol, Report, Row
from highlightr.evaluation.baselines import baseline_rows
from highlightr.evaluation.moments import Moments
from highlightr.evaluation.mrhisum_protocol import MrHiSum, MrHiSumDAViHD, MrHiSumTripleSumm
from highlightr.evaluation.qvhighlights import QVHighlights
from highlightr.evaluation.umt import TVSum, YouTubeHighlights

RANDOM_SEEDS = 5
"""Repetitions of the random row."""

PROTOCOLS: dict[str, type[Protocol]] = {
    protocol.name: protocol
    for protocol in (QVHighlights, TVSum, YouTubeHighlights, MrHiSum, MrHiSumDAViHD, MrHiSumTripleSumm, Moments)
}
"""Name to protocol."""


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
