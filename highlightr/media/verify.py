"""Whether a written video is what was planned, found out from its packets and a few of its frames.

In: a file and what it should hold. Out: a `Verdict`. It costs little: packets are read once, and of each piece only the
pictures from the last keyframe to the end, and the first one, are decoded.
"""

from __future__ import annotations

import statistics
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

from highlightr.core.clock import parse_clock
from highlightr.core.errors import HighlightrError, shortage
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.opening import moving_pictures, packets, reading, start_seconds
from highlightr.media._decode.nal import NalReader

_SAME_SECONDS = 0.002
"""Containers round timestamps: to a millisecond (Matroska), or finer."""

_LEAST_FRAME_SECONDS = 0.04
"""Lengths may differ by a frame: by one of this length at least."""

_SOUND_SECONDS = 0.1
"""By how much sound may begin late or end early: blocks of a codec, and its delay."""


@dataclass(frozen=True)
class Planned:
    """What a written video should hold; times in seconds of the output."""

    seconds: float
    starts: Sequence[float]
    """Where each piece begins."""
    num_sounds: int
    """Audio streams."""
    shown: Sequence[float] | None = None
    """When each frame appears; `None` if only the packets could tell."""
    moved_seconds: float = 0.0
    """By how much frames may have been moved."""
    num_pictures: int = 0
    """How many pictures there are at least, where `shown` is `None`."""


@dataclass(frozen=True)
class Verdict:
    """What was found."""

    fault: str = ""
    """Why the file must not be delivered; empty if it may be."""
    missing: tuple[float, ...] = ()
    """When planned frames should have appeared that are not there: the one before stays on screen."""

    @property
    def is_as_planned(self) -> bool:
        """Whether nothing differs."""
        return not self.fault and not self.missing


def check_video(path: Path, planned: Planned) -> Verdict:
    """Reopen a written video and compare it with its plan."""
    try:
        with reading(path) as container:
            return _checked(container, planned)
    except HighlightrError as error:
        if shortage(error):
            raise
        return Verdict(f"it cannot be opened again ({error})")


def _checked(container: InputContainer, planned: Planned) -> Verdict:
    if not moving_pictures(container):
        return Verdict("it has no picture")
    count = len(container.streams.audio)
    if count != planned.num_sounds:
        return Verdict(f"it has {count} audio streams instead of {planned.num_sounds}")
    seen = _Reading(container, planned)
    fault = _fault(seen, planned)
    if fault or planned.shown is None:
        return Verdict(fault)
    missing, extra = _differences(planned.shown, sorted(seen.shown), _SAME_SECONDS + planned.moved_seconds)
    if extra:
        return Verdict(f"{len(extra)} of its pictures were not planned, the first one at {extra[0]:.3f} s")
    return Verdict(missing=tuple(missing))


def _fault(seen: _Reading, planned: Planned) -> str:
    """What is wrong whatever frames were planned."""
    if not seen.shown:
        return "it has no picture"
    if len(seen.shown) < planned.num_pictures:
        return f"it has {len(seen.shown)} pictures instead of {planned.num_pictures}"
    steps = [b - a for a, b in pairwise(sorted(seen.shown))]
    frame = max(_LEAST_FRAME_SECONDS, statistics.median(steps) if steps else 0.0)
    if abs(seen.end - planned.seconds) > frame + _SAME_SECONDS:
        return f"its picture lasts {seen.end:.3f} s instead of {planned.seconds:.3f} s"
    # Copied sound has the gaps that it has in the source; encoded sound has none.
    for begin, end in seen.sounds.values() if planned.shown is not None else ():
        if begin > _SOUND_SECONDS or end < planned.seconds - _SOUND_SECONDS:
            return f"its sound lasts from {begin:.3f} to {end:.3f} s of {planned.seconds:.3f} s"
    if planned.shown is not None and len(seen.sounds) < planned.num_sounds:
        return "an audio stream is empty"
    if seen.undecoded:
        return f"the piece that begins at {seen.undecoded[0]:.3f} s cannot be decoded"
    if len(seen.sizes) > 1:
        (width, height), (other_width, other_height) = seen.sizes[:2]
        return f"its pictures change from {width}x{height} to {other_width}x{other_height}"
    return ""


class _Reading:
    """What the packets of a file say, in seconds, and what comes of decoding a few of them; they are read once.

    Decoded are the first picture of each piece, and those from its last keyframe on. Where all frames are known, it
    goes on from one piece to the next as a player does, and nothing may be damaged.
    """

    def __init__(self, container: InputContainer, planned: Planned) -> None:
        self.shown: list[float] = []
        self.end = 0.0
        self.sounds: dict[int, tuple[float, float]] = {}
        """Audio stream to its first and last moment."""
        self.undecoded: list[float] = []
        """Where pieces begin of which a picture that was tried did not decode."""
        self.sizes: list[tuple[int, int]] = []
        """Of the pictures that were tried, each one once."""
        self._video = moving_pictures(container)[0]
        self._decoder: Any = self._video.codec_context
        self._decoder.thread_count = 1
        self._starts = sorted(planned.starts)
        # Pictures that follow a copied keyframe may need those before it, and are left out.
        self._needs_all = planned.shown is not None
        self._nal = NalReader.of(self._decoder)
        self._piece = -1
        self._group: list[Packet] = []
        zero = float(start_seconds(container))
        if not container.streams.audio and planned.shown:
            zero -= planned.shown[0]  # A picture without sound may begin late: the file then begins with it.
        self._read(container, zero)

    def _read(self, container: InputContainer, zero: float) -> None:
        video, latest = self._video, 0.0
        for packet in packets(container, video, *container.streams.audio):
            if packet.pts is None or packet.size == 0:
                continue
            begin = float(packet.pts * packet.time_base) - zero
            end = begin + float((packet.duration or 0) * packet.time_base)
            if packet.stream is video:
                self._decode(packet, begin)
                if not packet.is_discard:
                    # The last one shown tells the end: others may say how long until the next one is decoded.
                    self.end = end if begin >= latest else self.end
                    latest = max(latest, begin)
                    self.shown.append(begin)
            else:
                first, last = self.sounds.get(packet.stream.index, (begin, end))
                self.sounds[packet.stream.index] = (min(first, begin), max(last, end))
        self._try(self._group)
        # Players believe the header, that of the track: Matroska has it as a tag, and no length of its last packet.
        # Where that is the only one, FFmpeg takes the length of the file, which sound may make longer.
        if "DURATION" in video.metadata:
            self.end = parse_clock(video.metadata["DURATION"]) - zero
        elif video.duration:
            self.end = float(((video.start_time or 0) + video.duration) * Fraction(video.time_base or 0)) - zero

    def _decode(self, packet: Packet, shown: float) -> None:
        """Take the next picture, and decode its piece's where that ends."""
        piece = bisect_right(self._starts, shown + _SAME_SECONDS) - 1
        if packet.is_keyframe and (self._nal.begins_afresh(packet) or not self._needs_all):
            if piece > self._piece:
                for group in [[*self._group, packet]] if self._needs_all else [self._group, [packet]]:
                    self._try(group)
                self._piece = piece
            self._group = []
        self._group.append(packet)

    def _try(self, group: Sequence[Packet]) -> None:
        import av

        if not group:
            return
        sizes: Counter[tuple[int, int]] = Counter()
        try:
            # Counted one by one: the pictures of a long group take gigabytes.
            for packet in (*group, None):
                sizes.update(self._sizes(packet))
        except av.FFmpegError:
            sizes.clear()
        self._decoder.flush_buffers()
        if sizes.total() < (len(group) if self._needs_all else 1):
            self.undecoded.append(self._starts[max(0, self._piece)])
        self.sizes += [size for size in sizes if size not in self.sizes]

    def _sizes(self, packet: Packet | None) -> list[tuple[int, int]]:
        frames = self._decoder.decode(packet)
        return [(frame.width, frame.height) for frame in frames if not (self._needs_all and frame.is_corrupt)]


def _differences(
    planned: Sequence[float], shown: Sequence[float], same_seconds: float
) -> tuple[list[float], list[float]]:
    """Planned times without a frame, and frames without a planned time; both in order."""
    missing, extra, position = [], [], 0
    for time in shown:
        while position < len(planned) and planned[position] < time - same_seconds:
            missing.append(planned[position])
            position += 1
        if position < len(planned) and planned[position] <= time + same_seconds:
            position += 1
        else:
            extra.append(time)
    return [*missing, *planned[position:]], extra
