"""Cutting by re-encoding, verified: what was written is compared with the plan, and written again by a safer way.

In: a probed source and spans. Out: a file that is as planned, or a `CutError`. Pictures that no way can decode are
missing in it; then the one before stays on screen, and a note says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from highlightr.core.errors import CutError
from highlightr.core.progress import Advance
from highlightr.core.types import Source
from highlightr.media._container.contents import read_contents
from highlightr.media._container.opening import reading
from highlightr.media._cut.copy import SLACK, copy_pieces
from highlightr.media._cut.copy_plan import plan_copy
from highlightr.media._cut.encode import encode_pieces
from highlightr.media._cut.encoders import SOFTWARE, find_encoder
from highlightr.media._cut.fades import plan_fades
from highlightr.media._cut.frame_times import FrameTimes, frame_times
from highlightr.media._cut.kept import not_kept
from highlightr.media._cut.output_plan import OutputPlan, plan_copied, plan_output, with_encoder
from highlightr.media._cut.plan import CutPlan, plan_encode
from highlightr.media._cut.result import CutResult, Piece
from highlightr.media._cut.stills import Stills, plan_stills
from highlightr.media._cut.texts import Texts, with_texts
from highlightr.media._cut.time_notes import time_notes
from highlightr.media.choices import CutChoice, EncoderChoice, HdrChoice, check_cut_choice
from highlightr.media.verify import Planned, Verdict, check_video

_SAFEST = 99
"""Every way to reach a frame is passed over but the last, which reads from the beginning."""

_NOTICED_SECONDS = 0.05

_MOST_MISSING = 0.5
"""Share of the planned pictures that may be missing."""


@dataclass(frozen=True)
class CutChoices:
    """What the caller chose."""

    cut: CutChoice
    hdr: HdrChoice | None
    mix_audio: bool
    fade: bool = False
    """Between pieces, through black and silence."""
    texts: Texts = field(default_factory=Texts)
    """What is done with subtitles."""
    encoder: EncoderChoice = SOFTWARE
    """Of pictures, where all are encoded."""

    def __post_init__(self) -> None:
        burn = self.texts.how == "burn"
        check_cut_choice(self.cut, self.encoder, hdr=self.hdr, fade=self.fade, burn=burn, mix_audio=self.mix_audio)


def write_encoded(
    source: Source,
    spans: Sequence[tuple[float, float]],
    output: Path,
    choices: CutChoices,
    progress: Advance | None,
    still_width: int | None = None,
) -> CutResult:
    """Encode the spans into a file and make sure that it holds them.

    Raises:
        CutError: ffmpeg failed, or what it wrote is not what was planned whatever the way.
    """
    try:
        return _encoded(source, spans, output, choices, progress, still_width)
    except CutError as error:
        video = source.video
        if choices.encoder != "auto" or find_encoder("auto", video.width, video.height, hdr=False)[0].is_software:
            raise
        written = _encoded(source, spans, output, replace(choices, encoder=SOFTWARE), progress, still_width)
        note = f"Encoded by software, because hardware failed: {str(error).partition(';')[0]}."
        return replace(written, notes=(*written.notes, note))


def _encoded(
    source: Source,
    spans: Sequence[tuple[float, float]],
    output: Path,
    choices: CutChoices,
    progress: Advance | None,
    still_width: int | None,
) -> CutResult:
    before: tuple[CutPlan, Verdict] | None = None
    for caution in (0, _SAFEST):
        cut, plan, looks, notes = planned_cut(source, spans, choices, caution, still_width)
        if before is not None and before[0] == cut:
            break
        plan = with_encoder(plan, choices.encoder, source.video)
        stills = encode_pieces(source, plan, cut.takes, cut.pieces, output, progress, looks)
        verdict = check_video(output, expected(cut, plan))
        if verdict.is_as_planned or (before is not None and before[1] == verdict):
            break
        before = cut, verdict
    if verdict.fault:
        raise CutError(
            f"{source.path}: what was cut is not what was planned: {verdict.fault}; remux or convert the video"
        )
    missing = (_missing_pictures(source, cut, verdict),) if verdict.missing else ()
    notes = (*notes, *missing, *plan.notes, *not_kept(source, plan, cut.pieces, output))
    # One for each piece, without bytes for one that is empty; none at all if some could not be had.
    shown = () if stills is None else tuple(b"" if at is None else stills[at] for at in cut.main_takes)
    return CutResult(output, tuple(_counted(cut)), shown, notes)


def write_copied(
    source: Source,
    spans: Sequence[tuple[float, float]],
    output: Path,
    progress: Advance | None,
    texts: Texts,
) -> CutResult:
    """Copy the packets of the spans into a file and make sure that it holds them.

    Raises:
        CutError: the container cannot hold this codec, writing failed, or the file does not hold the pieces.
    """
    pieces = tuple(_counted_copies(source, plan_copy(source, spans)))
    with reading(source.path) as container:
        plan = with_texts(plan_copied(source, read_contents(container, source.video.index)), texts)
    copy_pieces(source, plan, pieces, output, progress)
    fault = check_video(output, _expected_copy(plan, pieces)).fault
    if fault:
        raise CutError(f"{source.path}: cannot be copied, {fault}; leave out --copy")
    notes = (*_moved(pieces), *plan.notes, *not_kept(source, plan, pieces, output))
    return CutResult(output, pieces, notes=notes)


def _counted_copies(source: Source, pieces: Sequence[Piece]) -> Iterator[Piece]:
    """The pieces with their pictures, counted in the source by another reader than the one that copies."""
    with reading(source.path) as container:
        times = frame_times(container, source)
        for piece in pieces:
            yield replace(piece, copied_pictures=_num_pictures(times, piece))


def _expected_copy(plan: OutputPlan, pieces: Sequence[Piece]) -> Planned:
    """What a copy should hold."""
    num_pictures = sum(piece.copied_pictures for piece in pieces)
    starts = [piece.output_start_seconds for piece in pieces if piece.seconds > 0]
    seconds = sum(piece.seconds for piece in pieces)
    return Planned(seconds, starts, len(plan.sound), num_pictures=num_pictures)


def _num_pictures(times: FrameTimes, piece: Piece) -> int:
    start, stop = (Fraction(time) - SLACK for time in (piece.start_seconds, piece.stop_seconds))
    return sum(start <= time < stop for time in times.around(start, stop))


def _moved(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """How far the boundaries of copied pieces moved, where a viewer would notice."""
    moved = [
        f"{number}. begins {_shift(piece.start_moved_seconds)}, ends {_shift(piece.stop_moved_seconds)}"
        for number, piece in enumerate(pieces, start=1)
        if max(abs(piece.start_moved_seconds), abs(piece.stop_moved_seconds)) >= _NOTICED_SECONDS
    ]
    total = sum(piece.seconds for piece in pieces)
    return (f"Copied at keyframes, {total:.1f} s in all: {'; '.join(moved)}.",) if moved else ()


def _shift(seconds: float) -> str:
    if abs(seconds) < _NOTICED_SECONDS:
        return "as chosen"
    return f"{abs(seconds):.1f} s {'later' if seconds > 0 else 'earlier'}"


def planned_cut(
    source: Source,
    spans: Sequence[tuple[float, float]],
    choices: CutChoices,
    caution: int,
    still_width: int | None,
) -> tuple[CutPlan, OutputPlan, Stills | None, tuple[str, ...]]:
    """What an exact cut is to hold, how it is made, its stills, and notes."""
    with reading(source.path) as container:
        contents = read_contents(container, source.video.index, is_marked=source.video.interlaced)
        cut = plan_encode(container, source, spans, caution)
        plan = plan_output(container, source, contents, cut.takes, choices.hdr, mix=choices.mix_audio)
        if choices.fade:
            plan = replace(plan, fades=plan_fades(cut))
        plan = with_texts(plan, choices.texts)
        looks = None if still_width is None else plan_stills(source, still_width)
        return cut, plan, looks, time_notes(container, source)


def expected(cut: CutPlan, plan: OutputPlan) -> Planned:
    """What the file should hold."""
    starts = [float(take.offset) for take in cut.takes if take.frames]
    loose = max((take.loose_seconds for take in cut.takes), default=Fraction(0))
    return Planned(float(cut.seconds), starts, len(plan.sound), [float(time) for time in cut.shown], float(loose))


def _counted(cut: CutPlan) -> Iterator[Piece]:
    """The pieces, with how many pictures of each were written."""
    begins = [piece.output_start_seconds for piece in cut.pieces]
    for number, piece in enumerate(cut.pieces, start=1):
        own = (len(take.frames) for take in cut.takes if bisect_right(begins, float(take.offset)) == number)
        yield replace(piece, encoded_pictures=sum(own))


def _missing_pictures(source: Source, plan: CutPlan, verdict: Verdict) -> str:
    """The note about them.

    Raises:
        CutError: they are too many.
    """
    total, missing = len(plan.shown), len(verdict.missing)
    if missing > _MOST_MISSING * total:
        raise CutError(
            f"{source.path}: {missing} of {total} pictures in the chosen spans cannot be decoded; choose other moments"
        )
    return (
        f"{missing} of {total} pictures cannot be decoded, the first one at {verdict.missing[0]:.1f} s of the summary; "
        f"the one before stays on screen."
    )
