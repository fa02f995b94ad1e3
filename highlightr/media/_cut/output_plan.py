"""What a summary or clip is made of, decided before anything is written.

In: the open source, the pieces, and what the caller chose. Out: an `OutputPlan` that the encoder and the copier follow,
with a sentence for everything that is changed or left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from highlightr.core.errors import CutError
from highlightr.core.source import Source, VideoStream
from highlightr.media._container.audio import written_channels
from highlightr.media._container.contents import Contents, Track
from highlightr.media._container.subtitle_tracks import read_tracks
from highlightr.media._cut.colour import Abilities, ColourPlan, plan_colour
from highlightr.media._cut.encoders import Encoder, find_encoder
from highlightr.media._cut.plan import CutPlan, Take
from highlightr.media._cut.result import Piece
from highlightr.media._cut.shapes import Shape, even, find_shapes
from highlightr.media._cut.sound import LARGEST_SAMPLE_RATE, SoundTrack, plan_sound
from highlightr.media.choices import EncoderChoice, HdrChoice
from highlightr.media.ffmpeg import has_encoder, has_filter
from highlightr.media.subtitles import Subtitles

if TYPE_CHECKING:
    from av.container import InputContainer


@dataclass(frozen=True)
class OutputPlan:
    """How pictures and sound are converted, and what comes along."""

    source: Source
    contents: Contents
    pieces: tuple[Piece, ...]
    """As cut."""
    colour: ColourPlan = field(default_factory=ColourPlan)
    sound: tuple[SoundTrack, ...] = ()
    shapes: Mapping[Take, tuple[Shape, ...]] = field(default_factory=dict)
    """Of each piece that is not all of the first size."""
    subtitles: tuple[tuple[Track, Subtitles], ...] = ()
    """Text tracks, whole."""
    notes: tuple[str, ...] = ()
    burned: Subtitles | None = None
    """Drawn into the picture, on the time line of the source."""
    encoder: Encoder = field(default_factory=Encoder)
    """Of the picture."""

    def track(self, index: int) -> Track:
        """What is said of a stream of the source."""
        return self.contents.tracks.get(index, Track(index, "unknown"))


def plan_output(
    container: InputContainer,
    source: Source,
    contents: Contents,
    cut: CutPlan,
    hdr: HdrChoice | None,
    *,
    mix: bool,
) -> OutputPlan:
    """Decide how the pieces are encoded; with `mix`, all audio tracks that are heard become one.

    Raises:
        CutError: the colours cannot be converted.
    """
    abilities = Abilities()
    if contents.picture.hdr:
        abilities = Abilities(has_encoder("libx265"), has_filter("zscale") and has_filter("tonemap"))
    try:
        colour = plan_colour(contents.picture, source.video.height, hdr, abilities, contents.hdr)
    except CutError as error:
        raise CutError(f"{source.path}: {error}") from error
    shapes = find_shapes(container, source, cut.takes)
    subtitles, left_out = _subtitles(source, contents)
    notes = [*colour.notes, *_size_notes(source.video), *_shape_notes(source, shapes.values())]
    notes += [*_sound_notes(source, mix=mix), *left_out]
    sound = plan_sound(source, mix=mix)
    return OutputPlan(source, contents, cut.pieces, colour, sound, shapes, subtitles, tuple(map(_sentence, notes)))


def with_encoder(plan: OutputPlan, choice: EncoderChoice) -> OutputPlan:
    """The plan with what encodes its pictures, and notes about that.

    Raises:
        CutError: the named encoder is not here, or does not work.
    """
    encoder, notes = find_encoder(choice, plan.source.video.width, plan.source.video.height, hdr=plan.colour.is_hdr)
    states_light = any(each.startswith(("master-display", "max-cll")) for each in plan.colour.x265_parameters)
    lost = (f"{encoder.name} does not write the mastering display.",) if states_light and encoder.options else ()
    return replace(plan, encoder=encoder, notes=(*plan.notes, *notes, *lost))


def plan_copied(source: Source, contents: Contents, pieces: tuple[Piece, ...]) -> OutputPlan:
    """What comes along where packets are copied."""
    tracks = tuple(SoundTrack((one,), "stereo", one.sample_rate) for one in source.audio_tracks)
    subtitles, left_out = _subtitles(source, contents)
    notes = tuple(map(_sentence, left_out))
    return OutputPlan(source, contents, pieces, sound=tracks, subtitles=subtitles, notes=notes)


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


def _subtitles(source: Source, contents: Contents) -> tuple[tuple[tuple[Track, Subtitles], ...], list[str]]:
    """The text tracks that can be read, and a note that names all streams which are left out."""
    read = read_tracks(source, contents.subtitles)
    missing = [*contents.left_out]
    missing += [
        f"subtitles that cannot be read ({', '.join([track.codec, *track.tags.values()])})"
        for track in contents.subtitles
        if read[track.index] is None
    ]
    if others := contents.sounds_of_others - {track.index for track in source.audio_tracks}:
        missing.append(f"the sound of other programs in the file (audio tracks: {len(others)})")
    notes = [f"left out: {'; '.join(missing)}"] if missing else []
    pairs = ((track, read[track.index]) for track in contents.subtitles)
    return tuple((track, subtitles) for track, subtitles in pairs if subtitles is not None), notes


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
