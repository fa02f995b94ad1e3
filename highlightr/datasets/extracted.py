"""The plain format with features: a folder of videos, their CSV, and what `highlightr extract` wrote of them.

In: the folder, and a `Layout` that says where each stream lies, ``{video}`` being a video's name without suffix. Out:
items. The clips are those that the features were extracted for: the metadata beside them says how long they are.

    highlightr extract DIR --features clip --clip-seconds 1 --out DIR/features
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.types import TimeGrid
from highlightr.datasets.arrays import Hdf5Source, Source, locate
from highlightr.datasets.base import Item, Layout
from highlightr.datasets.building import DatasetBuilder
from highlightr.datasets.json_lines import read_json_value
from highlightr.datasets.plain import PlainItem, plain

PLAIN = Layout(annotations=".", streams={"clip": "features/clip_features/{video}.npz"})
"""One stream, as the command above writes it."""

_LARGEST_METADATA_BYTES = 64 * 2**20
"""An HDF5 file's has about 1,000 bytes for each video."""


def add_extracted(builder: DatasetBuilder) -> None:
    """Users' data: moments or a curve per video, with a query or without.

    The target is the score of each clip's center. `layout.annotations` is the folder with the CSV and the videos.

    Raises:
        ConfigError: no stream is named; no CSV.
    """
    if not builder.layout.streams:
        raise ConfigError(
            "the plain format needs data.layout.streams: which features were extracted, and where they lie"
        )
    found = plain(builder.annotations, videos=False)
    builder.problems += found.problems
    paths: dict[str, set[Path]] = {}
    for item in found.items:
        paths.setdefault(item.path.stem, set()).add(item.path)
    for item in found.items:
        builder.add(item.key, _item, builder, item, paths[item.path.stem])


def extracted_layout(folder: Path) -> Layout | None:
    """Where `highlightr extract` put each stream and signal, in the folder or in its ``features``.

    Returns:
        A layout for `add_extracted`; `None` if nothing was extracted there.

    Raises:
        ConfigError: features in a format that is not read.
    """
    patterns: dict[str, dict[str, str]] = {"stream": {}, "signal": {}}
    for place in (folder, folder / "features"):
        for path in sorted([*place.glob("*.h5.json"), *place.glob("*/*.json")]):
            for about in _descriptions(path):
                if about.get("kind") not in patterns or about.get("absent"):
                    continue
                if pattern := _pattern(folder, path, about):
                    patterns[about["kind"]].setdefault(str(about.get("stream")), pattern)
    if not patterns["stream"]:
        return None
    return Layout(".", streams=patterns["stream"], signals=patterns["signal"])


def _descriptions(path: Path) -> list[dict[str, Any]]:
    """The metadata in a file; an HDF5 file's says it per video."""
    try:
        found = json.loads(path.read_bytes()) if path.stat().st_size <= _LARGEST_METADATA_BYTES else {}
    except (OSError, ValueError, RecursionError):
        return []
    values = list(found.values()) if path.name.endswith(".h5.json") and isinstance(found, dict) else [found]
    return [each for each in values if isinstance(each, dict) and isinstance(each.get("video"), dict)]


def _pattern(folder: Path, path: Path, about: Mapping[str, Any]) -> str | None:
    """Where the stream of any video lies; `None` where the file is not named after its video."""
    data = path.with_suffix("").relative_to(folder).as_posix()
    if data.endswith(".safetensors"):
        raise ConfigError(f"{path}: features in safetensors are not read here; extract them as npz")
    video = Path(str(about["video"].get("name"))).stem
    head, _, name = data.rpartition("/")
    if data.endswith(".h5"):
        return data
    # Bytes of a name that are not UTF-8 stand in the metadata as another letter.
    return f"{head}/{name.replace(video, '{video}', 1)}" if name.startswith(video) else None


def _item(builder: DatasetBuilder, item: PlainItem, same_name: set[Path]) -> Item:
    root, layout = builder.root, builder.layout
    if len(same_name) > 1:
        both = " and ".join(sorted(path.name if path.parent == root else str(path) for path in same_name))
        raise ConfigError(f"{both} have one name, by which their features cannot be told apart: rename one")
    names = {"video": item.path.stem, "key": item.key}
    located = {name: locate(root, pattern, names) for name, pattern in layout.streams.items()}
    present = {name: source for name, source in located.items() if not source.absent()} or located
    grids = {name: _grid(source, layout.clip_seconds) for name, source in present.items()}
    (first, grid), *others = grids.items()
    for name, other in others:
        if other.clip_seconds != grid.clip_seconds:
            raise ConfigError(
                f"{name} has clips of {other.clip_seconds:g} s and {first} of {grid.clip_seconds:g} s; "
                "extract them alike"
            )
    late = item.outside(grid)
    if len(late) == len(item.spans):
        raise ConfigError(late[0].reason)
    builder.problems += late
    return item.on(grid)


def _grid(source: Source, clip_seconds: float | None) -> TimeGrid:
    rows = source.shape()[0]
    if clip_seconds is not None:
        return TimeGrid(rows * clip_seconds, clip_seconds)
    path = source.path.with_name(f"{source.path.name}.json")
    if not path.exists():
        raise ConfigError(f"{path}: no such file; set data.layout.clip_seconds for other features")
    found = read_json_value(path, _LARGEST_METADATA_BYTES)
    try:
        found = found[source.video] if isinstance(source, Hdf5Source) else found
        grid = TimeGrid(float(found["duration_seconds"]), float(found["clip_seconds"]))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        raise ConfigError(f"{path}: must hold duration_seconds and clip_seconds; extract it again") from error
    if grid.num_clips != rows:
        raise ConfigError(f"{source.path}: {rows} rows, but its metadata says {grid.num_clips} clips; extract it again")
    return grid
