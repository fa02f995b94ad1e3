"""What all requests of a studio share, and how it changes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import cached_property

from highlightr.web.analyst import Analyst
from highlightr.web.guard import RateLimit
from highlightr.web.jobs import JobQueue
from highlightr.web.library import Library
from highlightr.web.state import StateStore
from highlightr.web.stills import Stills


@dataclass
class Studio:
    """Everything that requests share."""

    library: Library
    analyst: Analyst
    closing: Callable[[], bool] = lambda: False
    """Whether the server is going down, so that endless answers end."""
    jobs: JobQueue = field(default_factory=JobQueue)
    stills: Stills = field(default_factory=Stills)
    limit: RateLimit = field(default_factory=RateLimit)
    listeners: int = 0

    @cached_property
    def states(self) -> StateStore:
        """Of the library's videos."""
        return StateStore(self.library)

    def line(self, error: Exception | str) -> str:
        """An error in one line, with files named as they are below the folder."""
        return " ".join(str(error).replace(f"{self.library.root}{os.sep}", "").split())


EVENT_SECONDS = 0.2
HEARTBEAT_SECONDS = 10.0
MOST_LISTENERS = 24


async def event_stream(studio: Studio) -> AsyncIterator[str]:
    """Everything at first and whenever something changes, until the server goes down."""
    told, quiet = -1, 0.0
    studio.listeners += 1
    try:
        while not studio.closing():
            if studio.jobs.version != told:
                told, quiet = studio.jobs.version, 0.0
                jobs = [{**job, "error": studio.line(job["error"])} for job in studio.jobs.plain()]
                event = {"jobs": jobs, "revisions": studio.states.revisions}
                yield f"data: {json.dumps(event)}\n\n"
            elif quiet >= HEARTBEAT_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(EVENT_SECONDS)
            quiet += EVENT_SECONDS
    finally:
        studio.listeners -= 1
