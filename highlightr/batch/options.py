"""How a batch runs: one set of names and defaults for Python and the command line.

In: values from a caller. Out: `BatchOptions`, checked before any work; it travels to workers as plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from highlightr.batch.jobs import Job
from highlightr.core.checks import check_between, check_positive
from highlightr.core.errors import ConfigError
from highlightr.options import PLACES, ModelOptions, SummarizeOptions, merged_options

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class BatchOptions(ModelOptions):
    """How a batch runs, and on which models, which every worker loads once.

    Raises:
        ConfigError: a value outside its range, or an option of a summary that does not exist.
    """

    workers: int | None = None
    """Videos at a time; `None`: one per GPU, else per two cores."""
    time_limit_seconds: float | None = None
    """Seconds for one video; `None`: until it stalls."""
    stall_seconds: float = 600.0
    """Seconds without progress after which a video is given up."""
    retries: int = 1
    """Further tries after a worker crashed; a video that merely fails has none."""
    summarize: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of `Highlighter.summarize` for every video, except where it writes."""
    overwrite: bool = False
    """Make again what is there and was made the same way."""
    remote_limit_bytes: int = 32 * 2**30
    """The largest file that is fetched from an address."""
    allow_private: bool = False
    """Fetch also from this machine and from private networks."""
    engine: Engine = "local"
    """``local``: processes of this machine; ``ray``: a cluster."""
    address: str | None = None
    """Of the Ray cluster; `None`: the one that Ray finds or starts."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "time_limit_seconds", "stall_seconds", "remote_limit_bytes")
        check_between(self, 1, math.inf, "workers")
        check_between(self, 0, math.inf, "retries")
        if self.address is not None and self.engine != "ray":
            raise ConfigError("an address belongs to the engine ray; add --engine ray")
        for name in PLACES:
            if name in self.summarize:
                raise ConfigError(f"{name} is not an option of a batch: it names the files of each video itself")
        SummarizeOptions.from_keywords(**self.summarize)
        object.__setattr__(self, "summarize", merged_options({}, self.summarize))  # Plain, for the way to a worker.

    def for_job(self, job: Job) -> dict[str, Any]:
        """Keywords of `Highlighter.summarize` for one video; a `ConfigError` where its own do not fit the batch's."""
        try:
            wanted = merged_options(self.summarize, job.options)
            SummarizeOptions.from_keywords(**wanted)
        except ConfigError as error:
            raise ConfigError(f"{job.title or job.folder}: {error}") from error
        return wanted
