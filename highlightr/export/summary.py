"""From segments to files: the summary video, the clips, the report and the receipt, all whole or none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError
from highlightr.core.files import printable, write_whole
from highlightr.core.progress import Stages
from highlightr.core.types import Summary, Transcript
from highlightr.export.captions import burned_notes, texts_of, write_captions
from highlightr.export.outputs import Outputs, staged
from highlightr.export.provenance import Provenance
from highlightr.export.receipt import build_receipt, write_receipt
from highlightr.export.receipt_reader import receipt_from_plain
from highlightr.export.report import write_report
from highlightr.export.segment_files import segment_names, write_thumbnails
from highlightr.export.timelines.write import render_timeline
from highlightr.media.cut import cut_clips, cut_summary
from highlightr.media.ffmpeg import ffmpeg_version
from highlightr.options import SummarizeOptions

STILL_WIDTH, LARGE_STILL_WIDTH = 320, 640
"""In pixels; the best segment's still is the report's poster."""

FEW_SEGMENTS = 12
"""Up to here all stills are large: they come out of one run, in one size, and are held in memory unpacked."""


def deliver(
    summary: Summary, outputs: Outputs, wanted: SummarizeOptions, provenance: Provenance, stages: Stages
) -> Summary:
    """Write everything that was asked for.

    Returns:
        The summary with its outputs, timings and receipt.

    Raises:
        CutError: ffmpeg failed; no file was written.
        OutputError: a place could not be written; no file was written.
    """
    source, segments = summary.source, summary.segments
    how = cut_options(wanted, summary.transcript)
    with staged(outputs) as places:
        with stages("cut") as advance:
            cut = cut_summary(
                source,
                segments,
                places.video,
                overwrite=True,
                **how,
                fade=wanted.transition == "fade",
                still_width=LARGE_STILL_WIDTH if len(segments) <= FEW_SEGMENTS else STILL_WIDTH,
                progress=advance,
            )
        notes = cut.notes
        if wanted.thumbnails is not None:
            with stages("thumbnails"):
                notes += write_thumbnails(source, segments, wanted.thumbnails, overwrite=wanted.overwrite)
        captions: dict[str, Path] = {}
        if summary.transcript is not None and places.captions:
            write_captions(summary.transcript, cut.pieces, places.captions)
            captions = dict(outputs.captions)
        elif wanted.subtitles == "burn":
            nothing_said = ("No subtitles were burned: nothing tells what is said.",)
            said = summary.transcript
            notes += nothing_said if said is None else burned_notes(said, cut.pieces)
        named = _output_paths(outputs, wanted) | captions
        summary = replace(summary, outputs=named, notes=(*summary.notes, *notes))
        summary = replace(summary, written_seconds=cut.seconds, stills=cut.stills)
        with stages("report"):
            summary = replace(summary, timings_seconds=stages.timings_seconds)
            versions = {"ffmpeg": ffmpeg_version()}
            receipt = build_receipt(summary, provenance, options=wanted.as_flat(), versions=versions, cut=cut)
            summary = replace(summary, receipt=receipt)
            summary = _with_timelines(summary, outputs, places)
            write_report(places.report, summary, cut.stills)
            write_receipt(places.receipt, summary.receipt)
        if wanted.clips is not None:
            with stages("clips"):
                names, suffix = segment_names(segments), outputs.video.suffix
                files: dict[str, Any] = {"suffix": suffix, "names": names, "overwrite": wanted.overwrite}
                cut_clips(source, segments, wanted.clips, **files, **how)
    return replace(summary, timings_seconds=stages.timings_seconds)


def cut_options(wanted: SummarizeOptions, transcript: Transcript | None = None) -> dict[str, Any]:
    """How pieces are written."""
    how = {"cut": wanted.cut, "encoder": wanted.encoder, "hdr": wanted.hdr, "mix_audio": wanted.audio_track == "mix"}
    return {**how, "texts": texts_of(transcript, wanted)}


def _output_paths(outputs: Outputs, wanted: SummarizeOptions) -> dict[str, Path]:
    named = {"video": outputs.video, "receipt": outputs.receipt, "report": outputs.report}
    folders = {"clips": wanted.clips, "thumbnails": wanted.thumbnails}
    return named | {name: folder for name, folder in folders.items() if folder is not None}


def _with_timelines(summary: Summary, outputs: Outputs, places: Outputs) -> Summary:
    """Write the timelines that were asked for; the receipt then names them, and says what one of them cannot hold."""
    if not outputs.timelines:
        return summary
    read = receipt_from_plain(summary.receipt, "the receipt")
    written: dict[str, Path] = {}
    notes: list[str] = []
    for name, path in outputs.timelines.items():
        try:
            text, told = render_timeline(read, summary.source.path, path, name)
        except ConfigError as error:
            notes.append(f"No {name} was written: {error}.")
            continue
        write_whole(places.timelines[name], text)
        written[name] = path
        notes += told
    every = {**summary.outputs, **written}
    told_once = [*summary.notes, *dict.fromkeys(notes)]
    receipt = {**summary.receipt, "notes": told_once, "outputs": {key: printable(path) for key, path in every.items()}}
    return replace(summary, outputs=every, notes=tuple(told_once), receipt=receipt)
