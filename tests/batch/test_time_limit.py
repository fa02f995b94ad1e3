"""One clock decides for every engine whether a job has had its time."""

from __future__ import annotations

import pytest

from highlightr.batch import time_limit
from highlightr.batch.time_limit import TimeLimit


def test_the_whole_time_and_silence_are_limits_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time_limit.time, "monotonic", lambda: now)
    clock = TimeLimit(limit_seconds=50.0, stall_seconds=20.0)
    clock.start()
    now = 119.0
    assert clock.exceeded() is None
    clock.progressed()
    now = 138.0
    assert clock.exceeded() is None
    now = 140.0
    assert clock.exceeded() == "no progress for 20 s: it hangs; leave this video out"
    clock.progressed()
    now = 151.0
    assert clock.exceeded() == "not done within 50 s; raise --time-limit, or leave this video out"
    clock.start()
    assert clock.exceeded() is None


@pytest.mark.parametrize(("limit", "stall", "expected"), [(None, 20.0, 20.0), (5.0, 20.0, 5.0), (50.0, 20.0, 20.0)])
def test_the_process_ends_at_the_earlier_of_both(
    limit: float | None, stall: float, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    armed: list[float] = []
    monkeypatch.setattr(time_limit.faulthandler, "dump_traceback_later", lambda seconds, **_: armed.append(seconds))
    cancelled: list[bool] = []
    monkeypatch.setattr(time_limit.faulthandler, "cancel_dump_traceback_later", lambda: cancelled.append(True))
    for grace_seconds in (0.0, 60.0):
        clock = TimeLimit(limit, stall, grace_seconds)
        with clock.ending_this_process():
            pass
        clock.progressed()  # Of a job that is over.
    assert armed == [pytest.approx(expected, abs=0.5), pytest.approx(expected + 60, abs=0.5)]
    assert len(cancelled) == 2
