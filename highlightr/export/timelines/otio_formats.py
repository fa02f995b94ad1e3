"""OpenTimelineIO's own format, and Premiere's XML through its adapter.

In: a `Timeline`. Out: text. One track of pictures and one per audio track of the source; every clip of pictures has a
marker with title, score and reasons. Needs the extra `timelines`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

from highlightr.core.extras import need
from highlightr.export.timelines.timeline import Event, Medium, Timeline, check_timecode_rate

MARKER_COLOR = "GREEN"


def opentimelineio() -> ModuleType:
    """The library; a `ConfigError` where the extra is not installed."""
    need("a timeline of this format", "opentimelineio", "otio_cmx3600_adapter", "otio_fcp_adapter")
    import opentimelineio

    return opentimelineio


def write_otio(timeline: Timeline) -> str:
    """JSON of OpenTimelineIO, which DaVinci Resolve and Kdenlive read; a `ConfigError` without the extra."""
    otio = opentimelineio()
    return str(otio.adapters.write_to_string(_build(otio, timeline), "otio_json")) + "\n"


def write_premiere(timeline: Timeline) -> str:
    """Final Cut Pro 7's XML, as Premiere Pro and DaVinci Resolve read it.

    Raises:
        ConfigError: the extra is not installed, or a frame rate that has no timecode.
    """
    check_timecode_rate(timeline.medium.rate, "Premiere's XML")
    otio = opentimelineio()
    return str(otio.adapters.write_to_string(_build(otio, timeline, premiere=True), "fcp_xml"))


def _build(otio: Any, timeline: Timeline, *, premiere: bool = False) -> Any:
    medium = timeline.medium
    about = {"query": timeline.query} if timeline.query else {}
    built = otio.schema.Timeline(timeline.name, metadata={"highlightr": about})
    for number, kind in enumerate(["Video", *("Audio" for _ in medium.audio_channels)]):
        track = otio.schema.Track("V1" if number == 0 else f"A{number}", kind=kind)
        for event in timeline.events:
            clip = _clip(otio, event, medium)
            if number == 0:
                clip.markers.append(_marker(otio, event, medium, premiere))
            if premiere:
                _add_hints(clip, medium, number)
            elif number:
                clip.metadata["highlightr"] = {"audio_track": number}
            track.append(clip)
        built.tracks.append(track)
    if premiere:
        built.global_start_time = otio.opentime.RationalTime(0, float(medium.rate))
        shape = {"samplecharacteristics": {"rate": _rate(medium), **_size(medium)}}
        built.metadata["fcp_xml"] = {"media": {"video": {"format": shape}}, "timecode": _counting(medium)}
    return built


def _clip(otio: Any, event: Event, medium: Medium) -> Any:
    rate = float(medium.rate)
    available = _range(otio, medium.first_frame, medium.num_frames, rate)
    reference = otio.schema.ExternalReference(medium.url, available_range=available)
    reference.name = medium.name
    span = _range(otio, medium.first_frame + event.start_frame, event.num_frames, rate)
    return otio.schema.Clip(event.title, reference, span)


def _marker(otio: Any, event: Event, medium: Medium, premiere: bool) -> Any:
    """On the segment's first frame; Premiere's XML counts from the medium's first frame, whatever its timecode."""
    first = event.start_frame if premiere else medium.first_frame + event.start_frame
    about = {"rank": event.rank, "score": event.score, "why": event.why}
    hints = {"fcp_xml": {"comment": event.note}} if premiere else {"highlightr": about}
    where = _range(otio, first, 0, float(medium.rate))
    return otio.schema.Marker(event.title, where, MARKER_COLOR, hints, comment=event.note)


def _range(otio: Any, start: int, duration: int, rate: float) -> Any:
    time = otio.opentime.RationalTime
    return otio.opentime.TimeRange(time(start, rate), time(duration, rate))


def _add_hints(clip: Any, medium: Medium, track: int) -> None:
    """What Premiere is told beside what the adapter knows itself: which audio track, counting, sizes, channels."""
    if track:
        clip.metadata["fcp_xml"] = {"sourcetrack": {"mediatype": "audio", "trackindex": str(track)}}
    sound = [{"channelcount": str(channels)} for channels in medium.audio_channels]
    clip.media_reference.metadata["fcp_xml"] = {
        "timecode": _counting(medium),
        "media": {"video": {"samplecharacteristics": _size(medium)}, **({"audio": sound} if sound else {})},
    }


def _counting(medium: Medium) -> dict[str, Any]:
    return {"rate": _rate(medium), "displayformat": "DF" if medium.drop_frame else "NDF"}


def _size(medium: Medium) -> dict[str, str]:
    return {"width": str(medium.width), "height": str(medium.height)}


def _rate(medium: Medium) -> dict[str, str]:
    return {"timebase": str(round(medium.rate)), "ntsc": "TRUE" if medium.rate.denominator == 1001 else "FALSE"}
