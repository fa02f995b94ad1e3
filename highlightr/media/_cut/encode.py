"""Cutting by re-encoding with ffmpeg, exact to the frame.

Every piece is a seeked input of one ffmpeg run, which reads from the last keyframe on; filters drop what lies outside
the piece (`picture`, `sound`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from highlightr.core.progress import Advance
from highlightr.media._cut.codecs import container, copied_picture, picture_codec, sound_codec
from highlightr.media._cut.encoders import output_of, uploading
from highlightr.media._cut.extras import Extras, counts_frames, extras_folder, make_extras
from highlightr.media._cut.inputs import batches, concat_input, sound_inputs, take_input
from highlightr.media._cut.job import burning
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.picture import Stills, middles, picture_graph
from highlightr.media._cut.plan import Take
from highlightr.media._cut.sound import sound_arguments
from highlightr.media._cut.ticks import GUARD_SECONDS, decimal
from highlightr.media.ffmpeg import run_ffmpeg

_LONG_SECONDS = Fraction(1, 5)
"""A picture that lasts longer stands still: slides, a screen, very low rates."""

_UNEVEN_SECONDS = Fraction(1, 100)
"""By how much the length in decode times may differ from that in display times."""

_REORDERED = (1, 2)
"""How many pictures late x264 and x265 decode, as they are used here."""

_MOST_PACKETS_AHEAD = 1_000_000
"""Encoded pictures that wait for the first sound: those of a whole summary, where the file has to be read to its end to
know that there is none."""


def encode_pieces(
    plan: OutputPlan,
    takes: Sequence[Take],
    output: Path,
    progress: Advance | None,
    stills: Stills | None = None,
) -> list[bytes] | None:
    """Encode every frame once; many pieces go through several runs whose results are joined without loss.

    If `stills` were asked for, a JPEG of the frame in the middle of each piece comes back; `None` if not all could be
    had. A `CutError` where ffmpeg failed.
    """
    total = float(sum(take.seconds for take in takes))
    runs = list(batches(plan, takes))
    parts: list[tuple[Path, Fraction]] = []
    made: list[bytes] | None = None if stills is None else []
    with extras_folder(output) as folder:
        is_whole = len(runs) == 1 and not counts_frames(plan, output)
        count = 1 + max(sound_inputs(plan, takes)[1]) if is_whole else 1
        extras = make_extras(plan, output, folder, count)
        for number, batch in enumerate(runs):
            part = output if is_whole else folder / f"part{number:05d}.mov"
            raw = folder / "stills.rgb"
            pictures = [] if stills is None else stills.output(raw)
            report = None if progress is None else _in_seconds(progress, batch, total)
            began, ended = batch[0].offset, batch[-1].output_stop
            burn = burning(plan, (float(began), float(ended)), folder / f"burn{number}.ass")
            arguments = _encode_arguments(plan, batch, part, stills, extras if is_whole else None, burn)
            run_ffmpeg([*arguments, *pictures], progress=report)
            parts.append((part, ended - began))
            if stills is not None and made is not None:
                some = stills.take(raw, middles(batch))
                made = None if some is None else made + some
        if not is_whole:
            _join(plan, parts, output, extras, folder)
    return made


def _in_seconds(progress: Advance, batch: Sequence[Take], total: float) -> Callable[[int], None]:
    """The hook for the frames of one run: told as seconds of the whole output."""
    began, frames = float(batch[0].offset), max(1, sum(len(take.frames) for take in batch))
    seconds = float(batch[-1].output_stop) - began
    return lambda frame: progress(began + seconds * min(1.0, frame / frames), total)


def _encode_arguments(
    plan: OutputPlan,
    takes: Sequence[Take],
    part: Path,
    stills: Stills | None,
    extras: Extras | None,
    burn: str,
) -> list[str]:
    """One run; a part that is still to be joined (`extras` is `None`) holds pictures and sound alone."""
    # Timestamps stay as the file has them: otherwise ffmpeg closes gaps that the plan knows of.
    arguments = [*plan.encoder.device, "-copyts"]
    began = takes[0].offset
    for take in takes:
        arguments += ["-reinit_filter", "0"] if take in plan.shapes else []
        arguments += take_input(plan.source, take)
    sounds, inputs = sound_inputs(plan, takes)
    arguments += [*sounds, *(extras.inputs if extras is not None else ())]
    graph = picture_graph(plan, takes, stills, burn) + uploading(plan.encoder)
    arguments += ["-filter_complex", graph, "-map", output_of(plan.encoder)]
    # A graph of its own: one graph would hold all pictures until the first sound is there, which may be never.
    arguments += [*sound_arguments(plan.sound, takes, inputs), "-max_muxing_queue_size", str(_MOST_PACKETS_AHEAD)]
    shown = max((time for take in takes for time in take.shown), default=began) - began
    seconds = takes[-1].output_stop - began
    arguments += ["-force_key_frames:v:0", ",".join(map(decimal, _keyframes(takes)))]
    arguments += picture_codec(plan, part, shown, seconds)
    # The length that an MP4 file states is that of its decode times: with B-frames it is wrong if steps are uneven.
    arguments += ["-bf:v:0", "0"] if _stands_still(takes) else []
    if extras is None:
        # PCM in between: an AAC stream would gain its encoder's padding at every join.
        return [*arguments, "-map_chapters", "-1", *(["-c:a", "pcm_s16le"] if plan.sound else []), *container(part)]
    return [*arguments, *sound_codec(plan.sound), *extras.outputs, *container(part)]


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


def _join(plan: OutputPlan, parts: Sequence[tuple[Path, Fraction]], output: Path, extras: Extras, folder: Path) -> None:
    """Join encoded parts: the video is copied, the sound encoded once."""
    mapped = ["-map", "0:v", *(["-map", "0:a"] if plan.sound else [])]
    codecs = [*copied_picture(plan.source, output, is_hevc=plan.colour.is_hdr), *sound_codec(plan.sound)]
    reading = [*concat_input(folder, parts), *extras.inputs]
    run_ffmpeg([*reading, *mapped, *codecs, *extras.outputs, *container(output)], folder=folder)
