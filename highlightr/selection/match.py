"""What a user should know before anything is chosen: that the query is not there, or that an option does little."""

from __future__ import annotations

from highlightr.core.errors import NoMatchError
from highlightr.core.types import Match
from highlightr.selection.options import SelectionOptions

KNAPSACK_NOTE = (
    "Knapsack maximises a sum over shots, so many middling shots can outweigh the one that was asked for; "
    "leave out --mode to get the best moments."
)


def selection_notes(options: SelectionOptions, query: str | None, match: Match | None) -> tuple[str, ...]:
    """Sentences about these options for this query.

    Raises:
        NoMatchError: with `strict`, most likely nothing in the video answers the query.
    """
    notes = []
    if query is not None and options.mode == "knapsack":
        notes.append(KNAPSACK_NOTE)
    if options.strict and match is None:
        why = "there is no query" if query is None else "this scorer cannot tell whether the query is in the video"
        notes.append(f"strict has no effect: {why}.")
    if options.strict and match is not None and match.verdict == "none":
        raise NoMatchError(
            f"nothing in this video seems to be {query!r} (probability {100 * match.probability:.0f} %); nothing was "
            "written. Ask for something else, or leave out --strict to get the best guess"
        )
    return tuple(notes)
