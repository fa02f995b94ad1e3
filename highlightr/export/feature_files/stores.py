"""Where streams go: a file each, or groups of one HDF5 file per stream.

In: the metadata and arrays of one stream of one video. Out: whether they are there already, and the file. A file's
metadata is written last and holds its hash, so that what a crash leaves behind is made again. HDF5 cannot be replaced
in part: new videos wait as files of their own in ``.pending`` and are merged when the run ends, or by the next run.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.errors import OutputError
from highlightr.core.extras import need
from highlightr.core.files import LONGEST_NAME_BYTES, printable, whole_file, write_whole
from highlightr.core.hashing import file_sha256
from highlightr.core.locks import file_lock
from highlightr.export.feature_files.layouts import Arrays, array_bytes, data_path, metadata_path, read_metadata, same

ATTRIBUTE = "highlightr"
"""Attribute of a group in HDF5 with the metadata as JSON."""

PENDING = ".pending"
MERGING = ".merging"
"""Locked by the run that merges."""

MERGE_SECONDS = 3600.0
"""How long another run's merge is waited for; it copies each file as a whole."""


def open_store(out: Path, kind: str) -> FeatureStore:
    """The store of a format; a `ConfigError` where h5py is not installed."""
    return _Hdf5(out) if kind == "h5" else FeatureStore(out, kind)


class FeatureStore:
    """Keeps streams below one folder, a file each."""

    def __init__(self, out: Path, kind: str) -> None:
        self._out, self._kind = out, kind

    def _place(self, about: Mapping[str, Any], video: str) -> Path:
        """The file that will hold it."""
        return data_path(self._out, self._kind, about["stream"], video, signal=about["kind"] == "signal")

    def holds(self, wanted: Mapping[str, Any], video: str) -> bool:
        """Whether it is there, whole, and made as wanted; also true where it is on record as absent."""
        found = self.record(wanted, video)
        if not same(wanted, found):
            return False
        if found.get("absent"):
            return True
        try:
            return file_sha256(self._place(wanted, video)) == found.get("sha256")
        except OSError:
            return False

    def record(self, wanted: Mapping[str, Any], video: str) -> dict[str, Any]:
        """The metadata of what is there of this stream, however it was made; empty where nothing is.

        An `OutputError` for a name that leaves no room for its files', which is asked before all: other programs find
        features by the whole name of their video.
        """
        path = metadata_path(self._place(wanted, video))
        longest = LONGEST_NAME_BYTES - len(path.name.removeprefix(video))
        if len(os.fsencode(video)) > longest:
            raise OutputError(
                f"{printable(video)}: too long a name for its feature files; rename it, to {longest} bytes"
            )
        return read_metadata(path)

    def put(self, metadata: Mapping[str, Any], video: str, arrays: Arrays) -> Path:
        """Keep it; without arrays, put on record that the video lacks it.

        Raises:
            OutputError: the place cannot be written.
        """
        path = self._place(metadata, video)
        about = {**metadata, "format": path.suffix[1:]}
        if arrays:
            content = array_bytes(path, arrays)
            write_whole(path, content)
            shapes = {name: list(values.shape) for name, values in arrays.items()}
            about |= {"file": path.name, "sha256": hashlib.sha256(content).hexdigest(), "arrays": shapes}
        else:
            path.unlink(missing_ok=True)
        write_whole(metadata_path(path), _json(about))
        return path

    def close(self) -> None:
        """Finish what is pending; an `OutputError` where the place cannot be written."""


class _Hdf5(FeatureStore):
    """One file per stream, a group per video. Several runs may write into a folder, and merge one after the other."""

    def __init__(self, out: Path) -> None:
        super().__init__(out, "h5")
        need("format h5", "h5py", extra="backbones")
        import h5py

        self._h5py: Any = h5py
        self._pending = FeatureStore(out / PENDING, "npz")

    def holds(self, wanted: Mapping[str, Any], video: str) -> bool:
        if self._pending.holds(wanted, video):
            return True
        found, arrays = self._merged(wanted, video)
        return same(wanted, found) and (bool(found.get("absent")) or arrays == found.get("arrays"))

    def record(self, wanted: Mapping[str, Any], video: str) -> dict[str, Any]:
        """See `FeatureStore.record`; an `OutputError` for a name that no group can have, which is asked before all."""
        if printable(video) != video:
            raise OutputError(f"{printable(video)}: names in HDF5 are UTF-8; rename the video, or use another format")
        return self._pending.record(wanted, video) or self._merged(wanted, video)[0]

    def _merged(self, wanted: Mapping[str, Any], video: str) -> tuple[dict[str, Any], dict[str, list[int]]]:
        """The metadata of a group, and the shapes of what it holds; both empty where it cannot be read."""
        with suppress(OSError, KeyError, ValueError, TypeError):
            with self._h5py.File(self._place(wanted, video), "r") as file:
                found = json.loads(file[video].attrs[ATTRIBUTE])
                arrays = {name: list(item.shape) for name, item in file[video].items()}
            return (found, arrays) if isinstance(found, dict) else ({}, {})
        return {}, {}

    def put(self, metadata: Mapping[str, Any], video: str, arrays: Arrays) -> Path:
        self._pending.put(metadata, video, arrays)
        return self._place(metadata, video)

    def close(self) -> None:
        if not (self._out / PENDING).exists():
            return
        with file_lock(self._out / MERGING, MERGE_SECONDS) as is_held:
            if not is_held:
                raise OutputError(f"another run still merges into {self._out}; the new videos stay in {PENDING}")
            self._merge_pending()
            # A run that waits for this lock makes a new one, because this file has no name any more.
            (self._out / MERGING).unlink(missing_ok=True)

    def _merge_pending(self) -> None:
        """Merge what any run has finished, and remove no more than that: another one may be adding to it."""
        notes: dict[str, list[Path]] = {}
        for note in sorted((self._out / PENDING).glob("*/*.npz.json")):
            notes.setdefault(str(read_metadata(note).get("stream", "")), []).append(note)
        for stream, group in notes.items():
            if stream:
                self._merge(self._out / f"{stream}.h5", group)
            for note in group:
                note.unlink(missing_ok=True)
                note.with_suffix("").unlink(missing_ok=True)
        for folder in (*(self._out / PENDING).glob("*"), self._out / PENDING):
            with suppress(OSError):  # Another run has put something there.
                folder.rmdir()

    def _merge(self, path: Path, notes: list[Path]) -> None:
        try:
            with whole_file(path, overwrite=True) as partial:
                if path.exists():
                    shutil.copyfile(path, partial)
                with self._h5py.File(partial, "a") as file:
                    for note in notes:
                        _put_group(file, note)
                    about = {video: json.loads(group.attrs[ATTRIBUTE]) for video, group in file.items()}
        except (OSError, KeyError, ValueError) as error:
            raise OutputError(f"cannot write {path}: {error}; the new videos stay in {self._out / PENDING}") from error
        write_whole(metadata_path(path), _json(about))


def _put_group(file: Any, note: Path) -> None:
    """Replace the group of the video that a pending file and its note describe."""
    data, metadata = note.with_suffix(""), read_metadata(note)
    video = data.name.removesuffix(".npz")
    if video in file:
        del file[video]
    group = file.create_group(video)
    arrays: dict[str, Any] = {}
    if not metadata.get("absent"):
        with np.load(io.BytesIO(data.read_bytes()), allow_pickle=False) as archive:
            arrays = dict(archive)
    for name, values in arrays.items():
        group.create_dataset(name, data=values)
    metadata = {key: value for key, value in metadata.items() if key not in ("file", "sha256")} | {"format": "h5"}
    group.attrs[ATTRIBUTE] = json.dumps(metadata)


def _json(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "replace")
