"""Work beside the decoder: each request's items are taken by a thread of their own, as far behind as memory allows.

In: items in order of time. Out: what the extractions made of them. Networks run outside the interpreter's lock, so
decoding, preprocessing and forward passes share the cores; the order within a worker, and so every result, stays.
The items are read on a thread, too: the caller's only waits, so that an interrupt never strikes inside PyAV, whose
resampler takes any exception for the end of its input.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, Self, TypeVar

from highlightr.features.base import Extracted, Extraction
from highlightr.media.sampling import AudioBlock, Item

LARGEST_BACKLOG_BYTES = 16 * 2**20
"""The decoder waits for a worker that has more than this left to do, so that memory does not grow with the video."""


TICK_SECONDS = 0.1
"""How often a wait looks up: a signal that the system gave to another thread is noticed only then."""

Result = TypeVar("Result")


class RequestWorkers:
    """The workers of one decode pass, by request name; leaving the block stops all of them, whatever happened."""

    def __init__(self, listeners: Mapping[str, Sequence[Extraction[Any]]]) -> None:
        self._listeners = listeners
        self._source = ThreadPoolExecutor(1, "extract-source")
        self._workers = {name: ThreadPoolExecutor(1, f"extract-{name}") for name in listeners}
        self._pushing = {name: threading.Lock() for name in listeners}
        """Held while a worker's extractions are at an item."""
        self._state = threading.Condition()
        self._backlog_bytes = dict.fromkeys(listeners, 0)
        self._stopped = False
        self._error: BaseException | None = None
        """The first that an extraction raised."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._state:
            self._stopped = True
            self._state.notify_all()
        for each in (self._source, *self._workers.values()):
            each.shutdown(cancel_futures=True)

    def run(self, items: Iterable[tuple[str, Item]], seen: Callable[[str, Item], None]) -> list[Extracted]:
        """Read all items and hand each to its request's worker; everything that was made, worker by worker.

        Args:
            items: request name and item, in order of time for each request; read on a thread of its own.
            seen: told of each item, on that thread.

        Raises:
            BaseException: whatever the items, `seen` or an extraction raised.
        """
        _result(self._source.submit(self._feed, items, seen))
        made = [worker.submit(self._finish, name) for name, worker in self._workers.items()]
        return [extracted for each in made for extracted in _result(each)]

    def so_far(self) -> list[Extracted]:
        """What is known already, worker by worker, each between two of its items; for `seen`, while items are read."""
        known: list[Extracted] = []
        for name, extractions in self._listeners.items():
            with self._pushing[name]:
                known += [extraction.so_far() for extraction in extractions]
        return known

    def _feed(self, items: Iterable[tuple[str, Item]], seen: Callable[[str, Item], None]) -> None:
        try:
            for name, item in items:
                if self._stopped:
                    break
                seen(name, item)
                self._wait_for_room(name, item)
                self._workers[name].submit(self._push, name, item)
        finally:
            if isinstance(items, Generator):
                items.close()  # Here, on the thread that opened its file.

    def _wait_for_room(self, name: str, item: Item) -> None:
        """Wait while a worker's backlog is full, then count the item."""
        with self._state:
            full = LARGEST_BACKLOG_BYTES
            self._state.wait_for(lambda: self._backlog_bytes[name] < full or self._stopped or self._error)
            self._raise_error()
            self._backlog_bytes[name] += _size(item)

    def _push(self, name: str, item: Item) -> None:
        """On a worker's thread."""
        try:
            with self._pushing[name]:
                for extraction in self._listeners[name] if self._error is None else ():
                    extraction.push(item)
        except BaseException as error:  # noqa: BLE001  it is raised again where the items come from
            self._error = self._error or error
        # An item counts until it is worked off: a worker that is at its last one still holds it.
        with self._state:
            self._backlog_bytes[name] -= _size(item)
            self._state.notify_all()

    def _finish(self, name: str) -> list[Extracted]:
        """On a worker's thread, after its last item."""
        self._raise_error()
        return [extraction.finish() for extraction in self._listeners[name]]

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


def _result(future: Future[Result]) -> Result:
    while not future.done():
        wait([future], TICK_SECONDS)
    return future.result()


def _size(item: Item) -> int:
    return int(item.samples.nbytes if isinstance(item, AudioBlock) else item.image.nbytes)
