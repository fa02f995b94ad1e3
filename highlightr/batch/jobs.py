"""What a batch is made of: jobs that come in, outcomes that go out; both are plain data that travels as JSON.

A job is one video with one query and the folder in which its outputs lie, relative to the batch's output folder.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from highlightr.core.types import Match

JobState = Literal["done", "kept", "no_match", "failed", "busy"]
"""``done``: made now; ``kept``: made before in the same way; ``no_match``: with `strict`, the query is not in the
video, and nothing was written; ``busy``: another run is at it, try again later."""

BUSY_SECONDS = 1.0
"""How long a job that another run is at rests before it is asked for again."""


@dataclass(frozen=True)
class Job:
    """One video with one query."""

    video: str
    """An absolute path, or an address."""
    query: str | None
    folder: str
    """Where its outputs lie, relative to the output folder, with ``/``."""
    remote: bool = False
    """Whether `video` is an address."""
    title: str = ""
    """What people call the video: its path below the folder that was named, or its file name."""
    video_folder: str = ""
    """The folder of the video, which may hold one per query."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of this summary alone, in JSON types; they take the place of the batch's."""

    @property
    def id(self) -> str:
        """What its state is kept under: it follows from the folder, which belongs to this job alone."""
        return hashlib.sha256(self.folder.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def without_path(error: str, video: str | None) -> str:
    """An error without its video's path, which most begin with, where the name stands beside it."""
    return error.removeprefix(f"{video}: ")


@dataclass(frozen=True)
class JobResult:
    """What became of one job."""

    job: Job
    state: JobState
    seconds: float = 0.0
    """Wall time of the work, tries that failed included."""
    video_seconds: float = 0.0
    """Length of the video."""
    summary_seconds: float = 0.0
    """Length of the summary."""
    segments: int = 0
    match: Match | None = None
    """Whether the video shows what was asked for; `None` without a query, and where the scorer cannot tell."""
    best_title: str = ""
    """Title of the best segment."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """``video``, ``receipt``, ``report``: paths relative to the output folder."""
    notes: tuple[str, ...] = ()
    """Sentences for the user about the result, such as that the query matched weakly."""
    error: str | None = None
    """Why it failed, in one line."""
    key: str | None = None
    """Stands for the video's content, the query, preset, options and version; `None` if it failed."""
    attempts: int = 1


@dataclass(frozen=True)
class Attempt:
    """A job that an engine has before it, or a worker at it."""

    job: Job
    number: int = 1
    seconds: float = 0.0
    """Spent in attempts before this one."""
    not_before: float = 0.0
    """By `time.monotonic`."""

    def later(self) -> Attempt:
        """The same, because another run is at it."""
        return replace(self, not_before=time.monotonic() + BUSY_SECONDS)

    def again(self, seconds: float = 0.0) -> Attempt:
        """The next one, after this one took so long."""
        return Attempt(self.job, self.number + 1, self.seconds + seconds)

    def failed(self, why: str, seconds: float = 0.0) -> JobResult:
        """What became of the job where no more is tried, after this attempt took so long."""
        spent = round(self.seconds + seconds, 3)
        return JobResult(self.job, "failed", seconds=spent, error=why, attempts=self.number)

    def given_up(self, why: str, seconds: float = 0.0) -> JobResult:
        """As `failed`, with the number of attempts in the reason."""
        return self.failed(f"{why} (tried {self.number} times)" if self.number > 1 else why, seconds)
