"""Videos at addresses: one is fetched to a file of its own, within a size limit, and removed after use.

In: an address and a path. Out: the file. http(s) goes through the same careful transport as weights; ``s3://`` and
``gs://`` through fsspec and its packages. Everything else is refused, above all what would lead to local files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit, urlunsplit

from highlightr.core.errors import ConfigError, HighlightrError, MediaError, WeightsError
from highlightr.core.folders import make_folder
from highlightr.core.outputs import writing_to
from highlightr.core.progress import ProgressHook
from highlightr.zoo.fetch import download

SCHEMES = ("https", "http", "s3", "gs")
"""Addresses that are fetched."""

CHUNK_BYTES = 1 << 20


def check_address(address: str, *, allowed: bool) -> None:
    """Refuse an address that may not be fetched.

    Raises:
        ConfigError: addresses were not allowed, or this is not a plain one with one of `SCHEMES`.
    """
    scheme = address.partition("://")[0].lower()
    if scheme not in SCHEMES:
        # Also `simplecache::file://…` and `zip://…::https://…`, by which fsspec would reach local files.
        raise ConfigError(f"{address}: only {'://, '.join(SCHEMES)}:// are fetched; give a path for a local file")
    if "::" in address.partition("://")[2]:
        raise ConfigError(f"{address}: a chain of addresses; give the address of the video alone")
    try:
        urlsplit(address)
    except ValueError as error:
        raise ConfigError(f"{address!r} is not an address ({error}); correct it") from error
    if not allowed:
        raise ConfigError(f"{shown_address(address)}: an address; add --allow-remote to fetch videos from the network")


def shown_address(address: str) -> str:
    """The address without user, password and what follows ``?``, which may hold a signature."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@contextmanager
def fetched(
    address: str, target: Path, limit_bytes: int, progress: ProgressHook, *, allow_private: bool = False
) -> Iterator[Path]:
    """Fetch into `target`, which is gone afterwards, with its folder; `progress` counts bytes in the stage ``fetch``.

    Raises:
        MediaError: it cannot be fetched, or is larger than `limit_bytes`.
        OutputError: there is no room for it, or its folder cannot be written.
        ConfigError: the package for this kind of address is not installed.
    """
    make_folder(target.parent)
    try:
        if address.lower().startswith(("http://", "https://")):
            _from_web(address, target, limit_bytes, progress, allow_private)
        else:
            _from_store(address, target, limit_bytes, progress)
        yield target
    finally:
        for left in target.parent.iterdir():
            left.unlink()
        target.parent.rmdir()


def _from_web(address: str, target: Path, limit_bytes: int, progress: ProgressHook, allow_private: bool) -> None:
    def tell(stage: str, completed: float, total: float) -> None:
        progress("fetch" if stage == "download" else stage, completed, total)

    try:
        download(address, target, limit_bytes=limit_bytes, progress=tell, public_only=not allow_private)
    except WeightsError as error:
        raise MediaError(f"{shown_address(address)}: cannot be fetched: {error}") from error


def _from_store(address: str, target: Path, limit_bytes: int, progress: ProgressHook) -> None:
    try:
        import fsspec

        with fsspec.open(address, "rb") as source:
            _copy(source, target, limit_bytes, progress)
    except ImportError as error:
        raise ConfigError(
            f"{shown_address(address)}: needs a package: {error}; pip install highlightr[remote]"
        ) from error
    except HighlightrError:
        raise
    except Exception as error:
        words = " ".join(str(error).split()) or type(error).__name__
        raise MediaError(f"{shown_address(address)}: cannot be fetched: {words}") from error


def _copy(source: IO[bytes], target: Path, limit_bytes: int, progress: ProgressHook) -> None:
    received, total = 0, float(getattr(source, "size", None) or 0)
    if total > limit_bytes:
        raise MediaError(f"{target.name}: {total:.0f} bytes, more than the {limit_bytes} allowed")
    with target.open("wb") as file:
        while chunk := source.read(CHUNK_BYTES):
            received += len(chunk)
            if received > limit_bytes:
                raise MediaError(f"{target.name}: more than the {limit_bytes} bytes allowed")
            with writing_to(target):
                file.write(chunk)
            progress("fetch", float(received), total)
