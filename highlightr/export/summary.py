"""From segments to files: the summary video, the clips, the report and the receipt, all whole or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from highlightr.core.errors import ConfigError
from highlightr.core.files import printable, write_whole
from highlightr.core.locks import turn_in
from highlightr.core.progress import Stages
from highlightr.core.source import Source
from highlightr.core.types import Summary
from highlightr.export.captions import burned_notes, captioned, write_captions
from highlightr.export.outputs import Outputs, check_again, find_leftovers, staged
from highlightr.export.receipt import Provenance, build_receipt, write_receipt
from highlightr.export.receipt_reader import receipt_from_plain, written_files
from highlightr.export.report import write_report
from highlightr.export.segment_files import SegmentFolder, folder_notes, segment_folders
from highlightr.export.timelines.write import render_timeline
from highlightr.media import grab_thumbnails, probe
from highlightr.media.cut import CutResult, cut_summary
from highlightr.media.ffmpeg import ffmpeg_version
from highlightr.options import SummarizeOptions

STILL_WIDTH, LARGE_STILL_WIDTH = 320, 640
"""In pixels; the best segment's still is the report's poster."""

FEW_SEGMENTS = 12
"""Up to here all stills are large: a report of hundreds of them would be of many megabytes."""


def deliver(
    summary: Summary, outputs: Outputs, wanted: SummarizeOptions, provenance: Provenance, stages: Stages
) -> Summary:
    """Write everything that was asked for; the summary comes back with its outputs, timings and receipt.

    No file is written where ffmpeg failed (`CutError`), or a place cannot be written or is free no more
    (`OutputError`).
    """
    source, segments = summary.source, summary.segments
    options = captioned(wanted.cut_options(), summary.transcript)
    with (
        ExitStack() as turn,
        staged(outputs) as (places, before_moving),
        segment_folders(source, segments, wanted, outputs.video.suffix, options, stages) as folders,
    ):
        with stages("cut") as advance:
            cut = cut_summary(source, segments, places.video, options, overwrite=True, progress=advance)
            stills = _stills(source, cut, is_burned=options.subtitles == "burn")
        notes = (*cut.notes, *folder_notes(folders, cut))
        captions, told = _captions(summary, wanted, cut, outputs, places)
        # Until all files are in their places: they describe each other, and another run may write to the same ones.
        # A folder for clips may be made, so the one around it counts.
        changing = (outputs.video, *(each.folder for each in folders.values()))
        turn.enter_context(turn_in(path.absolute().parent for path in changing))
        leftovers = find_leftovers(outputs, folders)
        named = {"video": outputs.video, "receipt": outputs.receipt, "report": outputs.report}
        filled = {"clips": wanted.clips, "thumbnails": wanted.thumbnails}
        before_moving.append(leftovers.remove)
        summary = replace(
            summary,
            outputs={**named, **{name: path for name, path in filled.items() if path is not None}, **captions},
            notes=(*summary.notes, *notes, *told, *leftovers.notes),
            written_seconds=cut.seconds,
            stills=stills,
        )
        with stages("report"):
            summary = replace(summary, timings_seconds=stages.timings_seconds)
            versions = {"ffmpeg": ffmpeg_version()}
            receipt = build_receipt(summary, provenance, options=wanted.as_flat(), versions=versions, cut=cut)
            summary = replace(summary, receipt=receipt)
            summary = _with_timelines(summary, outputs, places)
            summary = _with_files(summary, places, folders)
            write_report(places.report, summary, stills)
            write_receipt(places.receipt, summary.receipt)
        check_again(outputs, overwrite=wanted.overwrite)
    return replace(summary, timings_seconds=stages.timings_seconds)


def _stills(source: Source, cut: CutResult, *, is_burned: bool) -> tuple[bytes, ...]:
    """A JPEG of the frame in the middle of each piece; empty bytes where none can be decoded."""
    middles = [(piece.start_seconds + piece.stop_seconds) / 2 for piece in cut.pieces]
    if is_burned:  # Only what was written shows the subtitles.
        source, middles = probe(cut.path), [piece.output_start_seconds + piece.seconds / 2 for piece in cut.pieces]
    with source.unchanged():
        width = LARGE_STILL_WIDTH if len(middles) <= FEW_SEGMENTS else STILL_WIDTH
        return tuple(grab_thumbnails(source, middles, width=width))


def _captions(
    summary: Summary, wanted: SummarizeOptions, cut: CutResult, outputs: Outputs, places: Outputs
) -> tuple[Mapping[str, Path], tuple[str, ...]]:
    """Write what is said; where it will lie, and notes."""
    if summary.transcript is not None and places.captions:
        if not write_captions(summary.transcript, cut.pieces, places.captions):
            return {}, ("Nothing is said in the summary, so no subtitles lie beside it.",)
        told = ("The .vtt file is the timeline: what is said lies in the .srt file alone.",)
        return dict(outputs.captions), () if "vtt" in outputs.captions else told
    if wanted.subtitles != "burn":
        return {}, ()
    if summary.transcript is None:
        return {}, ("No subtitles were burned: nothing tells what is said.",)
    return {}, burned_notes(summary.transcript, cut.pieces)


def _with_files(summary: Summary, places: Outputs, folders: Mapping[str, SegmentFolder]) -> Summary:
    """List in the receipt what lies beside it, by which a later run tells its own files from a user's."""
    beside = {**places.timelines, **places.captions}
    files = [each for output, path in beside.items() if path.exists() for each in written_files(output, [path])]
    files += [each for output, folder in folders.items() for each in written_files(output, folder.files)]
    return replace(summary, receipt={**summary.receipt, "files": files}) if files else summary


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
