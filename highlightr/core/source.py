"""A video file as probing it found it: its streams, its times, and which file it was.

No file is looked at but by `Source.unchanged`. Time zero is the container's first timestamp, which is also the zero
that ffmpeg seeks from, so a time found here can be cut without conversion.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from highlightr.core.hashing import FileIdentity


@dataclass(frozen=True)
class VideoStream:
    """The video stream that is decoded, as a viewer sees it: after rotation, with square pixels unless told."""

    index: int
    """Index among all streams of the container."""
    codec: str
    width: int
    """Stored width in pixels, before rotation."""
    height: int
    """Stored height in pixels, before rotation."""
    rotation_degrees: int = 0
    """Clockwise rotation that makes the picture upright: 0, 90, 180 or 270."""
    sample_aspect_ratio: Fraction = Fraction(1)
    """Width of a stored pixel over its height."""
    frames_per_second: Fraction | None = None
    """Nominal rate; `None` where the container does not tell. Never used to date a frame."""
    mirrored: bool = False
    """Whether the picture must be mirrored left to right after that rotation."""
    interlaced: bool = False
    """Whether the first picture, or the header, says that pictures hold two moments, in alternate lines."""
    dated_when_decoded: bool = False
    """Whether the file has no display times, so that a frame's time is that at which it leaves the decoder."""
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Stored pixels at the left, right, top and bottom that the container hides."""

    @property
    def visible_size(self) -> tuple[int, int]:
        """Stored width and height in pixels of what is shown."""
        left, right, top, bottom = self.crop
        return self.width - left - right, self.height - top - bottom


@dataclass(frozen=True)
class AudioStream:
    """An audio track."""

    index: int
    """Index among all streams of the container."""
    codec: str
    sample_rate: int
    """Samples per second, as stored."""
    channels: int
    layout: str = ""
    """FFmpeg's name of what the channels are, such as ``5.1(side)``; empty: what is usual for so many."""


@dataclass(frozen=True)
class Source:
    """One video file and what probing it found."""

    path: Path
    duration_seconds: float
    """From time zero to the end of the last video frame."""
    start_seconds: float
    """The container's first timestamp; subtracted from every timestamp to reach time zero."""
    container: str
    """Name of the demuxer, such as ``mov,mp4,m4a,3gp,3g2,mj2``."""
    size_bytes: int
    video: VideoStream
    audio: AudioStream | None = None
    """The audio track that a player would choose."""
    audio_tracks: tuple[AudioStream, ...] = ()
    """The audio tracks that are heard together, in the file's order; by default `audio` alone."""
    picture_start_seconds: float = 0.0
    """When the first video frame that decodes appears; before that there is sound alone."""
    identity: FileIdentity | None = None
    """Which file it was when it was probed; `None` where that is not known."""
    timecode: str | None = None
    """Of the first picture, such as ``01:00:00;00``; `None` where the file tells none."""

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Make sure that the file is still the one that was probed, before the block, and when it ends or fails.

        Raises:
            MediaError: it was written to, replaced or removed meanwhile; takes the place of what that led to.
        """
        self._check_identity()
        try:
            yield
        except Exception:
            self._check_identity()
            raise
        self._check_identity()

    def _check_identity(self) -> None:
        if self.identity is not None:
            self.identity.check(self.path)

    def __post_init__(self) -> None:
        if self.audio is not None and not self.audio_tracks:
            object.__setattr__(self, "audio_tracks", (self.audio,))
