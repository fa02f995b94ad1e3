"""What the shell offers after Tab, beyond commands and flags: presets, scorers, formats, and other words of a set.

In: the beginning of a word. Out: what it may become. Whatever goes wrong on the way, nothing is offered and nothing
said: the line that is being typed must stay as it is. What knows the words is imported when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import typer

from highlightr.core.errors import HighlightrError

Known = Callable[[], Iterable[str]]
Complete = Callable[[str], list[str]]


def words(*known: str) -> Complete:
    """Offer words of a set."""
    return words_of(lambda: known)


def words_of(known: Known, *, listed: bool = False) -> Complete:
    """Offer words of a set that is looked up when it is asked for.

    With `listed`, for a list with commas: what stands before the last comma is kept, and not offered again.
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",") if listed else ("", "", incomplete)
        given = before.split(",")
        return [f"{before}{comma}{word}" for word in _safe(known) if word.startswith(last) and word not in given]

    return complete


def complete_scorer(ctx: typer.Context, incomplete: str) -> list[str]:
    """Offer the scorers of the preset that stands on the line, or of the default one."""

    def known() -> Iterable[str]:
        from highlightr.zoo import DEFAULT_PRESET, load_preset

        return load_preset(ctx.params.get("preset") or DEFAULT_PRESET).scorers

    return words_of(known)(incomplete)


def _safe(known: Known) -> list[str]:
    with suppress(HighlightrError, OSError):
        return list(known())
    return []


def _presets() -> Iterable[str]:
    from highlightr.zoo import preset_names
    from highlightr.zoo.presets import own_presets

    return (*preset_names(), *map(str, own_presets(Path())))


complete_preset = words_of(_presets)
complete_weights = words_of(lambda: import_module("highlightr.zoo.manifest").load_manifest())
complete_extractors = words_of(lambda: import_module("highlightr.features.registry").EXTRACTORS, listed=True)
complete_training_config = words_of(lambda: import_module("highlightr.training.config").config_names())
complete_device = words("auto", "cpu", "cuda")
