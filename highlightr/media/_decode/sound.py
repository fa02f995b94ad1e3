"""Everything that is heard of a video: one track as it is, or several summed to one.

In: packets of every audio track, in file order. Out: the `AudioBlock`s that the audio requests asked for. Memory is
bounded: a track that lies far behind the others in the file is silent where it is missing.
"""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from highlightr.core.source import AudioStream, Source
from highlightr.media._container.audio import aligned, mono_filter
from highlightr.media._container.av_types import Packet
from highlightr.media._container.description import is_plain
from highlightr.media._container.opening import DEMUXERS, decoded, file_url
from highlightr.media._decode.audio import MonoTrack
from highlightr.media.ffmpeg import ffmpeg_path
from highlightr.media.sampling import AudioBlock, AudioRequest

_logger = logging.getLogger(__name__)

_LARGEST_LAG_SECONDS = 30.0
"""Tracks of one file lie closer together than this."""

_PIPED_SECONDS = 1.0
"""What is read from a pipe at once."""

_SAMPLE_BYTES = 4

Blocks = Iterator[tuple[str, AudioBlock]]


class Sound:
    """The tracks of one pass; `start` is the container's first timestamp, which is time zero."""

    def __init__(self, source: Source, requests: Mapping[str, AudioRequest], start: Fraction) -> None:
        self._source = source
        self._tracks = {
            one.index: MonoTrack(requests, one.sample_rate, source.duration_seconds, start)
            for one in source.audio_tracks
        }
        self._sums = {name: _Sum(self._tracks) for name in requests} if len(self._tracks) > 1 else None
        self._pipes = {
            one.index: PipedSound(source, one) for one in source.audio_tracks if one.layout and not is_plain(one.layout)
        }
        self._damaged = 0

    @property
    def losses(self) -> Mapping[str, int]:
        """At the end: packets that were left out, and frames of tracks that lie too far behind the others."""
        return {"audio": self._damaged, "late": sum(track.too_late for track in self._tracks.values())}

    @property
    def indices(self) -> list[int]:
        """The streams whose packets are wanted."""
        return [index for index in self._tracks if index not in self._pipes]

    def push(self, packet: Packet) -> Blocks:
        """Take the next packet."""
        index = packet.stream.index
        for frame in decoded(packet, damaged=self._miss):
            yield from self._heard(index, self._tracks[index].push(frame))
        if self._sums is not None:
            yield from self._keep_together()

    def finish(self) -> Blocks:
        """After the last packet."""
        yield from self._drain()
        for index, track in self._tracks.items():
            yield from self._heard(index, track.finish())
        for name, total in (self._sums or {}).items():
            yield from ((name, block) for block in total.finish())
        if failed := sum(pipe.has_failed() for pipe in self._pipes.values()):
            self._damaged += failed
            _logger.warning("%s: a track with unusual channels cannot be decoded to its end", self._source.path)

    def stop(self) -> None:
        """End the programs that decode."""
        for pipe in self._pipes.values():
            pipe.close()

    def _heard(self, index: int, blocks: Blocks) -> Blocks:
        if self._sums is None:
            yield from blocks
            return
        for name, block in blocks:
            yield from ((name, summed) for summed in self._sums[name].add(index, block))

    def _keep_together(self) -> Blocks:
        """Read pipes as far as the other tracks have come; do not wait for one that lies too far behind."""
        reached = max(track.seconds for track in self._tracks.values())
        for index, track in self._tracks.items():
            if index in self._pipes:
                yield from self._heard(index, track.push_samples(self._pipes[index].read_until(reached)))
            if track.seconds < reached - _LARGEST_LAG_SECONDS:
                yield from self._heard(index, track.fill(reached - _LARGEST_LAG_SECONDS))

    def _drain(self) -> Blocks:
        """Read all pipes to their ends, side by side."""
        seconds, length = 0.0, self._source.duration_seconds
        while self._pipes and seconds < length:
            seconds = min(seconds + _PIPED_SECONDS, length)
            for index, pipe in self._pipes.items():
                yield from self._heard(index, self._tracks[index].push_samples(pipe.read_until(seconds)))

    def _miss(self, _: Exception) -> None:
        self._damaged += 1


class _Sum:
    """Adds up what several tracks have for one request; what all of them have reached is complete."""

    def __init__(self, tracks: Mapping[int, object]) -> None:
        self._begin = 0
        self._samples = np.zeros(0, np.float32)
        self._reached = dict.fromkeys(tracks, 0)

    def add(self, index: int, block: AudioBlock) -> Iterator[AudioBlock]:
        """Take the next block of a track."""
        first = block.start_sample - self._begin
        missing = first + len(block.samples) - len(self._samples)
        if missing > 0:
            self._samples = np.concatenate([self._samples, np.zeros(missing, np.float32)])
        self._samples[first : first + len(block.samples)] += block.samples
        self._reached[index] = block.start_sample + len(block.samples)
        yield from self._take(min(self._reached.values()))

    def finish(self) -> Iterator[AudioBlock]:
        """What is left; a track that has ended earlier is silent."""
        yield from self._take(self._begin + len(self._samples))

    def _take(self, until: int) -> Iterator[AudioBlock]:
        count = until - self._begin
        if count > 0:
            yield AudioBlock(self._begin, np.clip(self._samples[:count], -1.0, 1.0))
            self._begin, self._samples = until, self._samples[count:].copy()


class PipedSound:
    """A track with an unusual channel layout, with which PyAV would end the whole process: ffmpeg decodes it to a pipe.

    Mono samples come from time zero on, as they are wanted; if the program crashes, the sound ends there. Close it.
    """

    def __init__(self, source: Source, audio: AudioStream) -> None:
        self._rate = audio.sample_rate
        self._position = 0
        self._process = subprocess.Popen(
            [ffmpeg_path(), *_piped(source, audio)],
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


def _piped(source: Source, audio: AudioStream) -> list[str]:
    reading = ["-nostdin", "-loglevel", "error", "-protocol_whitelist", "file", "-format_whitelist", DEMUXERS]
    # Gaps are filled and the first sample put in its place here: what comes out of a pipe has no timestamps.
    filters = f"{mono_filter(audio)},{aligned(audio.sample_rate, 0)}"
    chosen = ["-map", f"0:{audio.index}", "-af", filters, "-t", f"{source.duration_seconds:.6f}"]
    return [*reading, "-i", file_url(source.path), *chosen, "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1"]
