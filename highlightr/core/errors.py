"""Every error that highlightr raises on purpose.

One class per thing the caller can do about it. A message is one line: what was wrong, which file or
option, what to do. The command line prints that line and exits with `exit_code`.
"""

from __future__ import annotations

BAD_INPUT = 2
"""Exit code when the caller's input has to change."""

FAILURE = 1
"""Exit code when the input was acceptable but the work failed."""

NO_MATCH = 3
"""Exit code when the query is not in the video and nothing was to be written then."""


class HighlightrError(Exception):
    """Base of all errors below; catching it catches every expected failure."""

    exit_code: int = FAILURE


class ConfigError(HighlightrError):
    """An option, preset or query is not acceptable: change the call."""

    exit_code = BAD_INPUT


class NothingToScoreError(ConfigError):
    """The features hold nothing that the scorer can score by: give a video, or extract streams, that do."""


class MediaError(HighlightrError):
    """The file cannot be opened, or holds nothing that can be summarised: give another file."""

    exit_code = BAD_INPUT


class DecodeError(MediaError):
    """The file opened, but its streams cannot be decoded far enough to be of use."""


class WeightsError(HighlightrError):
    """A model's weights are missing, damaged or refused: fetch or replace them."""


class OutputError(HighlightrError):
    """An output exists already, or its place cannot be written: choose another place or `--overwrite`."""

    exit_code = BAD_INPUT


class CutError(HighlightrError):
    """ffmpeg is missing or failed while it wrote the summary; its own words are part of the message."""


class NoMatchError(HighlightrError):
    """The query is not in the video, and `strict` asked for nothing in that case: ask for something else."""

    exit_code = NO_MATCH
