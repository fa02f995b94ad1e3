"""Timelines as plain text: LosslessCut's projects, CSV, chapters, WebVTT, FFmpeg's list, and CMX 3600's edit decisions.

In: a `Timeline`. Out: text. The first two and FFmpeg's list speak of the source; chapters and WebVTT of the summary,
whose time begins at zero.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction

from highlightr.core.clock import clock
from highlightr.core.errors import ConfigError
from highlightr.core.tables import csv_text, path_cell, text_cell
from highlightr.core.timecode import write_timecode
from highlightr.export.timelines.timeline import Event, Timeline, check_timecode_rate

MOST_EVENTS = 999
"""Of an EDL, whose numbers have three digits."""

RECORD_HOUR = 1
"""Of an EDL: a programme begins at one o'clock, by custom."""

CSV_COLUMNS = ("file", "start_seconds", "stop_seconds", "rank", "score", "title")

_DIGITS = 6


def write_llc(timeline: Timeline) -> str:
    """A project of LosslessCut, version 1; it belongs beside the source."""
    segments = [
        {"start": float(event.start_seconds), "end": float(event.stop_seconds), "name": event.title}
        for event in timeline.events
    ]
    project = {"version": 1, "mediaFileName": timeline.medium.name, "cutSegments": segments}
    return json.dumps(project, ensure_ascii=False, indent=2) + "\n"


def write_csv(timeline: Timeline) -> str:
    """A row per segment; times are seconds of the source."""
    rows: list[Sequence[object]] = [CSV_COLUMNS]
    name = path_cell(timeline.medium.link)
    for event in timeline.events:
        times = (_decimal(event.start_seconds), _decimal(event.stop_seconds))
        rows.append((name, *times, event.rank, f"{event.score:g}", text_cell(event.title)))
    return csv_text(rows)


def write_chapters(timeline: Timeline) -> str:
    """Chapters of the summary as YouTube reads them in a description: the first at 0:00, one line each."""
    return "".join(f"{clock(int(event.record_seconds))} {event.title}\n" for event in timeline.events)


def write_vtt(timeline: Timeline) -> str:
    """A WebVTT track of the summary's chapters, one cue per segment."""
    cues = []
    for number, event in enumerate(timeline.events, start=1):
        stop = event.record_seconds + event.stop_seconds - event.start_seconds
        title = event.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        cues.append(f"{number}\n{_vtt_time(event.record_seconds)} --> {_vtt_time(stop)}\n{title}\n")
    return "\n".join(["WEBVTT\n", *cues])


def write_ffconcat(timeline: Timeline) -> str:
    """A list for FFmpeg's concat demuxer, which plays the segments out of the source.

    Its times are the container's own. A relative name begins with ``./``, or one with a colon were an address.
    """
    medium = timeline.medium
    name = medium.link if medium.link.startswith("/") else f"./{medium.link}"
    quoted = "'" + name.replace("'", "'\\''") + "'"
    lines = ["ffconcat version 1.0"]
    for event in timeline.events:
        inside = _decimal(medium.start_seconds + event.start_seconds)
        outside = _decimal(medium.start_seconds + event.stop_seconds)
        lines += [f"file {quoted}", f"inpoint {inside}", f"outpoint {outside}"]
    return "\n".join(lines) + "\n"


def _decimal(seconds: Fraction) -> str:
    """Seconds to the microsecond, without zeros at the end."""
    return f"{float(seconds):z.{_DIGITS}f}".rstrip("0").rstrip(".")


def _vtt_time(seconds: Fraction) -> str:
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


def write_edl(timeline: Timeline) -> str:
    """The list of CMX 3600, counted as the source's timecode is: what every editing program reads, pictures only.

    Written here and not by OpenTimelineIO's adapter, which counts every 29.97 timeline with drop frames, whatever the
    source's own timecode does, and does not say so (no ``FCM`` line). The adapter reads it back.

    Raises:
        ConfigError: a frame rate that has no timecode, or more events than the format can number.
    """
    rate = timeline.medium.rate
    check_timecode_rate(rate, "an EDL")
    if len(timeline.events) > MOST_EVENTS:
        raise ConfigError(f"an EDL numbers {MOST_EVENTS} events at most, and this has {len(timeline.events)}; use otio")
    counting = "DROP FRAME" if timeline.medium.drop_frame else "NON-DROP FRAME"
    lines = [f"TITLE: {timeline.name}", f"FCM: {counting}", ""]
    for number, event in enumerate(timeline.events, start=1):
        lines += [*_event(number, event, timeline), ""]
    return "\n".join(lines)


def _event(number: int, event: Event, timeline: Timeline) -> list[str]:
    medium = timeline.medium
    begin = round(medium.rate) * 3600 * RECORD_HOUR
    if medium.drop_frame:  # An hour has 54 times as many skipped numbers as a minute that is not a tenth one.
        begin -= 54 * 2 * (round(medium.rate) // 30)
    source, record = medium.first_frame + event.start_frame, begin + event.record_frame
    frames = (source, source + event.num_frames, record, record + event.num_frames)
    times = " ".join(write_timecode(frame, medium.rate, drop=medium.drop_frame) for frame in frames)
    return [
        f"{number:03d}  AX       V     C        {times}",
        f"* FROM CLIP NAME:  {event.title}",
        f"* FROM CLIP: {medium.url}",
        f"* SOURCE FILE: {medium.name}",
        f"* COMMENT: {event.note}",
    ]
