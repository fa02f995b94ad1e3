"""What goes into the output beside pictures and sound: tags, chapters, titles, subtitles, cover pictures, fonts.

In: the plan of an output. Out: small files in a folder of their own, and the arguments by which ffmpeg takes them in;
tags and chapters go through a file, too: a command line has a limit and is seen by every process of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from fractions import Fraction
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from highlightr.core.errors import CutError, not_written
from highlightr.core.timecode import advance
from highlightr.media._container.contents import Chapter, Extra, Track
from highlightr.media._container.opening import file_url
from highlightr.media._cut.codecs import container, copied_picture
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.result import Piece
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.subtitles import Subtitles
from highlightr.media.suffixes import MUXERS, check_suffix

_DISPOSITIONS = frozenset(
    {"default", "dub", "original", "comment", "lyrics", "karaoke", "forced", "hearing_impaired", "visual_impaired"}
    | {"clean_effects", "captions", "descriptions"}
)
_OTHER_CODES = (
    "bod:tib cym:wel cze:ces deu:ger ell:gre eus:baq fas:per fre:fra hye:arm isl:ice kat:geo mkd:mac msa:may mya:bur "
    "nld:dut rum:ron slo:slk sqi:alb zho:chi"
)
_QUICKTIME = dict(pair.split(":") for pair in _OTHER_CODES.split())
"""Where ISO 639-2 has two codes, the one that QuickTime's table of languages lacks, and the one it has."""

_SHORTEST_SECONDS = 0.04
"""A chapter of which less than a frame is left is left out."""

_ASS = frozenset({"ass", "ssa"})


class Extras(NamedTuple):
    """Arguments for ffmpeg."""

    inputs: list[str]
    """Follow the other inputs."""
    outputs: list[str]
    """Follow what is mapped of pictures and sound."""


@contextmanager
def extras_folder(output: Path) -> Iterator[Path]:
    """A folder beside the output for what is gone at the end.

    Raises:
        CutError: it cannot be made, or what is done meanwhile cannot be written.
    """
    try:
        with TemporaryDirectory(prefix="extras", dir=output.parent) as folder:
            yield Path(folder)
    except OSError as error:
        raise CutError(f"{output.parent}: {not_written(error)}") from error


def make_extras(plan: OutputPlan, output: Path, folder: Path, first_input: int) -> Extras:
    """Write the small files into an empty folder, and say how they are taken in behind so many inputs (`first_input`).

    The suffix of the output says what it can hold. An `OSError` where a file cannot be written.
    """
    muxer, inputs, numbers = check_suffix(output), list[str](), count(first_input)

    def read(path: Path, *options: str) -> int:
        """The number of one more input."""
        inputs.extend(["-protocol_whitelist", "file", "-f", *options, "-i", file_url(path)])
        return next(numbers)

    metadata = folder / "tags.txt"
    chapters = cut_chapters(plan.contents.chapters, plan.pieces)
    metadata.write_bytes(metadata_text(plan.contents.tags, chapters).encode())
    tags = str(read(metadata, "ffmetadata"))
    outputs = ["-map_metadata", tags, "-map_metadata:s", "-1", "-map_chapters", tags]
    # What players need to know of 360 degree video is no standard part of MP4 yet.
    outputs += [*_said(plan.track(plan.source.video.index), "v:0", muxer), "-strict", "unofficial"]
    if (counted := timecode(plan)) is not None:
        outputs += ["-metadata:s:v:0", f"timecode={counted}"]
    for number, sound in enumerate(plan.sound):
        if len(sound.inputs) == 1:  # A sum of several has no title of its own.
            outputs += _said(plan.track(sound.inputs[0].index), f"a:{number}", muxer)
    for number, (track, subtitles) in enumerate(cut_subtitles(plan)):
        path, stream = folder / f"cut{number}.ass", f"s:{number}"
        (subtitles if muxer == MUXERS[".mkv"] else subtitles.one_at_a_time()).save(path)
        outputs += ["-map", f"{read(path, 'ass')}:0", f"-c:{stream}", subtitle_codec(track, muxer)]
        outputs += _said(track, stream, muxer)
    if muxer == MUXERS[".mkv"]:
        return Extras(inputs, [*outputs, *_attached([*plan.contents.covers, *plan.contents.fonts], folder)])
    for number, cover in enumerate(plan.contents.covers):
        path, stream = folder / f"{number}{cover.name}", f"v:{number + 1}"
        path.write_bytes(cover.data)
        outputs += ["-map", f"{read(path, 'image2', '-pattern_type', 'none')}:v", f"-c:{stream}", "copy"]
        outputs += [f"-disposition:{stream}", "attached_pic"]
    return Extras(inputs, outputs)


def join(
    plan: OutputPlan,
    output: Path,
    folder: Path,
    inputs: Sequence[str],
    mapped: Sequence[str],
    *,
    is_hevc: bool,
) -> None:
    """Write the output of pictures that are ready, those of the first input, and all that comes along.

    `mapped`: what else is taken from the inputs, and how it is written. A `CutError` where ffmpeg failed.
    """
    extras = make_extras(plan, output, folder, inputs.count("-i"))
    picture = ["-map", "0:v", *copied_picture(plan.source, output, is_hevc=is_hevc)]
    arguments = [*inputs, *extras.inputs, *picture, *mapped, *extras.outputs, *container(output)]
    run_ffmpeg(arguments, folder=folder)


def cut_subtitles(plan: OutputPlan) -> list[tuple[Track, Subtitles]]:
    """The text tracks that the pieces show something of, on the output's time line."""
    cut = [(track, subtitles.cut([piece.span for piece in plan.pieces])) for track, subtitles in plan.subtitles]
    return [(track, left) for track, left in cut if left.cues]


def subtitle_codec(track: Track, muxer: str) -> str:
    """What a text track becomes."""
    if muxer != MUXERS[".mkv"]:
        return "mov_text"
    return "ass" if track.codec in _ASS else "subrip"


def timecode(plan: OutputPlan) -> str | None:
    """Of the output's first frame; `None` if the source has none that can be counted on."""
    told, rate = plan.source.timecode, plan.source.video.frames_per_second
    if told is None or rate is None or not plan.pieces:
        return None
    shown = plan.pieces[0].start_seconds - plan.source.picture_start_seconds
    return advance(told, Fraction(max(0.0, shown)), rate)


def counts_frames(plan: OutputPlan, output: Path) -> bool:
    """Whether the output is to hold a timecode in a track of its own, which asks for a frame rate."""
    return check_suffix(output) != MUXERS[".mkv"] and timecode(plan) is not None


def _said(track: Track, stream: str, muxer: str) -> list[str]:
    """Title, language and dispositions of an output stream."""
    tags = dict(track.tags)
    if muxer == MUXERS[".mov"] and "language" in tags:
        tags["language"] = _QUICKTIME.get(tags["language"], tags["language"])
    if muxer != MUXERS[".mkv"] and "title" in tags:
        tags["handler_name"] = tags["title"]  # Where players of MP4 look for it.
    arguments = [part for name, value in tags.items() for part in (f"-metadata:s:{stream}", f"{name}={value}")]
    flags = "+".join(flag for flag in track.dispositions if flag in _DISPOSITIONS) or "0"
    return arguments if stream.startswith("v") else [*arguments, f"-disposition:{stream}", flags]


def _attached(extras: Sequence[Extra], folder: Path) -> list[str]:
    """Cover pictures, and fonts that styled subtitles ask for, as only Matroska holds them."""
    arguments = []
    for number, extra in enumerate(extras):
        path, tag = folder / f"attached{number}", f"-metadata:s:t:{number}"
        path.write_bytes(extra.data)
        arguments += ["-attach", file_url(path), tag, f"mimetype={extra.mime_type}", tag, f"filename={extra.name}"]
    return arguments


def cut_chapters(chapters: Sequence[Chapter], pieces: Sequence[Piece]) -> list[Chapter]:
    """The chapters that the pieces show, on the output's time line; one that goes on in the next piece stays one."""
    kept: list[tuple[Chapter, Chapter]] = []
    for piece in pieces:
        shift = piece.output_start_seconds - piece.start_seconds
        for chapter in chapters:
            start = max(chapter.start_seconds, piece.start_seconds)
            stop = min(chapter.stop_seconds, piece.stop_seconds)
            if stop - start < _SHORTEST_SECONDS:
                continue
            if kept and kept[-1][0] is chapter and abs(kept[-1][1].stop_seconds - start - shift) < _SHORTEST_SECONDS:
                start = kept.pop()[1].start_seconds - shift
            kept.append((chapter, Chapter(start + shift, stop + shift, chapter.title)))
    return [written for _, written in kept]


def metadata_text(tags: Mapping[str, str], chapters: Sequence[Chapter]) -> str:
    """A file in ffmpeg's metadata format."""
    lines = [";FFMETADATA1", *(f"{_escaped(name)}={_escaped(value)}" for name, value in tags.items())]
    for chapter in chapters:
        start, stop = round(chapter.start_seconds * 1000), round(chapter.stop_seconds * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={stop}", f"title={_escaped(chapter.title)}"]
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\[\\\n])", r"\\\1", text.replace("\r\n", "\n").replace("\0", ""))
