"""Sound that is decoded by the ffmpeg program: tracks with which PyAV ends the whole process, or cannot deal.

In: a track with an unusual channel layout. Out: mono samples from time zero, read from a pipe as they are wanted. If
the program crashes, the sound ends there.
"""

from __future__ import annotations

import subprocess

import numpy as np
import numpy.typing as npt

from highlightr.core.types import AudioStream, Source
from highlightr.media._container.layouts import mono_filter
from highlightr.media._container.opening import DEMUXERS, file_url
from highlightr.media.ffmpeg import ffmpeg_path

_SAMPLE_BYTES = 4


class PipedSound:
    """One track on its way through a pipe; close it."""

    def __init__(self, source: Source, audio: AudioStream) -> None:
        self._rate = audio.sample_rate
        self._position = 0
        self._process = subprocess.Popen(
            [ffmpeg_path(), *_arguments(source, audio)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def close(self) -> None:
        """End the program."""
        self._process.kill()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process.wait()

    def read_until(self, seconds: float) -> npt.NDArray[np.float32]:
        """(n,) float32 mono at the track's own rate: what follows, up to a time; less at the end of the sound."""
        wanted = max(0, round(seconds * self._rate) - self._position) * _SAMPLE_BYTES
        assert self._process.stdout is not None
        data = self._process.stdout.read(wanted) if wanted else b""
        samples = np.frombuffer(data, np.float32, count=len(data) // _SAMPLE_BYTES)
        self._position += len(samples)
        return samples

    def has_failed(self) -> bool:
        """After the last sample: whether the program ended with an error, or by one."""
        return self._process.wait() != 0


def _arguments(source: Source, audio: AudioStream) -> list[str]:
    reading = ["-nostdin", "-loglevel", "error", "-protocol_whitelist", "file", "-format_whitelist", DEMUXERS]
    # Gaps are filled and the first sample put in its place here: what comes out of a pipe has no timestamps.
    filters = f"{mono_filter(audio)},aresample={audio.sample_rate}:async=1:min_hard_comp=0.01:first_pts=0"
    chosen = ["-map", f"0:{audio.index}", "-af", filters, "-t", f"{source.duration_seconds:.6f}"]
    return [*reading, "-i", file_url(source.path), *chosen, "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
