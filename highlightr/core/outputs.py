"""Whether an output can be written where it is wanted, told before any work is done wherever it can be known.

In: a path that a user named. Out: nothing, or an `OutputError` of one line that says what to choose instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from highlightr.core.errors import OutputError, not_written


def is_same_file(path: Path, other: Path) -> bool:
    """Whether both are there and one; either may be what can be no path."""
    try:
        return path.samefile(other)
    except (OSError, ValueError):
        return False


def check_no_input(path: Path, inputs: Iterable[Path], what: str) -> None:
    """Refuse an output that would replace, also through a link, what was read for it; `what` says what that is."""
    if any(is_same_file(path, each) for each in inputs):
        raise OutputError(f"{path}: this is {what}; choose another output")


def check_output(path: Path, source: Path, *, overwrite: bool) -> None:
    """Make sure, before any work, that a file can be written.

    Raises:
        OutputError: it is the `source` video itself (also through a link), exists and may not be replaced, is a
            directory, a device or a pipe, has too long a name, or its folder is missing or cannot be written.
    """
    check_no_input(path, (source,), "the source video itself")
    with writing_to(path):  # Of too long a name, or in a closed folder, not even what is there can be looked at.
        if path.is_dir():
            raise OutputError(f"{path}: a directory; name a file")
        if path.exists() and not path.is_file():
            raise OutputError(f"{path}: a device or a pipe; name a file")
        if (path.exists() or path.is_symlink()) and not overwrite:
            raise OutputError(f"{path}: exists already; choose another output or --overwrite")
        _check_folder(path.absolute().parent)


def check_folder_output(folder: Path) -> None:
    """Make sure, before any work, that a folder can be made or filled.

    Raises:
        OutputError: it is a file, has too long a name, or its place is missing or cannot be written.
    """
    with writing_to(folder):
        if folder.exists() and not folder.is_dir():
            raise OutputError(f"{folder}: not a directory; choose another folder")
        _check_folder(folder.absolute() if folder.exists() else folder.absolute().parent)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise OutputError(f"{folder}: no such folder; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: no permission to write here; choose another place")


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """What the system refuses inside the block is an `OutputError` about this place."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> OutputError:
    """The error of a place at which writing failed."""
    return OutputError(f"{path}: {not_written(error)}")
