"""Work beside the decoder: each request's items are taken by a thread of their own, through a bounded queue.

In: items in order of time. Out: what the extractions made of them. Networks run outside the interpreter's lock, so
decoding, preprocessing and forward passes share the cores; the order within a worker, and so every result, stays.
The items are read on a thread, too: the caller's only waits, so that an interrupt never strikes inside PyAV, whose
resampler takes any exception for the end of its input.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from types import TracebackType
from typing import Any

from highlightr.features.base import Extracted, Extraction
from highlightr.media.sampling import AudioBlock, Item

LARGEST_BACKLOG_BYTES = 16 * 2**20
"""The decoder waits for a worker that has more than this left to do, so that memory does not grow with the video."""


TICK_SECONDS = 0.1
"""How often a wait looks up: a signal that the system gave to another thread is noticed only then."""


class RequestWorker:
    """One thread that feeds the extractions of one request."""

    def __init__(self, name: str, extractions: Sequence[Extraction[Any]]) -> None:
        self._extractions = tuple(extractions)
        self._waiting: deque[Item] = deque()
        self._bytes = 0
        self._state = threading.Condition()
        self._closed = self._stopped = self._ended = False
        self._error: BaseException | None = None
        self._made: list[Extracted] = []
        self._pushing = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"extract-{name}", daemon=True)
        self._thread.start()

    def push(self, item: Item) -> None:
        """Hand over the next item; waits while the backlog is full. A worker that was stopped drops it.

        Raises:
            BaseException: whatever an extraction raised on an earlier item.
        """
        with self._state:
            self._state.wait_for(lambda: self._bytes < LARGEST_BACKLOG_BYTES or self._ended or self._stopped)
            self._raise_error()
            if self._stopped:
                return
            self._waiting.append(item)
            self._bytes += _size(item)
            self._state.notify_all()

    def close(self) -> None:
        """No more items follow: the extractions finish once the backlog is done."""
        with self._state:
            self._closed = True
            self._state.notify_all()

    def result(self) -> list[Extracted]:
        """Wait for the extractions to finish; what they made, in their order. Errors as for `push`."""
        self._wait()
        self._raise_error()
        return self._made

    def so_far(self) -> list[Extracted]:
        """What the extractions know already, in their order; waits until they are between two items."""
        with self._pushing:
            return [extraction.so_far() for extraction in self._extractions]

    def stop(self) -> None:
        """Drop the backlog and end the thread after the item that it is at."""
        with self._state:
            self._stopped = True
            self._waiting.clear()
            self._state.notify_all()
        self._wait()

    def _wait(self) -> None:
        # Not by joining the thread: Python 3.11 takes a thread for ended whose join was interrupted.
        with self._state:
            while not self._ended:
                self._state.wait(TICK_SECONDS)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while (item := self._next()) is not None:
                with self._pushing:
                    for extraction in self._extractions:
                        extraction.push(item)
                self._done(item)
            if not self._stopped:
                self._made = [extraction.finish() for extraction in self._extractions]
        except BaseException as error:  # noqa: BLE001  it is raised again where the items come from
            self._error = error
        finally:
            with self._state:
                self._ended = True
                self._state.notify_all()

    def _next(self) -> Item | None:
        with self._state:
            self._state.wait_for(lambda: bool(self._waiting) or self._closed or self._stopped)
            return self._waiting.popleft() if self._waiting else None

    def _done(self, item: Item) -> None:
        # An item counts until it is worked off: a worker that is at its last one still holds it.
        with self._state:
            self._bytes -= _size(item)
            self._state.notify_all()


class RequestWorkers:
    """The workers of one decode pass, by request name; leaving the block stops all of them, whatever happened."""

    def __init__(self, listeners: dict[str, list[Extraction[Any]]]) -> None:
        self._workers = {name: RequestWorker(name, group) for name, group in listeners.items()}
        self._stopped = False
        self._fed = threading.Event()
        self._fed.set()
        self._error: BaseException | None = None

    def __enter__(self) -> RequestWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopped = True
        for worker in self._workers.values():
            worker.stop()
        self._fed.wait()

    def run(self, items: Iterable[tuple[str, Item]], seen: Callable[[str, Item], None]) -> list[Extracted]:
        """Read all items and hand each to its request's worker; everything that was made, worker by worker.

        Args:
            items: request name and item, in order of time for each request; read on a thread of its own.
            seen: told of each item, on that thread.

        Raises:
            BaseException: whatever the items, `seen` or an extraction raised.
        """
        self._fed.clear()
        threading.Thread(target=self._feed, args=(items, seen), name="extract-source", daemon=True).start()
        while not self._fed.wait(TICK_SECONDS):
            pass
        if self._error is not None:
            raise self._error
        for worker in self._workers.values():
            worker.close()
        return [made for worker in self._workers.values() for made in worker.result()]

    def so_far(self) -> list[Extracted]:
        """What is known already, worker by worker; for `seen`, while items are read."""
        return [made for worker in self._workers.values() for made in worker.so_far()]

    def _feed(self, items: Iterable[tuple[str, Item]], seen: Callable[[str, Item], None]) -> None:
        try:
            for name, item in items:
                if self._stopped:
                    break
                seen(name, item)
                self._workers[name].push(item)
        except BaseException as error:  # noqa: BLE001  it is raised again in `run`
            self._error = error
        finally:
            if isinstance(items, Generator):
                items.close()  # Here, on the thread that opened its file.
            self._fed.set()


def _size(item: Item) -> int:
    return int(item.samples.nbytes if isinstance(item, AudioBlock) else item.image.nbytes)
