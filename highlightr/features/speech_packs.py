"""Packs of speech: stretches of sound with speech, together long enough to be recognised at once.

In: 16 kHz mono sound, and the probability of speech of each frame of it. Out: packs of about a minute, in order, so
that memory does not grow with the video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from highlightr.core.types import FloatArray
from highlightr.features.lite.speech import FRAME_SAMPLES, SAMPLE_RATE

SPEECH_BEGINS, SPEECH_ENDS = 0.5, 0.35
"""Probability at which a stretch of speech begins and below which it ends, as Silero's own code has them."""

PAUSE_FRAMES = 16
"""Half a second: a shorter pause lies within a stretch."""

PAD_FRAMES = 6
"""0.2 s around a stretch: the voice activity hears a beginning late."""

LONGEST_FRAMES = 875
"""28 s of a stretch; then it ends where speech is least likely in its last third. Whisper hears 30 s at a time."""

PACK_SECONDS = 60.0
"""Of speech, from which a pack is full."""


@dataclass
class Pack:
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

    @property
    def last_frame(self) -> int:
        """Of the video, where the last stretch ends; 0 without one."""
        if not self.stretches:
            return 0
        at, samples = self.stretches[-1]
        return round((at * SAMPLE_RATE + len(samples)) / FRAME_SAMPLES)

    def in_video(self, start: float, stop: float) -> tuple[float, float]:
        """A span of the pack on the time line of the video; it ends, at the latest, with the stretch it begins in."""
        begin = 0.0
        for at, samples in self.stretches:
            seconds = len(samples) / SAMPLE_RATE
            if start < begin + seconds or samples is self.stretches[-1][1]:
                return at + min(start - begin, seconds), at + min(stop - begin, seconds)
            begin += seconds
        raise ValueError("a pack holds speech")


class Packer:
    """Fills packs with the speech of one video, block by block."""

    def __init__(self) -> None:
        self._blocks: list[FloatArray] = []
        self._sound = np.zeros(0, dtype=np.float32)
        self._sound_frame = 0
        """Of the beginning of `_sound`, which is a frame's."""
        self._judged = 0
        """Frames that were gone through."""
        self._begun: int | None = None
        """The frame at which the stretch began that has not ended."""
        self._quiet = 0
        self._pack = Pack()

    def push(self, samples: FloatArray) -> None:
        """Take the next block of sound."""
        self._blocks.append(samples)

    def full(self, chances: Sequence[float]) -> Iterator[Pack]:
        """The packs that are full by now; `chances` are the probabilities of speech of all frames from the first."""
        if len(chances) > self._judged:
            yield from self._judge(chances)

    def rest(self, chances: Sequence[float]) -> Iterator[Pack]:
        """The packs that are left at the end of the video."""
        yield from self._judge(chances)
        if self._begun is not None:
            yield from self._keep(self._begun, self._judged)
        if self._pack.stretches:
            yield self._pack

    def _judge(self, chances: Sequence[float]) -> Iterator[Pack]:
        """Go through the frames that came since."""
        self._sound, self._blocks = np.concatenate([self._sound, *self._blocks]), []
        while self._judged < len(chances):
            frame, chance = self._judged, chances[self._judged]
            self._judged += 1
            if self._begun is None:
                if chance >= SPEECH_BEGINS:
                    self._begun, self._quiet = frame, 0
                continue
            self._quiet = self._quiet + 1 if chance < SPEECH_ENDS else 0
            if self._quiet >= PAUSE_FRAMES:
                yield from self._keep(self._begun, frame + 1 - self._quiet)
                self._begun = None
            elif frame + 1 - self._begun >= LONGEST_FRAMES:
                late = frame - LONGEST_FRAMES // 3
                split = late + int(np.argmin(chances[late : frame + 1]))
                yield from self._keep(self._begun, split)
                self._begun = split
        self._forget()

    def _forget(self) -> None:
        """Let go of sound that nothing will ask for."""
        needed = (self._judged if self._begun is None else self._begun) - PAD_FRAMES
        drop = max(0, needed - self._sound_frame)
        self._sound, self._sound_frame = self._sound[drop * FRAME_SAMPLES :], self._sound_frame + drop

    def _keep(self, begun: int, ended: int) -> Iterator[Pack]:
        """Add a stretch of frames to the pack, with what lies around it; the pack, if it is full then."""
        first, stop = max(begun - PAD_FRAMES, self._pack.last_frame, self._sound_frame), ended + PAD_FRAMES
        samples = self._sound[(first - self._sound_frame) * FRAME_SAMPLES : (stop - self._sound_frame) * FRAME_SAMPLES]
        if len(samples):
            self._pack.stretches.append((first * FRAME_SAMPLES / SAMPLE_RATE, samples.copy()))
        if self._pack.seconds >= PACK_SECONDS:
            full, self._pack = self._pack, Pack()
            yield full
