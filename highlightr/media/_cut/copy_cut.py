"""A cut by copying: planned, written, verified; what it does to the boundaries is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.source import Source
from highlightr.media._container.contents import read_contents
from highlightr.media._container.opening import best_video, moving_pictures, reading
from highlightr.media._cut.copy import copy_pieces
from highlightr.media._cut.copy_plan import SLACK, plan_copy
from highlightr.media._cut.frame_times import frame_times
from highlightr.media._cut.job import CutJob, with_texts
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import plan_copied
from highlightr.media._cut.result import CutResult, Piece
from highlightr.media.verify import Planned, check_video

_NOTICED_SECONDS = 0.05


def write_copied(job: CutJob) -> CutResult:
    """Copy the packets of the spans into a file and make sure that it holds them.

    Raises:
        CutError: the container cannot hold this codec, writing failed, or the file does not hold the pieces.
    """
    source, output = job.source, job.output
    pieces = tuple(_counted_copies(source, plan_copy(source, job.spans)))
    with reading(source.path) as container:
        plan = with_texts(plan_copied(source, read_contents(container, source.video.index), pieces), job.options)
    plan = copy_pieces(plan, output, job.progress)
    starts = [piece.output_start_seconds for piece in pieces if piece.seconds > 0]
    num_pictures = sum(piece.copied_pictures for piece in pieces)
    planned = Planned(sum(piece.seconds for piece in pieces), starts, len(plan.sound), num_pictures=num_pictures)
    if fault := check_video(output, planned).fault:
        raise CutError(f"{source.path}: cannot be copied, {fault}; leave out --copy")
    _check_raw(source, output)
    notes = (*_moved(pieces), *plan.notes, *not_kept(plan, output))
    return CutResult(output, pieces, notes=notes)


def _check_raw(source: Source, output: Path) -> None:
    """Make sure that raw pictures are what they were: nothing but the container says what their bytes mean."""
    if source.video.codec != "rawvideo":
        return
    with reading(source.path) as container, reading(output) as written:
        was = best_video(container, source.path).codec_context.pix_fmt
        now = moving_pictures(written)[0].codec_context.pix_fmt
    if was != now:
        raise CutError(
            f"{source.path}: {output.suffix} cannot hold raw pictures of {was}; use .mkv or leave out --copy"
        )


def _counted_copies(source: Source, pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces with their pictures, counted in the source by another reader than the one that copies."""
    with reading(source.path) as container:
        times = frame_times(container, source)
        for piece in pieces:
            start, stop = (Fraction(time) - SLACK for time in (piece.start_seconds, piece.stop_seconds))
            yield replace(piece, copied_pictures=sum(start <= time < stop for time in times.around(start, stop)))


def _moved(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """How far the boundaries of copied pieces moved, where a viewer would notice."""
    moved = [
        f"{number}. begins {_shift(piece.start_moved_seconds)}, ends {_shift(piece.stop_moved_seconds)}"
        for number, piece in enumerate(pieces, start=1)
        if max(abs(piece.start_moved_seconds), abs(piece.stop_moved_seconds)) >= _NOTICED_SECONDS
    ]
    total = sum(piece.seconds for piece in pieces)
    return (f"Copied at keyframes, {total:.1f} s in all: {'; '.join(moved)}.",) if moved else ()


def _shift(seconds: float) -> str:
    if abs(seconds) < _NOTICED_SECONDS:
        return "as chosen"
    return f"{abs(seconds):.1f} s {'later' if seconds > 0 else 'earlier'}"
