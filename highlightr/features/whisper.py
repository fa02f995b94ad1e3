"""Speech recognition by faster-whisper: the words that are said, with their times.

In: 16 kHz mono sound, in the one decode pass. Out: signals on their own times: `words`, (T, 2), when each word ends and
how many letters it has; `letters`, (n, 1), the code points of all words; `language`, (2 or 3, 1), those of its code.
Only what the voice activity hears as speech is recognised, pack by pack (`highlightr.features.speech_packs`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from highlightr.core.device import core_count
from highlightr.core.errors import WeightsError
from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.lite.speech import SAMPLE_RATE, SileroVad, VoiceActivity
from highlightr.features.speech_packs import Pack, Packer
from highlightr.media.sampling import AudioBlock, AudioRequest
from highlightr.media.subtitles import Cue
from highlightr.media.utterances import SHORTEST_SECONDS

WORDS, LETTERS, LANGUAGE = "words", "letters", "language"
"""Names of the signals."""

SURE = 0.5
"""Probability from which the language of a pack is that of the whole video."""


class Whisper(Extractor):
    """Words and their times.

    Source: A. Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, ICML 2023; faster-whisper's
    defaults (such as a beam of 5) but for its fallback to higher temperatures, at which words are drawn by chance, and
    for the context: a pack knows nothing of the one before, because an error would go on and on.
    """

    name: ClassVar[str] = "faster-whisper"
    signals: ClassVar[Mapping[str, int]] = {WORDS: 2, LETTERS: 1, LANGUAGE: 1}
    checkpoints: ClassVar[tuple[str, ...]] = ("silero-vad",)
    packages: ClassVar[tuple[str, ...]] = ("faster_whisper",)
    request = AudioRequest(SAMPLE_RATE)

    def __init__(self, folder: Path, *, weights: Mapping[str, Path] | None = None, device: str = "cpu") -> None:
        """`folder` holds a model as CTranslate2 stores it, and its tokenizer; `weights` are the voice activity's."""
        super().__init__(weights=weights, device=device)
        self._folder = folder
        self._voice = SileroVad(weights=weights)

    def _open(self) -> None:
        import faster_whisper

        self._voice.load()
        on_gpu = self._device.startswith("cuda")
        try:
            self._model = faster_whisper.WhisperModel(
                str(self._folder),
                device="cuda" if on_gpu else "cpu",
                compute_type="auto" if on_gpu else "int8",
                cpu_threads=core_count(),
                local_files_only=True,
            )
        except Exception as error:  # tokenizers raises no class of its own.
            raise WeightsError(f"{self._folder}: not a model that faster-whisper can open: {_line(error)}") from error

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video."""
        return _Extraction(self._model, self._voice.start(grid))


class _Extraction(Extraction[AudioBlock]):
    def __init__(self, model: Any, voice: VoiceActivity) -> None:
        self._model, self._voice = model, voice
        self._packer = Packer()
        self._language: str | None = None
        self._sure = False
        self._words: list[tuple[float, float, str]] = []

    def push(self, item: AudioBlock) -> None:
        self._packer.push(item.samples)
        self._voice.push(item)
        for pack in self._packer.full(self._voice.probabilities):
            self._recognise(pack)

    def finish(self) -> Extracted:
        """Recognise what is left, and return the words."""
        self._voice.finish()
        for pack in self._packer.rest(self._voice.probabilities):
            self._recognise(pack)
        stops = [(stop, float(len(word))) for _, stop, word in self._words]
        starts = np.array([start for start, _, _ in self._words], dtype=np.float64)
        letters = "".join(word for _, _, word in self._words)
        return Extracted(
            signals={
                WORDS: Signal(starts, np.array(stops, dtype=np.float32).reshape(-1, 2)),
                LETTERS: _code_points(letters),
                LANGUAGE: _code_points(self._language or ""),
            }
        )

    def _recognise(self, pack: Pack) -> None:
        for start, stop, word in self._heard(pack.sound):
            begin, end = pack.in_video(start, stop)
            before = self._words[-1][0] if self._words else 0.0
            begin = max(begin, before)
            self._words.append((begin, max(end, begin + SHORTEST_SECONDS), word))

    def _heard(self, sound: FloatArray) -> Iterator[tuple[float, float, str]]:
        """Start, stop and text of each word, in seconds of this sound."""
        known = self._language if self._sure else None
        try:
            segments, about = self._model.transcribe(
                sound, language=known, word_timestamps=True, condition_on_previous_text=False, temperature=0.0
            )
            if not self._sure:
                self._language, self._sure = about.language, about.language_probability >= SURE
            for segment in segments:
                for word in segment.words or ():
                    yield float(word.start), float(word.end), str(word.word)
        except (RuntimeError, ValueError) as error:
            raise WeightsError(
                f"the speech recogniser failed: {_line(error)}; try a smaller model, or --device cpu"
            ) from error


def recognised_words(signals: Mapping[str, Signal]) -> tuple[list[Cue], str | None]:
    """What `Whisper` heard, and the code of the language."""
    words, letters = signals[WORDS], _text(signals[LETTERS])
    spoken: list[Cue] = []
    at = 0
    for start, (stop, count) in zip(words.times_seconds.tolist(), words.values.tolist(), strict=True):
        text, at = letters[at : at + int(count)], at + int(count)
        before = spoken[-1] if spoken else None
        # What no space comes before goes on with the word before: punctuation, and languages without spaces.
        if before is not None and not text.startswith(" ") and start - before.stop_seconds < 0.1:
            spoken[-1] = Cue(before.start_seconds, max(stop, before.stop_seconds), before.text + text)
        else:
            spoken.append(Cue(start, stop, text))
    return spoken, _text(signals[LANGUAGE]) or None


def _code_points(text: str) -> Signal:
    """Each letter by its number, which a float32 holds exactly."""
    numbers = np.array([ord(letter) for letter in text], dtype=np.float32)
    return Signal(np.zeros(len(numbers), dtype=np.float64), numbers[:, None])


def _text(signal: Signal) -> str:
    return "".join(chr(number) for number in signal.values[:, 0].astype(np.int64).tolist())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
