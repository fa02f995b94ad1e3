"""What is known about each public data set: where it is, how large, under which terms, and what a folder needs.

In: a name, or a folder. Out: facts as data, and a count of what a folder lacks, part by part. Nothing is downloaded.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError
from highlightr.core.folders import model_files
from highlightr.datasets.base import Dataset


@dataclass(frozen=True)
class DatasetFacts:
    """One data set as its authors and the feature releases offer it."""

    title: str
    pages: Mapping[str, str]
    """What to its official address; nothing is mirrored."""
    size: str
    licence: str
    """As its page states it, or that it states none."""
    layout: tuple[str, ...]
    """Lines that show a folder as the config reads it."""
    config: str
    """Training config that runs on it, and says which parts there are."""


CATALOGUE: Mapping[str, DatasetFacts] = from_plain(
    dict[str, DatasetFacts], tomllib.loads((model_files() / "datasets.toml").read_text("utf-8")), "datasets.toml"
)
"""Name in `highlightr.datasets.DATASETS` to what is known."""

MOST_REASONS = 5


@dataclass(frozen=True)
class PartCheck:
    """What one part of a folder holds."""

    part: str
    usable: int
    missing: int
    """Annotated items that cannot be used."""
    reasons: tuple[str, ...]
    """Of the first of them, with their names; or why the part cannot be read at all."""


def part_check(part: str, open_part: Callable[[], Dataset]) -> PartCheck:
    """Count a part that can be opened, or say why it cannot."""
    try:
        opened = open_part()
    except ConfigError as error:
        return PartCheck(part, 0, 0, (str(error),))
    missing = opened.missing
    aside = [each.reason for each in opened.problems if not each.annotated]
    reasons = [f"{each.item}: {each.reason}" for each in missing[:MOST_REASONS]]
    more = [f"… and {len(missing) - MOST_REASONS} more"] if len(missing) > MOST_REASONS else []
    return PartCheck(part, len(opened), len(missing), (*reasons, *more, *dict.fromkeys(aside[:MOST_REASONS])))
