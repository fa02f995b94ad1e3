"""The videos of a run by what they serve for: learning, stopping early, and the figures.

In: the `data` section of a config and a folder. Out: data sets that share no video, or those that annotations of their
own define; or the folds of a cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.datasets import DATASETS, Dataset, open_dataset
from highlightr.evaluation import Case
from highlightr.training.config import DataChoice

__all__ = ["Parts", "divided", "open_parts", "unscored_cases"]


@dataclass(frozen=True)
class Parts:
    """The videos of one run, by what they serve for."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    """`None` where every video is trained on; there are no test figures then."""
    problems: int
    """Items of the data set that could not be used, or were cut."""


def divided(choice: DataChoice, data: Path, folds: int) -> Iterator[tuple[int | None, Parts]]:
    """The parts of every fold, (fold, parts); one pair (None, parts) without folds.

    Raises:
        ConfigError: as `open_parts`; more folds than videos.
    """
    if not folds:
        yield None, open_parts(choice, data)
        return
    whole, problems = _part(choice, data, choice.layout)
    for fold, (rest, held_out) in enumerate(whole.folds(folds, choice.split_seed)):
        learned, validation = _validation(choice, data, rest)
        yield fold, Parts(learned, validation, held_out, problems)


def open_parts(choice: DataChoice, root: Path) -> Parts:
    """Open a data set and divide it as the config says.

    Raises:
        ConfigError: annotations that are absent, or a part without an item.
    """
    whole, problems = _part(choice, root, choice.layout)
    test: Dataset | None = None
    if choice.test is not None:
        test, _ = _part(choice, root, {**choice.layout, **choice.test})
    elif choice.test_share:
        whole, test = whole.split_by_video(choice.test_share, choice.split_seed)
    learned, validation = _validation(choice, root, whole)
    return Parts(learned, validation, test, problems)


def _validation(choice: DataChoice, root: Path, rest: Dataset) -> tuple[Dataset, Dataset | None]:
    if choice.validation is not None:
        return rest, _part(choice, root, {**choice.layout, **choice.validation})[0]
    if not choice.validation_share:
        return rest, None
    return rest.split_by_video(choice.validation_share, choice.split_seed + 1)


def _part(choice: DataChoice, root: Path, changes: Mapping[str, Any]) -> tuple[Dataset, int]:
    default = DATASETS[choice.name][1]
    try:
        layout = replace(default, **changes)
    except TypeError as error:
        raise ConfigError(f"data.layout: {error}") from error
    found = open_dataset(choice.name, root, layout)
    problems = len(found.problems)
    if choice.group is None:
        return found, problems
    grouped = found.subset(lambda item: item.group == choice.group)
    if not len(grouped):
        groups = ", ".join(sorted({item.group for item in found.items}))
        raise ConfigError(f"data.group {choice.group!r} has no item; there are {groups}")
    return grouped, problems


def unscored_cases(parts: Parts) -> list[Case]:
    """The test part's cases with zeros for scores, for rows that need no features."""
    if parts.test is None:
        return []
    return [Case.of(item, np.zeros(len(item.ratings))) for item in parts.test.items]
