"""Which files of a folder are taken for videos: by the suffix of their names."""

from __future__ import annotations

from pathlib import Path

from highlightr.core.errors import ConfigError

VIDEO_SUFFIXES = (
    ".avi",
    ".flv",
    ".m2ts",
    ".m4v",
    ".mkv",
    ".mov",
    ".mp4",
    ".mpeg",
    ".mpg",
    ".ogv",
    ".ts",
    ".webm",
    ".wmv",
)
"""What is taken from a folder; a file that is named is tried whatever its suffix."""


def videos_in(place: Path) -> tuple[Path, ...]:
    """The video that `place` is, or those in the folder that it is, sorted by name; folders inside are not entered.

    Raises:
        ConfigError: nothing is there, or a folder without videos.
    """
    if not place.is_dir():
        if not place.exists():
            raise ConfigError(f"no video or folder at {place}")
        return (place,)
    found = sorted(path for path in place.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file())
    if not found:
        raise ConfigError(f"no videos in {place}; their names end with {', '.join(VIDEO_SUFFIXES)}")
    return tuple(found)
