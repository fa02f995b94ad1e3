"""Text files that appear whole or not at all, and names that can be shown.

In: a path and text. Out: the file. It is written beside its place and renamed onto it.
"""

from __future__ import annotations

import os
from pathlib import Path

from highlightr.core.errors import OutputError

__all__ = ["printable", "write_whole"]


def write_whole(path: Path, text: str) -> None:
    """Write UTF-8 text; a reader sees the old file or the new one, never a part.

    Raises:
        OutputError: the place cannot be written.
    """
    beside = path.with_name(f".{path.name[:80]}.{os.getpid()}.part")
    try:
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise OutputError(f"cannot write {path}: {error.strerror or error}; choose another place") from error


def printable(path: Path) -> str:
    """A path as text that UTF-8 can hold: bytes of a name that are not UTF-8 show as a replacement character."""
    return os.fsencode(path).decode("utf-8", "replace")
