"""What a summary or clip is made of, decided before anything is written.

In: what is to be cut, and what the caller chose. Out: an `OutputPlan` that the encoder and the copier follow, with a
sentence for everything that is changed or left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.progress import Advance
from highlightr.core.source import Source, VideoStream
from highlightr.media._container.audio import written_channels
from highlightr.media._container.contents import Contents, Track, read_contents
from highlightr.media._container.opening import reading
from highlightr.media._container.subtitle_tracks import read_tracks
from highlightr.media._cut.colour import ColourPlan, plan_colour
from highlightr.media._cut.encoders import Encoder, find_encoder
from highlightr.media._cut.plan import Take, plan_takes, with_fades
from highlightr.media._cut.result import Piece
from highlightr.media._cut.shapes import Shape, even, find_shapes
from highlightr.media._cut.sound import LARGEST_SAMPLE_RATE, SoundTrack, plan_sound
from highlightr.media._cut.time_notes import time_notes
from highlightr.media.choices import CutOptions
from highlightr.media.ffmpeg import has_filter
from highlightr.media.subtitles import Subtitles

_LANGUAGES = (
    "ar:arabic:ara bg:bulgarian:bul bn:bengali:ben ca:catalan:cat cs:czech:ces da:danish:dan de:german:deu "
    "el:greek:ell en:english:eng es:spanish:spa et:estonian:est fa:persian:fas fi:finnish:fin fr:french:fra "
    "he:hebrew:heb hi:hindi:hin hr:croatian:hrv hu:hungarian:hun id:indonesian:ind it:italian:ita "
    "ja:japanese:jpn ko:korean:kor lt:lithuanian:lit lv:latvian:lav ms:malay:msa nl:dutch:nld no:norwegian:nor "
    "pl:polish:pol pt:portuguese:por ro:romanian:ron ru:russian:rus sk:slovak:slk sl:slovenian:slv "
    "sr:serbian:srp sv:swedish:swe ta:tamil:tam te:telugu:tel th:thai:tha tl:tagalog:tgl tr:turkish:tur "
    "uk:ukrainian:ukr ur:urdu:urd vi:vietnamese:vie zh:chinese:zho"
)
_CODES = {word: code for *words, code in (each.split(":") for each in _LANGUAGES.split()) for word in words}
"""Codes of two letters, and names as Whisper writes them, to the codes of three letters that containers hold."""


@dataclass(frozen=True)
class CutJob:
    """One file that is to be written."""

    source: Source
    spans: Sequence[tuple[float, float]]
    """Of the source, in seconds from time zero, half-open, in the order of the output."""
    output: Path
    options: CutOptions
    progress: Advance | None = None


@dataclass(frozen=True)
class OutputPlan:
    """How pictures and sound are converted, and what comes along."""

    source: Source
    contents: Contents
    pieces: tuple[Piece, ...]
    """As cut, one per span."""
    takes: tuple[Take, ...] = ()
    """What is read for them, in the order of the output; none where packets are copied."""
    colour: ColourPlan = field(default_factory=ColourPlan)
    sound: tuple[SoundTrack, ...] = ()
    shapes: Mapping[Take, tuple[Shape, ...]] = field(default_factory=dict)
    """Of each take that is not all of the first size."""
    subtitles: tuple[tuple[Track, Subtitles], ...] = ()
    """Text tracks, whole."""
    burned: Subtitles | None = None
    """Drawn into the picture, on the time line of the source."""
    notes: tuple[str, ...] = ()
    time_notes: tuple[str, ...] = ()
    """About the source's time line."""
    encoder: Encoder = field(default_factory=Encoder)
    """Of the picture."""

    @property
    def seconds(self) -> Fraction:
        """Length of the output."""
        return self.takes[-1].output_stop

    @property
    def shown(self) -> list[Fraction]:
        """When each frame appears in the output."""
        return [time for take in self.takes for time in take.shown]

    def track(self, index: int) -> Track:
        """What is said of a stream of the source."""
        return self.contents.tracks.get(index, Track(index, "unknown"))


def plan_encoded(job: CutJob, *, careful: bool = False) -> OutputPlan:
    """Decide what an exact cut is to hold and how it is made; `careful` as for `plan_takes`.

    Raises:
        CutError: no span has a picture, the colours cannot be converted, or this ffmpeg cannot draw subtitles.
    """
    source, options = job.source, job.options
    with reading(source.path) as container:
        contents = read_contents(container, source.video.index)
        pieces, takes = plan_takes(container, source, job.spans, careful=careful)
        takes = with_fades(takes) if options.fade else takes
        try:
            colour = plan_colour(contents.picture, source.video, options.hdr, contents.hdr)
        except CutError as error:
            raise CutError(f"{source.path}: {error}") from error
        shapes = find_shapes(container, source, takes)
        notes = [*colour.notes, *_size_notes(source.video), *_shape_notes(source, shapes.values())]
        notes += _sound_notes(source, mix=options.mix_audio)
        if any(take.fades != (take.fade_in_seconds > 0, take.fade_out_seconds > 0) for take in takes):
            notes.append("a picture that is shown for longer than a fade takes does not fade")
        sound = plan_sound(source, mix=options.mix_audio)
        plan = OutputPlan(source, contents, pieces, takes, colour, sound, shapes)
        return replace(_with_subtitles(plan, options, notes), time_notes=time_notes(container, source))


def plan_copied(job: CutJob, pieces: tuple[Piece, ...]) -> OutputPlan:
    """Decide what comes along where packets are copied."""
    source = job.source
    with reading(source.path) as container:
        contents = read_contents(container, source.video.index)
    tracks = tuple(SoundTrack((one,), "stereo", one.sample_rate) for one in source.audio_tracks)
    return _with_subtitles(OutputPlan(source, contents, pieces, sound=tracks), job.options, [])


def with_encoder(plan: OutputPlan, options: CutOptions) -> OutputPlan:
    """The plan with what encodes its pictures, and notes about that.

    Raises:
        CutError: the named encoder is not here, or does not work.
    """
    video = plan.source.video
    encoder, notes = find_encoder(options.encoder, video.width, video.height, hdr=plan.colour.is_hdr)
    states_light = any(each.startswith(("master-display", "max-cll")) for each in plan.colour.x265_parameters)
    lost = (f"{encoder.name} does not write the mastering display.",) if states_light and encoder.options else ()
    return replace(plan, encoder=encoder, notes=(*plan.notes, *notes, *lost))


def _size_notes(video: VideoStream) -> list[str]:
    width, height = even(video.width, video.height)
    if (width, height) == (video.width, video.height):
        return []
    return [f"its picture of {video.width} x {video.height} is written as {width} x {height}"]


def _shape_notes(source: Source, shapes: Iterable[Sequence[Shape]]) -> list[str]:
    video = source.video
    first = (video.width, video.height, video.sample_aspect_ratio)
    others = {shape.size for piece in shapes for shape in piece} - {first}
    if not others:
        return []
    sizes = ", ".join(f"{width} x {height}{_pixel(aspect)}" for width, height, aspect in sorted(others))
    return [
        f"its picture changes to {sizes}; it is shown between bars in {video.width} x {video.height}{_pixel(first[2])}"
    ]


def _pixel(aspect: Fraction) -> str:
    return "" if aspect == 1 else f" (pixels {aspect.numerator}:{aspect.denominator})"


def _sound_notes(source: Source, *, mix: bool) -> list[str]:
    count = len(source.audio_tracks)
    notes = [f"its {count} audio tracks are mixed to one"] if mix and count > 1 else []
    for number, track in enumerate(source.audio_tracks, start=1):
        change = written_channels(track).change
        if change:
            notes.append(f"audio track {number}: {change}")
        if track.sample_rate > LARGEST_SAMPLE_RATE:
            notes.append(f"audio track {number}: {track.sample_rate} Hz, written as {LARGEST_SAMPLE_RATE}")
    return notes


def _with_subtitles(plan: OutputPlan, options: CutOptions, notes: Sequence[str]) -> OutputPlan:
    """The plan with its text tracks and what is said, and with all notes as sentences."""
    tracks, left_out = _text_tracks(plan.source, plan.contents)
    plan = replace(plan, subtitles=tracks, notes=tuple(map(_sentence, [*notes, *left_out])))
    if options.subtitles == "none":
        return replace(plan, subtitles=())
    if options.said is None:
        return plan
    code = (options.language or "").lower().replace("_", "-").split("-")[0]
    language = _CODES.get(code, code if len(code) == 3 else "")
    if options.subtitles == "soft":
        track = Track(-1, "subrip", tags={"language": language} if language else {})
        return replace(plan, subtitles=(*tracks, (track, options.said)))
    if not has_filter("subtitles"):
        raise CutError("this ffmpeg cannot draw subtitles (no libass): choose --subtitles soft, or another ffmpeg")
    others = [track.words for track, _ in tracks if track.tags.get("language", language) != language]
    lost = (f"Left out beside burned subtitles: {'; '.join(others)}.",) if others else ()
    return replace(plan, subtitles=(), burned=options.said, notes=(*plan.notes, *lost))


def _text_tracks(source: Source, contents: Contents) -> tuple[tuple[tuple[Track, Subtitles], ...], list[str]]:
    """The text tracks that can be read, and a note that names all streams which are left out."""
    read = read_tracks(source, contents.subtitles)
    unread = [track for track in contents.subtitles if read[track.index] is None]
    missing = [*contents.left_out, *(f"subtitles that cannot be read ({track.words})" for track in unread)]
    if others := contents.sounds_of_others - {track.index for track in source.audio_tracks}:
        missing.append(f"the sound of other programs in the file (audio tracks: {len(others)})")
    notes = [f"left out: {'; '.join(missing)}"] if missing else []
    pairs = ((track, read[track.index]) for track in contents.subtitles)
    return tuple((track, subtitles) for track, subtitles in pairs if subtitles is not None), notes


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
