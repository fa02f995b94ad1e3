"""Places to write to: checked before any work, filled whole or not at all.

A wanted path comes in; a temporary name beside it goes out, which becomes the wanted one when all went well.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.types import Source

__all__ = [
    "MUXERS",
    "check_folder_output",
    "check_output",
    "check_suffix",
    "move",
    "staging_folder",
    "whole_file",
    "whole_folder",
]

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File name suffix to ffmpeg's name of the container that is written."""


def check_suffix(path: Path) -> str:
    """The container for a video of this name.

    Raises:
        ConfigError: a suffix that is not written.
    """
    try:
        return MUXERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(MUXERS)
        raise ConfigError(f"{path}: cannot write a video with the suffix {path.suffix!r}; use {known}") from None


def check_output(path: Path, source: Source, *, overwrite: bool) -> None:
    """Make sure, before any work, that a file can be written.

    Raises:
        OutputError: it is the source itself (also through a link), exists and may not be replaced, is a
            directory, or its folder is missing or cannot be written.
    """
    if path.exists() and source.path.exists() and path.samefile(source.path):
        raise OutputError(f"{path}: this is the source video itself; choose another output")
    if path.is_dir():
        raise OutputError(f"{path}: a directory; name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path}: exists already; choose another output or --overwrite")
    _check_folder(path.absolute().parent)


def check_folder_output(folder: Path) -> None:
    """Make sure, before any work, that a folder can be made or filled.

    Raises:
        OutputError: it is a file, or its place is missing or cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: not a directory; choose another folder")
    _check_folder(folder.absolute() if folder.exists() else folder.absolute().parent)


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name in the same folder to write to; it becomes `path` on a clean exit and is removed on an error.

    Raises:
        OutputError: the folder cannot be written, or the file has appeared meanwhile.
    """
    folder = path.absolute().parent
    with staging_folder(folder) as staging:
        partial = staging / f"output{path.suffix.lower()}"
        yield partial
        if path.exists() and not overwrite:
            raise OutputError(f"{path}: has appeared meanwhile; choose another output or --overwrite")
        move(partial, path)


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to fill; its files move into `folder` on a clean exit, or none does.

    Raises:
        OutputError: `folder` is a file or cannot be written, or holds a file of the same name.
    """
    check_folder_output(folder)
    with staging_folder(folder.absolute().parent) as staging:
        filled = staging / "clips"
        try:
            filled.mkdir()
        except OSError as error:
            raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
        yield filled
        if not folder.exists():
            move(filled, folder)
            return
        made = sorted(filled.iterdir())
        taken = [folder / one.name for one in made if (folder / one.name).exists()]
        if taken and not overwrite:
            raise OutputError(f"{taken[0]}: exists already; choose another folder or --overwrite")
        for one in made:
            move(one, folder / one.name)


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """A hidden folder inside `folder`, on the same file system, that is gone afterwards.

    Raises:
        OutputError: the folder cannot be written.
    """
    try:
        staging = Path(tempfile.mkdtemp(prefix=".highlightr-", suffix=".partial", dir=folder))
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write here; choose another place")


def move(made: Path, final: Path) -> None:
    """Rename a finished file or folder to its final name, in one step.

    Raises:
        OutputError: the place cannot be written.
    """
    try:
        made.replace(final)
    except OSError as error:
        raise OutputError(f"{final}: cannot be written ({error.strerror}); choose another place") from error
