"""The videos of a run by what they serve for: learning, stopping early, and the figures.

In: the `data` section of a config and a folder. Out: data sets that share no video, or those that annotations of their
own define; or the folds of a cross-validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError
from highlightr.datasets import DATASETS, Dataset, Layout, Problem, open_dataset
from highlightr.datasets.releases import unlabelled_test
from highlightr.evaluation import Case
from highlightr.training.config import DataChoice


@dataclass(frozen=True)
class Parts:
    """The videos of one run, by what they serve for."""

    train: Dataset
    validation: Dataset | None
    test: Dataset | None
    """`None` where every video is trained on; there are no test figures then."""
    problems: int
    """Items of the data set that could not be used, or were cut."""
    missing: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    """`train`, `validation` and `test` to the annotated items that cannot be used; `train` has those whose part is not
    known, because the annotation itself cannot be read."""
    notes: tuple[str, ...] = ()
    """Sentences on what the folder lacks as a whole."""

    def check_test(self, data: Path) -> None:
        """Refuse a test part with holes; errors as for `refuse_holes`."""
        missing = self.missing.get("test", ())
        annotated = len(missing) + (0 if self.test is None else len(self.test))
        refuse_holes(data, missing, f"the {annotated} test items")

    def lacking(self) -> tuple[str, ...]:
        """A sentence per part with holes, and `notes`."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        found = [
            f"{name}: {len(missing)} of {len(missing) + (0 if part is None else len(part))} items are missing: "
            f"{named_problems(missing)}."
            for name, part in parts.items()
            if (missing := self.missing.get(name, ()))
        ]
        return (*found, *self.notes)


def refuse_holes(data: Path, missing: Sequence[Problem], items: str) -> None:
    """Refuse figures on a part of a data set; `items` says how many there are.

    Raises:
        ConfigError: some are missing, of which a few are named.
    """
    if missing:
        raise ConfigError(
            f"{data}: {len(missing)} of {items} cannot be used ({named_problems(missing)}), and a figure on the rest "
            "is not one of the data set: complete the data, or allow it with --allow-missing"
        )


def named_problems(problems: Sequence[Problem]) -> str:
    """The first few by name, and the first one's reason."""
    names = list(dict.fromkeys(each.item for each in problems))
    named = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{named}; the first: {str(problems[0]).removeprefix(f'{problems[0].item}: ')}"


def remarks(problems: Sequence[Problem]) -> list[str]:
    """A sentence per kind of problem: items that are missing, items that were cut, and what is beside the items."""
    kinds = {
        "could not be used": [each for each in problems if each.missing],
        "were cut": [each for each in problems if each.annotated and each.used],
        "were passed over": [each for each in problems if not each.annotated],
    }
    return [f"{len(found)} {said}: {named_problems(found)}" for said, found in kinds.items() if found]


_NAMED = 5
"""How many missing items a message names."""


def divided(choice: DataChoice, data: Path, folds: int) -> Iterator[tuple[int | None, Parts]]:
    """The parts of every fold, (fold, parts); one pair (None, parts) without folds.

    Raises:
        ConfigError: as `open_parts`; more folds than videos.
    """
    if not folds:
        yield None, open_parts(choice, data)
        return
    whole = _part(choice, data, choice.layout)
    for fold, (rest, held_out) in enumerate(whole.folds(folds, choice.split_seed)):
        learned, validation = _validation(choice, data, rest)
        yield fold, _parts(whole, learned, validation, held_out)


def open_parts(choice: DataChoice, root: Path) -> Parts:
    """Open a data set and divide it as the config says; a `ConfigError` where it is not what is expected."""
    whole = _part(choice, root, choice.layout)
    rest, test = whole, None
    notes: tuple[str, ...] = ()
    if choice.test is not None and unlabelled_test(root, str(choice.test.get("annotations"))):
        notes = (NO_TEST_LABELS.format(root),)
    elif choice.test is not None:
        test = _part(choice, root, {**choice.layout, **choice.test})
    elif choice.test_share:
        rest, test = whole.split_by_video(choice.test_share, choice.split_seed)
    learned, validation = _validation(choice, root, rest)
    return _parts(whole, learned, validation, test, notes)


NO_TEST_LABELS = (
    "{} holds QVHighlights' test queries without their labels, so there are no test figures; the labels are "
    "highlight_test_with_gt.jsonl of the Moment-DETR repository by now."
)


def _parts(
    whole: Dataset, train: Dataset, validation: Dataset | None, test: Dataset | None, notes: tuple[str, ...] = ()
) -> Parts:
    for name, part in (("validation", validation), ("test", test)):
        shared = set() if part is None else _annotated(part) & _annotated(train)
        if shared:
            raise ConfigError(f"{len(shared)} items of the {name} part are in the training part, too: set data.{name}")
    unread = tuple(each for each in whole.missing if each.about is None)
    known = tuple(each for each in train.missing if each.about is not None)
    missing = {"train": known + unread}
    missing |= {name: part.missing for name, part in (("validation", validation), ("test", test)) if part is not None}
    aside = dict.fromkeys(each.reason for each in whole.problems if not each.annotated)
    more = f"… and {len(aside) - _NAMED} more remarks of that kind." if len(aside) > _NAMED else None
    told = (*notes, *list(aside)[:_NAMED], *([more] if more else []))
    return Parts(train, validation, test, len(whole.problems), missing, told)


def _annotated(part: Dataset) -> set[tuple[str, str, str | None]]:
    return {(item.key, item.video, item.query) for item in part.items}


def _validation(choice: DataChoice, root: Path, rest: Dataset) -> tuple[Dataset, Dataset | None]:
    if choice.validation is not None:
        return rest, _part(choice, root, {**choice.layout, **choice.validation})
    if not choice.validation_share:
        return rest, None
    return rest.split_by_video(choice.validation_share, choice.split_seed + 1)


def _part(choice: DataChoice, root: Path, changes: Mapping[str, Any]) -> Dataset:
    layout = from_plain(Layout, asdict(DATASETS[choice.name][1]) | dict(changes), "data.layout")
    found = open_dataset(choice.name, root, layout, choice.release)
    if choice.group is None:
        return found
    grouped = found.subset(lambda item: item.group == choice.group)
    if not len(grouped):
        groups = ", ".join(sorted({item.group for item in found.items} - {""}))
        raise ConfigError(f"data.group {choice.group!r} has no item; there are {groups or 'no groups'}")
    return grouped


def unscored_cases(part: Dataset | None) -> list[Case]:
    """A part's cases with zeros for scores, for what needs no features."""
    return [] if part is None else [Case.of(item, np.zeros(len(item.ratings))) for item in part.items]
