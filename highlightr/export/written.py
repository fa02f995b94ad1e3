"""What a receipt says of the files that were written with it, by which they are told from a user's.

In: files that were written, or a receipt that anyone may have changed. Out: what is listed, by name and content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from highlightr.core.errors import ConfigError
from highlightr.core.files import printable
from highlightr.core.hashing import file_sha256
from highlightr.core.reading import read_limited
from highlightr.export.receipt_reader import LARGEST_BYTES

Kind = TypeVar("Kind")

REPORT_MARK = " \u00b7 highlightr</title>".encode()
"""At the end of a report's title."""

_TITLE_BYTES = 8192
"""Within which a report has its title."""


class WrittenFile(msgspec.Struct, frozen=True):
    """A file as a receipt lists it."""

    output: str
    """Name of the output that it belongs to, such as ``clips``."""
    name: str
    sha256: str


class Written(msgspec.Struct):
    """What a receipt says of the files of its summary."""

    schema_version: Literal[2]
    outputs: dict[str, str] = {}
    files: list[WrittenFile] = []


class _AnyReceipt(msgspec.Struct):
    schema_version: int | str
    outputs: dict[str, str]


def written_files(output: str, paths: Iterable[Path]) -> list[dict[str, str]]:
    """How a receipt lists files that were written; an `OSError` where one cannot be read."""
    return [{"output": output, "name": printable(path.name), "sha256": file_sha256(path)} for path in paths]


def read_written(receipt: Path) -> Written | None:
    """What the receipt says that is there; `None` if there is none, or it cannot be understood."""
    return _read(receipt, Written)


def is_receipt(path: Path) -> bool:
    """Whether it is a receipt of any version."""
    return _read(path, _AnyReceipt) is not None


def _read(path: Path, kind: type[Kind]) -> Kind | None:
    """What a file holds; `None` if it is none, or cannot be understood."""
    if not os.path.isfile(path):  # noqa: PTH113  (a pipe never ends; of a locked folder pathlib raises)
        return None
    try:
        return msgspec.json.decode(read_limited(path, LARGEST_BYTES), type=kind)
    except (ConfigError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def is_report(path: Path) -> bool:
    """Whether it is a page that highlightr made, as its title says."""
    try:
        with path.open("rb") as file:
            return REPORT_MARK in file.read(_TITLE_BYTES)
    except OSError:
        return False


def holds(path: Path, digest: str) -> bool:
    """Whether it is a file, and no link to one, of this content."""
    try:
        return path.is_file() and not path.is_symlink() and file_sha256(path) == digest
    except OSError:
        return False
