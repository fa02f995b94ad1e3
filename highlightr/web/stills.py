"""Stills and facts of videos, made one at a time and kept for a while.

In: a video and a time. Out: a JPEG, or what probing found. Decoding runs on one thread of its own, so that moving the
mouse over a time line never starts more than one decoder, and a frame that is no longer waited for is not decoded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar

from highlightr.core.errors import HighlightrError
from highlightr.core.source import Source
from highlightr.media import grab_thumbnails, probe
from highlightr.web.library import Video

STEP_SECONDS = 0.2
"""Times are rounded to it: the mouse is no finer, and a second visit finds the picture made."""

POSTER_SHARE = 0.2
"""Of the video: what a poster shows is past titles and fades."""

WIDTHS = (160, 320, 640)
MOST_WAITING = 24
MOST_PICTURES, MOST_SOURCES = 600, 5000

Made = TypeVar("Made")


class BusyError(HighlightrError):
    """So many pictures are being waited for that no further one is taken on."""


class Stills:
    """Pictures and probes of any video, for any number of threads."""

    def __init__(self) -> None:
        self._pictures: OrderedDict[Hashable, bytes] = OrderedDict()
        self._sources: OrderedDict[Hashable, Source] = OrderedDict()
        self._decoding = threading.Lock()
        self._lock = threading.Lock()
        self._places = threading.Semaphore(MOST_WAITING)

    def source(self, video: Video) -> Source:
        """What probing finds; errors as for `probe`."""
        key = (video.path, video.size_bytes, video.modified_ns)
        return self._cached(self._sources, key, MOST_SOURCES, lambda: probe(video.path))

    def picture(self, video: Video, seconds: float | None, width: int) -> bytes:
        """The frame on screen at a time, by default a poster's, as a JPEG; empty bytes where none can be decoded.

        Raises:
            BusyError: too many wait already.
            MediaError: as for `grab_thumbnails`.
        """
        source = self.source(video)
        last = max(source.duration_seconds - 0.01, 0.0)
        wanted = POSTER_SHARE * source.duration_seconds if seconds is None else seconds
        rounded = min(round(wanted / STEP_SECONDS) * STEP_SECONDS, last)
        wide = min(each for each in WIDTHS if each >= min(width, WIDTHS[-1]))
        key = (video.path, video.size_bytes, video.modified_ns, round(rounded, 3), wide)
        return self._cached(
            self._pictures, key, MOST_PICTURES, lambda: grab_thumbnails(source, [rounded], width=wide)[0]
        )

    def _cached(self, kept: OrderedDict[Hashable, Made], key: Hashable, most: int, make: Callable[[], Made]) -> Made:
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
                return kept[key]
        if not self._places.acquire(blocking=False):
            raise BusyError("too many pictures are being made; try again in a moment")
        try:
            with self._decoding:
                with self._lock:
                    if key in kept:
                        return kept[key]
                made = make()
            with self._lock:
                kept[key] = made
                while len(kept) > most:
                    kept.popitem(last=False)
            return made
        finally:
            self._places.release()
