"""From decoded audio frames to the mono soundtrack that audio requests asked for.

Frames come in file order; `AudioBlock`s go out, sample j at j / rate from time zero, exactly
ceil(duration * rate) of them. Gaps become silence, overlaps are trimmed, both by timestamp.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from highlightr.media._container.av_types import AudioFrame
from highlightr.media.sampling import AudioBlock, AudioRequest

Samples = npt.NDArray[np.float32]

_TOLERANCE_SECONDS = 0.01
"""Timestamps may be off by this much (containers round them) before samples are added or dropped."""

_NOTHING = np.zeros(0, np.float32)
_MOST_SAMPLES = 2**15
"""In a piece of mixed sound."""


class MonoTrack:
    """Downmixes, lines up with time zero, and resamples for every audio request.

    Downmix and alignment happen once at the stored rate; memory is about one second of sound per request. `start` is
    the container's time zero.
    """

    def __init__(
        self, requests: Mapping[str, AudioRequest], sample_rate: int, duration_seconds: float, start: Fraction
    ) -> None:
        self._rate, self._start = sample_rate, start
        self._length = math.ceil(duration_seconds * sample_rate)
        self._mixer = _Mixer(sample_rate)
        self._waiting: list[Samples] = []
        self._waiting_samples = 0
        self._position = 0
        self._started = False
        self._filled = 0
        """Up to where it was filled."""
        self.too_late = 0
        """Frames of which no more than the end was taken, because they came after their place was filled."""
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
        yield from self._append(self._mixer.finish())
        yield from self._silence_until(round(seconds * self._rate))
        self._filled = self._position

    def push(self, frame: AudioFrame) -> Iterator[tuple[str, AudioBlock]]:
        """Take the next decoded frame."""
        position, left_out = self._position_of(frame), 0
        if position is not None and self._late(position):
            self.too_late += position < self._filled
            yield from self._append(self._mixer.finish())
            yield from self._silence_until(position)
            left_out = max(0, -self._late(position))
        self._started = True
        yield from self._append(self._mixer.push(frame, left_out))

    def finish(self) -> Iterator[tuple[str, AudioBlock]]:
        """Pad to the duration and empty the resamplers; nothing comes if no frame could be decoded."""
        if not self._started:
            return
        yield from self._append(self._mixer.finish())
        yield from self._silence_until(self._length)
        yield from self._drain()
        for name, outlet in self._outlets.items():
            yield from ((name, block) for block in outlet.finish())

    def _position_of(self, frame: AudioFrame) -> int | None:
        """Where the first sample of a frame belongs, by its timestamp: in whole numbers, as there are many frames."""
        base = frame.time_base
        if frame.pts is None or base is None:
            return None
        zero, unit = self._start.numerator * base.denominator, base.denominator * self._start.denominator
        seconds_in_units = frame.pts * base.numerator * self._start.denominator - zero
        return (2 * seconds_in_units * self._rate + unit) // (2 * unit)

    def _late(self, position: int) -> int:
        """By how many samples a frame lies after the end of what came before; small errors count as none."""
        late = position - self._position - self._mixer.num_held
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
        if not len(samples):
            return
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


class _Mixer:
    """Mixes frames that follow each other to mono at the stored rate.

    What comes out is collected to larger pieces: a codec's frames are so short that calls take longer than their work.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._begin()

    def _begin(self) -> None:
        import av

        self._resampler = av.AudioResampler(
            format="fltp", layout="mono", rate=self._rate, frame_size=min(self._rate, _MOST_SAMPLES)
        )
        self._entered, self._entered_rate = 0, self._rate
        self._gone = self._left_out = 0
        """Samples that came out or will be dropped, and those of them that are still to be."""

    @property
    def num_held(self) -> int:
        """Samples that are still to come out."""
        return self._entered * self._rate // self._entered_rate - self._gone

    def push(self, frame: AudioFrame, left_out: int = 0) -> Samples:
        """Take the next frame, without its first `left_out` samples; (n,) float32 come out, of earlier ones, too.

        A change of format in mid-stream starts anew.
        """
        frame.pts = None  # Positions are told by counting; the filters would fill gaps in their own way.
        try:
            pieces = self._resampler.resample(frame)
        except ValueError:
            earlier = self.finish()
            return np.concatenate([earlier, self.push(frame, left_out)])
        self._entered, self._entered_rate = self._entered + frame.samples, frame.sample_rate
        left_out = min(left_out, self.num_held)
        self._left_out, self._gone = self._left_out + left_out, self._gone + left_out
        return self._come_out(pieces)

    def finish(self) -> Samples:
        """(n,) float32: what is held; what is pushed next need not follow it."""
        samples = self._come_out(self._resampler.resample(None))
        self._begin()
        return samples

    def _come_out(self, pieces: Sequence[AudioFrame]) -> Samples:
        if not pieces:  # Nothing comes for most frames.
            return _NOTHING
        samples = np.concatenate([piece.to_ndarray()[0] for piece in pieces])
        dropped = min(self._left_out, len(samples))
        self._left_out -= dropped
        self._gone += len(samples) - dropped
        return samples[dropped:]


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
