"""A cut of which every picture is encoded anew, compared with its plan.

In: a probed source and spans. Out: a file that is as planned, or a `CutError`. Every piece is a seeked input of one
ffmpeg run, which reads from the last keyframe on; filters drop what lies outside the piece (`picture`, `sound`). What
differs from its plan is encoded again by a safer way. Pictures that no way can decode are missing; then the one before
stays on screen, and a note says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.media._cut.codecs import container, picture_codec, sound_codec
from highlightr.media._cut.encoders import SOFTWARE, find_encoder
from highlightr.media._cut.extras import counts_frames, extras_folder, join, make_extras
from highlightr.media._cut.inputs import batches, concat_input, sound_inputs, take_input
from highlightr.media._cut.not_kept import not_kept
from highlightr.media._cut.output_plan import CutJob, OutputPlan, plan_encoded, with_encoder
from highlightr.media._cut.picture import burning, picture_graph
from highlightr.media._cut.plan import GUARD_SECONDS, Take, decimal
from highlightr.media._cut.result import CutResult
from highlightr.media._cut.sound import sound_arguments
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.verify import Planned, Verdict, check_video

_MOST_MISSING = 0.5
"""Share of the planned pictures that may be missing."""

_LONG_SECONDS = Fraction(1, 5)
"""A picture that lasts longer stands still: slides, a screen, very low rates."""

_UNEVEN_SECONDS = Fraction(1, 100)
"""By how much the length in decode times may differ from that in display times."""

_REORDERED = (1, 2)
"""How many pictures late x264 and x265 decode, as they are used here."""

_MOST_PACKETS_AHEAD = 1_000_000
"""Encoded pictures that wait for the first sound: those of a whole summary, where the file has to be read to its end to
know that there is none."""


def write_encoded(job: CutJob) -> CutResult:
    """Encode the spans into a file and make sure that it holds them.

    Raises:
        CutError: ffmpeg failed, or what it wrote is not what was planned whatever the way.
    """
    try:
        return _encoded(job)
    except CutError as error:
        video = job.source.video
        if job.options.encoder != "auto" or find_encoder("auto", video.width, video.height, hdr=False)[0].is_software:
            raise
        written = _encoded(replace(job, options=replace(job.options, encoder=SOFTWARE)))
        note = f"Encoded by software, because hardware failed: {str(error).partition(';')[0]}."
        return replace(written, notes=(*written.notes, note))


def _encoded(job: CutJob) -> CutResult:
    for careful in (False, True):
        plan = with_encoder(plan_encoded(job, careful=careful), job.options)
        encode_pieces(plan, job.output, job.progress)
        verdict = check_video(job.output, expected(plan))
        if verdict.is_as_planned:
            break
    if verdict.fault:
        raise CutError(
            f"{job.source.path}: what was cut is not what was planned: {verdict.fault}; remux or convert the video"
        )
    missing = (_missing_pictures(job.source, plan, verdict),) if verdict.missing else ()
    notes = (*plan.time_notes, *missing, *plan.notes, *not_kept(plan, job.output))
    return CutResult(job.output, plan.pieces, notes)


def expected(plan: OutputPlan) -> Planned:
    """What the file should hold."""
    starts = [float(take.offset) for take in plan.takes if take.frames]
    loose = max((take.loose_seconds for take in plan.takes), default=Fraction(0))
    return Planned(float(plan.seconds), starts, len(plan.sound), [float(time) for time in plan.shown], float(loose))


def _missing_pictures(source: Source, plan: OutputPlan, verdict: Verdict) -> str:
    """The note about them; a `CutError` where they are too many."""
    total, missing = len(plan.shown), len(verdict.missing)
    if missing > _MOST_MISSING * total:
        raise CutError(
            f"{source.path}: {missing} of {total} pictures in the chosen spans cannot be decoded; choose other moments"
        )
    return (
        f"{missing} of {total} pictures cannot be decoded, the first one at {verdict.missing[0]:.1f} s of the output; "
        f"the one before stays on screen."
    )


def encode_pieces(plan: OutputPlan, output: Path, progress: Advance | None) -> None:
    """Encode every frame once; many pieces go through several runs whose results are joined without loss.

    A `CutError` where ffmpeg failed.
    """
    runs, parts = list(batches(plan, plan.takes)), list[tuple[Path, Fraction]]()
    with extras_folder(output) as folder:
        is_whole = len(runs) == 1 and not counts_frames(plan, output)
        for number, run in enumerate(runs):
            part = output if is_whole else folder / f"part{number:05d}.mov"
            report = None if progress is None else _in_seconds(progress, run, float(plan.seconds))
            burn = burning(plan, run, folder / f"burn{number}.ass")
            arguments = _encode_arguments(plan, run, part, burn, folder if is_whole else None)
            run_ffmpeg(arguments, progress=report)
            parts.append((part, run[-1].output_stop - run[0].offset))
        if not is_whole:
            mapped = [*(["-map", "0:a"] if plan.sound else []), *sound_codec(plan.sound)]
            join(plan, output, folder, concat_input(folder, parts), mapped, is_hevc=plan.colour.is_hdr)


def _in_seconds(progress: Advance, run: Sequence[Take], total: float) -> Callable[[int], None]:
    """The hook for the frames of one run: told as seconds of the whole output."""
    began, frames = float(run[0].offset), max(1, sum(len(take.frames) for take in run))
    seconds = float(run[-1].output_stop) - began
    return lambda frame: progress(began + seconds * min(1.0, frame / frames), total)


def _encode_arguments(
    plan: OutputPlan, takes: Sequence[Take], output: Path, burn: str, folder: Path | None
) -> list[str]:
    """One run; with a `folder` for what comes along, and otherwise a part that holds pictures and sound alone."""
    # Timestamps stay as the file has them: otherwise ffmpeg closes gaps that the plan knows of.
    arguments = [*plan.encoder.device, "-copyts"]
    began = takes[0].offset
    for take in takes:
        arguments += ["-reinit_filter", "0"] if take in plan.shapes else []
        arguments += take_input(plan.source, take)
    sounds, inputs = sound_inputs(plan, takes)
    arguments += sounds
    extras = None if folder is None else make_extras(plan, output, folder, arguments.count("-i"))
    arguments += extras.inputs if extras is not None else ()
    graph = picture_graph(plan, takes, burn) + plan.encoder.uploading
    arguments += ["-filter_complex", graph, "-map", plan.encoder.label]
    # A graph of its own: one graph would hold all pictures until the first sound is there, which may be never.
    arguments += [*sound_arguments(plan.sound, takes, inputs), "-max_muxing_queue_size", str(_MOST_PACKETS_AHEAD)]
    shown = max((time for take in takes for time in take.shown), default=began) - began
    seconds = takes[-1].output_stop - began
    arguments += ["-force_key_frames:v:0", ",".join(map(decimal, _keyframes(takes)))]
    arguments += picture_codec(plan, output, shown, seconds)
    # The length that an MP4 file states is that of its decode times: with B-frames it is wrong if steps are uneven.
    arguments += ["-bf:v:0", "0"] if _stands_still(takes) else []
    if extras is None:
        # PCM in between: an AAC stream would gain its encoder's padding at every join.
        return [*arguments, "-map_chapters", "-1", *(["-c:a", "pcm_s16le"] if plan.sound else []), *container(output)]
    return [*arguments, *sound_codec(plan.sound), *extras.outputs, *container(output)]


def _stands_still(takes: Sequence[Take]) -> bool:
    """Whether a picture lasts so long, or may, that decode times cannot be made up of its neighbours'.

    So it is, too, where the last pictures follow each other faster or slower than the first.
    """
    shown = [time for take in takes for time in take.shown]
    leads = [(shown[-1] - shown[-1 - late], shown[late] - shown[0]) for late in _REORDERED if late < len(shown)]
    is_uneven = any(abs(end - begin) > _UNEVEN_SECONDS for end, begin in leads)
    return takes[0].is_careful or is_uneven or any(after - before > _LONG_SECONDS for before, after in pairwise(shown))


def _keyframes(takes: Sequence[Take]) -> list[Fraction]:
    """The first and the last frame of each piece: players go there at once, and both are decoded to verify the file."""
    ends = {take.shown[number] for take in takes if take.frames for number in (0, -1)}
    return [time - takes[0].offset - GUARD_SECONDS for time in sorted(ends)]
