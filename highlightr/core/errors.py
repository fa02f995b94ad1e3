"""Every error that highlightr raises on purpose.

One class per thing the caller can do about it. A message is one line: what was wrong, which file or
option, what to do. The command line prints that line and exits with `exit_code`.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress

with suppress(ImportError):  # Windows has none. Not where it is needed: then nothing more can be opened.
    import resource

BAD_INPUT = 2
"""Exit code when the caller's input has to change."""

FAILURE = 1
"""Exit code when the input was acceptable but the work failed."""

NO_MATCH = 3
"""Exit code when the query is not in the video and nothing was to be written then."""

_REMEDIES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "free some space, or choose another place"),
    **dict.fromkeys((errno.ENOENT, errno.ESTALE), "make its folder again, or choose another place"),
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What to do where writing failed; in all other cases another place is needed."""

_TOO_MANY = {number: os.strerror(number) for number in (errno.EMFILE, errno.ENFILE)}


def shortage(error: BaseException | None) -> str | None:
    """What the system lacks, with the remedy, where that is what an error came of; `None` of all others.

    Code that cannot open one more file or pipe fails with a message about its own work, whose advice would mislead.
    """
    while error is not None:
        said = f"{error.args} {getattr(error, 'stderr', None) or ''}"  # Not its text, which asks here again.
        if getattr(error, "errno", None) in _TOO_MANY or any(words in said for words in _TOO_MANY.values()):
            return f"too many files are open at once{_limit()}; raise the limit (`ulimit -n 1024`), or close programs"
        error = error.__cause__
    return None


def _limit() -> str:
    """How many may be, where the system tells."""
    with suppress(NameError):
        return f" (this process may open {resource.getrlimit(resource.RLIMIT_NOFILE)[0]})"
    return ""


def not_written(error: Exception) -> str:
    """What writing failed of, and what to do about it, to follow the name of what was to be written.

    Of an error of the system, or FFmpeg's word for one.
    """
    remedy = _REMEDIES.get(getattr(error, "errno", None) or 0, "choose another place")
    return f"cannot be written ({getattr(error, 'strerror', None) or error}); {remedy}"


class HighlightrError(Exception):
    """Base of all errors below; catching it catches every expected failure."""

    exit_code: int = FAILURE

    def __str__(self) -> str:
        return shortage(self.__cause__) or super().__str__()


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
