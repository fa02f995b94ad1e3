"""A timeline as plain data, from which every format is written.

In: a receipt and where its source lies. Out: a `Timeline`: the medium, and events in the order in which they play.
Frames are whole numbers from the source's first picture on, spans half-open, rates exact fractions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from urllib.parse import quote

from highlightr.core.errors import ConfigError
from highlightr.core.files import printable
from highlightr.core.timecode import parse_timecode
from highlightr.core.types import Segment
from highlightr.export.receipt_reader import Receipt, ReceiptSource
from highlightr.export.words import reason_words

_END_SECONDS = Fraction(1, 100)

_STAND_IN = "Segment {}"
"""The title, by number, of a segment that has none."""

TRADE_RATES = (
    *(Fraction(1000 * whole, 1001) for whole in (24, 30, 48, 60, 120)),
    *(Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 100, 120)),
)

LARGEST_TIMECODE_RATE = 60
"""Timecodes number the frames of a second with two digits, and editing programs read no more than these."""

NEAR = Fraction(3, 100)
"""A stated rate is this near, as a share, to the one that is meant: a short video's average is off the most."""

MOST_OFF = Fraction(1, 10)
"""Of a frame: further from the grid, cuts are not on it."""

USUAL_RATE = Fraction(30)


def check_timecode_rate(rate: Fraction, form: str) -> None:
    """Refuse, with a `ConfigError`, a rate that timecodes do not exist for, or one above 60 frames per second."""
    if rate not in TRADE_RATES or rate > LARGEST_TIMECODE_RATE:
        raise ConfigError(f"{form} counts by timecode, and {float(rate):.6g} frames per second have none; use otio")


def nominal_rate(stated: Fraction | None, times: Sequence[Fraction]) -> Fraction:
    """The rate on whose grid the cuts lie best; of equally good ones the nearest to what is stated."""
    if stated is None or stated.limit_denominator(1001) <= 0:
        return _usual_rate(times, Fraction(0))
    candidates = [rate for rate in TRADE_RATES if abs(rate - stated) <= NEAR * stated]
    fitting, exact = [rate for rate in candidates if _worst(times, rate) <= MOST_OFF], stated.limit_denominator(1001)
    if not fitting and _worst(times, exact) <= MOST_OFF:
        return exact
    if not candidates:  # Pictures come as they like, most often on the grid of a faster clock.
        return _usual_rate(times, stated)
    return min(fitting or candidates, key=lambda rate: abs(rate - stated))


def _usual_rate(times: Sequence[Fraction], least: Fraction) -> Fraction:
    """A rate of the trade, no lower than one, on whose grid the cuts lie; otherwise a usual one."""
    rates = [rate for rate in TRADE_RATES if rate >= least] or [max(TRADE_RATES)]
    return min(rates, key=lambda rate: (_worst(times, rate) > MOST_OFF, abs(rate - USUAL_RATE)))


def grid_note(times: Sequence[Fraction], rate: Fraction) -> list[str]:
    """A note where the cuts do not lie on the frames of this rate."""
    if _worst(times, rate) <= MOST_OFF:
        return []
    return [
        f"The source's frames do not lie on a grid of {float(rate):.6g} per second (variable frame rate): "
        "the timeline has the nearest frames."
    ]


def _worst(times: Sequence[Fraction], rate: Fraction) -> Fraction:
    """The largest distance of a time from the grid of this rate that the last one lies on, in frames."""
    apart = [(time - times[-1]) * rate for time in times]
    return max((abs(frames - round(frames)) for frames in apart), default=Fraction(0))


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
        if start >= stop:  # Copied with the piece before it, or before the first picture.
            continue
        first = max(0, round((start - zero) * rate))
        last = max(round((stop - zero) * rate), first + 1)
        title = one_line(segment.title) or _STAND_IN.format(len(events) + 1)
        about = (title, segment.rank, segment.score, one_line(", ".join(reason_words(segment.reasons))))
        events.append(Event(first, last, record_frame, start, stop, record_seconds, *about))
        record_frame, record_seconds = record_frame + last - first, record_seconds + stop - start
    return tuple(events)


def own_title(title: str) -> str:
    """A title that was read back from a timeline; empty where it only stood in for one."""
    return "" if re.fullmatch(_STAND_IN.format(r"\d+"), title) else title


def one_line(text: str) -> str:
    """Text that may stand in any format: no control characters, no line breaks, no halves of characters."""
    readable = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(letter if letter.isprintable() else " " for letter in readable).split())
