"""Where the processor time of a summary goes, stage by stage: the parts of the floor, and what is not in it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

from benchmarks.floor_job import Job, plain_cut
from benchmarks.networks import ScorerCalls, listening
from benchmarks.running import cpu_seconds, extractors_of, timed
from highlightr.core.source import Source
from highlightr.core.types import Segment

IN_THE_FLOOR = ("decode", "forward", "bare cut")
LARGEST_SHARE = 0.10
"""Of the pipeline's time, for what is not in the floor."""

_DECODING = ("decode-", "extract-source")
_DECODES = 3
"""The least of so many counts: their difference is small beside what other work on the machine adds to one."""


class StageClock:
    """A progress hook that reads the processor's clock where stages begin and end."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, completed: float, total: float) -> None:
        if stage not in self._began:
            self._began[stage] = cpu_seconds()
        elif completed >= total:
            self.seconds[stage] = cpu_seconds() - self._began[stage]


def stages(job: Job, calls: ScorerCalls | None, segments: Sequence[Segment]) -> dict[str, Any]:
    """Processor seconds of each stage of one run, the pass and the cut split further; and their shares.

    The pass: what the decoding threads took is `decode` and `thumbnails`, the latter what the decode takes more, alone,
    where shots and motion are looked for; `rest of the pass` is what the other threads did outside of the networks:
    motion, spectrograms, batching, placing. Everything else is `forward`. The cut: what ffmpeg alone takes for it, and
    the rest: planning, exact boundaries, stills.
    """
    clock = StageClock()
    job.highlighter._progress, before = clock, job.highlighter._progress
    with listening(extractors_of(job.models)) as networks, thread_seconds() as threads:
        wall = timed(job.summarize)
    job.highlighter._progress = before
    every_request = list(dict.fromkeys(each.request for each in extractors_of(job.models)))
    alone, with_thumbnails = (
        min(_cpu(partial(_decode_all, job.source, requests)) for _ in range(_DECODES))
        for requests in (job.requests, every_request)
    )
    thumbnails = max(0.0, with_thumbnails - alone)
    # Where a stream is decoded in one piece, the threads are FFmpeg's and not seen here.
    decoding = max(with_thumbnails, sum(seconds for name, seconds in threads.items() if name.startswith(_DECODING)))
    listeners = sum(
        seconds for name, seconds in threads.items() if name.startswith("extract-") and not name.startswith(_DECODING)
    )
    rest = max(0.0, listeners - sum(each.thread_seconds for each in networks))
    scorer = 0.0 if calls is None else _cpu(calls.again)
    spent = dict(clock.seconds)
    forward = max(0.0, spent.pop("extract") - decoding - rest)
    spent["score"] = max(0.0, spent["score"] - scorer)
    cut = spent.pop("cut")
    bare = min(cut, _cpu(partial(plain_cut, job, segments)))
    spent = {
        "decode": decoding - thumbnails,
        "forward": forward + scorer,
        "bare cut": bare,
        "thumbnails": thumbnails,
        "rest of the pass": rest,
        "rest of the cut": cut - bare,
        **spent,
    }
    total = sum(spent.values())
    shares = {name: seconds / total for name, seconds in spent.items()}
    return {
        "wall_seconds": wall,
        "cpu_seconds": spent,
        "shares": shares,
        "over_a_tenth": [name for name, share in shares.items() if name not in IN_THE_FLOOR and share > LARGEST_SHARE],
    }


@contextmanager
def thread_seconds() -> Iterator[dict[str, float]]:
    """Processor time of the threads that begin and end meanwhile, by name."""
    run, spent = threading.Thread.run, dict[str, float]()

    def clocked(thread: threading.Thread) -> None:
        began = time.thread_time()
        try:
            run(thread)
        finally:
            spent[thread.name] = spent.get(thread.name, 0.0) + time.thread_time() - began

    with patch.object(threading.Thread, "run", clocked):
        yield spent


def _cpu(work: Callable[[], object]) -> float:
    began = cpu_seconds()
    work()
    return cpu_seconds() - began


def _decode_all(source: Source, requests: Sequence[Any]) -> None:
    from highlightr.media import decode

    for _ in decode(source, {str(index): request for index, request in enumerate(requests)}):
        pass
