"""Weights into the store: from the network, or from a file that the user fetched by hand.

A file is taken only if its hash is the one of the manifest or, where none is published, of the first pull; its tensors
are converted to safetensors and the original is not kept. `HIGHLIGHTR_OFFLINE=1` forbids the network.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.hashing import file_sha256
from highlightr.core.progress import ProgressHook, silent
from highlightr.zoo import records
from highlightr.zoo.checksums import digests, mismatch
from highlightr.zoo.convert import write_converted
from highlightr.zoo.fetch import discard, download
from highlightr.zoo.hub import is_offline
from highlightr.zoo.manifest import WeightsEntry, entry
from highlightr.zoo.presets import load_preset, preset_names
from highlightr.zoo.store import by_hand, inspect, origin, stored_file

_SPARE_BYTES = 64 << 20
"""Left free on the disk after a download and its conversion."""


@dataclass(frozen=True)
class Pulled:
    """What a pull or an import came to."""

    name: str
    path: Path
    sha256: str
    """Of the source as published."""
    fetched: bool
    """False where it was there already."""
    newly_pinned: bool
    """No full hash is published; this pull pinned `sha256`, and later pulls must match it."""


def pull(names: Iterable[str], progress: ProgressHook | None = None) -> tuple[Pulled, ...]:
    """Make sure that each of the weights is there and whole, fetching what is not.

    `progress` is called with the stages `download NAME` and `check NAME`, in bytes.

    Raises:
        ConfigError: an unknown name, before anything is fetched.
        WeightsError: offline, no address gives the right file, no space, or contents that are refused.
    """
    items = [entry(name) for name in names]
    return tuple(_pull_one(item, progress or silent) for item in items)


def import_file(
    file: Path, name: str, check_trained: Callable[[str, Mapping[str, Any], Path], None] | None = None
) -> Pulled:
    """Take a checkpoint that the user fetched by hand; it must be the one that the manifest means.

    Args:
        check_trained: told a scorer's name and settings, refuses with a `WeightsError` a file that does not fit it:
            what users train for a preset has no hash to be known by. It is `highlightr.scorers.check_weights`.

    Raises:
        ConfigError: no such file, an unknown name, or weights that come with the installation.
        WeightsError: the file has another hash, or its contents are refused.
    """
    item = entry(name)
    if item.embedded:
        raise ConfigError(f"{item.name} comes with the installation ({origin(item)}); there is nothing to import")
    if not file.is_file():
        raise ConfigError(f"no file at {file}")
    with records.lock(item.name):
        try:
            if check_trained is not None and item.train:
                scorers = (each for name in preset_names() for each in load_preset(name).scorers.values())
                for choice in (each for each in scorers if each.weights == item.name):
                    check_trained(choice.name, choice.config, file)
            return _install(item, file, str(file), silent)
        except WeightsError as error:
            raise WeightsError(f"{file} is not accepted as {item.name}: {error}") from error


def _pull_one(item: WeightsEntry, progress: ProgressHook) -> Pulled:
    def hook(stage: str, completed: float, total: float) -> None:
        progress(f"{stage} {item.name}", completed, total)

    if item.embedded:
        if there := _already_stored(item, hook):
            return there
        raise WeightsError(inspect(item, file_sha256).detail)
    with records.lock(item.name):
        # Only under the lock: another process may have fetched it while this one waited.
        if there := _already_stored(item, hook):
            return there
        if not item.urls:
            raise WeightsError(f"the weights {item.name} have no address that a program may fetch; {by_hand(item)}")
        if is_offline():
            raise WeightsError(f"HIGHLIGHTR_OFFLINE forbids to fetch the weights {item.name}; {by_hand(item)}")
        _check_space(item)
        reasons = []
        for url in item.urls:
            try:
                return _fetch(item, url, hook)
            except WeightsError as error:
                reasons.append(f"{url}: {error}")
            except OutputError as error:
                raise WeightsError(f"{error}, with HIGHLIGHTR_HOME") from error
    raise WeightsError(f"the weights {item.name} could not be fetched ({'; '.join(reasons)}); {by_hand(item)}")


def _already_stored(item: WeightsEntry, hook: ProgressHook) -> Pulled | None:
    found = inspect(item, lambda path: digests(path, progress=hook).sha256)
    receipt = records.read_install_record(item.name)
    if found.path is None or found.state != "ok":
        return None
    sha256 = receipt.source_sha256 if receipt and not item.embedded else item.sha256
    return Pulled(item.name, found.path, sha256, fetched=False, newly_pinned=False)


def _check_space(item: WeightsEntry) -> None:
    folder = records.weights_folder(item.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"cannot write {folder}: {error.strerror}; set HIGHLIGHTR_HOME elsewhere") from error
    held = sum(part.stat().st_size for part in folder.glob(".*.part"))
    # Twice: the download and its conversion lie side by side for a moment.
    needed = 2 * item.size_bytes - held + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise WeightsError(
            f"{item.name} needs {needed / 1e6:.0f} MB and {folder} has {free / 1e6:.0f} MB left; "
            "free some space or set HIGHLIGHTR_HOME elsewhere"
        )


def _fetch(item: WeightsEntry, url: str, hook: ProgressHook) -> Pulled:
    part = records.weights_folder(item.name) / f".{hashlib.sha256(url.encode()).hexdigest()[:12]}.part"
    may_retry = True
    while True:
        joined = download(url, part, size_bytes=item.size_bytes, limit_bytes=item.limit_bytes, progress=hook)
        may_retry = joined and may_retry
        try:
            return _install(item, part, url, hook)
        except WeightsError:
            discard(part)
            # The beginning may have been of another version than the server admitted: once more, from the start.
            if not may_retry:
                raise
            may_retry = False


def _install(item: WeightsEntry, source: Path, origin_of_source: str, hook: ProgressHook) -> Pulled:
    """Check, convert, pin, and leave the receipt: in this order, so that nothing unchecked is ever believed."""
    found = digests(source, md5=bool(item.md5), git_blob_sha1=bool(item.git_blob_sha1), progress=hook)
    pinned = records.pins().get(item.name) if not item.sha256 and not item.train else None
    why = mismatch(item, found, pinned.sha256 if pinned else None)
    if why and pinned and found.sha256 != pinned.sha256:
        why += f" ({records.pins_file()}; delete its line only if you know that the publisher changed the file)"
    if why:
        raise WeightsError(f"not the file that is meant: {why}")
    target = stored_file(item)
    note = {"name": item.name, "source": item.where, "source_sha256": found.sha256, "licence": item.licence}
    made = write_converted(source, target, item, note)
    new = not item.sha256 and not item.train and pinned is None
    if new:
        records.pin(item.name, records.Pin(found.sha256, found.size_bytes, origin_of_source))
    stored = (item.file, found.sha256, found.size_bytes, origin_of_source, target.name, made.sha256, made.size_bytes)
    records.write_install_record(records.InstallRecord(item.name, *stored))
    for left in records.weights_folder(item.name).glob(".*"):
        left.unlink(missing_ok=True)  # What broken-off pulls left; the lock is held, so it is not in use.
    return Pulled(item.name, target, found.sha256, fetched=True, newly_pinned=new)
