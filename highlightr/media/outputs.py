"""Which containers a video can be written to, by the suffix of its name."""

from __future__ import annotations

from pathlib import Path

from highlightr.core.errors import ConfigError

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File name suffix to ffmpeg's name of the container that is written."""


def check_suffix(path: Path) -> str:
    """The container for a video of this name.

    Raises:
        ConfigError: a folder, or a suffix that is not written.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name the video in it, such as {path / 'summary.mp4'}")
    try:
        return MUXERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(MUXERS)
        named = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise ConfigError(f"{path}: cannot write a video with {named}; use {known}") from None
