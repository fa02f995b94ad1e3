"""A file per segment: its clip, its picture, named so that a folder of them reads like a list.

In: segments and the source. Out: files that say rank, time and title in their names; all of them appear, or none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from highlightr.core.clock import clock
from highlightr.core.errors import OutputError
from highlightr.core.files import whole_folder
from highlightr.core.types import Segment, Source
from highlightr.media import grab_thumbnails, shown_size

LONGEST_BYTES = 120
"""Of a name without its suffix: file systems hold 255, and players show less."""

LARGEST_WIDTH = 1280
"""Of a thumbnail, in pixels; smaller videos keep their own width."""

_UNSAFE = re.compile(r"[^\w .()&+'-]")


def segment_names(segments: Sequence[Segment]) -> list[str]:
    """Rank, time and title, such as ``01 0-38 Dog bark``: safe everywhere, distinct by rank, without a suffix."""
    digits = max(2, len(str(len(segments))))
    names = []
    for each in segments:
        time = clock(each.start_seconds).replace(":", "-")
        name = f"{each.rank:0{digits}d} {time} {_safe(each.title)}"
        names.append(name.encode()[:LONGEST_BYTES].decode(errors="ignore").rstrip(" ."))
    return names


def _safe(title: str) -> str:
    """The title without separators, control characters and what file systems or shells give a meaning."""
    return " ".join(_UNSAFE.sub(" ", unicodedata.normalize("NFC", title)).split())


def _telling_seconds(segment: Segment) -> float:
    """When the segment shows what it was chosen for."""
    start, stop = segment.start_seconds, segment.stop_seconds
    if segment.reasons and segment.reasons[0].start_seconds is not None and segment.reasons[0].stop_seconds is not None:
        start, stop = max(start, segment.reasons[0].start_seconds), min(stop, segment.reasons[0].stop_seconds)
    return (start + stop) / 2


def write_thumbnails(source: Source, segments: Sequence[Segment], folder: Path, *, overwrite: bool) -> tuple[str, ...]:
    """Write a frame of each segment as ``NAME.jpg``: from the middle of where its first reason was found, or its own.

    Returns:
        A note for each segment that no frame could be decoded of.

    Raises:
        OutputError: the folder cannot be written, or holds a file of the same name.
        MediaError: the source cannot be opened any more, or has changed.
    """
    width = min(LARGEST_WIDTH, round(shown_size(source.video)[0]))
    middles = [_telling_seconds(each) for each in segments]
    notes = []
    with whole_folder(folder, overwrite=overwrite) as filled, source.unchanged():
        for name, picture in zip(segment_names(segments), grab_thumbnails(source, middles, width=width), strict=True):
            if not picture:
                notes.append(f"No picture could be decoded for {name}.")
                continue
            try:
                (filled / f"{name}.jpg").write_bytes(picture)
            except OSError as error:
                raise OutputError(f"{folder}: cannot be written ({error.strerror}); choose another place") from error
    return tuple(notes)
