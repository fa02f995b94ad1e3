"""UMT's label files: ``tvsum_anno.json`` and ``youtube_anno.json``, one for both parts, and the splits beside them.

In: a folder and a `Layout` whose `split` is ``train`` or ``val`` (UMT's name for what it reports on). Out: added items.
The splits are read from ``splits.json`` in the folder, or from UMT's own ``datasets/utils/static.py`` put there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.reading import read_limited
from highlightr.datasets.base import Item, Problem
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.items import tvsum_item, youtube_item
from highlightr.datasets.json_lines import numbers, read_json_value

OWN_SPLITS = "splits.json"
UMT_SPLITS = "static.py"
"""UMT's file of split lists; it is read as text and never run."""

_UMT_NAMES = {"tvsum": "TVSUM_SPLITS", "youtube-highlights": "YOUTUBE_SPLITS"}

TVSUM_CATEGORIES = {
    "VT": "changing a vehicle tire",
    "VU": "getting a vehicle unstuck",
    "GA": "grooming an animal",
    "MS": "making a sandwich",
    "PK": "parkour",
    "PR": "parade",
    "FM": "flash mob gathering",
    "BK": "beekeeping",
    "BT": "attempting bike tricks",
    "DS": "dog show",
}
"""TVSum's queries by category, for label files that hold no titles."""

_LARGEST_BYTES = 256 * 2**20
_LARGEST_SPLITS_BYTES = 2**20
_FORM = '{"DOMAIN": {"train": ["VIDEO", …], "val": ["VIDEO", …]}, …}'

Splits = Mapping[str, Mapping[str, list[str]]]
"""Domain to part (``train`` or ``val``) to names of videos."""


def add_umt_items(builder: DatasetBuilder) -> None:
    """Add the items of one part, and put on record what is in no part.

    Raises:
        ConfigError: files that cannot be read; splits that name no video of the label file.
    """
    path, root = builder.annotations, builder.root
    labels, splits = _object(path), umt_splits(builder.name, root)
    part = builder.layout.split or "train"
    listed = {video: domain for domain, parts in splits.items() for video in parts.get(part, ())}
    every = {video for parts in splits.values() for videos in parts.values() for video in videos}
    if not set(listed) & set(labels):
        raise ConfigError(
            f"{path}: the {part} split names none of its {len(labels)} videos; correct {OWN_SPLITS} in {root}: {_FORM}"
        )
    builder.problems.extend(_outside(path, labels, every, listed))
    make = _tvsum if builder.name == "tvsum" else _youtube
    for video, domain in listed.items():
        if video in labels:
            builder.add(video, make, video, domain, labels[video], path)


def umt_splits(name: str, root: Path) -> Splits:
    """The splits that lie beside the labels: ``splits.json``, else UMT's ``static.py``.

    Raises:
        ConfigError: neither is there, or it has not the form.
    """
    own, umt = root / OWN_SPLITS, root / UMT_SPLITS
    if own.is_file():
        return _checked(_object(own), own)
    if umt.is_file():
        return _checked(_assigned(umt, _UMT_NAMES[name]), umt)
    raise ConfigError(
        f"{root}: nothing says which videos are for training and which for test; put UMT's datasets/utils/static.py "
        f"(https://github.com/TencentARC/UMT) there, or a {OWN_SPLITS}: {_FORM}"
    )


def _assigned(path: Path, name: str) -> Any:
    """The literal that a Python file assigns to a name; nothing of the file is run."""
    try:
        for node in ast.parse(read_limited(path, _LARGEST_SPLITS_BYTES)).body:
            if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
                return ast.literal_eval(node.value)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ConfigError(f"{path}: not a file of split lists ({error})") from error
    raise ConfigError(f"{path}: no {name} in it")


def _checked(splits: Any, path: Path) -> Splits:
    if not isinstance(splits, dict):
        raise ConfigError(f"{path}: must be {_FORM}")
    for domain, parts in splits.items():
        good = isinstance(parts, dict) and all(
            isinstance(videos, list) and all(isinstance(video, str) for video in videos) for videos in parts.values()
        )
        if not good or not set(parts) <= {"train", "val"}:
            raise ConfigError(f"{path}: {domain!r} must hold lists of videos named train and val")
    return splits


def _outside(path: Path, labels: Mapping[str, Any], every: set[str], listed: Mapping[str, str]) -> Iterator[Problem]:
    """Videos that only one of label file and splits names: they belong to no part, as in UMT's code."""
    for video in sorted(set(labels) - every):
        yield Problem(video, f"{path.name} has labels for it, but it is in no part of the splits", annotated=False)
    for video in sorted(set(listed) - set(labels)):
        yield Problem(video, f"the splits name it, but {path.name} has no labels for it", annotated=False)


def _tvsum(video: str, domain: str, record: Any, path: Path) -> Item:
    where = f"{path}: {video}"
    ratings = numbers(_field(record, "anno", where), f"{where}: 'anno'", 2)
    title = record.get("title") or record.get("query") or TVSUM_CATEGORIES.get(domain, domain)
    return tvsum_item(video, str(title), domain, ratings, where)


def _youtube(video: str, domain: str, record: Any, path: Path) -> Item:
    where = f"{path}: {video}"
    return youtube_item(video, domain, numbers(_field(record, "match", where), f"{where}: 'match'", 1), where)


def _field(record: Any, name: str, where: str) -> Any:
    if not isinstance(record, dict) or record.get(name) is None:
        raise ConfigError(f"{where}: no {name!r}")
    return record[name]


def _object(path: Path) -> dict[str, Any]:
    value = read_json_value(path, _LARGEST_BYTES)
    if not isinstance(value, dict) or not value:
        raise ConfigError(f"{path}: must be a JSON object with an entry per video or domain")
    return value
