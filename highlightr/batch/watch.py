"""New videos in folders: a plan is made every few seconds, and a job is brought once its file is finished writing.

In: a plan, which finds videos and names their jobs. Out: the jobs that are ready, each once, and again when its file
or what is asked of it has changed. A file is finished when its size and its time of change have rested, and those of
the subtitles beside it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from highlightr.batch.jobs import Job
from highlightr.core.errors import HighlightrError
from highlightr.media.transcript import FileVersion, SidecarFolder

logger = logging.getLogger(__name__)

SCAN_SECONDS = 2.0
"""From one look at the folders to the next."""

REST_SECONDS = 5.0
"""A file that has not changed for so long is finished."""


class _Look(NamedTuple):
    """What a file was like when it was looked at."""

    size_bytes: int
    changed_ns: int
    subtitles: tuple[FileVersion, ...] = ()
    """Beside it."""


class FolderWatch:
    """A feed of jobs."""

    def __init__(
        self,
        plan: Callable[[], Sequence[Job]],
        check: Callable[[Job], object],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """With `check`, which refuses a job whose options do not go together with those of the batch."""
        self._plan, self._check, self._clock = plan, check, clock
        self._next_scan = clock()
        self._files: dict[str, tuple[_Look, float]] = {}
        """And since when each has been so, by the clock."""
        self._brought: dict[str, tuple[Job, _Look | None]] = {}
        self._warning = ""

    def take(self) -> Sequence[Job]:
        """The jobs that have become ready; between two looks at the folders there are none."""
        now = self._clock()
        if now < self._next_scan:
            return ()
        self._next_scan = now + SCAN_SECONDS
        try:
            jobs = self._plan()
            for job in jobs:
                self._check(job)
        except HighlightrError as error:
            self._warn(f"{error}; nothing new is taken until that is put right")
            return ()
        self._warn("")
        videos = {job.video: Path(job.video).parent for job in jobs if not job.remote}
        folders = {folder: SidecarFolder(folder) for folder in set(videos.values())}
        self._files = {video: self._look_at(video, folders[parent], now) for video, parent in videos.items()}
        return [job for job in jobs if self._is_new(job, now)]

    def _look_at(self, video: str, beside: SidecarFolder, now: float) -> tuple[_Look, float]:
        try:
            about = Path(video).stat()
        except OSError:  # It is not there yet, or no more.
            return _Look(0, 0), now
        look = _Look(about.st_size, about.st_mtime_ns, beside.versions(Path(video)))
        before = self._files.get(video)
        return before if before is not None and before[0] == look else (look, now)

    def _is_new(self, job: Job, now: float) -> bool:
        """Whether to bring a job; it counts as brought then. An empty file is one that is yet to be written."""
        look, since = (None, now) if job.remote else self._files[job.video]
        if look is not None and (look.size_bytes == 0 or now < since + REST_SECONDS):
            return False
        state = (job, look)
        if self._brought.get(job.id) == state:
            return False
        self._brought[job.id] = state
        return True

    def _warn(self, words: str) -> None:
        """Once per problem, not every two seconds."""
        if words and words != self._warning:
            logger.warning("%s", words)
        self._warning = words
