"""Cutting again from an edited receipt or timeline: the same verified cut, the same outputs.

In: an edit and its video. Out: what was written. With a receipt that fits the video (the edit itself, or the
file beside it of the same name) these are summary, receipt and report, with its scores; without one the summary alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from highlightr.core.checks import given_options, given_path
from highlightr.core.device import resolve_device
from highlightr.core.errors import ConfigError
from highlightr.core.files import printable
from highlightr.core.hashing import content_hash
from highlightr.core.outputs import check_no_input, is_same_file
from highlightr.core.progress import ProgressHook, Stages
from highlightr.core.source import Source
from highlightr.core.types import Reason, Scores, Segment, Summary, TimeGrid
from highlightr.export.captions import captioned
from highlightr.export.outputs import Outputs, find_leftovers, plan_outputs, with_captions
from highlightr.export.receipt import Provenance
from highlightr.export.receipt_reader import Receipt
from highlightr.export.segment_files import folder_notes, segment_folders
from highlightr.export.summary import deliver
from highlightr.export.timelines.read import find_video, read_edit
from highlightr.media import probe
from highlightr.media.cut import cut_summary
from highlightr.options import SummarizeOptions
from highlightr.selection.reasons import with_quotes
from highlightr.selection.segments import mean_score, ranked
from highlightr.selection.spans import Span
from highlightr.transcripts import SpeechSource, find_speech, listen

NO_RECEIPT_NOTE = "No receipt of this name lies beside the timeline, so no receipt and no report were written."
OTHER_VIDEO_NOTE = "The receipt was made from another video, so no receipt and no report were written."


@dataclass(frozen=True)
class Recut:
    """What was cut."""

    seconds: float
    """Length of the summary."""
    segments: tuple[Segment, ...]
    outputs: Mapping[str, Path]
    notes: tuple[str, ...] = ()
    """Sentences for the user."""
    receipt: Mapping[str, Any] = field(default_factory=dict)
    """As it was written; empty if none was."""


def cut_again(
    file: Path, video: Path | None = None, wanted: SummarizeOptions | None = None, progress: ProgressHook | None = None
) -> Recut:
    """Cut what a receipt, an OTIO file, an EDL or a CSV file says, by default from the video that it names.

    The summary is by default ``FILE.cut.mp4`` beside the file.

    Raises:
        ConfigError: the file cannot be understood, or does not fit the video.
        MediaError, OutputError, CutError: as for `Highlighter.summarize`.
    """
    wanted, stages, file = given_options(wanted, SummarizeOptions), Stages(progress), given_path("file", file)
    edit = read_edit(file)
    if wanted.output is None:
        wanted = replace(wanted, output=file.with_suffix(".cut.mp4"))
    with stages("probe"):
        place = find_video(edit.video, file) if video is None else given_path("video", video)
        source = probe(place, wanted.audio_track)
        named, noted = edit.spans(source)
        spans = [_clamped(span, number, source, file) for number, span in enumerate(named, start=1)]
        outputs = plan_outputs(source, wanted)
        speech = find_speech(source, wanted.transcript, wanted.transcribe, resolve_device("auto"))
        scores = None if edit.receipt is None else _scores(edit.receipt, source)
    if edit.receipt is None or scores is None:
        note = NO_RECEIPT_NOTE if edit.receipt is None else OTHER_VIDEO_NOTE
        outputs = replace(outputs, timelines={}, inputs=(*outputs.inputs, file))
        return _cut_alone(source, spans, wanted, stages, (*noted, note), speech, outputs)
    outputs = with_captions(outputs, source, wanted, speech.is_expected)
    if not is_same_file(outputs.receipt, file):  # A receipt that was edited becomes that of the edit.
        for path in outputs.files:
            check_no_input(path, (file,), "the timeline that is cut")
    outputs = replace(outputs, inputs=(*outputs.inputs, file))
    with stages("extract") as advance:
        transcript, told = listen(source, speech, edit.receipt.clip_seconds, advance)
    receipt, segments = edit.receipt, ranked([_segment(span, edit.receipt.segments, scores) for span in spans])
    if transcript is not None:
        segments = with_quotes(segments, transcript)
    known = (receipt.shots, receipt.preset, receipt.query)
    summary = Summary(source, segments, scores, *known, notes=(*noted, *told), transcript=transcript)
    provenance = Provenance(receipt.scorer, receipt.settings, receipt.marks, receipt.weights)
    made = deliver(summary, outputs, wanted, provenance, stages)
    return Recut(made.seconds, made.segments, made.outputs, tuple(made.notes), made.receipt)


def _clamped(span: Segment, number: int, source: Source, file: Path) -> Segment:
    """The span, clamped to the video if it ends within a frame of its end."""
    frame = 0.1 if source.video.frames_per_second is None else float(1 / source.video.frames_per_second)
    end = source.duration_seconds
    if not 0 <= span.start_seconds < min(span.stop_seconds, end) or span.stop_seconds > end + frame:
        raise ConfigError(
            f"{file}: span {number} ({span.start_seconds:.10g} to {span.stop_seconds:.10g} s) is empty or not within "
            f"the video (0 to {end:.3f} s)"
        )
    return replace(span, stop_seconds=min(span.stop_seconds, end))


def _scores(receipt: Receipt, source: Source) -> Scores | None:
    """The receipt's scores; `None` where it was made from another video."""
    grid = TimeGrid(source.duration_seconds, receipt.clip_seconds)
    same = content_hash(source.path, source.identity)[1] == receipt.source.hash
    if not same or {len(receipt.scores), *map(len, receipt.parts.values())} != {grid.num_clips}:
        return None
    parts = {name: np.asarray(values, np.float32) for name, values in receipt.parts.items()}
    try:
        return Scores(grid, np.asarray(receipt.scores, np.float32), parts, match=receipt.match)
    except ValueError as error:
        raise ConfigError(f"the receipt's scores cannot be used: {error}") from error


def _segment(span: Segment, known: Sequence[Segment], scores: Scores) -> Segment:
    """The span with the score it has now, and what the receipt says of the segment that it overlaps most."""
    start, stop = span.start_seconds, span.stop_seconds
    segment = Segment(start, stop, mean_score(scores, Span(start, stop)), title=span.title)
    nearest = max(known, key=lambda each: min(stop, each.stop_seconds) - max(start, each.start_seconds))
    if min(stop, nearest.stop_seconds) <= max(start, nearest.start_seconds):
        return segment
    reasons = tuple(kept for each in nearest.reasons if (kept := _reason(each, segment)) is not None)
    return replace(segment, reasons=reasons, title=span.title or nearest.title, quotes=nearest.quotes)


def _reason(reason: Reason, segment: Segment) -> Reason | None:
    """The reason, where it was found in what is left of its segment."""
    weight = min(max(reason.weight, 0.0), 1.0)
    if reason.start_seconds is None or reason.stop_seconds is None:
        return Reason(reason.kind, reason.label, weight)
    start, stop = max(reason.start_seconds, segment.start_seconds), min(reason.stop_seconds, segment.stop_seconds)
    return Reason(reason.kind, reason.label, weight, start, stop) if start < stop else None


def _cut_alone(
    source: Source,
    spans: Sequence[Segment],
    wanted: SummarizeOptions,
    stages: Stages,
    notes: tuple[str, ...],
    speech: SpeechSource,
    outputs: Outputs,
) -> Recut:
    """The summary, clips and pictures, where there are no scores to report."""
    with stages("extract") as advance:
        transcript, told = listen(source, speech, 1.0, advance)
    notes += told
    options, video = captioned(wanted.cut_options(), transcript), outputs.video
    segments = tuple(replace(span, rank=number) for number, span in enumerate(spans, start=1))
    with segment_folders(source, segments, wanted, video.suffix, options, stages) as folders:
        leftovers = find_leftovers(outputs, folders)
        with stages("cut") as advance:
            made = cut_summary(source, segments, video, options, overwrite=wanted.overwrite, progress=advance)
    leftovers.remove()
    if wanted.export:
        notes += ("Timelines are written from a receipt, so none was written.",)
    for path in (outputs.receipt, outputs.report):
        if path.exists():
            notes += (f"{printable(path)} is of the summary that was replaced.",)
    written = {"video": video} | {output: each.folder for output, each in folders.items()}
    told = (*notes, *made.notes, *folder_notes(folders, made), *leftovers.notes)
    return Recut(made.seconds, segments, written, told)
