"""What the store remembers in the home folder: pins, receipts, and the locks that guard them.

A pin is the SHA-256 of a checkpoint whose publisher states none, taken at the first pull. A receipt lies beside
stored weights and says what they were made from. Files are written beside and renamed; locks die with their process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from highlightr.core.config import read_json, read_json_or_none
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.files import write_whole
from highlightr.core.folders import home_folder
from highlightr.core.locks import file_lock

LOCK_TIMEOUT_SECONDS = 3600.0


@dataclass(frozen=True)
class Pin:
    """What the first pull found."""

    sha256: str
    size_bytes: int
    url: str


@dataclass(frozen=True)
class InstallRecord:
    """Where stored weights come from."""

    name: str
    source_file: str
    source_sha256: str
    source_size_bytes: int
    source: str
    """URL, or `import` for a file the user brought."""
    file: str
    """Name of the stored file."""
    sha256: str
    """Of the stored file."""
    size_bytes: int


def weights_folder(name: str | None = None) -> Path:
    """The store in the home folder, or the place of one entry in it."""
    root = home_folder() / "weights"
    return root / name if name else root


def pins_file() -> Path:
    """Where the pins are kept."""
    return weights_folder() / "pins.json"


def pins() -> Mapping[str, Pin]:
    """All pins by name of weights.

    Raises:
        WeightsError: the file is damaged. It is not ignored: without it a changed download would go unseen.
    """
    path = pins_file()
    try:
        return read_json(path, dict[str, Pin])
    except (FileNotFoundError, NotADirectoryError):  # A file may be where the folder should be; `doctor` tells.
        return {}
    except (OSError, ConfigError) as error:
        raise WeightsError(
            f"cannot read the pins at {path}: {error}; repair the file, or delete it to start over"
        ) from error


def pin(name: str, value: Pin) -> None:
    """Remember a hash; the other pins stay."""
    with lock(".pins"):
        kept = {key: asdict(each) for key, each in pins().items()}
        write_json(pins_file(), {**kept, name: asdict(value)})


def read_install_record(name: str) -> InstallRecord | None:
    """The receipt of stored weights; `None` if there is none or it cannot be understood, which means: pull again."""
    return read_json_or_none(weights_folder(name) / "receipt.json", InstallRecord)


def write_install_record(receipt: InstallRecord) -> None:
    """Write it beside the weights."""
    write_json(weights_folder(receipt.name) / "receipt.json", asdict(receipt))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Replace a JSON file in one step."""
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


@contextmanager
def lock(name: str, timeout_seconds: float = LOCK_TIMEOUT_SECONDS) -> Iterator[None]:
    """Hold the named lock; other processes wait. The system frees it when its holder ends, however it ends.

    Raises:
        WeightsError: another process held it for `timeout_seconds`.
    """
    path = weights_folder() / ".locks" / name
    with file_lock(path, timeout_seconds) as held:
        if not held:
            raise WeightsError(f"another process has been busy with {name} for {timeout_seconds:g} s ({path})")
        yield
