"""What results are called in front of people: verdicts, senses, options. The report and the terminal share them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from highlightr.core.clock import span_clock
from highlightr.core.types import Match, Reason, Verdict

PERCENT_NOTE = "Percentages: the share of a segment's score that each finding made."

SENSES: Mapping[str, tuple[str, str]] = {
    "visual": ("Picture", "visual"),
    "audio": ("Sound", "audio"),
    "sounds": ("Striking sounds", "audio"),
    "dynamics": ("Changes of loudness", "audio"),
    "motion": ("Movement", "motion"),
    "novelty": ("Something new", "novelty"),
    "text": ("Words", "text"),
    "speech": ("Speech", "text"),
}
"""Kind of reason or part of the score: what people call it, and which of the report's colours it has."""

_VERDICTS: Mapping[Verdict, tuple[str, str]] = {
    "strong": ("Strong match", "Most likely it is in the video."),
    "weak": ("Weak match", "It may be in the video."),
    "none": ("No match", "Most likely it is not in the video; this is the best guess."),
}


def sense(kind: str) -> tuple[str, str]:
    """What a kind is called, and its colour; unknown ones share a neutral one."""
    return SENSES.get(kind, (kind, "other"))


def verdict_words(match: Match) -> tuple[str, str]:
    """A headline and a sentence with the probability, in whole percent from 1 to 99: nothing is certain."""
    headline, sentence = _VERDICTS[match.verdict]
    return headline, f"{sentence} Probability {min(max(round(100 * match.probability), 1), 99)} %."


def reason_words(reasons: Sequence[Reason]) -> list[str]:
    """Labels with their percentages; what was both seen and heard under one name is one finding."""
    found: dict[str, tuple[str, float]] = {}
    for each in reasons:
        label, weight = found.get(each.label.casefold(), (each.label, 0.0))
        found[each.label.casefold()] = label, weight + each.weight
    return [f"{label} {round(100 * weight)} %" for label, weight in found.values()]


def option_words(options: Mapping[str, Any], defaults: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was asked for, as name and value: options that differ from their defaults, without where files go."""
    kept = {name: value for name, value in options.items() if name not in defaults or _plain(defaults[name]) != value}
    return [(name.replace("_seconds", " (seconds)").replace("_", " "), _value(value)) for name, value in kept.items()]


def _plain(value: Any) -> Any:
    """As a receipt has it: tuples become lists."""
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(each)}" for name, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join("\u2013".join(span_clock(*each)) if _is_span(each) else _value(each) for each in value)
    return str(value)


def _is_span(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(each, int | float) for each in value)
