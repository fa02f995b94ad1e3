"""What happens inside a process that gets a signal; run by `test_signals`, in a process of its own."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from highlightr.core import stop
from highlightr.core.files import staging_folder
from highlightr.core.stop import StoppedBySignal, raise_if_stopped, stop_deferred, stopped_by_signals
from tests.signals import handlers_restored


@pytest.fixture(autouse=True)
def no_wish_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop._State, "number", None)


def test_the_first_signal_is_raised_and_later_ones_change_nothing(handlers: None) -> None:
    with pytest.raises(StoppedBySignal) as stopped, stopped_by_signals():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGINT)
    assert (str(stopped.value), stopped.value.exit_code) == ("SIGTERM", 143)


@pytest.fixture
def handlers() -> Iterator[None]:
    """None are installed, whatever earlier tests left: a signal that is ignored already would not be handled."""
    with handlers_restored():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        yield


def test_one_that_python_drops_is_remembered_and_no_traceback_is_printed(
    handlers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing:
        def __del__(self) -> None:
            raise ValueError

    class Dropping:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.001)

    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda dropped: told.append(dropped.exc_type))
    with pytest.raises(StoppedBySignal), stopped_by_signals():
        dropping: list[Any] = [Failing(), Dropping(), Failing()]
        dropping.clear()
        gc.collect()
        went_on = True
        raise_if_stopped()
    assert went_on
    assert told == [ValueError, ValueError]


def test_what_belongs_together_is_not_broken_off(handlers: None) -> None:
    steps = []
    with pytest.raises(StoppedBySignal), stopped_by_signals():
        with stop_deferred():
            os.kill(os.getpid(), signal.SIGHUP)
            steps.append("first")
            raise_if_stopped()
            steps.append("second")
        steps.append("never")
    assert steps == ["first", "second"]


def test_a_staging_folder_is_gone_whenever_the_signal_comes(handlers: None, tmp_path: Path) -> None:
    with pytest.raises(StoppedBySignal), stopped_by_signals(), staging_folder(tmp_path) as staging:
        (staging / "half").touch()
        os.kill(os.getpid(), signal.SIGTERM)
    assert list(tmp_path.iterdir()) == []
