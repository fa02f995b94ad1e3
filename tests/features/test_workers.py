"""RequestWorkers keep order, bound their backlog, and stop cleanly whatever happens."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from highlightr.features.base import Extracted, Extraction
from highlightr.features.workers import LARGEST_BACKLOG_BYTES, RequestWorkers
from highlightr.media.sampling import AudioBlock, Item


def block(number: int, samples: int = 4) -> AudioBlock:
    return AudioBlock(number, np.zeros(samples, dtype=np.float32))


class Listener(Extraction):
    """Remembers what it was given; may be held up, and may fail at one item."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.seen: list[int] = []
        self.threads: set[int] = set()
        self.going = threading.Event()
        self.going.set()
        self.finished = False
        self._fails_at = fails_at

    def push(self, item: Item) -> None:
        assert isinstance(item, AudioBlock)
        assert self.going.wait(timeout=30)
        if item.start_sample == self._fails_at:
            raise ValueError(f"no item {self._fails_at}")
        self.seen.append(item.start_sample)
        self.threads.add(threading.get_ident())

    def finish(self) -> Extracted:
        self.finished = True
        return Extracted({"count": np.full((1, 1), len(self.seen), np.float32)})


def lanes_of(*groups: list[Extraction]) -> RequestWorkers:
    return RequestWorkers({str(number): group for number, group in enumerate(groups)})


def ignore(name: str, item: Item) -> None:
    """Nobody watches."""


def alive() -> int:
    return sum(thread.name.startswith("extract-") for thread in threading.enumerate())


def test_every_extraction_sees_every_item_of_its_lane_in_order_on_one_other_thread() -> None:
    first, second, third = Listener(), Listener(), Listener()
    items = [(name, block(number)) for number in range(200) for name in ("0", "1") if name == "0" or number % 2]
    seen: list[str] = []
    with lanes_of([first, second], [third]) as lanes:
        made = lanes.run(items, lambda name, item: seen.append(name))
    assert seen == [name for name, _ in items]
    assert first.seen == second.seen == list(range(200))
    assert third.seen == list(range(1, 200, 2))
    assert [float(part.streams["count"][0, 0]) for part in made] == [200, 200, 100]
    assert first.threads == second.threads
    assert len(first.threads | third.threads | {threading.get_ident()}) == 3


def test_the_source_waits_for_a_lane_that_lags() -> None:
    listener = Listener()
    listener.going.clear()
    large = LARGEST_BACKLOG_BYTES // 8  # samples of 4 bytes: half the bound
    handed: list[int] = []

    def items() -> Iterator[tuple[str, Item]]:
        for number in range(8):
            yield "slow", block(number, large)
            handed.append(number)

    with RequestWorkers({"slow": [listener]}) as lanes:
        feeder = threading.Thread(target=lanes.run, args=(items(), ignore))
        feeder.start()
        feeder.join(timeout=0.3)
        assert feeder.is_alive()
        assert len(handed) == 2
        listener.going.set()
        feeder.join(timeout=30)
    assert listener.finished
    assert listener.seen == list(range(8))


def test_an_error_in_a_lane_reaches_the_caller_and_ends_every_lane() -> None:
    failing, other = Listener(fails_at=3), Listener()
    items = ((name, block(number)) for number in range(100_000) for name in ("0", "1"))
    with pytest.raises(ValueError, match="no item 3"), lanes_of([failing], [other]) as lanes:
        lanes.run(items, ignore)
    assert not failing.finished
    assert not other.finished
    assert alive() == 0


def test_an_error_on_the_last_item_is_not_lost() -> None:
    failing = Listener(fails_at=1)
    with pytest.raises(ValueError, match="no item 1"), lanes_of([failing]) as lanes:
        lanes.run([("0", block(0)), ("0", block(1))], ignore)


@pytest.mark.parametrize("where", ["items", "watcher"])
def test_an_error_of_the_source_reaches_the_caller(where: str) -> None:
    listener, closed = Listener(), []

    def items() -> Iterator[tuple[str, Item]]:
        try:
            yield "0", block(0)
            if where == "items":
                raise ValueError("broken")
            yield "0", block(1)
        finally:
            closed.append(threading.current_thread().name)

    def watch(name: str, item: Item) -> None:
        if where == "watcher" and item.start_sample == 1:  # type: ignore[union-attr]
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"), lanes_of([listener]) as lanes:
        lanes.run(items(), watch)
    assert closed == ["extract-source_0"]
    assert not listener.finished
    assert alive() == 0


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Ctrl-C raises, although a shell that runs the tests in its background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_an_interrupt_of_the_caller_ends_source_and_lanes_without_finishing() -> None:
    listener, others = Listener(), Listener()

    def items() -> Iterator[tuple[str, Item]]:
        for number in range(10**9):
            yield str(number % 2), block(number)
            if number == 100:
                signal.raise_signal(signal.SIGINT)  # Python hands it to the main thread.

    with pytest.raises(KeyboardInterrupt), lanes_of([listener], [others]) as lanes:
        lanes.run(items(), ignore)
    assert not listener.finished
    assert alive() == 0
