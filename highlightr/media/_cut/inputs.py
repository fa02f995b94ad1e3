"""What ffmpeg reads: a source once for each take, as many at a time as fit into memory.

In: takes. Out: arguments, each input's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from highlightr.core.device import core_count
from highlightr.core.source import Source
from highlightr.media._container.opening import DEMUXERS, RANGE_PROTOCOLS, file_url, range_url
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import Take, decimal

_MEMORY_BYTES = 320 << 20
_FRAMES_HELD = 16
"""Decoded frames that one waiting input holds, at most; with the budget above it bounds the inputs of one run."""

_MOST_INPUTS = 16


def batches(plan: OutputPlan, takes: Sequence[Take]) -> Iterator[Sequence[Take]]:
    """The takes of one run after the other."""
    video = plan.source.video
    frame_bytes = video.width * video.height * 3 // 2 * (1 if plan.contents.picture.bits <= 8 else 2)
    size = max(1, min(_MOST_INPUTS, _MEMORY_BYTES // (frame_bytes * _FRAMES_HELD)))
    for first in range(0, len(takes), size):
        yield takes[first : first + size]


def sound_inputs(plan: OutputPlan, takes: Sequence[Take]) -> tuple[list[str], list[int]]:
    """Inputs of sound alone, which follow those of the takes, and the number of the one that has each take's sound."""
    arguments: list[str] = []
    numbers, following = list(range(len(takes))), len(takes)
    for number, take in enumerate(takes) if plan.sound else ():
        if take.reach.sound_seconds is not None:
            arguments += take_input(plan.source, take, sound=True)
            numbers[number], following = following, following + 1
    return arguments, numbers


def take_input(source: Source, take: Take, *, sound: bool = False) -> list[str]:
    """The file, the time that is sought in it (for its `sound` an earlier one) or the bytes that are read of it."""
    reach = take.reach
    sought = reach.seek_seconds
    if sound and reach.sound_seconds is not None:
        sought = reach.sound_seconds or None
    # A quarter of the cores: the encoder needs several times what a decoder needs, and each frame waits for it.
    decoding = ["-format_whitelist", DEMUXERS, "-threads", str(max(1, core_count() // 4))]
    # What an MP4 file's edit list skips at its beginning would be skipped after a seek; times tell what is not wanted.
    decoding += ["-flags2:a", "+skip_manual"]
    if reach.part is not None:
        fenced = [*decoding, "-protocol_whitelist", RANGE_PROTOCOLS, "-f", reach.part.format]
        return [*fenced, "-i", range_url(source.path, reach.part.span)]
    arguments = [*decoding, "-protocol_whitelist", "file"]
    if sought is not None:
        arguments += ["-noaccurate_seek", "-seek_timestamp", "1", "-ss", decimal(reach.clock + sought)]
    if source.video.dated_when_decoded:  # Of times that are all or partly wrong, ffmpeg would take some.
        arguments += [f"-bsf:{source.video.index}", "setts=pts=NOPTS"]
    return [*arguments, "-i", file_url(source.path)]


def concat_input(folder: Path, parts: Sequence[tuple[Path, Fraction]]) -> list[str]:
    """Files of one folder, where ffmpeg has to run, read one after the other, each for so many seconds.

    Raises:
        OSError: the list of them cannot be written.
    """
    listing = folder / "parts.txt"
    lines = [f"file {part.name}\nduration {decimal(seconds)}" for part, seconds in parts]
    listing.write_text("\n".join(["ffconcat version 1.0", *lines, ""]), encoding="utf-8")
    return ["-protocol_whitelist", "file", "-f", "concat", "-i", f"file:{listing.name}"]
