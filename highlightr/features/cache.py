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
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.files import home_folder, remove_abandoned
from highlightr.core.sealed import (
    SealedFile,
    clear_sealed,
    mark_used,
    read_sealed,
    remove_file,
    sealed_files,
    write_sealed,
)
from highlightr.core.types import Signal
from highlightr.features.base import Extracted

logger = logging.getLogger(__name__)

LIMIT_VARIABLE = "HIGHLIGHTR_CACHE_LIMIT"
"""Environment variable: the most that the cache may hold, such as ``500M`` or ``5G``; ``0`` turns it off."""

DEFAULT_LIMIT_BYTES = 5 * 2**30

_FORMAT_VERSION = 1
"""Part of every key; raised when the layout of an entry changes."""

_SUFFIX = ".features.sealed"
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_LARGEST_HEADER_BYTES = 2**20


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
        path = self._place(about)
        payload = read_sealed(path) if self.limit_bytes else None
        try:
            found = None if payload is None else _unpack(payload)
        except (ValueError, KeyError, TypeError) as error:
            logger.debug("%s is damaged: %s", path, error)
            found = None
        if found is None or not fits(found):
            remove_file(path)
            return None
        mark_used(path)
        return found

    def put(self, about: Mapping[str, Any], made: Extracted) -> None:
        """Keep what was extracted, then make room; a folder that cannot be written costs only a note in the log."""
        payload = _pack(about, made)
        if len(payload) > self.limit_bytes:
            return
        try:
            write_sealed(self._place(about), payload)
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


def _pack(about: Mapping[str, Any], made: Extracted) -> bytes:
    from safetensors.numpy import save

    arrays: dict[str, npt.NDArray[Any]] = {f"stream/{name}": values for name, values in made.streams.items()}
    for name, signal in made.signals.items():
        arrays |= {f"times/{name}": signal.times_seconds, f"values/{name}": signal.values}
    arrays |= {f"loss/{kind}": np.array([count]) for kind, count in made.losses.items()}
    packed: bytes = save(
        {name: np.ascontiguousarray(values) for name, values in arrays.items()}, {"about": json.dumps(dict(about))}
    )
    return packed


def _unpack(payload: bytes) -> Extracted:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(payload)
    except SafetensorError as error:
        raise ValueError(str(error)) from error
    kinds: dict[str, dict[str, Any]] = {"stream": {}, "times": {}, "values": {}, "loss": {}}
    for key, values in arrays.items():
        kind, _, name = key.partition("/")
        kinds[kind][name] = values
    signals = {name: Signal(times, kinds["values"][name]) for name, times in kinds["times"].items()}
    return Extracted(kinds["stream"], signals, {kind: int(count.item()) for kind, count in kinds["loss"].items()})


def _read_about(path: Path) -> Mapping[str, Any]:
    """The description at the front of an entry, without reading its arrays."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LARGEST_HEADER_BYTES:
                return {}
            found = json.loads(json.loads(file.read(length))["__metadata__"]["about"])
    except (struct.error, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
