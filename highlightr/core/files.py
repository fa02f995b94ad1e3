"""How files get to their places whole.

In: a wanted path. Out: a name to write to in a staging folder beside it; on a clean exit it becomes the wanted one, on
an error it is removed. A staging folder has an unpredictable name, is open to its owner alone, and is locked while its
writer lives, so that what a killed process left is told from what another is writing, and removed.
"""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from filelock import BaseFileLock

from highlightr.core.errors import HighlightrError, OutputError
from highlightr.core.folders import make_folder
from highlightr.core.locks import acquired, file_lock
from highlightr.core.outputs import check_folder_output, unwritable, writing_to
from highlightr.core.stop import stop_deferred
from highlightr.core.text import shown

logger = logging.getLogger(__name__)

_PREFIX, _SUFFIX = ".highlightr-", ".partial"
"""Around the random part of a staging folder's name."""

LONGEST_NAME_BYTES = 255
"""Of a file, on all usual file systems."""

_LOCK_NAME = "lock"
"""Inside a staging folder: held by its writer."""


@contextmanager
def _told_as(hidden: Path, asked: Path) -> Iterator[None]:
    """Errors name the file or folder that was asked for, and not the hidden one that is written first."""
    try:
        yield
    except HighlightrError as error:
        error.args = (str(error).replace(str(hidden), str(asked)), *error.args[1:])
        raise


@contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Make a hidden folder inside `folder`, on the same file system, that is gone afterwards.

    The first one in a folder removes what killed processes left there.

    Raises:
        OutputError: the folder cannot be written.
    """
    _sweep_once(folder)
    staging: Path | None = None
    lock: BaseFileLock | None = None
    try:
        with stop_deferred():
            staging, lock = _locked_staging(folder)
        with _told_as(staging, folder):
            yield staging
    finally:
        if staging is not None and lock is not None:
            with stop_deferred():
                lock.release()
                shutil.rmtree(staging, ignore_errors=True)


def _locked_staging(folder: Path) -> tuple[Path, BaseFileLock]:
    while True:
        with writing_to(folder):
            staging = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=folder))
        try:
            lock = acquired(staging / _LOCK_NAME, 0)
        except FileNotFoundError:
            continue
        except OSError as error:
            shutil.rmtree(staging, ignore_errors=True)
            raise unwritable(folder, error) from error
        if lock is not None:  # Otherwise another process took it for abandoned before it was locked, and removes it.
            return staging, lock


@lru_cache(maxsize=1024)
def _sweep_once(folder: Path) -> None:
    remove_abandoned(folder)


def remove_abandoned(folder: Path) -> None:
    """Remove the staging folders whose writers are dead; those of living ones, and other users', stay."""
    for staging in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        try:
            status = staging.lstat()
            if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
                continue  # No folder, a link to one, or another user's.
            with file_lock(staging / _LOCK_NAME) as abandoned:
                if abandoned:
                    shutil.rmtree(staging, ignore_errors=True)
        except (OSError, OutputError) as error:
            logger.info("%s cannot be removed: %s", staging, error)


@contextmanager
def whole_file(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """A name in the same folder to write to; it becomes `path` on a clean exit and is removed on an error.

    Raises:
        OutputError: the folder cannot be written, or the file has appeared meanwhile and `overwrite` is false.
    """
    with staging_folder(path.absolute().parent) as staging:
        # Short, because `path` may have the longest name that there can be.
        partial = staging / f"output{path.suffix.lower()[:16]}"
        with _told_as(partial, path):
            yield partial
        if not overwrite and path.exists():
            raise OutputError(f"{path}: has appeared meanwhile; choose another output or --overwrite")
        move(partial, path)


def write_whole(path: Path, *contents: str | bytes | memoryview, overwrite: bool = True) -> None:
    """Write bytes, or text as UTF-8, one after the other; a reader sees the old file or the new one, never a part.

    The folder is made if need be.

    Raises:
        OutputError: the place cannot be written, or as for `whole_file`.
    """
    make_folder(path.absolute().parent)
    with whole_file(path, overwrite=overwrite) as partial, writing_to(path), partial.open("xb") as file:
        for content in contents:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder to fill; its files move into `folder` on a clean exit, or none does.

    Raises:
        OutputError: `folder` is a file or cannot be written, or holds a file of the same name.
    """
    check_folder_output(folder)
    # Inside it where it is there: the folder around it may be another file system, or closed.
    with staging_folder(folder.absolute() if folder.exists() else folder.absolute().parent) as staging:
        filled = staging / "clips"
        make_folder(filled)
        with _told_as(filled, folder):
            yield filled
        if not folder.exists():
            move(filled, folder)
            return
        names = sorted(path.name for path in filled.iterdir())
        taken = [folder / name for name in names if (folder / name).exists()]
        if taken and not overwrite:
            raise OutputError(f"{taken[0]}: exists already; choose another folder or --overwrite")
        with stop_deferred():
            for name in names:
                move(filled / name, folder / name)


def move(source: Path, target: Path) -> None:
    """Rename a finished file or folder to its final name, in one step; an `OutputError` where that cannot be."""
    with writing_to(target):
        source.replace(target)


def printable(path: str | Path) -> str:
    """A path or name as text that UTF-8 can hold: bytes of it that are not UTF-8 show as a replacement character."""
    return os.fsencode(path).decode("utf-8", "replace")


def path_shown(path: str | Path) -> str:
    """A path or name for a person to read: `printable`, and no character in it acts (`core.text.shown`)."""
    return shown(printable(path))
