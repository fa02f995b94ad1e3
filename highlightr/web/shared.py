"""What all requests of a studio share."""

from __future__ import annotations

import os
from collections.abc import Callable
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
