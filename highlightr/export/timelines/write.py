"""From a receipt to timeline files, by the names of their formats.

In: a receipt, where its source and the file lie, and a format. Out: text, and notes about what the format cannot hold.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from highlightr.core.errors import MediaError
from highlightr.core.files import printable
from highlightr.core.hashing import content_hash
from highlightr.export.receipt_reader import Receipt
from highlightr.export.timelines import text_formats as text
from highlightr.export.timelines.fcpxml import write_fcpxml
from highlightr.export.timelines.otio_formats import opentimelineio, write_otio, write_premiere
from highlightr.export.timelines.timeline import Timeline, timeline_from_receipt
from highlightr.media import probe

LEAST_CHAPTERS, LEAST_CHAPTER_SECONDS = 3, 10
"""What YouTube asks of chapters before it shows them."""

_KEYFRAMES_NOTE = "FFmpeg plays its list from the keyframe before each segment on."


@dataclass(frozen=True)
class Format:
    """How one kind of timeline is written."""

    suffix: str
    """What a file of this kind ends with."""
    words: str
    """What people know it by."""
    write: Callable[[Timeline], str]
    note: Callable[[Timeline], tuple[str, ...]] = lambda _: ()
    """What it cannot hold of this timeline."""
    has_frames: bool = True
    """Whether it counts frames, or seconds."""
    needs_library: bool = False
    """Whether it is written by OpenTimelineIO."""


def _pictures_only(timeline: Timeline) -> tuple[str, ...]:
    return ("The EDL holds pictures only, without sound.",) if timeline.medium.audio_channels else ()


def _short_chapters(timeline: Timeline) -> tuple[str, ...]:
    lengths = [event.stop_seconds - event.start_seconds for event in timeline.events]
    if len(lengths) >= LEAST_CHAPTERS and min(lengths) >= LEAST_CHAPTER_SECONDS:
        return ()
    return ("YouTube shows chapters only where there are three or more, each of 10 s or more.",)


FORMATS: Mapping[str, Format] = {
    "otio": Format(".otio", "OTIO (OpenTimelineIO)", write_otio, needs_library=True),
    "edl": Format(".edl", "EDL (CMX 3600)", text.write_edl, _pictures_only),
    "fcpxml": Format(".fcpxml", "Final Cut (FCPXML)", write_fcpxml),
    "premiere": Format(".xml", "Premiere (XML)", write_premiere, needs_library=True),
    "llc": Format(".llc", "LosslessCut", text.write_llc, has_frames=False),
    "csv": Format(".csv", "CSV", text.write_csv, has_frames=False),
    "chapters": Format(".chapters.txt", "Chapters (YouTube)", text.write_chapters, _short_chapters, has_frames=False),
    "vtt": Format(".vtt", "Chapters (WebVTT)", text.write_vtt, has_frames=False),
    "ffconcat": Format(".ffconcat", "FFmpeg list", text.write_ffconcat, lambda _: (_KEYFRAMES_NOTE,), has_frames=False),
}
"""Every format by its name."""


def check_formats(names: Sequence[str]) -> None:
    """Make sure, before any work, that what writes these formats is installed; a `ConfigError` where it is not."""
    if any(FORMATS[name].needs_library for name in names):
        opentimelineio()


def timeline_paths(video: Path, names: Sequence[str]) -> dict[str, Path]:
    """Where the timelines of a summary lie: beside it, under its name."""
    return {name: video.with_suffix(FORMATS[name].suffix) for name in names}


def with_picture_start(receipt: Receipt, video: Path) -> Receipt:
    """The receipt, with when the first picture appears and its timecode, looked up in the video where it does not tell.

    Raises:
        MediaError: it does not, and the video cannot be read.
    """
    if receipt.source.picture_start_seconds is not None:
        return receipt
    source = probe(video)
    start, timecode = source.picture_start_seconds, source.timecode
    return replace(receipt, source=replace(receipt.source, picture_start_seconds=start, timecode=timecode))


def other_video_notes(receipt: Receipt, video: Path) -> tuple[str, ...]:
    """A note where another video than the receipt's lies there; none where none does, or it cannot be read here."""
    with suppress(MediaError):
        if video.is_file() and content_hash(video)[1] != receipt.source.hash:
            return (f"{printable(video)} is not the video that the receipt was made from: see that its times fit.",)
    return ()


def render_timeline(
    receipt: Receipt, source: Path, target: Path, name: str, *, relative: bool = False
) -> tuple[str, tuple[str, ...]]:
    """The text of a timeline that will be written to `target`, and notes.

    With `relative`, the source is linked relative to the target's folder, instead of by its absolute place.

    Raises:
        ConfigError: what this format cannot hold at all, or the extra is not installed.
    """
    link = Path(os.path.relpath(source.absolute(), target.absolute().parent)) if relative else source.absolute()
    timeline, form = timeline_from_receipt(receipt, link), FORMATS[name]
    return form.write(timeline), (timeline.notes if form.has_frames else ()) + form.note(timeline)
