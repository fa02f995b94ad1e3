"""How long work tells where it is: a hook, and a clock that calls it stage by stage.

A hook is any callable that takes (stage, completed, total). The terminal's bar is one; a test's list is another.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

ProgressHook = Callable[[str, float, float], None]
"""Called with (stage, completed, total) as work advances; in seconds of video unless the stage says otherwise."""

Advance = Callable[[float, float], None]
"""Called with (completed, total), in seconds of video, by the work inside one stage."""


def silent(stage: str, completed: float, total: float) -> None:
    """A no-op hook."""


class Stages:
    """Runs stages one after the other, times each, and reports their beginning and end to the hook."""

    def __init__(self, hook: ProgressHook | None = None) -> None:
        self._hook: ProgressHook = hook or silent
        self._seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[Advance]:
        """Enter a stage; the value is for the work inside to call."""
        began = time.perf_counter()
        self._hook(stage, 0.0, 1.0)
        yield lambda completed, total: self._hook(stage, completed, total)
        self._seconds[stage] = self._seconds.get(stage, 0.0) + time.perf_counter() - began
        self._hook(stage, 1.0, 1.0)

    @property
    def timings_seconds(self) -> Mapping[str, float]:
        """Wall time per stage so far, in the order they ran."""
        return dict(self._seconds)
