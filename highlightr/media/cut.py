"""Writing the chosen segments as video files.

A probed source and segments (seconds from time zero) come in; files that are whole, or absent, go out, with a
`CutResult` that says which span of the source each piece really holds. Spans are half-open.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from highlightr.core.errors import ConfigError, CutError, HighlightrError
from highlightr.core.files import whole_file
from highlightr.core.outputs import check_output
from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media._cut.copy_cut import write_copied
from highlightr.media._cut.encoders import find_encoder
from highlightr.media._cut.exact_cut import write_encoded
from highlightr.media._cut.output_plan import CutJob
from highlightr.media._cut.result import CutResult, Piece
from highlightr.media._cut.smart_cut import write_smart
from highlightr.media._cut.splice import NotSmartError
from highlightr.media.choices import CutOptions, EncoderChoice
from highlightr.media.suffixes import check_suffix

__all__ = ["CutOptions", "CutResult", "Piece", "check_encoder", "cut_clips", "cut_summary"]

SAME_SECONDS = 1e-3
"""Segments that overlap by less only touch: times of timelines are rounded."""

TWICE_NOTE = "Some of the video is in the summary twice, because segments overlap."

logger = logging.getLogger(__name__)


def cut_summary(
    source: Source,
    segments: Sequence[Segment],
    output: Path,
    options: CutOptions = CutOptions(),  # noqa: B008  (frozen)
    *,
    overwrite: bool = False,
    progress: Advance | None = None,
) -> CutResult:
    """Write the segments one after the other into one file.

    Re-encoding is exact to the frame and keeps size, pixel shape and frame times; rotation is baked in. Copying
    keeps whole groups of pictures between keyframes, so boundaries move outwards; the result says how far. Audio
    tracks, text subtitles, chapters, titles and tags come along; the result's notes name what cannot.

    Args:
        segments: in the order in which they are to appear.
        output: an .mp4, .m4v, .mov or .mkv file.

    Raises:
        ConfigError: no segments, a segment that is empty or outside the video, an unknown suffix.
        OutputError: the output exists, is the source, or cannot be written; raised before any work.
        CutError: ffmpeg is missing or failed; nothing was written.
    """
    check_suffix(output)
    check_output(output, source.path, overwrite=overwrite)
    spans = _spans(source, segments)
    with whole_file(output, overwrite=overwrite) as partial, source.unchanged():
        written = _write(CutJob(source, spans, partial, options, progress))
    again = any(after[0] < before[1] - SAME_SECONDS for before, after in pairwise(sorted(spans)))
    return replace(written, path=output, notes=(TWICE_NOTE, *written.notes) if again else written.notes)


def cut_clips(
    source: Source,
    segments: Sequence[Segment],
    files: Sequence[Path],
    options: CutOptions = CutOptions(),  # noqa: B008  (frozen)
    *,
    progress: Advance | None = None,
) -> tuple[CutResult, ...]:
    """Write each segment as a file of its own, into a folder that is thrown away where one of them fails.

    Raises:
        ConfigError, CutError: as for `cut_summary`.
    """
    spans = _spans(source, segments)
    total, done, results = sum(b - a for a, b in spans), 0.0, []
    with source.unchanged():
        for path, span in zip(files, spans, strict=True):
            results.append(_write(CutJob(source, [span], path, options, _after(progress, done, total))))
            done += span[1] - span[0]
    return tuple(results)


def check_encoder(source: Source, encoder: EncoderChoice) -> None:
    """Try an encoder that is named, before any work; a `CutError` where it is not here, or does not work."""
    if encoder != "auto":
        find_encoder(encoder, source.video.width, source.video.height, hdr=False)


def _write(job: CutJob) -> CutResult:
    """Write one file and verify it: smart, or else in the way that the choice of cut leaves."""
    path = job.source.path
    if job.options.cut in ("copy", "exact"):
        return write_copied(job) if job.options.cut == "copy" else write_encoded(job)
    try:
        return write_smart(job)
    except (NotSmartError, HighlightrError) as error:
        if job.options.cut == "smart" and isinstance(error, HighlightrError):
            raise
        if job.options.cut == "smart":
            raise CutError(f"{path}: cannot be cut smart: {error}; use --cut exact") from error
        # No note: each piece says how it was written, and `auto` promised no more.
        logger.debug("%s: all pictures are encoded: %s", path, error)
        return write_encoded(job)


def _spans(source: Source, segments: Sequence[Segment]) -> list[tuple[float, float]]:
    """The segments as (start, stop), clamped to the video."""
    if not segments:
        raise ConfigError("no segments to cut; raise the ratio or duration")
    spans = []
    for segment in segments:
        start, stop = max(0.0, segment.start_seconds), min(segment.stop_seconds, source.duration_seconds)
        if not (math.isfinite(segment.start_seconds) and math.isfinite(segment.stop_seconds) and start < stop):
            raise ConfigError(
                f"segment {segment.start_seconds} to {segment.stop_seconds} s is empty or lies outside the video "
                f"(0 to {source.duration_seconds:.3f} s)"
            )
        spans.append((start, stop))
    return spans


def _after(progress: Advance | None, done: float, total: float) -> Advance | None:
    """The hook for one of several files: shifted by what the earlier ones wrote."""
    return None if progress is None else lambda seconds, _: progress(done + seconds, total)
