"""Speech recognition by faster-whisper: the words that are said, with their times.

In: 16 kHz mono sound, in the one decode pass. Out: signals on their own times: `words`, (T, 2), when each word ends and
how many letters it has; `letters`, (n, 1), the code points of all words; `language`, (2 or 3, 1), those of its code.
Only what the voice activity hears as speech is recognised, in packs of about a minute, so memory does not grow with
the video.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from highlightr.core.device import core_count
from highlightr.core.errors import WeightsError
from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.lite.speech import FRAME_SAMPLES, SAMPLE_RATE, SileroVad, VoiceActivity
from highlightr.media.sampling import AudioBlock, AudioRequest
from highlightr.media.subtitles import Cue
from highlightr.media.utterances import SHORTEST_SECONDS

logger = logging.getLogger(__name__)

WORDS, LETTERS, LANGUAGE = "words", "letters", "language"
"""Names of the signals."""

SPEECH_BEGINS, SPEECH_ENDS = 0.5, 0.35
"""Probability at which a stretch of speech begins and below which it ends, as Silero's own code has them."""

PAUSE_FRAMES = 16
"""Half a second: a shorter pause lies within a stretch."""

PAD_FRAMES = 6
"""0.2 s around a stretch: the voice activity hears a beginning late."""

LONGEST_FRAMES = 875
"""28 s of a stretch; then it ends where speech is least likely in its last third. Whisper hears 30 s at a time."""

PACK_SECONDS = 60.0
"""Speech that is recognised at once."""

SURE = 0.5
"""Probability from which the language of a pack is that of the whole video."""


class Whisper(Extractor):
    """Words and their times.

    Source: A. Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, ICML 2023; faster-whisper's
    defaults (beam of 5, its fallback temperatures) but for the context: a pack knows nothing of the one before, because
    an error would go on and on.
    """

    name: ClassVar[str] = "faster-whisper"
    modality: ClassVar[str] = "audio"
    streams: ClassVar[Mapping[str, int]] = {}
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
        except (RuntimeError, ValueError, OSError, KeyError) as error:
            raise WeightsError(f"{self._folder}: not a model that faster-whisper can open: {_line(error)}") from error

    def start(self, grid: TimeGrid) -> Extraction[AudioBlock]:
        """Open the state for one video."""
        return _Extraction(self._model, self._voice.start(grid))


@dataclass
class _Pack:
    """Stretches of speech one after the other, and when each is in the video."""

    stretches: list[tuple[float, FloatArray]] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Of speech."""
        return sum(len(samples) for _, samples in self.stretches) / SAMPLE_RATE

    @property
    def sound(self) -> FloatArray:
        """(samples,) float32."""
        return np.concatenate([samples for _, samples in self.stretches])

    def in_video(self, start: float, stop: float) -> tuple[float, float]:
        """A span of the pack on the time line of the video; it ends, at the latest, with the stretch it begins in."""
        begin = 0.0
        for at, samples in self.stretches:
            seconds = len(samples) / SAMPLE_RATE
            if start < begin + seconds or samples is self.stretches[-1][1]:
                return at + min(start - begin, seconds), at + min(stop - begin, seconds)
            begin += seconds
        raise ValueError("a pack holds speech")


class _Extraction(Extraction[AudioBlock]):
    def __init__(self, model: Any, voice: VoiceActivity) -> None:
        self._model, self._voice = model, voice
        self._blocks: list[FloatArray] = []
        self._sound = np.zeros(0, dtype=np.float32)
        self._sound_frame = 0
        """Of the beginning of `_sound`, which is a frame's."""
        self._judged = 0
        self._begun: int | None = None
        self._quiet = 0
        self._pack = _Pack()
        self._language: str | None = None
        self._sure = False
        self._words: list[tuple[float, float, str]] = []

    def push(self, item: AudioBlock) -> None:
        self._blocks.append(item.samples)
        self._voice.push(item)
        if len(self._voice.probabilities) > self._judged:
            self._judge()

    def finish(self) -> Extracted:
        """Recognise what is left, and return the words."""
        self._voice.finish()
        self._judge()
        if self._begun is not None:
            self._keep(self._begun, self._judged)
        self._recognise()
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

    def _judge(self) -> None:
        """Go through the frames that the voice activity has heard since."""
        self._sound, self._blocks = np.concatenate([self._sound, *self._blocks]), []
        heard = self._voice.probabilities
        while self._judged < len(heard):
            frame, chance = self._judged, heard[self._judged]
            self._judged += 1
            if self._begun is None:
                if chance >= SPEECH_BEGINS:
                    self._begun, self._quiet = frame, 0
                continue
            self._quiet = self._quiet + 1 if chance < SPEECH_ENDS else 0
            if self._quiet >= PAUSE_FRAMES:
                self._keep(self._begun, frame + 1 - self._quiet)
                self._begun = None
            elif frame + 1 - self._begun >= LONGEST_FRAMES:
                late = frame - LONGEST_FRAMES // 3
                split = late + int(np.argmin(heard[late : frame + 1]))
                self._keep(self._begun, split)
                self._begun = split
        self._forget()

    def _forget(self) -> None:
        """Let go of sound that nothing will ask for."""
        needed = (self._judged if self._begun is None else self._begun) - PAD_FRAMES
        drop = max(0, needed - self._sound_frame)
        self._sound, self._sound_frame = self._sound[drop * FRAME_SAMPLES :], self._sound_frame + drop

    def _keep(self, begun: int, ended: int) -> None:
        """Add a stretch of frames to the pack, with what lies around it."""
        last = self._last_frame()
        first, stop = max(begun - PAD_FRAMES, last, self._sound_frame), ended + PAD_FRAMES
        samples = self._sound[(first - self._sound_frame) * FRAME_SAMPLES : (stop - self._sound_frame) * FRAME_SAMPLES]
        if len(samples):
            self._pack.stretches.append((first * FRAME_SAMPLES / SAMPLE_RATE, samples.copy()))
        if self._pack.seconds >= PACK_SECONDS:
            self._recognise()

    def _last_frame(self) -> int:
        """Where the last stretch of the pack ends."""
        if not self._pack.stretches:
            return 0
        at, samples = self._pack.stretches[-1]
        return round((at * SAMPLE_RATE + len(samples)) / FRAME_SAMPLES)

    def _recognise(self) -> None:
        pack, self._pack = self._pack, _Pack()
        if not pack.stretches:
            return
        for start, stop, word in self._heard(pack.sound):
            begin, end = pack.in_video(start, stop)
            before = self._words[-1][0] if self._words else 0.0
            begin = max(begin, before)
            self._words.append((begin, max(end, begin + SHORTEST_SECONDS), word))

    def _heard(self, sound: FloatArray) -> Iterator[tuple[float, float, str]]:
        """Start, stop and text of each word, in seconds of this sound."""
        known = self._language if self._sure else None
        try:
            # At any other temperature words are drawn by chance: the same sound would not be heard the same twice.
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
