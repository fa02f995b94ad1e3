"""Which files are taken for videos, and which containers are written: by the suffix of their names."""

from __future__ import annotations

from pathlib import Path

from highlightr.core.errors import ConfigError

_VIDEOS = "3g2 3gp asf avi divx dv f4v flv m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv qt ts vob webm wmv"

VIDEO_SUFFIXES = tuple(f".{name}" for name in _VIDEOS.split())
"""What is taken from a folder; a file that is named is tried whatever its suffix."""

MUXERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""File name suffix to ffmpeg's name of the container that is written."""


def check_suffix(path: Path) -> str:
    """The container for a video of this name; a `ConfigError` for a folder, or a suffix that is not written."""
    if path.is_dir():
        raise ConfigError(f"{path}: a folder; name the video in it, such as {path / 'summary.mp4'}")
    try:
        return MUXERS[path.suffix.lower()]
    except KeyError:
        known = ", ".join(MUXERS)
        named = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        raise ConfigError(f"{path}: cannot write a video with {named}; use {known}") from None
