"""Reading files that a user gave, no further than they may be large."""

from __future__ import annotations

import io
from pathlib import Path

from highlightr.core.errors import ConfigError, HighlightrError


def lines_of(text: str) -> list[str]:
    """Its lines as editors show them; `str.splitlines` ends them at U+2028, U+0085 and form feeds, too."""
    return io.StringIO(text, newline=None).read().split("\n")


def read_at_most(path: Path, most_bytes: int) -> bytes | None:
    """The content of a file; `None` if it holds more than so many bytes, of which no more are read.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        content = file.read(most_bytes + 1)
    return content if len(content) <= most_bytes else None


def read_limited(path: Path, most_bytes: int, refuse: type[HighlightrError] = ConfigError) -> bytes:
    """The content of a file that a user gave.

    Raises:
        HighlightrError: of the class `refuse`: it cannot be read, or is larger than that.
    """
    try:
        content = read_at_most(path, most_bytes)
    except OSError as error:
        raise refuse(f"{path}: cannot be read ({error.strerror or error})") from error
    if content is None:
        raise refuse(f"{path}: larger than {most_bytes >> 20} MiB")
    return content
