"""Work beside the decoder: each tap's items are taken by a thread of their own, through a bounded queue.

In: items in order of time. Out: what the extractions made of them. Networks run outside the interpreter's lock, so
decoding, preprocessing and forward passes share the cores; the order within a lane, and so every result, stays.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from types import TracebackType

from highlightr.features.base import Extracted, Extraction
from highlightr.media.taps import AudioBlock, Item

__all__ = ["LARGEST_BACKLOG_BYTES", "Lane", "Lanes"]

LARGEST_BACKLOG_BYTES = 16 * 2**20
"""The decoder waits for a lane that has more than this left to do, so that memory does not grow with the video."""


class Lane:
    """One thread that feeds the extractions of one tap."""

    def __init__(self, name: str, extractions: Sequence[Extraction]) -> None:
        self._extractions = tuple(extractions)
        self._waiting: deque[Item] = deque()
        self._bytes = 0
        self._state = threading.Condition()
        self._closed = self._stopped = False
        self._error: BaseException | None = None
        self._made: list[Extracted] = []
        self._thread = threading.Thread(target=self._work, name=f"extract-{name}", daemon=True)
        self._thread.start()

    def push(self, item: Item) -> None:
        """Hand over the next item; waits while the backlog is full.

        Raises:
            BaseException: whatever an extraction raised on an earlier item.
        """
        with self._state:
            self._state.wait_for(lambda: self._bytes < LARGEST_BACKLOG_BYTES or self._error is not None)
            self._raise_error()
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
        self._thread.join()
        self._raise_error()
        return self._made

    def stop(self) -> None:
        """Drop the backlog and end the thread after the item that it is at."""
        with self._state:
            self._stopped = True
            self._waiting.clear()
            self._state.notify_all()
        self._thread.join()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        try:
            while (item := self._next()) is not None:
                for extraction in self._extractions:
                    extraction.push(item)
                self._done(item)
            if not self._stopped:
                self._made = [extraction.finish() for extraction in self._extractions]
        except BaseException as error:  # noqa: BLE001  it is raised again where the items come from
            with self._state:
                self._error = error
                self._state.notify_all()

    def _next(self) -> Item | None:
        with self._state:
            self._state.wait_for(lambda: bool(self._waiting) or self._closed or self._stopped)
            return self._waiting.popleft() if self._waiting else None

    def _done(self, item: Item) -> None:
        # An item counts until it is worked off: a lane that is at its last one still holds it.
        with self._state:
            self._bytes -= _size(item)
            self._state.notify_all()


class Lanes:
    """The lanes of one decode pass, by tap name; leaving the block stops all of them, whatever happened."""

    def __init__(self, listeners: dict[str, list[Extraction]]) -> None:
        self._lanes = {name: Lane(name, group) for name, group in listeners.items()}

    def __enter__(self) -> Lanes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for lane in self._lanes.values():
            lane.stop()

    def push(self, name: str, item: Item) -> None:
        """Hand an item to its tap's lane."""
        self._lanes[name].push(item)

    def finish(self) -> list[Extracted]:
        """Everything that was made, lane by lane."""
        for lane in self._lanes.values():
            lane.close()
        return [made for lane in self._lanes.values() for made in lane.result()]


def _size(item: Item) -> int:
    return int(item.samples.nbytes if isinstance(item, AudioBlock) else item.image.nbytes)
