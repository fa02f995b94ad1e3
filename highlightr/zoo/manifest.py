"""The table of weights: `models/weights.toml` becomes one `WeightsEntry` per checkpoint.

Each entry says where a checkpoint comes from, what it hashes to, and how its tensors are read. Nothing is fetched here.
Names are looked up without regard to case, and `-` equals `_`. What the entries of the table may say, such as that an
address without a published hash must be https, is tested on the table itself.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from highlightr.core.config import from_plain
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.folders import model_files

MANIFEST_FILE = "weights.toml"

DEFAULT_MAX_BYTES = 2 << 30
"""A download whose size is not published may not grow past this."""


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
    strip_prefix: str = ""
    """Taken off each tensor's name."""
    numpy_objects: bool = False
    """The checkpoint also holds NumPy arrays and scalars, which are let through and dropped."""
    members: tuple[str, ...] = ()
    """Files to read from an archive, which hold NumPy arrays."""
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
        WeightsError: TOML that does not parse, unknown or missing keys, values of another type.
    """
    try:
        tables = tomllib.loads(text).get("weights", {})
        named = {_key(name): {**table, "name": name} for name, table in tables.items()}
        return from_plain(dict[str, WeightsEntry], named, origin)
    except (tomllib.TOMLDecodeError, ConfigError, AttributeError, TypeError) as error:
        raise WeightsError(f"{origin} is not a manifest of weights: {error}; reinstall highlightr") from error


@lru_cache(maxsize=1)
def load_manifest() -> Mapping[str, WeightsEntry]:
    """The manifest that comes with highlightr; a `WeightsError` where it is missing or damaged."""
    path = model_files() / MANIFEST_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WeightsError(f"cannot read the manifest of weights at {path}: {error}; reinstall highlightr") from error
    return parse_manifest(text, MANIFEST_FILE)


def entry(name: str) -> WeightsEntry:
    """The entry of that name; a `ConfigError` lists the known ones."""
    manifest = load_manifest()
    found = manifest.get(_key(name))
    if found is None:
        known = ", ".join(item.name for item in manifest.values())
        raise ConfigError(f"no weights named {name!r}; there are {known}")
    return found


def _key(name: str) -> str:
    return name.lower().replace("_", "-")
