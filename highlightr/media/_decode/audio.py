"""From decoded audio frames to the mono soundtrack that audio requests asked for.

Frames come in file order; `AudioBlock`s go out, sample j at j / rate from time zero, exactly
ceil(duration * rate) of them. Gaps become silence, overlaps are trimmed, both by timestamp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from highlightr.media.sampling import AudioBlock, AudioRequest

if TYPE_CHECKING:
    import av

Samples = npt.NDArray[np.float32]

_TOLERANCE_SECONDS = 0.01
"""Timestamps may be off by this much (containers round them) before samples are added or dropped."""


class MonoTrack:
    """Downmixes, lines up with time zero, and resamples for every audio request.

    Downmix and alignment happen once at the stored rate; memory is about one second of sound per request.
    """

    def __init__(self, requests: Mapping[str, AudioRequest], sample_rate: int, duration_seconds: float) -> None:
        import av

        self._rate = sample_rate
        self._length = math.ceil(duration_seconds * sample_rate)
        self._mixer = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate)
        self._waiting: list[Samples] = []
        self._waiting_samples = 0
        self._position = 0
        self._started = False
        self._outlets = {
            name: _Outlet(request.sample_rate, sample_rate, duration_seconds) for name, request in requests.items()
        }

    @property
    def seconds(self) -> float:
        """How far it has come."""
        return self._position / self._rate

    def push_samples(self, samples: Samples) -> Iterator[tuple[str, AudioBlock]]:
        """Take what follows without a gap: (n,) float32 mono at the stored rate."""
        self._started |= len(samples) > 0
        yield from self._append(samples)

    def fill(self, seconds: float) -> Iterator[tuple[str, AudioBlock]]:
        """Silence until a time; what comes later and belongs before it is left out."""
        yield from self._silence_until(round(seconds * self._rate))

    def push(self, frame: av.AudioFrame, start: Fraction) -> Iterator[tuple[str, AudioBlock]]:
        """Take the next decoded frame; `start` is the container's time zero."""
        samples = self._mix(frame)
        if frame.pts is not None and frame.time_base is not None:
            position = round((frame.pts * frame.time_base - start) * self._rate)
            yield from self._silence_until(position)
            samples = samples[max(0, -self._late(position)) :]
        self._started = True
        yield from self._append(samples)

    def finish(self) -> Iterator[tuple[str, AudioBlock]]:
        """Pad to the duration and empty the resamplers; nothing comes if no frame could be decoded."""
        if not self._started:
            return
        yield from self._append(np.zeros(0, np.float32))
        yield from self._silence_until(self._length)
        yield from self._drain()
        for name, outlet in self._outlets.items():
            yield from ((name, block) for block in outlet.finish())

    def _mix(self, frame: av.AudioFrame) -> Samples:
        """(n,) float32 mono at the stored rate, as it comes; a change of format in mid-stream starts a new mixer."""
        import av

        frame.pts, pts = None, frame.pts
        try:
            mixed = self._mixer.resample(frame)
        except ValueError:
            self._mixer = av.AudioResampler(format="fltp", layout="mono", rate=self._rate)
            mixed = self._mixer.resample(frame)
        frame.pts = pts
        parts = [piece.to_ndarray()[0] for piece in mixed]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)

    def _late(self, position: int) -> int:
        """By how many samples a frame lies after the end of what came before; small errors count as none."""
        late = position - self._position
        tolerance = _TOLERANCE_SECONDS * self._rate if self._started else 0
        return late if abs(late) > tolerance else 0

    def _silence_until(self, position: int) -> Iterator[tuple[str, AudioBlock]]:
        missing = min(self._late(position) if position < self._length else self._length - self._position, self._length)
        while missing > 0:
            step = min(missing, self._rate)
            yield from self._append(np.zeros(step, np.float32))
            missing -= step

    def _append(self, samples: Samples) -> Iterator[tuple[str, AudioBlock]]:
        samples = samples[: max(0, self._length - self._position)]
        self._position += len(samples)
        self._waiting.append(samples)
        self._waiting_samples += len(samples)
        if self._waiting_samples >= self._rate:
            yield from self._drain()

    def _drain(self) -> Iterator[tuple[str, AudioBlock]]:
        joined = np.concatenate([np.zeros(0, np.float32), *self._waiting])
        samples = np.nan_to_num(joined, copy=False).clip(-1.0, 1.0)
        self._waiting, self._waiting_samples = [], 0
        for name, outlet in self._outlets.items():
            yield from ((name, block) for block in outlet.push(samples))


class _Outlet:
    """One request's resampler; counts its samples so that exactly the promised number comes out."""

    def __init__(self, rate: int, stored_rate: int, duration_seconds: float) -> None:
        import av

        self._stored_rate = stored_rate
        self._left = math.ceil(duration_seconds * rate)
        self._next = 0
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)

    def push(self, samples: Samples) -> Iterator[AudioBlock]:
        import av

        if len(samples) == 0:
            return
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.sample_rate = self._stored_rate
        for piece in self._resampler.resample(frame):
            yield from self._block(piece.to_ndarray()[0])

    def finish(self) -> Iterator[AudioBlock]:
        for piece in self._resampler.resample(None):
            yield from self._block(piece.to_ndarray()[0])
        yield from self._block(np.zeros(self._left, np.float32))

    def _block(self, samples: Samples) -> Iterator[AudioBlock]:
        samples = np.clip(samples[: self._left], -1.0, 1.0)
        if len(samples):
            yield AudioBlock(self._next, samples)
            self._next += len(samples)
            self._left -= len(samples)
