"""One job at a time, in order; cancelled ones leave; failures are one line; closing ends them."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.progress import ProgressHook
from highlightr.web.jobs import MOST_WAITING, Job, JobQueue


def ended(queue: JobQueue, job: Job) -> dict[str, Any]:
    for _ in range(1000):
        state = next(each for each in queue.plain() if each["id"] == job.id)
        if state["state"] not in ("queued", "running"):
            return state
        time.sleep(0.01)
    raise AssertionError(state)


class Steps:
    """Work that goes on until it is let go, telling its hook."""

    def __init__(self) -> None:
        self.go, self.began, self.left = threading.Event(), threading.Event(), False

    def __call__(self, hook: ProgressHook) -> dict[str, Any]:
        self.began.set()
        try:
            while not self.go.wait(0.005):
                hook("extract", 1.0, 4.0)
        finally:
            self.left = True
        return {"answer": 42}


def test_one_after_the_other() -> None:
    queue, first, second = JobQueue(), Steps(), Steps()
    one, two = queue.add("analyse", "v", "a", first), queue.add("analyse", "v", "b", second)
    assert first.began.wait(5)
    time.sleep(0.05)
    assert not second.began.is_set()
    assert [each["state"] for each in queue.plain()] == ["running", "queued"]
    assert (queue.plain()[0]["stage"], queue.plain()[0]["completed"], queue.plain()[0]["total"]) == (
        "extract",
        1.0,
        4.0,
    )
    first.go.set()
    second.go.set()
    assert ended(queue, one)["result"] == {"answer": 42}
    assert ended(queue, two)["state"] == "done"
    queue.close()


def test_cancel() -> None:
    queue, first, second = JobQueue(), Steps(), Steps()
    one, two = queue.add("analyse", "v", "a", first), queue.add("write", "v", "b", second)
    assert first.began.wait(5)
    queue.cancel(two.id)
    queue.cancel(one.id)
    assert ended(queue, one)["state"] == "cancelled"
    assert first.left
    assert ended(queue, two)["state"] == "cancelled"
    assert not second.began.is_set()
    with pytest.raises(ConfigError, match="not known"):
        queue.cancel(99)
    queue.cancel(one.id)  # Of one that has ended nothing changes.
    assert ended(queue, one)["state"] == "cancelled"
    queue.close()


def test_failures_are_one_line_and_end_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    queue = JobQueue()
    errors: list[Exception] = [CutError("ffmpeg\nfailed"), OSError(28, "No space left on device", "x"), MemoryError()]

    def failing(error: Exception) -> Any:
        def work(_: ProgressHook) -> dict[str, Any]:
            raise error

        return work

    jobs = [queue.add("write", "v", str(number), failing(error)) for number, error in enumerate(errors)]
    lines = [ended(queue, job)["error"] for job in jobs]
    assert lines[:2] == ["ffmpeg failed", "x: No space left on device"]
    assert "memory" in lines[2]
    assert not caplog.records
    with caplog.at_level(logging.ERROR):
        job = queue.add("write", "v", "bug", failing(KeyError("bug")))
        assert "not foreseen" in ended(queue, job)["error"]
    assert "bug" in caplog.text
    assert ended(queue, queue.add("write", "v", "fine", lambda _: {}))["state"] == "done"
    queue.close()


def test_the_queue_is_bounded_and_the_same_query_waits_once() -> None:
    queue, first = JobQueue(), Steps()
    queue.add("write", "v", "first", first)
    same = queue.add("analyse", "v", "a", lambda _: {})
    assert queue.add("analyse", "v", "a", lambda _: {}) is same
    for number in range(MOST_WAITING - 2):
        queue.add("analyse", "v", f"q{number}", lambda _: {})
    with pytest.raises(ConfigError, match="wait already"):
        queue.add("analyse", "v", "one more", lambda _: {})
    first.go.set()
    queue.close()


def test_what_was_done_is_forgotten_in_time() -> None:
    queue = JobQueue()
    for number in range(200):
        ended(queue, queue.add("analyse", "v", str(number), lambda _: {}))
    assert len(queue.plain()) <= 61
    queue.close()


def test_numbers_are_new_after_a_restart() -> None:
    numbers = []
    for _ in range(2):
        queue = JobQueue()
        numbers += [queue.add("analyse", "v", name, lambda _: {}).id for name in "abc"]
        queue.close()
    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 1 << 53, "JavaScript counts no further"


def test_closing_ends_the_running_job() -> None:
    queue, first = JobQueue(), Steps()
    queue.add("analyse", "v", "a", first)
    assert first.began.wait(5)
    queue.close()
    assert first.left
    with pytest.raises(ConfigError):
        queue.add("analyse", "v", "b", lambda _: {})
