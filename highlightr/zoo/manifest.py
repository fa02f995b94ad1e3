"""The table of weights: `models/weights.toml` becomes one `WeightsEntry` per checkpoint.

Each entry says where a checkpoint comes from, what it hashes to, and how its tensors are read. Nothing is fetched here.
Names are looked up without regard to case, and `-` equals `_`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.resources import model_files

MANIFEST_FILE = "weights.toml"

FORMATS = ("torch", "torchscript", "safetensors", "npy-archive", "as-is")
"""How the published file is read. `as-is` is for what packages and this repository carry: it is never converted."""

DEFAULT_MAX_BYTES = 2 << 30
"""A download whose size is not published may not grow past this."""

_HEX = {"sha256": 64, "source_sha256": 64, "md5": 32, "git_blob_sha1": 40}
_THIS_MACHINE = ("127.0.0.1", "::1", "localhost")
"""Loopback hosts: no network lies between."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class WeightsEntry:
    """One checkpoint."""

    name: str
    title: str
    """What it is, in one line."""
    file: str
    """File name as published; for `package` and `bundled`, the path below the packages' or the models' folder."""
    licence: str
    """Of the weights; where its source states none, that is said."""
    citation: str
    format: str = "torch"
    """One of `FORMATS`."""
    url: str = ""
    """Empty where there is no address that a program may fetch."""
    mirrors: tuple[str, ...] = ()
    """Tried in order after `url`."""
    page: str = ""
    """Page for a person to read about it or to fetch it by hand."""
    package: str = ""
    """Distribution that carries it, or what it was exported from, as `name==version`."""
    bundled: bool = False
    """It lies in `models/`."""
    source_file: str = ""
    """What a bundled file was exported from, as a path below the packages' folder."""
    source_sha256: str = ""
    train: str = ""
    """Command that makes it, where it is not published: the file is the user's own, so it is neither fetched nor
    pinned, and `size_bytes` is about what it will have."""
    sha256: str = ""
    """Of the published file; empty where no full hash is known, and then the first pull pins it."""
    sha256_prefix: str = ""
    """First digits, where the publisher puts them in the file name."""
    md5: str = ""
    git_blob_sha1: str = ""
    """Git's name for the file: SHA-1 over a header and the content."""
    size_bytes: int = 0
    """Of the published file; 0 where unknown."""
    max_bytes: int = DEFAULT_MAX_BYTES
    """Bound on a download of unknown size."""
    state_key: str = ""
    """Key of the state dict inside the checkpoint; empty where the checkpoint is the state dict."""
    strip_prefix: str = ""
    """Taken off each tensor's name."""
    numpy_objects: bool = False
    """The checkpoint also holds NumPy arrays and scalars, which are let through and dropped."""
    members: tuple[str, ...] = ()
    """Files to read from an archive."""
    notes: str = ""

    @property
    def embedded(self) -> bool:
        """It is there once highlightr is installed."""
        return bool(self.package) or self.bundled

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses, the first choice first."""
        return (self.url, *self.mirrors) if self.url else ()

    @property
    def where(self) -> str:
        """The address to give a person who has to fetch it by hand."""
        return self.url or self.page

    @property
    def limit_bytes(self) -> int:
        """A download may not be larger."""
        return self.size_bytes or self.max_bytes


def parse_manifest(text: str, origin: str) -> Mapping[str, WeightsEntry]:
    """Make the entries of one manifest; `origin` names it in errors.

    Raises:
        WeightsError: TOML that does not parse, unknown or missing keys, values that cannot be right.
    """
    try:
        tables = tomllib.loads(text).get("weights", {})
        entries = [_entry(name, table, f"{origin}: {name}") for name, table in tables.items()]
    except (tomllib.TOMLDecodeError, ConfigError, AttributeError) as error:
        raise WeightsError(f"{origin} is not a manifest of weights: {error}; reinstall highlightr") from error
    return {_key(item.name): item for item in entries}


@lru_cache(maxsize=1)
def load_manifest() -> Mapping[str, WeightsEntry]:
    """The manifest that comes with highlightr.

    Raises:
        WeightsError: it is missing or damaged.
    """
    path = model_files() / MANIFEST_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"cannot read the manifest of weights at {path}: {error}; reinstall highlightr") from error
    return parse_manifest(text, MANIFEST_FILE)


def entry(name: str) -> WeightsEntry:
    """The entry of that name.

    Raises:
        ConfigError: no such weights.
    """
    manifest = load_manifest()
    found = manifest.get(_key(name))
    if found is None:
        known = ", ".join(item.name for item in manifest.values())
        raise ConfigError(f"no weights named {name!r}; there are {known}")
    return found


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


def _entry(name: str, table: Any, where: str) -> WeightsEntry:
    if isinstance(table, dict) and "name" in table:
        raise ConfigError(f"{where} has no key 'name'")
    item = from_plain(WeightsEntry, {"name": name, **table} if isinstance(table, dict) else table, where)
    _check_source(item)
    _check_hashes(item)
    return item


def _check_source(item: WeightsEntry) -> None:
    if not _NAME.fullmatch(item.name):
        raise ConfigError(f"{item.name!r} is not a name of lower-case letters, digits, - and _")
    if item.format not in FORMATS:
        raise ConfigError(f"{item.name}.format is {item.format!r}; known are {', '.join(FORMATS)}")
    if not item.embedded and not item.where and not item.train:
        raise ConfigError(f"{item.name} has neither url, page, package, bundled nor train")
    if item.embedded != (item.format == "as-is"):
        raise ConfigError(f"{item.name}: `as-is` is for what a package or this repository carries, and only that")
    parts = item.file.split("/")
    if not item.file or ".." in parts or "" in parts or (len(parts) > 1 and not item.embedded):
        raise ConfigError(f"{item.name}.file {item.file!r} is not a plain file name")
    for url in item.urls:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"{item.name}: {url!r} is not an http(s) address")
        if urlsplit(url).scheme == "http" and not item.sha256 and urlsplit(url).hostname not in _THIS_MACHINE:
            raise ConfigError(f"{item.name}: {url!r} has no published sha256, so it must be https")


def _check_hashes(item: WeightsEntry) -> None:
    for key, length in _HEX.items():
        value = getattr(item, key)
        if value and not re.fullmatch(rf"[0-9a-f]{{{length}}}", value):
            raise ConfigError(f"{item.name}.{key} must be {length} lower-case hex digits, got {value!r}")
    if item.sha256_prefix and not re.fullmatch(r"[0-9a-f]{1,64}", item.sha256_prefix):
        raise ConfigError(f"{item.name}.sha256_prefix must be hex digits, got {item.sha256_prefix!r}")
    if item.embedded and not item.sha256:
        raise ConfigError(f"{item.name} is embedded and must have its sha256")
    if item.size_bytes < 0 or item.max_bytes <= 0:
        raise ConfigError(f"{item.name}: sizes must be positive")
