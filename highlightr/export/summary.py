"""From segments to files: the summary video, the clips, the report and the receipt, all whole or none."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from highlightr.core.progress import Stages
from highlightr.core.types import Summary
from highlightr.export.outputs import Outputs, staged
from highlightr.export.receipt import build_receipt, write_receipt
from highlightr.export.report import write_report
from highlightr.media import CutResult, cut_clips, cut_summary
from highlightr.media.ffmpeg import ffmpeg_version
from highlightr.model_loader import Models
from highlightr.options import SummarizeOptions

__all__ = ["deliver"]

STILL_WIDTH = 320


def deliver(summary: Summary, outputs: Outputs, wanted: SummarizeOptions, models: Models, stages: Stages) -> Summary:
    """Write everything that was asked for.

    Returns:
        The summary with its outputs, timings and receipt.

    Raises:
        CutError: ffmpeg failed; no file was written.
        OutputError: a place could not be written; no file was written.
    """
    source, segments = summary.source, summary.segments
    with staged(outputs) as places:
        with stages("cut") as advance:
            cut = cut_summary(
                source,
                segments,
                places.video,
                overwrite=True,
                **_cutting(wanted),
                still_width=STILL_WIDTH,
                progress=advance,
            )
        summary = replace(summary, outputs=_named(outputs, wanted), notes=(*summary.notes, *cut.notes))
        with stages("report"):
            summary = replace(summary, timings_seconds=stages.timings_seconds)
            summary = replace(summary, receipt=_receipt(summary, wanted, models, cut))
            write_report(places.report, summary, cut.stills)
            write_receipt(places.receipt, summary.receipt)
        if wanted.clips is not None:
            with stages("clips"):
                cut_clips(source, segments, wanted.clips, overwrite=wanted.overwrite, **_cutting(wanted))
    return replace(summary, timings_seconds=stages.timings_seconds)


def _cutting(wanted: SummarizeOptions) -> dict[str, Any]:
    """How pieces are written."""
    return {"copy": wanted.copy, "hdr": wanted.hdr, "mix_audio": wanted.audio_track == "mix"}


def _named(outputs: Outputs, wanted: SummarizeOptions) -> dict[str, Path]:
    named = {"video": outputs.video, "receipt": outputs.receipt, "report": outputs.report}
    return named if wanted.clips is None else {**named, "clips": wanted.clips}


def _receipt(summary: Summary, wanted: SummarizeOptions, models: Models, cut: CutResult) -> dict[str, Any]:
    choice = models.choice_for(summary.query)
    seed = choice.random_seed
    return build_receipt(
        summary,
        scorer=models.preset.scorer_name(summary.query),
        options=asdict(wanted),
        settings={"device": models.device, "random_seed": seed, "scorer_config": dict(choice.config)},
        marks=() if seed is None else ("random weights",),
        weights=models.weights_for(summary.query),
        versions={"ffmpeg": ffmpeg_version()},
        cut=cut,
    )
