"""Edges of moments move to pauses, so that no sentence is cut off in its middle.

In: chosen spans, and a transcript or else the probability of speech over time. Out: the spans, each edge in a pause
where one can be reached. With a transcript pauses are what lies between utterances, however short. A moment starts
`AIR_SECONDS` before the first word and stops as long after the last; it grows to whole utterances as far as length,
budget and scene allow, and otherwise gives words up.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from highlightr.core.types import Signal, Transcript
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

GIVING_UP = 1.5
"""Giving up a second of a moment costs as much as adding so many."""


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


def move_to_pauses(span: Span, pauses: Sequence[Span], speech: Signal | None, room: Span, shortest: float) -> Span:
    """Move both edges of a span that lie in speech.

    Args:
        span: the moment.
        pauses: from `find_pauses` or `pauses_between`.
        speech: the signal; `None` with a transcript.
        room: how far the edges may go outwards.
        shortest: what must be left of the moment.

    Returns:
        A span inside the room. An edge that has no pause to go to takes the least speech near it, where that is known.
    """
    starts = [max(pause.start, pause.stop - AIR_SECONDS) for pause in pauses]
    stops = [min(pause.stop, pause.start + AIR_SECONDS) for pause in pauses]
    start = _moved(span.start, starts, pauses, Span(room.start, span.stop - shortest), 1.0, GIVING_UP)
    start = _quietest(span.start, speech, room, span.stop - shortest) if start is None else start
    stop = _moved(span.stop, stops, pauses, Span(start + shortest, room.stop), GIVING_UP, 1.0)
    stop = _quietest(span.stop, speech, Span(start + shortest, room.stop), room.stop) if stop is None else stop
    return Span(start, stop) if speech is not None else _trimmed(Span(start, stop), pauses)


def _trimmed(span: Span, pauses: Sequence[Span]) -> Span:
    """Without the silence at both ends, but for `AIR_SECONDS`; where there is much of it, it belongs to the moment."""
    start, stop = span
    for pause in pauses:
        if pause.start <= start <= pause.stop - AIR_SECONDS <= start + TRIM_SECONDS:
            start = pause.stop - AIR_SECONDS
        if stop - TRIM_SECONDS <= pause.start + AIR_SECONDS <= stop <= pause.stop:
            stop = pause.start + AIR_SECONDS
    return Span(start, stop) if start < stop else span


def _moved(
    edge: float, targets: Sequence[float], pauses: Sequence[Span], within: Span, earlier: float, later: float
) -> float | None:
    """The cheapest target within limits; the edge itself where it lies in a pause, `None` where none can be reached.

    `earlier` and `later` are what a second costs in each direction.
    """
    if any(pause.start - EPSILON_SECONDS <= edge <= pause.stop + EPSILON_SECONDS for pause in pauses):
        return edge
    reached = [time for time in targets if within.start - EPSILON_SECONDS <= time <= within.stop + EPSILON_SECONDS]
    return min(
        reached, key=lambda time: (edge - time) * earlier if time < edge else (time - edge) * later, default=None
    )


def _quietest(edge: float, speech: Signal | None, room: Span, latest: float) -> float:
    """The frame of least speech within `REACH_SECONDS`; the edge itself where the limits leave no frame."""
    if speech is None:
        return edge
    low, high = max(edge - REACH_SECONDS, room.start), min(edge + REACH_SECONDS, latest, room.stop)
    near = np.flatnonzero((speech.times_seconds >= low) & (speech.times_seconds <= high))
    if not len(near):
        return edge
    return float(speech.times_seconds[near[int(np.argmin(speech.values[near, 0]))]])
