"""From segments to files: the summary video, the clips, the report and the receipt, all whole or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from highlightr.core.progress import Stages
from highlightr.core.types import Summary
from highlightr.export.outputs import Outputs, staged
from highlightr.export.receipt import build_receipt, write_receipt
from highlightr.export.report import write_report
from highlightr.export.segment_files import segment_names, write_thumbnails
from highlightr.media import CutResult, cut_clips, cut_summary
from highlightr.media.ffmpeg import ffmpeg_version
from highlightr.model_loader import Models
from highlightr.options import SummarizeOptions

__all__ = ["deliver"]

STILL_WIDTH, LARGE_STILL_WIDTH = 320, 640
"""In pixels; the best segment's still is the report's poster."""

FEW_SEGMENTS = 12
"""Up to here all stills are large: they come out of one run, in one size, and are held in memory unpacked."""


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
                still_width=LARGE_STILL_WIDTH if len(segments) <= FEW_SEGMENTS else STILL_WIDTH,
                progress=advance,
            )
        notes = cut.notes
        if wanted.thumbnails is not None:
            with stages("thumbnails"):
                notes += write_thumbnails(source, segments, wanted.thumbnails, overwrite=wanted.overwrite)
        summary = replace(summary, outputs=_named(outputs, wanted), notes=(*summary.notes, *notes))
        summary = replace(summary, written_seconds=cut.seconds, stills=cut.stills)
        with stages("report"):
            summary = replace(summary, timings_seconds=stages.timings_seconds)
            summary = replace(summary, receipt=_receipt(summary, wanted, models, cut))
            write_report(places.report, summary, cut.stills)
            write_receipt(places.receipt, summary.receipt)
        if wanted.clips is not None:
            with stages("clips"):
                names, suffix = segment_names(segments), outputs.video.suffix
                files: dict[str, Any] = {"suffix": suffix, "names": names, "overwrite": wanted.overwrite}
                cut_clips(source, segments, wanted.clips, **files, **_cutting(wanted))
    return replace(summary, timings_seconds=stages.timings_seconds)


def _cutting(wanted: SummarizeOptions) -> dict[str, Any]:
    """How pieces are written."""
    return {"copy": wanted.cut == "copy", "hdr": wanted.hdr, "mix_audio": wanted.audio_track == "mix"}


def _named(outputs: Outputs, wanted: SummarizeOptions) -> dict[str, Path]:
    named = {"video": outputs.video, "receipt": outputs.receipt, "report": outputs.report}
    folders = {"clips": wanted.clips, "thumbnails": wanted.thumbnails}
    return named | {name: folder for name, folder in folders.items() if folder is not None}


def _receipt(summary: Summary, wanted: SummarizeOptions, models: Models, cut: CutResult) -> dict[str, Any]:
    choice = models.choice_for(summary.query)
    seed = choice.random_seed
    return build_receipt(
        summary,
        scorer=models.preset.scorer_name(summary.query),
        options=wanted.as_flat(),
        settings={"device": models.device, "random_seed": seed, "scorer_config": dict(choice.config)},
        marks=() if seed is None else ("random weights",),
        weights=models.weights_for(summary.query),
        versions={"ffmpeg": ffmpeg_version()},
        cut=cut,
    )
