"""What is said in a video: from where it is written, or else from a recogniser that listens in the decode pass.

In: a probed source and what the caller chose. Out: a `SpeechSource` before the video is decoded, a transcript after.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript
from highlightr.core.types import Features, Signal, TimeGrid
from highlightr.features.base import Extractor, Weights
from highlightr.features.cache import FeatureCache
from highlightr.features.extract import extract
from highlightr.features.whisper import recognised_words
from highlightr.media.caption_timing import steady_offset
from highlightr.media.transcript import find_transcript
from highlightr.media.utterances import utterances
from highlightr.model_loader import open_recogniser
from highlightr.selection.edges import SPEAKING, SPEECH


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
    if transcript is None or speech is None:
        return ()
    offset = steady_offset(transcript, speech.times_seconds, speech.values[:, 0] >= SPEAKING)
    if offset is None:
        return ()
    side = "late" if offset > 0 else "early"
    return (
        f"What {transcript.origin} says comes {abs(offset):.1f} s too {side}, by the speech that is heard: quotes "
        f"and captions are off by as much. Move it, as ffmpeg -itsoffset {-offset:.1f} does.",
    )


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
