"""Reading back what was edited: a receipt, OpenTimelineIO, a CMX 3600 list, or CSV.

In: a file, which anyone may have written. Out: an `Edit`: the video that it names, and spans in seconds of it, in
the order in which they are to play. What an edit holds beside plain cuts (transitions, speed, further tracks) is only
noted.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from highlightr.core.clock import parse_clock
from highlightr.core.errors import ConfigError
from highlightr.core.reading import read_limited
from highlightr.core.source import Source
from highlightr.core.tables import cell_text, table_reader
from highlightr.core.timecode import parse_timecode
from highlightr.core.types import Segment
from highlightr.export.receipt_reader import Receipt, read_receipt
from highlightr.export.timelines.otio_formats import opentimelineio
from highlightr.export.timelines.timeline import boundaries, check_timecode_rate, nominal_rate, own_title

LARGEST_BYTES = 64 << 20

FASTEST_RATE = 100_000
"""Units per second of a clip's times."""

_LONGEST_HOURS = 12
"""Of a source; what a list has longer after its first timecode lies before it."""

_HOUR = re.compile(r"(?<=\s)\d\d(?=:\d\d:\d\d[:;.]\d\d(?: +\S+)?( +\S+ +\S+)?\s*$)")
"""Of a timecode of an event; of the source's, the two of the record follow."""

_KEY, _BACKGROUND = re.compile(r"\d+ +\S+ +\S+ +K"), re.compile(r"(\d+ +\S+ +\S+ +)K *B +")

_RECORD = re.compile(r"\d+ +\S+ +(\S+) .*?(\d\d:\d\d:\d\d[:;.]\d\d)\s+\S+\s*$", re.MULTILINE)
"""The channel of an event, and where it begins in what is edited."""

TRANSITION_NOTE = "Transitions of the timeline became plain cuts."
SPEED_NOTE = "Changes of speed in the timeline were left out; the pictures run as in the source."
TRACKS_NOTE = "Only the first track of pictures was cut; the timeline has more."
ITEMS_NOTE = "Only clips of the video were cut; gaps, generated pictures, disabled and compound clips were left out."


@dataclass(frozen=True)
class Edit:
    """What a file asks to be cut."""

    video: Path | None
    """The source that it names, absolute or as it is written there; `None` where it names none."""
    receipt: Receipt | None
    """What is known of how the segments were found."""
    spans: Callable[[Source], tuple[tuple[Segment, ...], tuple[str, ...]]]
    """The spans, and sentences about the rest; where the file counts frames, this takes the source's rate and timecode.
    """


def read_edit(path: Path) -> Edit:
    """Read a file by its suffix; a `ConfigError` where it cannot be understood, or cuts several videos."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise ConfigError(f"{path}: cannot cut from {path.suffix or 'a file without a suffix'}; there are {known}")
    return reader(path)


def _from_receipt(path: Path) -> Edit:
    receipt = read_receipt(path)
    spans = tuple(Segment(each.start_seconds, each.stop_seconds, title=each.title) for each in receipt.segments)
    return Edit(Path(receipt.source.path), receipt, lambda _: (spans, ()))


def _from_otio(path: Path) -> Edit:
    otio = opentimelineio()
    unlinked = otio.media_linker.MediaLinkingPolicy.DoNotLinkMedia
    timeline = _parsed(otio, path, "otio_json", {"media_linker_name": unlinked})
    if not isinstance(timeline, otio.schema.Timeline):
        raise ConfigError(f"{path}: not a timeline of OpenTimelineIO")
    clips, notes = _clips(otio, timeline, path)
    video = _only([Path(_local(getattr(clip.media_reference, "target_url", "") or "")) for clip in clips], path)
    receipt = _companion(path)
    return Edit(video, receipt, lambda source: (_spans_of(clips, path, source, receipt), notes))


def _from_edl(path: Path) -> Edit:
    otio, text, receipt = opentimelineio(), _text(path), _companion(path)
    url = _only([Path(_local(line)) for line in re.findall(r"^\* ?FROM CLIP: *(\S.*?) *$", text, re.MULTILINE)], path)

    def spans(source: Source) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
        rate = nominal_rate(source.video.frames_per_second, () if receipt is None else boundaries(receipt))
        check_timecode_rate(rate, "an EDL")
        told = source.timecode
        counted = None if told is None else parse_timecode(told, rate)
        first_hour = int(told[:2]) if told is not None and counted is not None else 0
        listed, has_keys = _in_order(_past_midnight(_counted(text), first_hour))
        timeline = _parsed(otio, path, "cmx_3600", {"rate": float(rate)}, listed)
        clips, notes = _clips(otio, timeline, path)
        notes = tuple(dict.fromkeys((*notes, TRACKS_NOTE))) if has_keys else notes
        return _spans_of(clips, path, source, receipt, (counted or (0, False))[0], rate), notes

    return Edit(url, receipt, spans)


def _counted(text: str) -> str:
    """The list with drop-frame timecodes written with a semicolon where only its head says that they are.

    A change of speed is read by the adapter with colons alone.
    """
    if re.search(r"^FCM: *DROP", text, re.MULTILINE):
        text = re.sub(r"(?<=\d\d:\d\d:\d\d):(?=\d\d\b)", ";", text)
    return re.sub(r"^(M2\s.*);(?=\d\d\s*$)", r"\1:", text, flags=re.MULTILINE)


def _past_midnight(text: str, source_hour: int) -> str:
    """The list with hours from 24 on where timecodes begin again: the source's, which begins in `source_hour`, and the
    record's, where it falls by more than half a day.
    """
    found = [each for event in re.findall(r"^\d+ .*$", text, re.MULTILINE) for each in _HOUR.finditer(event)]
    hours = [int(each[0]) for each in found if each[1] is None]
    begins_again = any(before - after > _LONGEST_HOURS for before, after in pairwise(hours))
    record_hour = min(hour for hour in hours if max(hours) - hour <= _LONGEST_HOURS) if begins_again else 0

    def later(match: re.Match[str]) -> str:
        hour, first_hour = int(match[0]), record_hour if match[1] is None else source_hour
        return f"{hour + 24}" if hour < first_hour and (hour - first_hour) % 24 < _LONGEST_HOURS else match[0]

    return re.sub(r"^\d+ .*$", lambda event: _HOUR.sub(later, event[0]), text, flags=re.MULTILINE)


def _in_order(text: str) -> tuple[str, bool]:
    """The list without what is keyed over other pictures (`K`, not its background `K B`), in the order of its record.

    And whether something is keyed. An event has several lines of one number where a transition or a key leads to it.
    """
    head, *lines = re.split(r"^(?=\d)", text, flags=re.MULTILINE)
    kept = [_BACKGROUND.sub(r"\1C ", line) for line in lines if _BACKGROUND.match(line) or not _KEY.match(line)]
    events = ["".join(event) for _, event in groupby(kept, lambda line: re.split(r"\D", line, maxsplit=1)[0])]
    found = [_RECORD.match(event) for event in events]
    channels = list(dict.fromkeys(each[1] for each in found if each is not None))
    places = [(channels.index(each[1]), re.sub(r"\D", ":", each[2])) for each in found if each is not None]
    if places != sorted(places) and len(places) == len(events):
        ordered = [event for _, event in sorted(zip(places, events, strict=True), key=lambda each: each[0])]
        # Events of one number that meet would be taken for one.
        events = [re.sub(r"^\d+", f"{n:03}", each, flags=re.MULTILINE) for n, each in enumerate(ordered, start=1)]
    return "".join((head, *events)), len(kept) < len(lines)


def _from_csv(path: Path) -> Edit:
    try:
        rows = list(table_reader(io.StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise ConfigError(f"{path}: not a readable CSV ({error})") from error
    if not rows or not {"start_seconds", "stop_seconds"} <= set(rows[0]):
        raise ConfigError(f"{path}: the first line must name the columns start_seconds and stop_seconds, rows follow")
    spans = tuple(_row(row, f"{path}, row {number}") for number, row in enumerate(rows, start=1))
    videos = [Path(row["file"]) for row in rows if row.get("file")]
    return Edit(_only(videos, path), _companion(path), lambda _: (spans, ()))


def _row(row: Mapping[str, str | None], where: str) -> Segment:
    try:
        start, stop = (parse_clock(row[name] or "") for name in ("start_seconds", "stop_seconds"))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return Segment(start, stop, title=own_title(cell_text((row.get("title") or row.get("query") or "").strip())))


READERS: Mapping[str, Callable[[Path], Edit]] = {
    ".json": _from_receipt,
    ".otio": _from_otio,
    ".edl": _from_edl,
    ".csv": _from_csv,
}
"""Suffix to what reads it."""


def find_video(named: Path | None, beside: Path, how: str = "after the file") -> Path:
    """The video that a file names: as it is written, or beside that file; `how` a user tells another place.

    Raises:
        ConfigError: it names none, or none that is there.
    """
    if named is None:
        raise ConfigError(f"{beside}: names no video; give it {how}")
    folder = beside.absolute().parent
    places = [named, folder / named, folder / named.name]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ConfigError(f"{beside}: the video it names is not there ({named}); give its place {how}")
    return found


def _companion(path: Path) -> Receipt | None:
    """The receipt beside a timeline, of the same name; `None` where there is none that can be read."""
    try:
        return read_receipt(path.with_suffix(".json"))
    except ConfigError:
        return None


def _text(path: Path) -> str:
    return read_limited(path, LARGEST_BYTES).decode("utf-8-sig", "replace")


def _parsed(otio: Any, path: Path, adapter: str, options: Mapping[str, Any], text: str | None = None) -> Any:
    content = _text(path) if text is None else text
    try:
        return otio.adapters.read_from_string(content, adapter, **options)
    except Exception as error:
        raise ConfigError(f"{path}: cannot be understood: {' '.join(str(error).split())[:200]}") from error


def _clips(otio: Any, timeline: Any, path: Path) -> tuple[list[Any], tuple[str, ...]]:
    """The clips of the video on the first track of pictures, and notes about the rest."""
    tracks = [track for track in timeline.tracks if track.kind == otio.schema.TrackKind.Video]
    items = list(next((track for track in tracks if track.enabled), ()))
    played = [item for item in items if isinstance(item, otio.schema.Clip) and item.enabled]
    black_or_bars = otio.schema.GeneratorReference
    clips = [clip for clip in played if not isinstance(clip.media_reference, black_or_bars)]
    if not clips:
        raise ConfigError(f"{path}: no clips on a track of pictures")
    transitions = [item for item in items if isinstance(item, otio.schema.Transition)]
    notes = []
    if transitions:
        notes.append(TRANSITION_NOTE)
    if any(isinstance(effect, otio.schema.TimeEffect) for clip in clips for effect in clip.effects):
        notes.append(SPEED_NOTE)
    if len(tracks) > 1:
        notes.append(TRACKS_NOTE)
    if len(clips) + len(transitions) < len(items):
        notes.append(ITEMS_NOTE)
    return clips, tuple(notes)


def _spans_of(
    clips: Sequence[Any],
    path: Path,
    source: Source,
    receipt: Receipt | None,
    first_frame: int | None = None,
    rate: Fraction | None = None,
) -> tuple[Segment, ...]:
    """The clips' ranges, from the source's first frame on; without a number for that, the media's ranges tell it."""
    dated = cache(lambda rate: _dating(rate, source, receipt))
    spans = []
    for clip in clips:
        used, known = clip.trimmed_range(), clip.media_reference.available_range
        counted = first_frame is not None or known is None
        times = [used.start_time, used.duration, *([] if counted else [known.start_time])]
        if not all(math.isfinite(time.value) and 0 < time.rate < FASTEST_RATE for time in times):
            raise ConfigError(f"{path}: {clip.name or 'a clip'} has times that are no numbers")
        rates = [rate or nominal_rate(Fraction(time.rate).limit_denominator(1001), ()) for time in times]
        exact = rates[0]  # A clip may be counted at the timeline's rate, and its media at their own.
        begin, length, *firsts = (Fraction(time.value) * exact / own for time, own in zip(times, rates, strict=True))
        first = firsts[0] if firsts else first_frame or 0
        start, stop = map(dated(exact), (begin - first, begin + length - first))
        if start < 0:
            raise ConfigError(f"{path}: {clip.name or 'a clip'} begins before the video does; compare their timecodes")
        spans.append(Segment(float(start), float(stop), title=own_title(clip.name or "")))
    return tuple(spans)


def _dating(rate: Fraction, source: Source, receipt: Receipt | None) -> Callable[[Fraction], Fraction]:
    """What tells when a frame begins; a boundary of the receipt there is taken whole, with what is lost in frames."""
    known = [] if receipt is None else boundaries(receipt)
    zero = Fraction(source.picture_start_seconds)
    exact = {Fraction(round((time - zero) * rate)): time for time in known}
    # Time zero lies in frame 0, also where that is shown later.
    return lambda frame: exact.get(frame, frame / rate + zero if frame > 0 else frame)


def _local(url: str) -> str:
    """A file's path from a ``file://`` URL or a relative one, or as it is; a `ConfigError` for any other address."""
    parts = urlsplit(url)
    if parts.scheme not in ("", "file") or (parts.netloc not in ("", "localhost")):
        raise ConfigError(f"{url}: only files are cut, not addresses")
    return unquote(parts.path, errors="surrogateescape")


def _only(videos: Sequence[Path], path: Path) -> Path | None:
    """The one video of all clips; `None` where none is named."""
    named = list(dict.fromkeys(video for video in videos if video.name))
    if len(named) > 1:
        raise ConfigError(f"{path}: cuts several videos ({named[0].name}, {named[1].name}); one is cut at a time")
    return named[0] if named else None
