"""A summary made by hand, for the tests of receipt and report."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from highlightr.core.source import AudioStream, Source, VideoStream
from highlightr.core.types import Match, Reason, Scores, Segment, Shot, Summary, TimeGrid


def example(path: Path, *, label: str = "tabby cat", query: str | None = "a cat", note: str | None = None) -> Summary:
    """60 s, 1 s clips, two segments; the file is written with a few bytes so that it can be hashed."""
    path.write_bytes(b"not really a video")
    grid = TimeGrid(60.0, 1.0)
    visual = np.abs(np.sin(np.arange(60) / 7)).astype(np.float32)
    scores = Scores(
        grid,
        (visual * 0.9).astype(np.float32),
        parts={"visual": visual * 0.6, "audio": visual[::-1] * 0.3},
        match=None if query is None else Match("strong", 0.98765),
    )
    reasons = (Reason("visual", label, 0.81, 9.0, 12.5), Reason("audio", "Meow", 0.345678, 10.0, 14.0))
    source = Source(
        path=path,
        duration_seconds=60.0,
        start_seconds=0.0,
        container="mov,mp4",
        size_bytes=18,
        video=VideoStream(0, "h264", 1280, 720, frames_per_second=Fraction(30000, 1001)),
        audio=AudioStream(1, "aac", 44100, 2),
    )
    return Summary(
        source=source,
        segments=(
            Segment(9.0, 14.0, 0.87654321, reasons, title=f"{label}, meow"),
            Segment(30.123456789, 34.0, 0.7, rank=2),
        ),
        scores=scores,
        shots=(Shot(0.0, 8.5), Shot(8.5, 30.0), Shot(30.0, 60.0)),
        preset="lite",
        query=query,
        notes=() if note is None else (note,),
        outputs={"video": path.with_suffix(".summary.mp4"), "receipt": path.with_suffix(".summary.json")},
        timings_seconds={"decode": 1.23456, "select": 0.01},
    )
