"""Everything that a file holds beside the picture and the sound, and what a summary can take along of it.

In: an open file. Out: `Contents`: tags, chapters, titles and languages, subtitles, cover pictures, fonts, the timecode,
and a word for every stream that nothing is done with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import PurePath
from typing import Any

from highlightr.core.timecode import advance
from highlightr.media._container.audio import audio_tracks, of_other_programs
from highlightr.media._container.av_types import InputContainer
from highlightr.media._container.description import StreamText, describe
from highlightr.media._container.opening import decoded, moving_pictures, packets, start_seconds
from highlightr.media._container.picture_format import HdrMetadata, PictureFormat, hdr_metadata, picture_format

_TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text", "microdvd", "mpl2", "jacosub", "sami"})
_TECHNICAL_TAGS = frozenset(
    {"major_brand", "minor_version", "compatible_brands", "encoder", "software", "duration", "vendor_id"}
    | {"handler_name", "timecode", "number_of_frames", "number_of_bytes", "bps", "source_id"}
)
"""What describes the file that was read, not what is in it."""
_TECHNICAL = re.compile(
    r"_.*|.*(^|_)(ul|umid|uid)|product_.*|toolkit_version.*|company_name|application_platform|.*mime_?type"
)
_MOST_CHAPTERS = 10_000

_APPLE = "com.apple.quicktime."
_RENAMED = {
    f"{_APPLE}location.iso6709": "location",
    f"{_APPLE}creationdate": "date",
    f"{_APPLE}make": "make",
    f"{_APPLE}model": "model",
    "location-eng": "location",
}
"""Names that only some containers have, to those that all have."""

_USUAL_HANDLERS = ("handler", "handle", "core media", "mainconcept", "bento4", "gpac", "isomedia", "lavf", "iso media")
_LARGEST_TAG = 1000
"""Characters of a track's title."""

_LARGEST_EXTRA_BYTES = 32 << 20
"""Of a cover picture or a font."""


@dataclass(frozen=True)
class Chapter:
    """A span of the source with a title, half-open, in seconds from time zero."""

    start_seconds: float
    stop_seconds: float
    title: str


@dataclass(frozen=True)
class Track:
    """What is said of a stream, for people."""

    index: int
    codec: str
    tag: str = ""
    """The container's four letters for the codec."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """``language`` and ``title``, where it has them."""
    dispositions: tuple[str, ...] = ()
    """Such as ``default`` or ``hearing_impaired``."""

    @property
    def words(self) -> str:
        """Codec, language and title."""
        return ", ".join([self.codec, *self.tags.values()])


@dataclass(frozen=True)
class Extra:
    """A cover picture or a font, whole."""

    name: str
    """File name, for its suffix and for people."""
    mime_type: str
    data: bytes


@dataclass(frozen=True)
class Contents:
    """What a file holds."""

    picture: PictureFormat
    hdr: HdrMetadata = field(default_factory=HdrMetadata)
    tags: Mapping[str, str] = field(default_factory=dict)
    chapters: tuple[Chapter, ...] = ()
    tracks: Mapping[int, Track] = field(default_factory=dict)
    """Index of a stream to what is said of it."""
    subtitles: tuple[Track, ...] = ()
    """Those of text."""
    covers: tuple[Extra, ...] = ()
    fonts: tuple[Extra, ...] = ()
    timecode: str | None = None
    """Where the file's timecode begins, such as ``01:00:00;00``."""
    side_data: Mapping[str, str] = field(default_factory=dict)
    """Of the picture, in FFmpeg's words."""
    left_out: tuple[str, ...] = ()
    """Streams that no summary holds."""
    sounds_of_others: frozenset[int] = frozenset()
    """Indices of the audio streams that belong to other programs than the picture does."""


def read_contents(container: InputContainer, video_index: int) -> Contents:
    """Look at every stream; a frame is decoded where high dynamic range says more than the header."""
    texts = describe(container)
    streams = list(container.streams)
    video: Any = container.streams[video_index]
    text = texts.get(video_index)
    picture = picture_format(video, text)
    tracks = {stream.index: _track(stream, texts.get(stream.index)) for stream in streams}
    covers = dict(_covers(container))
    return Contents(
        picture=picture,
        hdr=_hdr(container, video) if picture.hdr else HdrMetadata(),
        tags=_tags(container.metadata),
        chapters=tuple(_chapters(container)),
        tracks=tracks,
        subtitles=tuple(
            tracks[stream.index]
            for stream in streams
            if stream.type == "subtitle" and tracks[stream.index].codec in _TEXT_CODECS
        ),
        covers=tuple(covers.values()),
        fonts=tuple(_fonts(streams)),
        timecode=read_timecode(container, video),
        side_data={} if text is None else text.side_data,
        left_out=tuple(_left_out(container, texts, {video_index, *covers}, tracks)),
        sounds_of_others=of_other_programs(texts, video_index) & {stream.index for stream in container.streams.audio},
    )


def _track(stream: Any, text: StreamText | None) -> Track:
    tags = {key.lower(): value[:_LARGEST_TAG] for key, value in stream.metadata.items()}
    kept = {name: tags[name] for name in ("language", "title") if tags.get(name)}
    handler = tags.get("handler_name", "").strip()
    if handler and not any(word in handler.lower() for word in _USUAL_HANDLERS):
        kept.setdefault("title", handler)
    if kept.get("language") == "und":
        del kept["language"]
    flags = tuple(flag.name for flag in type(stream.disposition) if flag.name and flag in stream.disposition)
    told = text or StreamText("", {})
    return Track(stream.index, told.codec_name, told.tag, kept, flags)


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """Those that say something of what was recorded, by the names that all containers have."""
    own = {key.lower(): value for key, value in metadata.items()}
    renamed = {_RENAMED[key]: value for key, value in own.items() if key in _RENAMED}
    plain = {
        key: value
        for key, value in own.items()
        if key not in _TECHNICAL_TAGS and key not in _RENAMED and not _TECHNICAL.fullmatch(key) and value
    }
    return {**renamed, **plain}


def _chapters(container: InputContainer) -> Iterable[Chapter]:
    begin = start_seconds(container)
    for chapter in container.chapters()[:_MOST_CHAPTERS]:
        base = chapter["time_base"] or Fraction(1, 1000)
        start, stop = (chapter["start"] * base, chapter["end"] * base)
        # Chapters of MP4 and Matroska count from the file's own zero, which may lie before the first picture.
        yield Chapter(float(start - begin), float(stop - begin), chapter["metadata"].get("title", ""))


def picture_timecode(container: InputContainer, video: Any, shown: Fraction, rate: Fraction | None) -> str | None:
    """The timecode of the first picture, which is shown at a time of the file's clock; `None` where none is told.

    A track of timecodes has a beginning of its own, in QuickTime and MP4, which the picture may be later than.
    """
    told = read_timecode(container, video)
    tracks: list[Any] = [one for one in container.streams if _counts_time(one)]
    begin = next((one.start_time * one.time_base for one in tracks), None)
    if told is None or rate is None or begin is None or abs(shown - begin) * rate < 1:
        return told
    return advance(told, shown - begin, rate) or told


def _counts_time(stream: Any) -> bool:
    has_timecode = "timecode" in {key.lower() for key in stream.metadata}
    return stream.type == "data" and has_timecode and stream.start_time is not None


def read_timecode(container: InputContainer, video: Any) -> str | None:
    """Where the file's timecode begins, such as ``01:00:00;00``; `None` where it tells none."""
    others = [stream.metadata for stream in container.streams if stream.type == "data"]
    told = (video.metadata, container.metadata, *others)
    values = ({key.lower(): value for key, value in each.items()}.get("timecode") for each in told)
    return next((value for value in values if value), None)


def _hdr(container: InputContainer, video: Any) -> HdrMetadata:
    frames = (frame for packet in packets(container, video) for frame in decoded(packet))
    frame = next(frames, None)
    return HdrMetadata() if frame is None else hdr_metadata(frame)


def _covers(container: InputContainer) -> Iterable[tuple[int, Extra]]:
    """Indices of streams, and the pictures in them."""
    import av

    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic or stream.codec_context is None:
            continue
        suffix = {"mjpeg": "jpg", "png": "png"}.get(stream.codec_context.name)
        packet = next((one for one in container.demux(stream) if one.size), None) if suffix else None
        if packet is not None and packet.size <= _LARGEST_EXTRA_BYTES:
            mime_type = f"image/{'jpeg' if suffix == 'jpg' else suffix}"
            yield stream.index, Extra(f"cover.{suffix}", mime_type, bytes(packet))


def _fonts(streams: Iterable[Any]) -> Iterable[Extra]:
    for stream in streams:
        if stream.type != "attachment":
            continue
        name, mime_type, data = stream.metadata.get("filename", ""), stream.mimetype or "", stream.data
        if name.lower().endswith((".ttf", ".otf", ".ttc")) and 0 < len(data) <= _LARGEST_EXTRA_BYTES:
            yield Extra(
                PurePath(name.replace("\\", "/")).name[-_LARGEST_TAG:], mime_type or "application/octet-stream", data
            )


def _left_out(
    container: InputContainer, texts: Mapping[int, StreamText], kept: Set[int], tracks: Mapping[int, Track]
) -> Iterable[str]:
    """A phrase for each stream that a summary cannot hold; `kept`: the video and the covers that it does."""
    pictures = moving_pictures(container)
    decodable = {track.index for track in audio_tracks(container, texts)}
    for stream in container.streams:
        track = tracks[stream.index]
        if stream.type == "video" and stream.index not in kept:
            yield f"{'another video track' if stream in pictures else 'a cover picture'} ({track.words})"
        elif stream.type == "audio" and stream.index not in decodable:
            yield f"an audio track that cannot be decoded ({track.words})"
        elif stream.type == "subtitle" and track.codec not in _TEXT_CODECS:
            yield f"subtitles that are not text ({track.words})"
        elif stream.type == "data" and not _is_structure(stream, track):
            yield f"a data track ({track.words})"
        elif stream.type == "attachment" and not any(_fonts([stream])):
            yield f"an attachment ({stream.metadata.get('filename', 'without a name')})"


def _is_structure(stream: Any, track: Track) -> bool:
    """Timecode and chapter tracks, whose content is kept in another way."""
    return track.tag in ("tmcd", "text") or "timecode" in {key.lower() for key in stream.metadata}
