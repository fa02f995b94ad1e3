"""What goes into the output beside pictures and sound: tags, chapters, titles, subtitles, cover pictures, fonts.

In: the plan of an output and the pieces as cut. Out: small files in a folder of their own, and the arguments by which
ffmpeg takes them in. The same arguments serve a file that is encoded and one that is joined of parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

from highlightr.core.errors import CutError
from highlightr.core.timecode import parse_timecode, write_timecode
from highlightr.core.types import Source
from highlightr.media._container.contents import Extra, Track
from highlightr.media._container.opening import file_url
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.result import Piece
from highlightr.media._cut.tags import cut_chapters, metadata_text
from highlightr.media.outputs import MUXERS, check_suffix
from highlightr.media.subtitles import Subtitles

_DISPOSITIONS = frozenset(
    {"default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired", "visual_impaired"}
    | {"clean_effects", "captions", "descriptions"}
)
_BIBLIOGRAPHIC = {"deu": "ger", "nld": "dut", "ell": "gre", "isl": "ice", "zho": "chi", "ron": "rum", "sqi": "alb"}
"""QuickTime's table of languages has the other of the two codes of ISO 639-2."""

_FENCE = ("-protocol_whitelist", "file")
_ASS = frozenset({"ass", "ssa"})


@dataclass(frozen=True)
class Extras:
    """Arguments for ffmpeg."""

    inputs: tuple[str, ...]
    """Follow the other inputs."""
    outputs: tuple[str, ...]
    """Follow what is mapped of pictures and sound."""


@contextmanager
def extras_folder(output: Path) -> Iterator[Path]:
    """A folder beside the output for what is gone at the end."""
    try:
        with TemporaryDirectory(prefix="extras", dir=output.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise CutError(f"{output.parent}: cannot be written ({error.strerror}); free some space") from error


def make_extras(
    source: Source, plan: OutputPlan, pieces: Sequence[Piece], output: Path, folder: Path, first_input: int
) -> Extras:
    """Write the files and say how they are taken in.

    Args:
        output: the file that is written; its suffix says what it can hold.
        folder: an empty one for the small files.
        first_input: how many inputs come before these.

    Raises:
        CutError: a file cannot be written.
    """
    muxer = check_suffix(output)
    metadata = folder / "tags.txt"
    _write(metadata, metadata_text(plan.contents.tags, cut_chapters(plan.contents.chapters, pieces)).encode())
    inputs = [*_FENCE, "-f", "ffmetadata", "-i", file_url(metadata)]
    outputs = ["-map_metadata", str(first_input), "-map_metadata:s", "-1", "-map_chapters", str(first_input)]
    outputs += [*_picture_tags(source, plan, pieces, muxer), *_sound_tags(plan, muxer)]
    following = first_input + 1
    for number, (track, subtitles) in enumerate(cut_subtitles(plan, pieces)):
        path = folder / f"cut{number}.ass"
        subtitles.save(path)
        inputs += [*_FENCE, "-f", "ass", "-i", file_url(path)]
        outputs += ["-map", f"{following}:0", f"-c:s:{number}", subtitle_codec(track, muxer)]
        outputs += _said(track, f"s:{number}", muxer)
        following += 1
    covers, taken = _covers(plan.contents.covers, folder, following, muxer)
    return Extras((*inputs, *covers), (*outputs, *taken, *_fonts(plan, folder, muxer)))


def cut_subtitles(plan: OutputPlan, pieces: Sequence[Piece]) -> list[tuple[Track, Subtitles]]:
    """Each text track with what is shown of it; those of which nothing is left are left out."""
    spans = [(piece.start_seconds, piece.stop_seconds, piece.output_start_seconds) for piece in pieces]
    cut = [(track, subtitles.cut(spans)) for track, subtitles in plan.subtitles]
    return [(track, subtitles) for track, subtitles in cut if subtitles.cues]


def subtitle_codec(track: Track, muxer: str) -> str:
    """What a text track becomes."""
    if muxer != MUXERS[".mkv"]:
        return "mov_text"
    return "ass" if track.codec in _ASS else "subrip"


def timecode(source: Source, plan: OutputPlan, pieces: Sequence[Piece]) -> str | None:
    """Of the output's first frame; `None` if the source has none that can be counted on."""
    told, rate = plan.contents.timecode, source.video.frames_per_second
    if told is None or rate is None or not pieces:
        return None
    return advance(told, Fraction(pieces[0].start_seconds), rate)


def advance(timecode: str, seconds: Fraction, frames_per_second: Fraction) -> str | None:
    """The timecode of the frame that is shown some time later; `None` if the first one cannot be read."""
    counted = parse_timecode(timecode, frames_per_second)
    if counted is None:
        return None
    count, drop = counted
    later = count + round(seconds * frames_per_second)
    return write_timecode(later, frames_per_second, drop=drop, mark=timecode[8])


def counts_frames(source: Source, plan: OutputPlan, pieces: Sequence[Piece], output: Path) -> bool:
    """Whether the output is to hold a timecode in a track of its own, which asks for a frame rate."""
    return check_suffix(output) != MUXERS[".mkv"] and timecode(source, plan, pieces) is not None


def _picture_tags(source: Source, plan: OutputPlan, pieces: Sequence[Piece], muxer: str) -> list[str]:
    track = plan.track(source.video.index)
    counted = timecode(source, plan, pieces)
    arguments = _said(track, "v:0", muxer)
    # What players need to know of 360 degree video is no standard part of MP4 yet.
    arguments += ["-strict", "unofficial"]
    return [*arguments, *([] if counted is None else ["-metadata:s:v:0", f"timecode={counted}"])]


def _sound_tags(plan: OutputPlan, muxer: str) -> list[str]:
    arguments = []
    for number, sound in enumerate(plan.sound):
        tracks = [plan.track(audio.index) for audio in sound.inputs]
        if len(tracks) == 1:
            arguments += _said(tracks[0], f"a:{number}", muxer)
    return arguments


def _said(track: Track, stream: str, muxer: str) -> list[str]:
    """Title, language and dispositions of an output stream."""
    tags = dict(track.tags)
    if muxer == MUXERS[".mov"] and "language" in tags:
        tags["language"] = _BIBLIOGRAPHIC.get(tags["language"], tags["language"])
    if muxer != MUXERS[".mkv"] and "title" in tags:
        tags["handler_name"] = tags["title"]  # Where players of MP4 look for it.
    arguments = [part for name, value in tags.items() for part in (f"-metadata:s:{stream}", f"{name}={value}")]
    flags = "+".join(flag for flag in track.dispositions if flag in _DISPOSITIONS) or "0"
    return arguments if stream.startswith("v") else [*arguments, f"-disposition:{stream}", flags]


def _covers(covers: Sequence[Extra], folder: Path, first_input: int, muxer: str) -> tuple[list[str], list[str]]:
    inputs: list[str] = []
    outputs: list[str] = []
    for number, cover in enumerate(covers):
        path = folder / f"{number}{cover.name}"
        _write(path, cover.data)
        if muxer == MUXERS[".mkv"]:
            outputs += _attached(cover, path, number)
            continue
        stream = f"v:{number + 1}"
        inputs += [*_FENCE, "-f", "image2", "-pattern_type", "none", "-i", file_url(path)]
        outputs += ["-map", f"{first_input + number}:v", f"-c:{stream}", "copy"]
        outputs += [f"-disposition:{stream}", "attached_pic"]
    return inputs, outputs


def _fonts(plan: OutputPlan, folder: Path, muxer: str) -> list[str]:
    """Fonts that styled subtitles ask for; only Matroska holds them."""
    if muxer != MUXERS[".mkv"]:
        return []
    arguments, before = [], len(plan.contents.covers)
    for number, font in enumerate(plan.contents.fonts):
        path = folder / f"font{number}"
        _write(path, font.data)
        arguments += _attached(font, path, before + number)
    return arguments


def _attached(extra: Extra, path: Path, number: int) -> list[str]:
    said = [f"mimetype={extra.mime_type}", f"filename={extra.name}"]
    return ["-attach", file_url(path), *(part for one in said for part in (f"-metadata:s:t:{number}", one))]


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CutError(f"{path.parent}: cannot be written ({error.strerror}); free some space") from error
