"""What is said in a video: from where it is written, or else from a recogniser that listens in the decode pass.

In: a probed source and what the caller chose. Out: a `SpeechSource` before the video is decoded, a transcript after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript, is_aside
from highlightr.core.types import Features, Signal, TimeGrid
from highlightr.features.base import Extractor, Weights
from highlightr.features.cache import FeatureCache
from highlightr.features.extract import extract
from highlightr.features.whisper import recognised_words
from highlightr.media.transcript import find_transcript
from highlightr.media.utterances import utterances
from highlightr.model_loader import open_recogniser
from highlightr.selection.edges import SPEAKING, SPEECH

LEAST_CUES = 30
"""Fewer may fit what is heard elsewhere by chance: of 120 wrong sets of 15, three fitted somewhere by `ALIKE`; of 120
of 30, none."""

LARGEST_OFFSET_SECONDS = 15.0
LEAST_OFFSET_SECONDS = 1.0
"""Captions often come up to half a second early, and stay longer than the words."""

ALIKE = 0.5
"""Correlation of captions with speech from which they fit: 0.9 of exact ones, at least 0.5 of those that are early by
half a second, 0.3 to 0.4 of those that stay a second longer or leave half of what is said out."""

_CLEARLY = 0.8
"""No other offset fits better than this share: what is said in even beats fits at many."""

_STEP_SECONDS = 0.1
_NEAR_STEPS = 20
"""Offsets this near fit nearly as well."""


@dataclass(frozen=True)
class SpeechSource:
    """What is known of what is said, and the recogniser for what is not."""

    transcript: Transcript | None
    notes: tuple[str, ...] = ()
    """Sentences for the user."""
    model: str = ""
    """Name of the recogniser's model."""
    recogniser: Extractor | None = None
    """Takes part in the decode pass; `None` where the transcript is known already, or no recogniser was asked for."""

    @property
    def extractors(self) -> tuple[Extractor, ...]:
        """The recogniser, if there is one."""
        return () if self.recogniser is None else (self.recogniser,)

    @property
    def is_expected(self) -> bool:
        """Whether there is a transcript, or may be one."""
        return self.transcript is not None or self.recogniser is not None

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Of the recogniser."""
        return tuple(weights for each in self.extractors for weights in each.origin.weights)

    def heard(self, features: Features) -> tuple[Transcript | None, tuple[str, ...]]:
        """The transcript once the video was decoded, and the notes."""
        if self.recogniser is None:
            return self.transcript, (*self.notes, *_timing(self.transcript, features.signals.get(SPEECH)))
        words, language = recognised_words(features.signals)
        said = utterances(words, features.grid.duration_seconds)
        if not said:
            return None, (*self.notes, f"{self.model} recognised no speech in this video.")
        return Transcript(said, f"faster-whisper {self.model}", language), self.notes


def _timing(transcript: Transcript | None, speech: Signal | None) -> tuple[str, ...]:
    """A note where what is written comes early or late all through."""
    offset = None if transcript is None or speech is None else steady_offset(transcript, speech)
    if transcript is None or offset is None:
        return ()
    side = "late" if offset > 0 else "early"
    return (
        f"What {transcript.origin} says comes {abs(offset):.1f} s too {side}, by the speech that is heard: quotes "
        f"and captions are off by as much. Move it, as ffmpeg -itsoffset {-offset:.1f} does.",
    )


def steady_offset(transcript: Transcript, speech: Signal) -> float | None:
    """How many seconds too late what is written comes, negative if too early; `None` where that is not certain.

    The offset at which captions cover what is spoken best, by correlation. Measured on an hour of spoken sentences in
    stretches of 1 to 10 minutes, with captions that were exact, early, jittered, in pairs or in halves.
    """
    spans = [
        (cue.start_seconds, cue.stop_seconds)
        for cue in transcript.cues or transcript.utterances
        if not is_aside(cue.text)
    ]
    if len(spans) < LEAST_CUES or not len(speech.times_seconds):
        return None
    starts, stops = np.array(spans).T
    times = np.arange(max(0.0, starts[0] - LARGEST_OFFSET_SECONDS), speech.times_seconds[-1], _STEP_SECONDS)
    times = times[times < stops[-1] + LARGEST_OFFSET_SECONDS]
    heard = speech.values[np.searchsorted(speech.times_seconds[:-1], times), 0] >= SPEAKING
    at = np.searchsorted(starts, times, side="right") - 1
    written = (at >= 0) & (times < stops[at])
    most = round(LARGEST_OFFSET_SECONDS / _STEP_SECONDS)
    if len(times) <= 2 * most:
        return None
    fits = np.array([_correlation(heard, written, steps) for steps in range(-most, most + 1)])
    best = int(fits.argmax())
    others = np.delete(fits, slice(max(0, best - _NEAR_STEPS), best + _NEAR_STEPS + 1))
    offset = (best - most) * _STEP_SECONDS
    is_sure = fits[best] >= ALIKE and others.max() <= _CLEARLY * fits[best]
    return offset if is_sure and abs(offset) >= LEAST_OFFSET_SECONDS else None


def _correlation(heard: npt.NDArray[np.bool_], written: npt.NDArray[np.bool_], steps: int) -> float:
    """Of what is heard with what is written so many steps later; 0 where one of them never changes."""
    count = len(heard) - abs(steps)
    one, other = heard[max(0, -steps) :][:count], written[max(0, steps) :][:count]
    first, second = float(one.mean()), float(other.mean())
    spread = (first * (1 - first) * second * (1 - second)) ** 0.5
    return (float((one & other).mean()) - first * second) / spread if spread else 0.0


def find_speech(source: Source, file: Path | None, model: str | None, device: str) -> SpeechSource:
    """Look for what is written, or the named file, then open a recogniser if one was asked for and nothing is.

    Raises:
        MediaError: the named file cannot be used.
        ConfigError, WeightsError: as for `open_recogniser`.
    """
    transcript, notes = find_transcript(source, file)
    if model is None:
        return SpeechSource(transcript, notes)
    if transcript is not None:
        note = f"Nothing was recognised: what is said is written in {transcript.origin}."
        return SpeechSource(transcript, (*notes, note))
    if source.audio is None:
        return SpeechSource(None, (*notes, "There is no sound in which speech could be recognised."))
    return SpeechSource(None, notes, Path(model).name, open_recogniser(model, device=device))


def listen(
    source: Source, speech: SpeechSource, clip_seconds: float, progress: Advance | None = None
) -> tuple[Transcript | None, tuple[str, ...]]:
    """The transcript of a video that is decoded for nothing else; what was heard once is read from the cache."""
    if not speech.extractors:
        return speech.transcript, speech.notes
    grid = TimeGrid(source.duration_seconds, clip_seconds)
    return speech.heard(extract(source, grid, speech.extractors, cache=FeatureCache(), progress=progress))
