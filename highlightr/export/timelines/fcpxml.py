"""FCPXML 1.10 for Final Cut Pro and DaVinci Resolve.

In: a `Timeline`. Out: text. All times are rational, whole multiples of the frame duration. Written here, because the
adapter of OpenTimelineIO leaves the frame duration empty at 29.97 and 23.976 frames per second.

Source: Apple, "FCPXML Reference" and the document type definition of version 1.10.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from fractions import Fraction

from highlightr.export.timelines.timeline import Event, Medium, Timeline

_SEQUENCE_RATES = {32000: "32k", 44100: "44.1k", 48000: "48k", 88200: "88.2k", 96000: "96k", 176400: "176.4k"}
"""Sample rates that a sequence may have; another one gets 48k."""


def write_fcpxml(timeline: Timeline) -> str:
    """The document."""
    medium = timeline.medium
    root = ET.Element("fcpxml", version="1.10")
    _resources(root, timeline)
    event = ET.SubElement(ET.SubElement(root, "library"), "event", name="highlightr")
    project = ET.SubElement(event, "project", name=timeline.name)
    sequence = ET.SubElement(
        project,
        "sequence",
        format="r1",
        duration=_time(timeline.num_frames, medium.rate),
        tcStart="0s",
        tcFormat=_counting(medium),
    )
    if medium.audio_channels:
        sequence.set("audioLayout", "stereo")
        sequence.set("audioRate", _SEQUENCE_RATES.get(medium.sample_rate, "48k"))
    spine = ET.SubElement(sequence, "spine")
    for each in timeline.events:
        _clip(spine, each, medium)
    ET.indent(root)
    text = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE fcpxml>\n\n{text}\n'


def _resources(root: ET.Element, timeline: Timeline) -> None:
    medium, resources = timeline.medium, ET.SubElement(root, "resources")
    form = ET.SubElement(resources, "format", id="r1", frameDuration=_time(1, medium.rate))
    form.set("width", str(medium.width))
    form.set("height", str(medium.height))
    asset = ET.SubElement(
        resources,
        "asset",
        id="r2",
        name=medium.name,
        start=_time(medium.first_frame, medium.rate),
        duration=_time(medium.num_frames, medium.rate),
        hasVideo="1",
        format="r1",
        videoSources="1",
    )
    if medium.audio_channels:
        asset.set("hasAudio", "1")
        asset.set("audioSources", str(len(medium.audio_channels)))
        asset.set("audioChannels", str(max(medium.audio_channels)))
        asset.set("audioRate", str(medium.sample_rate))
    ET.SubElement(asset, "media-rep", kind="original-media", src=medium.url)


def _clip(spine: ET.Element, event: Event, medium: Medium) -> None:
    start = _time(medium.first_frame + event.start_frame, medium.rate)
    clip = ET.SubElement(
        spine,
        "asset-clip",
        ref="r2",
        name=event.title,
        offset=_time(event.record_frame, medium.rate),
        start=start,
        duration=_time(event.num_frames, medium.rate),
        format="r1",
        tcFormat=_counting(medium),
    )
    duration = _time(1, medium.rate)
    ET.SubElement(clip, "marker", start=start, duration=duration, value=event.title, note=event.note)


def _counting(medium: Medium) -> str:
    return "DF" if medium.drop_frame else "NDF"


def _time(frames: int, rate: Fraction) -> str:
    """Whole frames as rational seconds, such as ``1001/30000s``."""
    seconds = Fraction(frames) / rate
    if seconds.denominator == 1:
        return f"{seconds.numerator}s"
    return f"{frames * rate.denominator}/{rate.numerator}s"
