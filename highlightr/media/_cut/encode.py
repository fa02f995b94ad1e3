"""Cutting by re-encoding with ffmpeg, exact to the frame.

Every piece is a seeked input of one ffmpeg run, which reads from the last keyframe on; filters drop what lies outside
the piece. Its frames are dated on the output's own time line and merged by date (the concat filter would guess where
a piece ends from its mean frame rate, which is wrong for variable rates); its sound is cut to the sample, so that no
error adds up from piece to piece.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.types import Source
from highlightr.media._container.opening import DEMUXERS, file_url
from highlightr.media._cut.plan import Take
from highlightr.media._cut.stills import STILLS, Stills
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.outputs import MUXERS, check_suffix

__all__ = ["encode_pieces"]

PRESET = "superfast"
CRF = "20"
FADE_SECONDS = Fraction(1, 100)
"""Fade of the sound at both ends of a piece: without it a join may click."""

_GUARD_SECONDS = Fraction(1, 1000)
"""A piece's frames are counted from this much before its ends, so that rounded timestamps fall on their right side."""

_AIM_SECONDS = Fraction(1, 2000)
"""Seeking aims this much after the first frame's time: where it is a keyframe, reading begins there and not earlier."""

_TICKS = 1_000_000
"""Ticks per second of the output's time line inside the filters."""

_MEMORY_BYTES = 320 << 20
_FRAMES_HELD = 16
"""Decoded frames that one waiting input holds, at most; with the budget above it bounds the inputs of one run."""

_MOST_INPUTS = 16

_MOST_PACKETS_AHEAD = 1_000_000
"""Encoded pictures that wait for the first sound: those of a whole summary, where the file has to be read to its end to
know that there is none."""

_LARGEST_SAMPLE_RATE = 48_000
_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}


def encode_pieces(
    source: Source,
    takes: Sequence[Take],
    output: Path,
    progress: Callable[[float, float], None] | None,
    stills: Stills | None = None,
) -> list[bytes] | None:
    """Encode every frame once; many pieces go through several runs whose results are joined without loss.

    Returns:
        If `stills` were asked for, a JPEG of the frame in the middle of each piece; `None` if not all could be had.

    Raises:
        CutError: ffmpeg failed.
    """
    total = float(sum(take.stop - take.start for take in takes))
    batches = list(_batches(source, takes))
    parts: list[Path] = []
    made: list[bytes] | None = None if stills is None else []
    for number, batch in enumerate(batches):
        # PCM in between: an AAC stream would gain its encoder's padding at every join.
        part = output if len(batches) == 1 else output.with_name(f"part{number:05d}.mov")
        codec = _sound_codec(source) if part == output else ["-c:a", "pcm_s16le"] if source.audio else []
        raw = output.with_name("stills.rgb")
        pictures = [] if stills is None else stills.output(raw)
        report = None if progress is None else _shifted(progress, float(batch[0].offset), total)
        run_ffmpeg([*_encode_arguments(source, batch, stills), *codec, *_container(part), *pictures], progress=report)
        parts.append(part)
        if stills is not None and made is not None:
            some = stills.take(raw, _middles(batch))
            made = None if some is None else made + some
    if parts != [output]:
        lengths = [batch[-1].offset + batch[-1].stop - batch[-1].start - batch[0].offset for batch in batches]
        _join(source, list(zip(parts, map(float, lengths), strict=True)), output)
    return made


def _shifted(progress: Callable[[float, float], None], began: float, total: float) -> Callable[[float], None]:
    return lambda seconds: progress(min(began + seconds, total), total)


def _batches(source: Source, takes: Sequence[Take]) -> Iterator[Sequence[Take]]:
    frame_bytes = source.video.width * source.video.height * 3 // 2
    size = max(1, min(_MOST_INPUTS, _MEMORY_BYTES // (frame_bytes * _FRAMES_HELD)))
    for first in range(0, len(takes), size):
        yield takes[first : first + size]


def _encode_arguments(source: Source, takes: Sequence[Take], stills: Stills | None) -> list[str]:
    """Inputs, filters and the video codec."""
    arguments: list[str] = []
    began = takes[0].offset
    for take in takes:
        arguments += ["-protocol_whitelist", "file", "-format_whitelist", DEMUXERS]
        arguments += ["-threads", str(_decoder_threads())]
        arguments += ["-noaccurate_seek", "-ss", _decimal(take.shown + _AIM_SECONDS), "-i", file_url(source.path)]
    arguments += ["-filter_complex", _picture_graph(source, takes, began, stills), "-map", "[v]"]
    if source.audio:
        # A graph of its own: one graph would hold all pictures until the first sound is there, which may be never.
        arguments += ["-filter_complex", _sound_graph(source, takes, began), "-map", "[a]"]
        arguments += ["-max_muxing_queue_size", str(_MOST_PACKETS_AHEAD)]
    arguments += ["-map_chapters", "-1"]
    arguments += ["-c:v", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt", "yuv420p"]
    # FLV and transport streams do not say how long a frame lasts; without that a player leaves out the very last one.
    lasting = f"setts=pts=PTS:dts=DTS:duration='if(gt(DURATION,0),DURATION,1/TB*{_decimal(_frame_seconds(source))})'"
    return [*arguments, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-bsf:v", lasting]


def _frame_seconds(source: Source) -> Fraction:
    return 1 / (source.video.frames_per_second or Fraction(25))


def _middles(takes: Sequence[Take]) -> list[int]:
    """Just before the frame in the middle of each piece, in ticks of one run."""
    first = takes[0].offset
    return [_ticks(take.offset - first + take.middle - take.start - _GUARD_SECONDS) for take in takes]


def _decoder_threads() -> int:
    """A quarter of the cores: the encoder needs several times what a decoder needs, and each frame waits for it."""
    return max(1, (os.cpu_count() or 1) // 4)


def _picture_graph(source: Source, takes: Sequence[Take], began: Fraction, stills: Stills | None) -> str:
    filters = [_picture_filter(source, take, number, began) for number, take in enumerate(takes)]
    inputs = "".join(f"[v{k}]" for k in range(len(takes)))
    together = f"{inputs}interleave=nb_inputs={len(takes)}" if len(takes) > 1 else "[v0]null"
    if stills is None:
        return ";".join([*filters, f"{together}[v]"])
    return ";".join([*filters, f"{together},split[v][p]", f"[p]{stills.filters(_middles(takes))}[{STILLS}]"])


def _sound_graph(source: Source, takes: Sequence[Take], began: Fraction) -> str:
    filters = [_sound_filter(source, take, number, began) for number, take in enumerate(takes)]
    inputs = "".join(f"[a{k}]" for k in range(len(takes)))
    return ";".join([*filters, f"{inputs}concat=n={len(takes)}:v=0:a=1[a]"])


def _picture_filter(source: Source, take: Take, number: int, began: Fraction) -> str:
    """Date the frames on the output's time line; the first is on screen from the piece's very start."""
    # Frames come dated from where seeking aimed.
    lead, offset = _ticks(take.start - take.shown - _AIM_SECONDS), _ticks(take.offset - began)
    first, end = _ticks(-_AIM_SECONDS - _GUARD_SECONDS), _ticks(take.stop - take.shown - _AIM_SECONDS - _GUARD_SECONDS)
    kept = f"settb=1/{_TICKS},trim=start_pts={first}:end_pts={end}"
    dated = f"setpts='if(eq(N,0),0,PTS-{lead})+{offset}'"
    return f"[{number}:{source.video.index}]{kept},{dated}{_even(source)}[v{number}]"


def _even(source: Source) -> str:
    """yuv420p needs even sizes: a line is cropped, or a single one doubled."""
    width, height = source.video.width, source.video.height
    if width % 2 == 0 and height % 2 == 0:
        return ""
    if min(width, height) < 2:
        return ",scale=ceil(iw/2)*2:ceil(ih/2)*2:flags=neighbor"
    return ",crop=trunc(iw/2)*2:trunc(ih/2)*2:0:0:exact=1"


def _sound_filter(source: Source, take: Take, number: int, began: Fraction) -> str:
    """Cut the sound to the sample, fill what is missing with silence, fade both ends."""
    assert source.audio is not None
    rate = min(source.audio.sample_rate, _LARGEST_SAMPLE_RATE)
    layout = _LAYOUTS.get(source.audio.channels, "stereo")
    offset = take.offset - began
    count = max(1, round((offset + take.stop - take.start) * rate) - round(offset * rate))
    lead = round(_GUARD_SECONDS * rate)
    first = take.start - take.shown - _AIM_SECONDS - _GUARD_SECONDS
    end = first + take.stop - take.start + 2 * _GUARD_SECONDS
    fade = min(round(FADE_SECONDS * rate), count // 2)
    faded = f",afade=t=in:ss=0:ns={fade},afade=t=out:ss={count - fade}:ns={fade}" if fade else ""
    return (
        f"[{number}:{source.audio.index}]atrim=start={_decimal(first)}:end={_decimal(end)},"
        f"aresample={rate}:async=1:min_hard_comp=0.01:first_pts={round(first * rate)},"
        f"aformat=sample_fmts=fltp:sample_rates={rate}:channel_layouts={layout},"
        f"atrim=start_sample={lead}:end_sample={lead + count},asetpts=PTS-STARTPTS[s{number}];"
        # Silence follows, for a span whose sound is short or missing (apad fails where there is none at all).
        f"anullsrc=r={rate}:cl={layout},aformat=sample_fmts=fltp,atrim=end_sample={count}[n{number}];"
        f"[s{number}][n{number}]concat=n=2:v=0:a=1,atrim=end_sample={count}{faded}[a{number}]"
    )


def _sound_codec(source: Source) -> list[str]:
    if source.audio is None:
        return []
    return ["-c:a", "aac", "-b:a", f"{96 * min(max(source.audio.channels, 1), 6)}k"]


def _container(output: Path) -> list[str]:
    muxer = check_suffix(output)
    timescale = [] if muxer == MUXERS[".mkv"] else ["-video_track_timescale", "90000", "-movflags", "+faststart"]
    return [*timescale, "-f", muxer, "-y", file_url(output)]


def _join(source: Source, parts: Sequence[tuple[Path, float]], output: Path) -> None:
    """Join encoded parts: the video is copied, the sound encoded once."""
    folder = output.parent
    listing = folder / "parts.txt"
    lines = [f"file {part.name}\nduration {seconds:.6f}" for part, seconds in parts]
    try:
        listing.write_text("\n".join(["ffconcat version 1.0", *lines, ""]), encoding="utf-8")
    except OSError as error:
        raise CutError(f"{folder}: cannot be written ({error.strerror})") from error
    reading = ["-protocol_whitelist", "file", "-f", "concat", "-i", file_url(listing)]
    run_ffmpeg([*reading, "-map", "0", "-c:v", "copy", *_sound_codec(source), *_container(output)])
    for path in (listing, *(part for part, _ in parts)):
        path.unlink()


def _ticks(seconds: Fraction) -> int:
    return round(seconds * _TICKS)


def _decimal(seconds: Fraction) -> str:
    return f"{float(seconds):.6f}"
