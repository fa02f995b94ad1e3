"""A timeline as plain data, from which every format is written.

In: a receipt and where its source lies. Out: a `Timeline`: the medium, and events in the order in which they play.
Frames are whole numbers from the source's first picture on, spans half-open, rates exact fractions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from highlightr.core.files import printable
from highlightr.core.timecode import parse_timecode
from highlightr.core.types import Segment
from highlightr.export.receipt_reader import Receipt, ReceiptSource
from highlightr.export.timelines.rates import grid_note, nominal_rate
from highlightr.export.words import reason_words

_END_SECONDS = Fraction(1, 100)


@dataclass(frozen=True)
class Medium:
    """The source video as an editing program links it."""

    url: str
    """``file:///…``, or relative to the timeline's folder; percent-encoded."""
    link: str
    """The same as a plain path, with ``/``."""
    name: str
    """The file's name, readable."""
    rate: Fraction
    """Frames per second, nominal."""
    num_frames: int
    start_seconds: Fraction
    """The container's first timestamp, which is time zero everywhere else here."""
    first_frame: int = 0
    """Number of the first frame by the source's own timecode."""
    drop_frame: bool = False
    """Whether that timecode skips numbers."""
    width: int = 0
    """As shown, in pixels."""
    height: int = 0
    audio_channels: tuple[int, ...] = ()
    """Channels of each audio track."""
    sample_rate: int = 48000
    """Of the first audio track."""


@dataclass(frozen=True)
class Event:
    """One segment on the timeline."""

    start_frame: int
    """Its first frame in the source."""
    stop_frame: int
    """The frame after its last."""
    record_frame: int
    """Its first frame on the timeline."""
    start_seconds: Fraction
    """The same in seconds, exact to the receipt, for formats that have no frames."""
    stop_seconds: Fraction
    record_seconds: Fraction
    title: str
    rank: int
    score: float
    """In [0, 1]."""
    why: str
    """The reasons in words; may be empty."""

    @property
    def num_frames(self) -> int:
        """Length."""
        return self.stop_frame - self.start_frame

    @property
    def note(self) -> str:
        """What a marker says beside the title."""
        score = f"score {round(100 * self.score)}/100"
        return f"{score}; {self.why}" if self.why else score


@dataclass(frozen=True)
class Timeline:
    """A summary as an editing program shows it."""

    name: str
    medium: Medium
    events: tuple[Event, ...]
    notes: tuple[str, ...] = ()
    """Sentences for the user: what could not be kept exactly."""
    query: str | None = None

    @property
    def num_frames(self) -> int:
        """Length."""
        return sum(event.num_frames for event in self.events)


def timeline_from_receipt(receipt: Receipt, link: Path) -> Timeline:
    """The timeline that a receipt describes: the pieces as they were cut, or the segments where nothing was.

    It links the source by `link`: its absolute place, or a path relative to the timeline's folder.
    """
    spans, times = receipt_spans(receipt), boundaries(receipt)
    stated = receipt.source.video.frames_per_second
    rate = nominal_rate(None if stated is None else Fraction(stated), times)
    notes = [] if stated is not None else [f"The file does not tell its frame rate; {float(rate):g} is assumed."]
    notes += grid_note(times, rate)
    medium = _medium(receipt.source, link, rate)
    events = _events(receipt.segments, spans, rate, _exact(receipt.source.picture_start_seconds or 0))
    return Timeline(f"{one_line(printable(link.stem))} highlights", medium, events, tuple(notes), receipt.query)


def receipt_spans(receipt: Receipt) -> list[tuple[Fraction, Fraction]]:
    """The pieces as they were cut, or the segments where nothing was."""
    segments, pieces = receipt.segments, () if receipt.cut is None else receipt.cut.pieces
    spans = pieces if len(pieces) == len(segments) else segments
    return [(_exact(each.start_seconds), _exact(each.stop_seconds)) for each in spans]


def boundaries(receipt: Receipt) -> list[Fraction]:
    """Where those spans begin and end, but for the ends of the video, which need not be a frame's beginning."""
    end = _exact(receipt.source.duration_seconds) - _END_SECONDS
    return [time for span in receipt_spans(receipt) for time in span if 0 < time < end]


def _exact(seconds: float) -> Fraction:
    """The decimal number that was written, not its nearest binary one."""
    return Fraction(str(seconds))


def _medium(source: ReceiptSource, link: Path, rate: Fraction) -> Medium:
    video, timecode = source.video, source.timecode
    counted = None if timecode is None else parse_timecode(timecode, rate)
    first, drop = counted or (0, False)
    tracks = source.audio_tracks or (() if source.audio is None else (source.audio,))
    width, height = video.width * Fraction(video.sample_aspect_ratio), video.height
    upright = (width, height) if video.rotation_degrees % 180 == 0 else (height, width)
    return Medium(
        url=link.as_uri() if link.is_absolute() else quote(os.fsencode(link.as_posix()), safe="/"),
        link=printable(link),
        name=one_line(printable(link.name)),
        rate=rate,
        num_frames=round((_exact(source.duration_seconds) - _exact(source.picture_start_seconds or 0)) * rate),
        start_seconds=_exact(source.start_seconds),
        first_frame=first,
        drop_frame=drop,
        width=round(upright[0]),
        height=round(upright[1]),
        audio_channels=tuple(track.channels for track in tracks),
        sample_rate=tracks[0].sample_rate if tracks else 48000,
    )


def _events(
    segments: Sequence[Segment], spans: Sequence[tuple[Fraction, Fraction]], rate: Fraction, zero: Fraction
) -> tuple[Event, ...]:
    events: list[Event] = []
    record_frame, record_seconds = 0, Fraction(0)
    for segment, (start, stop) in zip(segments, spans, strict=True):
        first = max(0, round((start - zero) * rate))
        last = max(round((stop - zero) * rate), first + 1)
        title = one_line(segment.title) or f"Segment {len(events) + 1}"
        about = (title, segment.rank, segment.score, one_line(", ".join(reason_words(segment.reasons))))
        events.append(Event(first, last, record_frame, start, stop, record_seconds, *about))
        record_frame, record_seconds = record_frame + last - first, record_seconds + stop - start
    return tuple(events)


def one_line(text: str) -> str:
    """Text that may stand in any format: no control characters, no line breaks, no halves of characters."""
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in readable).split())
