"""A preset judged on a folder of features and labels: what ``highlightr evaluate --preset`` calls.

In: a preset and a folder laid out like one of the data sets. Out: a `Report`. The scorer and the text encoder run
exactly as they do for a video; nothing is decoded, because the features are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.types import Query
from highlightr.datasets import Example, Layout, open_dataset
from highlightr.evaluation.base import Case, Report
from highlightr.evaluation.protocols import evaluate_cases, find_protocol
from highlightr.features import TextEncoder
from highlightr.model_loader import open_text_encoder
from highlightr.scorers import Scorer, ScorerContext, create_scorer
from highlightr.zoo import Preset, load_preset, weights_path

__all__ = ["DATASET_OF", "evaluate_preset"]

DATASET_OF: Mapping[str, str] = {
    "moments": "charades",
    "qvhighlights": "qvhighlights",
    "tvsum": "tvsum",
    "youtube-highlights": "youtube-highlights",
    "mrhisum": "mrhisum",
    "davihd": "mrhisum",
    "triplesumm": "mrhisum",
}
"""Protocol to the data set whose layout the folder has."""


def evaluate_preset(
    preset: str | Preset,
    data_dir: Path,
    protocol: str = "moments",
    *,
    layout: Layout | None = None,
    device: str = "cpu",
    seeds: int = 5,
    progress: ProgressHook | None = None,
) -> Report:
    """Score every example of a folder with a preset and judge the scores.

    Args:
        preset: its name, or a loaded preset.
        data_dir: laid out like the data set of the protocol; for `moments`, ``moments.jsonl`` and
            ``features/VID.npz``.
        protocol: a key of `DATASET_OF`.
        layout: where the files lie below the folder; the data set's own if not given.
        device: `cpu`, `cuda` or `cuda:N`.
        seeds: repetitions of the random row.
        progress: called with stage `score`, in examples.

    Raises:
        ConfigError: an unknown preset or protocol, a folder that cannot be read, or features that the preset's scorer
            cannot use.
        WeightsError: weights that are missing or damaged.
    """
    chosen = preset if isinstance(preset, Preset) else load_preset(preset)
    judge = find_protocol(protocol)
    scorers = {name: _scorer(chosen, name, device) for name in chosen.in_use}
    data_set = open_dataset(DATASET_OF[protocol], Path(data_dir), layout)
    encode = _encoder(chosen, device)
    cases: list[Case] = []
    for index, example in enumerate(data_set):
        scorer = scorers[chosen.scorer_name(example.item.query)]
        scores = scorer.score(example.features(), _query(scorer, example, encode), ())
        cases.append(Case.of(example.item, scores.values))
        (progress or silent)("score", index + 1, len(data_set))
    report = evaluate_cases(judge, cases, seeds)
    return replace(report, notes=(*report.notes, *_remarks(data_set.problems)))


def _scorer(preset: Preset, name: str, device: str) -> Scorer:
    choice = preset.scorers[name]
    if choice.name in ("zeroshot", "cfsum-lite"):
        raise ConfigError(f"preset {preset.name} scores labelled streams, which no folder of features holds")
    weights = None if choice.weights is None else weights_path(choice.weights)
    return create_scorer(choice.name, choice.config, ScorerContext(weights, choice.random_seed, device))


def _encoder(preset: Preset, device: str) -> Callable[[str], Query]:
    """Embeds each text once."""

    @cache
    def opened() -> TextEncoder:
        if preset.text is None:
            raise ConfigError(f"preset {preset.name} names no text encoder, and its scorer takes a query")
        return open_text_encoder(preset.text, device=device)

    return cache(lambda text: opened().encode(text))


def _query(scorer: Scorer, example: Example, encode: Callable[[str], Query]) -> Query | None:
    text = example.item.query
    if scorer.contract.query == "ignored" or text is None:
        return None
    if example.tokens is None:
        return encode(text)
    vector = example.tokens.mean(axis=0)
    return Query(text, example.tokens, vector / max(float(np.linalg.norm(vector)), 1e-12))


def _remarks(problems: tuple[object, ...]) -> tuple[str, ...]:
    return (f"{len(problems)} items could not be used, or were cut",) if problems else ()
