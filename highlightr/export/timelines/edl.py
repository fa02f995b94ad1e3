"""CMX 3600: the edit decision list that every editing program reads; pictures only.

In: a `Timeline`. Out: text. Written here and not by OpenTimelineIO's adapter, which counts every 29.97 timeline with
drop frames, whatever the source's own timecode does, and does not say so (no ``FCM`` line). The adapter reads it back.
"""

from __future__ import annotations

from highlightr.core.errors import ConfigError
from highlightr.core.timecode import write_timecode
from highlightr.export.timelines.rates import check_timecode_rate
from highlightr.export.timelines.timeline import Event, Timeline

MOST_EVENTS = 999
"""Their numbers have three digits."""

RECORD_HOUR = 1
"""A programme begins at one o'clock, by custom."""


def write_edl(timeline: Timeline) -> str:
    """The list, counted as the source's timecode is.

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
