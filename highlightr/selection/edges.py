"""Edges of moments move to pauses, so that no sentence is cut off in its middle.

In: chosen spans, and a transcript or else the probability of speech over time. Out: the spans, each edge in a pause
where one can be reached. With a transcript pauses are what lies between utterances, however short. A moment starts
`AIR_SECONDS` before the first word and stops as long after the last; it grows to whole utterances as far as length,
budget and scene allow, and otherwise gives words up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress, pairwise

import numpy as np

from highlightr.core.transcript import Transcript
from highlightr.core.types import Signal
from highlightr.selection.spans import EPSILON_SECONDS, Span

SPEECH = "speech"
"""Name of the signal, as `highlightr.features.lite.speech` writes it: importing that would open a runtime."""

SPEAKING = 0.5
"""Probability from which a frame counts as speech: the network's own threshold."""

SHORTEST_PAUSE_SECONDS = 0.25
"""Shorter gaps lie inside a sentence: in a spoken talk none of those was longer than 0.16 s, and no pause shorter than
0.35 s."""

AIR_SECONDS = 0.15
"""Sound kept around words."""

REACH_SECONDS = 1.5
"""Where no pause can be reached, an edge goes to the least speech within this distance."""

OVER_SECONDS = 0.3
"""How far an edge may leave its scene for a pause: less than a viewer sees as another shot."""

TRIM_SECONDS = 1.0
"""With a transcript, so much silence at most is cut off between an edge and the words inside: edges lie on clips first,
and a clip is a second."""

LONG_PAUSE_SECONDS = 2.0
"""In a longer pause there is more to see than words: an edge that gives words up stays in it, beside them."""

GIVING_UP = 1.5
"""Giving up a second of a moment costs as much as adding so many."""

SPOKEN = 1000.0
"""An edge in speech costs more seconds than a moment has: one that can be avoided is."""


def find_pauses(speech: Signal, duration: float) -> list[Span]:
    """Stretches without speech, in order; where the sound has not begun or has ended, there is no speech."""
    times, speaking = speech.times_seconds, speech.values[:, 0] >= SPEAKING
    turns = times[1:][speaking[1:] != speaking[:-1]]
    starts_quiet = len(speaking) == 0 or not speaking[0]
    edges = [0.0, *turns.tolist(), duration] if starts_quiet else [*turns.tolist(), duration]
    runs = [Span(*run) for run in pairwise(edges)][::2]
    at_ends = (0.0, duration)
    return [run for run in runs if run.seconds >= SHORTEST_PAUSE_SECONDS or run.start in at_ends or run.stop in at_ends]


def pauses_between(transcript: Transcript, duration: float) -> list[Span]:
    """Before the first utterance, between each two, and after the last; those without a gap have no length."""
    starts = [each.start_seconds for each in transcript.utterances]
    stops = [each.stop_seconds for each in transcript.utterances]
    return [Span(*gap) for gap in zip([0.0, *stops], [*starts, max([duration, *stops[-1:]])], strict=True)]


def move_to_pauses(
    span: Span,
    pauses: Sequence[Span],
    speech: Signal | None,
    room: Span,
    shortest: float,
    longest: float,
    answers: Callable[[Span], bool],
) -> Span:
    """Move both edges of a span that lie in speech, together: where one goes limits where the other may.

    Args:
        speech: the signal; `None` with a transcript.
        shortest: what must be left of the moment.
        longest: how long it may become.
        answers: whether what it may become still is what was chosen; the moment itself is.

    Returns:
        A span inside the room that overlaps the moment. An edge that has no pause to go to takes the least speech near
        it, where that is known.
    """
    before = [max(pause.start, pause.stop - AIR_SECONDS) for pause in pauses]
    after = [min(pause.stop, pause.start + AIR_SECONDS) for pause in pauses]
    is_long = [pause.seconds > LONG_PAUSE_SECONDS for pause in pauses]
    starts = _targets(span.start, [*before, *compress(after, is_long)], pauses, speech, room)
    stops = _targets(span.stop, [*after, *compress(before, is_long)], pauses, speech, room)
    low, high = min(shortest, span.seconds) - EPSILON_SECONDS, max(longest, span.seconds) + EPSILON_SECONDS
    pairs = [
        (cost + other + _moving(span, Span(start, stop)), start, stop)
        for start, cost in starts.items()
        for stop, other in stops.items()
        if low <= stop - start <= high and start < span.stop and stop > span.start and answers(Span(start, stop))
    ]
    moved = Span(*min(pairs)[1:])
    trimmed = moved if speech is not None else _trimmed(moved, pauses)
    return trimmed if trimmed.seconds >= low else moved


def _trimmed(span: Span, pauses: Sequence[Span]) -> Span:
    """Without the silence at both ends, but for `AIR_SECONDS`; where there is much of it, it belongs to the moment."""
    start, stop = span
    for pause in pauses:
        if pause.start <= start <= pause.stop - AIR_SECONDS <= start + TRIM_SECONDS:
            start = pause.stop - AIR_SECONDS
        if stop - TRIM_SECONDS <= pause.start + AIR_SECONDS <= stop <= pause.stop:
            stop = pause.start + AIR_SECONDS
    return Span(start, stop) if start < stop else span


def _targets(
    edge: float, targets: Sequence[float], pauses: Sequence[Span], speech: Signal | None, room: Span
) -> dict[float, float]:
    """Where an edge may go, and what it costs that there is speech."""
    low, high = room.start - EPSILON_SECONDS, room.stop + EPSILON_SECONDS
    clean = {min(max(time, room.start), room.stop): 0.0 for time in targets if low <= time <= high}
    if is_quiet(edge, pauses):
        return clean | {edge: 0.0}
    return {edge: 2 * SPOKEN} | {_quietest(edge, speech, room): SPOKEN} | clean


def is_quiet(edge: float, pauses: Sequence[Span]) -> bool:
    """Whether an edge lies in a pause."""
    return any(pause.start - EPSILON_SECONDS <= edge <= pause.stop + EPSILON_SECONDS for pause in pauses)


def _moving(span: Span, moved: Span) -> float:
    """What it costs to give up and to add so many seconds."""
    steps = (moved.start - span.start, span.stop - moved.stop)
    return sum(GIVING_UP * step if step > 0 else -step for step in steps)


def _quietest(edge: float, speech: Signal | None, room: Span) -> float:
    """The frame of least speech within `REACH_SECONDS`, the nearest of equals; the edge itself where there is none."""
    if speech is None:
        return edge
    low, high = max(edge - REACH_SECONDS, room.start), min(edge + REACH_SECONDS, room.stop)
    near = np.flatnonzero((speech.times_seconds >= low) & (speech.times_seconds <= high))
    if not len(near):
        return edge
    times = speech.times_seconds[near]
    return float(times[np.lexsort((np.abs(times - edge), speech.values[near, 0]))[0]])
