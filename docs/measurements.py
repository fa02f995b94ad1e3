"""What each measured table of the pages is measured by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from docs import measured_rows as rows
from docs.measured_rows import BESIDE_SPEECH, SHAPE, WHOLE, Rows

HEAVY = ("clip", "davihd-mrhisum", "davihd-tvsum", "cfsum-charades", "cfsum-qvhighlights")


@dataclass(frozen=True)
class Measurement:
    """One table: what is run for it, and what becomes of the figures."""

    module: str
    runs: tuple[tuple[str, ...], ...]
    """Arguments of each run behind the module's name; ``VIDEO``, ``HALF_MINUTE`` and ``SHORT`` stand for the video and
    its beginnings, ``DATA`` for the folder that holds folders of captioned clips, ``FEATURES`` for one that keeps what
    was analysed."""
    columns: tuple[str, ...]
    rows: Callable[[Mapping[str, Any]], Rows]
    """The figures of one run to its rows."""
    prints_json: bool = False
    """It prints its figures instead of taking ``--json``."""


ASKED = ("--query", "a cat")
EDIT_QUALITY = ("--data", "DATA", "--features", "FEATURES", "--half", "report")
PICTURE_SETS = ("--sets", "mixed", "events2", "captioned", "short")

MEASUREMENTS: Mapping[str, Measurement] = {
    "beside-decode": Measurement(
        "benchmarks.beside_decode",
        (("--data", "DATA/events", "DATA/events2"),),
        (
            "video",
            "GOP",
            "`score`",
            "`summarize`",
            "with `--fill`",
            "`score --analysis exact`",
            "peak of `summarize`, MiB",
        ),
        rows.beside_decode_rows,
    ),
    "analysis-modes": Measurement(
        "benchmarks.analysis_modes",
        (
            ("--data", "DATA/events"),
            ("--data", "DATA/events2"),
            ("--data", "DATA/captioned", "--gops", "2", "--limit", "12"),
        ),
        (
            "clips",
            "GOP",
            "seen",
            "boundaries, missed, added",
            "`cfsum-lite` HIT@1, mAP: exact",
            "auto",
            "`zeroshot` exact",
            "auto",
        ),
        rows.analysis_modes_rows,
    ),
    "realtime": Measurement(
        "benchmarks.realtime",
        (("VIDEO", "--minutes", "1", "--repeat", "5"),),
        ("video", "times real time", "times a bare decode", "peak, MiB"),
        rows.realtime_rows,
    ),
    "growth": Measurement(
        "benchmarks.growth",
        (("VIDEO", "--svg", "docs/growth.svg"),),
        ("series", "size", "wall, s", "s per minute or query", "growth", "peak, MiB"),
        rows.growth_rows,
    ),
    "edit-quality": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, "--sets", "mixed", "events2", "captioned", "short", "talk", "take", "calm"),),
        ("set", *WHOLE, *SHAPE),
        rows.edit_quality_rows,
    ),
    "absent": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, *PICTURE_SETS, "alone-silent", "alone-sounding"),),
        ("falsely noted, %", "1", "2", "5", "8", "10", "15", "20", "30", "50"),
        rows.absent_rows,
    ),
    "chances": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, *PICTURE_SETS),),
        ("chance", "queries", "of them in the video, %"),
        rows.chances_rows,
    ),
    "scores": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, *PICTURE_SETS),),
        ("score", "segments", "right where the video shows an answer, %", "right of all, %"),
        rows.scores_rows,
    ),
    "said": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, "--sets", "said"),),
        ("set", *WHOLE, *SHAPE),
        rows.edit_quality_rows,
    ),
    "beside-speech": Measurement(
        "benchmarks.edit_quality",
        ((*EDIT_QUALITY, *PICTURE_SETS), (*EDIT_QUALITY, "--speech", *PICTURE_SETS)),
        ("set", *BESIDE_SPEECH),
        rows.beside_speech_rows,
    ),
    "encoders": Measurement(
        "benchmarks.encoders",
        (("VIDEO", "--presets", "ultrafast", "superfast", "veryfast", "faster", "medium"),),
        ("setting", "size", "wall, s", "processor, s"),
        rows.encoders_rows,
    ),
    "second-query": Measurement(
        "benchmarks.second_query",
        (("VIDEO", "--minutes", "10", "--repeat", "1"),),
        ("command", "first query, s", "second query, s", "share"),
        rows.second_query_rows,
    ),
    "floor": Measurement(
        "benchmarks.floor",
        (
            ("VIDEO", *ASKED, "--preset", "lite", "--rounds", "5"),
            *(("HALF_MINUTE", *ASKED, "--preset", name, "--random-weights", "--rounds", "2") for name in HEAVY),
        ),
        ("preset", "ms per second of video", "over the floor", "rounds", "where the encoder alone counts for the cut"),
        rows.floor_rows,
    ),
    "plain-way": Measurement(
        "benchmarks.plain_way",
        (
            ("VIDEO", "--preset", "lite", "--rounds", "3"),
            *(("SHORT", "--preset", name, "--random-weights", "--rounds", "2") for name in HEAVY),
        ),
        ("preset", "video", "wall time", "processor time"),
        rows.plain_way_rows,
    ),
    "beside-others": Measurement(
        "benchmarks.beside_others",
        (("--data", "DATA/events2", "--clips", "12", "--rounds", "2"),),
        ("way", "wall, s", "processor, s", "times a decode", "peak, MiB", "joins", "elsewhere", "best second", "right"),
        rows.beside_others_rows,
    ),
    "backends": Measurement(
        "benchmarks.backends",
        (("SHORT",),),
        ("network", "torch", "torch, channels last", "onnxruntime", "OpenVINO"),
        rows.backends_rows,
    ),
    "flow": Measurement(
        "benchmarks.flow", (("VIDEO",),), ("way", "ms per pair, wall time", "processor time"), rows.flow_rows
    ),
    "scorers": Measurement(
        "benchmarks.scorers",
        ((),),
        ("preset", "parameters", "s per 1,000 clips", "plain transformer, s"),
        rows.scorers_rows,
        prints_json=True,
    ),
}
