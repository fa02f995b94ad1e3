"""From cues or words with times to utterances: sentences, where punctuation tells, one after the other.

In: spans of text in any order, as subtitles or a recogniser give them, in seconds. Out: `Utterance`s in order of time
that do not overlap, within the video. Where a span holds several sentences, its time is shared out by their letters.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from highlightr.core.transcript import Utterance, is_aside
from highlightr.media.subtitles import Cue

MOST_SPANS = 500_000
"""Of one transcript; ten hours of words are 100,000. Further ones are passed over."""

LONGEST_SECONDS = 15.0
"""Of an utterance: what has no punctuation is divided."""

LONGEST_LETTERS = 400
"""Likewise."""

ENOUGH_SECONDS = 6.0
"""An utterance this long ends with its span, if the next one may begin a sentence or there is no punctuation."""

PAUSE_SECONDS = 1.0
"""Silence between two spans that ends an utterance."""

SHORTEST_SECONDS = 0.02

_MOST_LETTERS = 20_000
"""Of one span, a quarter of an hour of speech."""

_TAG = re.compile(r"</?[A-Za-z0-9!][^<>]{0,200}>|</?[A-Za-z]>|\{\\[^{}]{0,200}\}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
"""Controls, and marks that turn the direction of what follows; letters that run to the left do so by themselves."""

_ANOTHER_SPEAKER = re.compile(r"^(?:>>+\s*|[-\u2013\u2014](?:\s+|(?=[\[(\u2669-\u266c]|[^\W\d_a-z])))+")
"""Arrows or a dash at the beginning of a line of captions; ``-5`` is a number, and ``-five`` the end of one."""

_BESIDE_WORDS = re.compile(r"[\u2669-\u266c]+|\[[^\[\]]{0,80}\]|^\([^()]{0,80}\)")
"""Notes of music, and what captions tell beside what is said."""

_WIDE_ENDS = "\u3002\uff01\uff1f"
"""Full stop, exclamation and question mark of Chinese and Japanese, where no space follows."""

_WORD = re.compile(rf"[^\s{_WIDE_ENDS}]{{1,400}}[{_WIDE_ENDS}]{{0,9}}|[{_WIDE_ENDS}]{{1,9}}")
_ENDS = (*".!?\u061f\u0964", *_WIDE_ENDS)
_QUOTES = "\"')]\u201d\u2019\u00bb\u300d"
_ABBREVIATION = re.compile(
    r"(?:[A-Za-z]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|No|Nos|Fig|approx|Inc|Ltd|Co|Gen|Sen|Rep)\.", re.IGNORECASE
)


def utterances(spans: Iterable[Cue], duration_seconds: float) -> tuple[Utterance, ...]:
    """Put cues or words in order, divide and join them to sentences.

    Those that end before they begin, or lie outside the video, are left out; so are notes of music, the dashes of
    dialogues and what captions tell between words. A span of nothing but such, as ``[applause]``, stays by itself.
    """
    return tuple(_sentences(_words(_apart(_cleaned(spans, duration_seconds, _spoken_lines)))))


def cues(spans: Iterable[Cue], duration_seconds: float) -> tuple[Utterance, ...]:
    """The spans themselves as plain text, in order, without overlaps; arguments as for `utterances`."""
    apart = _apart(_cleaned(spans, duration_seconds, _plain_lines))
    return tuple(Utterance(each.start_seconds, each.stop_seconds, each.text) for each in apart)


def plain_text(text: str) -> str:
    """The text on one line, without tags, entities and controls."""
    return " ".join(_CONTROL.sub(" ", html.unescape(_TAG.sub("", text))).split())


def _plain_lines(text: str) -> list[str]:
    return [line for part in text.splitlines() if (line := plain_text(part))]


def _spoken_lines(text: str) -> list[str]:
    """As `_plain_lines`, without what is not speech; what is heard stays where there is nothing else."""
    bare = [_ANOTHER_SPEAKER.sub("", line) for line in _plain_lines(text)]
    words = [" ".join(_BESIDE_WORDS.sub(" ", line).split()) for line in bare]
    said = [line for line in words if any(letter.isalnum() for letter in line)]
    return said or [line for line in bare if is_aside(line)][:1]


def _cleaned(spans: Iterable[Cue], duration_seconds: float, lines_of: Callable[[str], list[str]]) -> list[Cue]:
    """What is left of each span within the video, by time; lines that the one before has shown already are dropped."""
    kept: list[Cue] = []
    for span in spans:
        start, stop = max(0.0, span.start_seconds), min(span.stop_seconds, duration_seconds)
        if math.isfinite(span.start_seconds) and stop - start >= SHORTEST_SECONDS:
            kept.append(Cue(start, stop, span.text))
        if len(kept) == MOST_SPANS:
            break
    kept.sort(key=lambda each: each.start_seconds)
    found: list[Cue] = []
    shown: list[str] = []
    until = -math.inf
    for span in kept:
        lines = lines_of(span.text[:_MOST_LETTERS])
        # Captions that roll show each line twice.
        repeated = 0 if span.start_seconds > until + SHORTEST_SECONDS else _repeated(shown, lines)
        shown, until = lines, span.stop_seconds
        if text := " ".join(lines[repeated:]):
            found.append(replace(span, text=text))
    return found


def _repeated(before: list[str], after: list[str]) -> int:
    """How many lines at the beginning of one cue end the cue before."""
    most = min(len(before), len(after))
    return next((count for count in range(most, 0, -1) if before[-count:] == after[:count]), 0)


def _apart(spans: list[Cue]) -> Iterator[Cue]:
    """The same without overlaps: a span ends where the next one begins; what begins together is one span."""
    together: list[Cue] = []
    for span in spans:
        if together and span.start_seconds - together[0].start_seconds >= SHORTEST_SECONDS:
            yield _one(together, span.start_seconds)
            together = []
        together.append(span)
    if together:
        yield _one(together, math.inf)


def _one(together: list[Cue], latest_seconds: float) -> Cue:
    stop = min(latest_seconds, max(each.stop_seconds for each in together))
    return Cue(together[0].start_seconds, stop, " ".join(each.text for each in together)[:_MOST_LETTERS])


def _words(spans: Iterable[Cue]) -> Iterator[tuple[Cue, bool, bool]]:
    """Each word with its share of the span's time, whether it is the span's last, and whether it is an aside."""
    for span in spans:
        if is_aside(span.text):
            yield span, True, True
            continue
        words = _WORD.findall(span.text)
        total = sum(map(len, words))
        each = (span.stop_seconds - span.start_seconds) / max(total, 1)
        letters = 0
        for word in words:
            start, letters = span.start_seconds + each * letters, letters + len(word)
            is_last = letters == total
            stop = span.stop_seconds if is_last else span.start_seconds + each * letters
            yield Cue(start, stop, word), is_last, False


def _sentences(words: Iterable[tuple[Cue, bool, bool]]) -> Iterator[Utterance]:
    waiting: list[Cue] = []
    letters, ends = 0, False
    for word, is_last, alone in words:
        if waiting:
            pause = word.start_seconds - waiting[-1].stop_seconds >= PAUSE_SECONDS
            long = word.stop_seconds - waiting[0].start_seconds > LONGEST_SECONDS or letters > LONGEST_LETTERS
            if ends or pause or long or alone:
                yield _said(waiting)
                waiting, letters = [], 0
        waiting.append(word)
        letters += len(word.text) + 1
        enough = is_last and word.stop_seconds - waiting[0].start_seconds >= ENOUGH_SECONDS and "," not in word.text
        ends = enough or alone or _ends(word.text)
    if waiting:
        yield _said(waiting)


def _ends(word: str) -> bool:
    """Whether a sentence ends with this word."""
    bare = word.rstrip(_QUOTES)
    return bare.endswith(_ENDS) and not bare.endswith("..") and _ABBREVIATION.fullmatch(bare) is None


def _said(words: list[Cue]) -> Utterance:
    return Utterance(words[0].start_seconds, words[-1].stop_seconds, " ".join(word.text for word in words))
