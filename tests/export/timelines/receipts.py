"""Receipts of videos that need not be there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from highlightr.core.source import AudioStream
from highlightr.core.types import Segment
from highlightr.export.receipt import Provenance, build_receipt
from highlightr.media.cut import CutResult, Piece
from tests.export.example import example


def plain_receipt(rate: Fraction, spans: Sequence[tuple[int, int]], timecode: str | None) -> dict[str, Any]:
    """Of a video of 100 s with two audio tracks, whose segments are these frames, half-open."""
    with tempfile.TemporaryDirectory() as folder:
        summary = example(Path(folder) / "in.mp4")
        source = replace(
            summary.source,
            duration_seconds=100.0,
            timecode=timecode,
            video=replace(summary.source.video, frames_per_second=rate),
            audio_tracks=(AudioStream(1, "aac", 48000, 2), AudioStream(2, "ac3", 48000, 6)),
        )
        times = [(float(start / rate), float(stop / rate)) for start, stop in spans]
        about = {"title": "Tabby cat, meow", "reasons": summary.segments[0].reasons}
        segments = tuple(
            Segment(*each, 0.87654321, rank=rank, **(about if rank == 1 else {}))  # type: ignore[arg-type]
            for rank, each in enumerate(times, start=1)
        )
        output = [sum(stop - start for start, stop in times[:index]) for index in range(len(times))]
        pieces = tuple(Piece(*each, *each, at) for each, at in zip(times, output, strict=True))
        changed = replace(summary, source=source, segments=segments)
        return build_receipt(changed, Provenance("zeroshot"), cut=CutResult(Path("out.mp4"), pieces))
