"""Features on disk, so that a second query on a video decodes nothing.

In: a description of what was extracted from which content, plain JSON types. Out: the `Extracted` of an earlier run,
or `None`. An entry is one sealed file below `home_folder()/features`, named by the digest of its description; it is
written beside and renamed, so processes may share the folder, and one that is damaged is discarded. The least recently
used entries go when the folder outgrows its limit.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.files import remove_abandoned
from highlightr.core.folders import home_folder
from highlightr.core.large_arrays import moved, spans
from highlightr.core.sealed import (
    SealedFile,
    clear_sealed,
    mark_used,
    open_sealed,
    remove_file,
    seal_written,
    sealed_files,
)
from highlightr.core.types import Signal
from highlightr.features.base import Extracted

logger = logging.getLogger(__name__)

LIMIT_VARIABLE = "HIGHLIGHTR_CACHE_LIMIT"
"""Environment variable: the most that the cache may hold, such as ``500M`` or ``5G``; ``0`` turns it off."""

DEFAULT_LIMIT_BYTES = 5 * 2**30

_FORMAT_VERSION = 2
"""Part of every key; raised when the layout of an entry changes."""

_SUFFIX = ".features.sealed"
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RecursionError, BadZipFile)
"""What reading an entry raises that is not what was written."""

_ABOUT = "about"
"""Holds the description, as JSON."""


@dataclass(frozen=True)
class CacheEntry(SealedFile):
    """One cached extraction."""

    about: Mapping[str, Any]
    """What was extracted from what; empty if the entry is damaged."""


@dataclass(frozen=True)
class FeatureCache:
    """The folder and its limit; any number of processes may share it."""

    folder: Path = field(default_factory=lambda: home_folder() / "features")
    limit_bytes: int = field(default_factory=lambda: limit_from_environment())

    def get(self, about: Mapping[str, Any], fits: Callable[[Extracted], bool] = lambda _: True) -> Extracted | None:
        """What was kept under this description, or `None`; marks it as used.

        An entry that is damaged, or that does not fit, is removed, so that it is made again.
        """
        if not self.limit_bytes:
            return None
        path = self._place(about)
        found = _read(path)
        if found is None or not fits(found):
            remove_file(path)
            return None
        mark_used(path)
        return found

    def put(self, about: Mapping[str, Any], made: Extracted) -> None:
        """Keep what was extracted, then make room; a folder that cannot be written costs only a note in the log."""
        arrays = _arrays(made)
        if sum(each.nbytes for each in arrays.values()) > self.limit_bytes:
            return
        arrays[_ABOUT] = np.frombuffer(json.dumps(dict(about)).encode(), dtype=np.uint8)
        try:
            seal_written(self._place(about), partial(_write, arrays))
            self._make_room()
        except OutputError as error:
            logger.info("features cannot be kept: %s", error)

    def entries(self) -> list[CacheEntry]:
        """Everything that is kept, most recently used first."""
        found = []
        for each in sealed_files(self.folder, _SUFFIX):
            with suppress(OSError):  # Another process has removed it.
                found.append(CacheEntry(**vars(each), about=_read_about(each.path)))
        return found

    def clear(self) -> tuple[int, int]:
        """Remove everything; (number of entries, bytes) that went."""
        return clear_sealed(self.folder, _SUFFIX)

    def _place(self, about: Mapping[str, Any]) -> Path:
        text = json.dumps({"format": _FORMAT_VERSION, **about}, sort_keys=True)
        return self.folder / f"{hashlib.sha256(text.encode()).hexdigest()}{_SUFFIX}"

    def _make_room(self) -> None:
        remove_abandoned(self.folder)
        kept = 0
        for each in sealed_files(self.folder, _SUFFIX):
            kept += each.size_bytes
            if kept > self.limit_bytes:
                remove_file(each.path)


def limit_from_environment() -> int:
    """Bytes that `LIMIT_VARIABLE` allows, or the default; a `ConfigError` for what is not a size."""
    text = os.environ.get(LIMIT_VARIABLE, "").strip().upper()
    if not text:
        return DEFAULT_LIMIT_BYTES
    match = re.fullmatch(r"(\d{1,15})\s*([KMGT]?)(I?B)?", text)
    if match is None:
        raise ConfigError(f"{LIMIT_VARIABLE} is {text!r}: give a size such as 500M or 5G, or 0 for no cache")
    return int(match[1]) * _UNITS[match[2]]


def _arrays(made: Extracted) -> dict[str, npt.NDArray[Any]]:
    arrays: dict[str, npt.NDArray[Any]] = {f"stream/{name}": values for name, values in made.streams.items()}
    for name, signal in made.signals.items():
        arrays |= {f"times/{name}": signal.times_seconds, f"values/{name}": signal.values}
    return arrays | {f"loss/{kind}": np.array([count]) for kind, count in made.losses.items()}


def _write(arrays: Mapping[str, npt.NDArray[Any]], file: BinaryIO) -> None:
    """The same as `numpy.savez`, without holding large arrays in memory."""
    with ZipFile(file, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array_header_1_0(member, np.lib.format.header_data_from_array_1_0(values))
                for span in spans(values):
                    member.write(np.ascontiguousarray(values[span]).tobytes())


def _read(path: Path) -> Extracted | None:
    """What an entry holds; `None` where there is none, or it is damaged."""
    kinds: dict[str, dict[str, Any]] = {"stream": {}, "times": {}, "values": {}, "loss": {}}
    try:
        with open_sealed(path) as file:
            if file is None:
                return None
            with np.load(file, allow_pickle=False) as arrays:
                for key in arrays.files:
                    kind, _, name = key.partition("/")
                    if key != _ABOUT:
                        kinds[kind][name] = moved(arrays[key])
        signals = {name: Signal(times, kinds["values"][name]) for name, times in kinds["times"].items()}
        return Extracted(kinds["stream"], signals, {kind: int(count.item()) for kind, count in kinds["loss"].items()})
    except _DAMAGED as error:
        logger.debug("%s is damaged: %s", path, error)
        return None


def _read_about(path: Path) -> Mapping[str, Any]:
    """The description of an entry, without reading its arrays."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = json.loads(arrays[_ABOUT].tobytes())
    except _DAMAGED:
        return {}
    return found if isinstance(found, dict) else {}
