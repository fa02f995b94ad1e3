"""Leave out what follows the keyframe in groups of pictures in which hardly anything changes.

In: the packets of a video stream in file order. Out: the same packets in the same order, without the end of calm
groups: those whose keyframe looks like the next one's, and those that go on with a calm shot until an encoder's cut. Of
a long one only the last seconds are left out. Whatever is not plain is passed on whole: groups that do not begin with
an IDR picture, damaged ones, the last one. One group is held at most.

A shot boundary lies between two keyframes that look different, or makes a picture in between as large as a keyframe, or
much larger than its neighbours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from highlightr.core.source import Source
from highlightr.media._container.av_types import Packet, VideoFrame
from highlightr.media._decode.decoders import another_decoder, decoded_alone
from highlightr.media._decode.frame_converter import ThumbnailMaker
from highlightr.media._decode.nal import NalReader
from highlightr.media.change import change_strength
from highlightr.media.looks import Look, difference, look_at, moved
from highlightr.media.sampling import Thumbnail, ThumbnailRequest

CALM_STRENGTH, CALM_EARLY_STRENGTH = 0.25, 0.15
"""Keyframes that differ less (see `change_strength`) show the same shot; the second where a group is shorter than
another before it, because an encoder that begins one early saw a change. Chosen on real clips joined at 720p: of 45
boundaries with and without such encoders, the weakest differed by 0.20 across an early group and by 0.41 across any
other."""

CUT_STRENGTH = 0.5
"""Where the next keyframe comes early and differs so much, the encoder saw a cut there. Of 13 such groups in 16 joined
videos of real clips, an exact pass finds the boundary at that keyframe in 12, and 0.2 s before it in one."""

CUT_SHARE = 0.3
"""No picture of such a group is larger than this share of its keyframe: a dissolve or another cut may be in it."""

LEAST_CUT_SECONDS = 0.5
"""Shorter groups are decoded: a flash is told by the pictures of half a second."""

EARLY_SHARE = 0.9
"""A group is early if it lasts less than this share of the longest before it."""

LONGEST_SECONDS = 3.0
"""Any two pictures that are looked at are no further apart."""

LARGEST_SHARE = 1.0
"""A picture as large as its group's keyframe may begin a shot that is over before the next keyframe."""

SUDDEN_TIMES, SUDDEN_SHARE = 7.0, 0.05
"""A picture so many times as large as three quarters of its group's others, and at least such a share of the keyframe,
shows something new. In calm groups of joined real clips, the largest was 6.3 times as large."""

_LARGEST_BYTES = 16 * 2**20
"""Of the group that is held."""

_MOST_DECODED_BYTES = 32 * 2**20
"""Of keyframes that wait to be shown; further ones are decoded twice."""

_BYTES_PER_PIXEL = 3
"""Of a decoded picture, at most, for this purpose."""


class CalmGroup:
    """The end of a group of pictures, of which the first one alone is shown, for `seconds`.

    Without `frame`, that picture decoded, its packet has to be decoded. `ends_shot`: the next group shows another shot.
    """

    def __init__(self, seconds: Fraction, frame: VideoFrame | None, *, ends_shot: bool) -> None:
        self.seconds, self.ends_shot = seconds, ends_shot
        self._frame = frame

    def take_frame(self) -> VideoFrame | None:
        """The decoded keyframe, once."""
        frame, self._frame = self._frame, None
        return frame

    @property
    def held_bytes(self) -> int:
        """What the decoded keyframe takes, about."""
        frame = self._frame
        return 0 if frame is None else frame.width * frame.height * _BYTES_PER_PIXEL


@dataclass
class _Open:
    """A group that may turn out to be calm."""

    start: int
    """Timestamp of its keyframe."""
    frame: VideoFrame
    look: Look
    """What the keyframe shows."""
    packets: list[Packet]
    num_bytes: int


class CalmFilter:
    """Holds each group until the next keyframe is known."""

    def __init__(self, source: Source, stream: Any) -> None:
        self._source, self._stream = source, stream
        self._nal = NalReader.of(stream.codec_context)
        self._decoder: Any = None
        self._thumbnails = ThumbnailMaker(ThumbnailRequest())
        self._open: _Open | None = None
        self._latest: int | None = None
        """The latest timestamp so far."""
        self._longest = Fraction(0)
        """Seconds of the longest group so far."""
        self._was_calm = False
        """Whether the keyframe of the open group looks like the one before it."""
        self.groups: dict[int, CalmGroup] = {}
        """What was left out so far, by the timestamp of the picture that stands for it."""
        self._waiting: deque[CalmGroup] = deque()

    def push(self, packet: Packet) -> Iterator[Packet]:
        """Take the next packet; those that are to be decoded come out."""
        if self._begins_group(packet):
            opened = self._opened(packet)
            if self._open is not None and opened is not None:
                self._settle(self._open, opened)
            yield from self.finish()
            self._open = opened
            if opened is None:
                yield packet
        elif self._open is None:
            yield packet
        else:
            self._open.packets.append(packet)
            self._open.num_bytes += packet.size
            if not self._may_be_calm(self._open, packet):
                yield from self.finish()
        if packet.pts is not None:
            self._latest = packet.pts if self._latest is None else max(self._latest, packet.pts)

    def finish(self) -> Iterator[Packet]:
        """What is held: no more packets follow, or the group is not plain."""
        if self._open is not None:
            yield from self._open.packets
            self._open = None

    def _begins_group(self, packet: Packet) -> bool:
        """Whether nothing from this packet on refers to, or is shown with, anything before it."""
        is_later = packet.pts is not None and (self._latest is None or packet.pts > self._latest)
        plain = self._nal.is_described and not packet.has_sidedata("new_extradata")
        return is_later and plain and self._nal.begins_afresh(packet)

    def _opened(self, packet: Packet) -> _Open | None:
        """The group that begins here; `None` where its keyframe cannot be decoded on its own."""
        frame = self._decoded(packet)
        if frame is None or packet.pts is None:
            return None
        look = look_at(Thumbnail(0.0, self._thumbnails.shrunk(frame)), 0)
        return _Open(packet.pts, frame, look, [packet], packet.size)

    def _settle(self, group: _Open, following: _Open) -> None:
        """Shorten a group that ends, if it is calm, or if nothing but the cut at its end is to be seen in it."""
        seconds = self._seconds(following.start - group.start)
        early = seconds < EARLY_SHARE * self._longest
        self._longest = max(self._longest, seconds)
        strength = float(change_strength(*difference(group.look, following.look)))
        # In the dark, small changes decide whether anything can be seen.
        told = not group.look.flat and not following.look.flat and not _changes_suddenly(group)
        is_calm = told and strength < (CALM_EARLY_STRENGTH if early else CALM_STRENGTH)
        ends_shot = (
            told
            and early
            and self._was_calm
            and seconds >= LEAST_CUT_SECONDS
            and strength >= CUT_STRENGTH
            and _largest_share(group) < CUT_SHARE
            and not moved(group.look, following.look)
        )
        self._was_calm = is_calm
        if is_calm or ends_shot:
            self._leave_out(group, following.start, ends_shot=ends_shot)

    def _leave_out(self, group: _Open, stop: int, *, ends_shot: bool) -> None:
        """Keep no more packets than it takes to show a picture that is near enough to the next keyframe."""
        count, shown = 1, group.start
        while self._seconds(stop - shown) > LONGEST_SECONDS and count < len(group.packets):
            shown = max(shown, group.packets[count].pts or shown)
            count += 1
        if count < len(group.packets):
            frame = group.frame if count == 1 and self._has_room() else None
            self.groups[shown] = calm = CalmGroup(self._seconds(stop - shown), frame, ends_shot=ends_shot)
            self._waiting.append(calm)
            del group.packets[count:]

    def _may_be_calm(self, group: _Open, packet: Packet) -> bool:
        """Whether the latest packet of a group leaves that open."""
        if packet.pts is None or packet.pts < group.start or packet.has_sidedata("new_extradata"):
            return False
        return packet.size < LARGEST_SHARE * group.packets[0].size and group.num_bytes < _LARGEST_BYTES

    def _seconds(self, stamps: int) -> Fraction:
        return stamps * Fraction(self._stream.time_base)

    def _has_room(self) -> bool:
        """Whether one more decoded picture may wait."""
        while self._waiting and self._waiting[0].held_bytes == 0:
            self._waiting.popleft()
        return sum(group.held_bytes for group in self._waiting) < _MOST_DECODED_BYTES

    def _decoded(self, packet: Packet) -> VideoFrame | None:
        if self._decoder is None:
            self._decoder = another_decoder(self._source)
            self._decoder.thread_count = 1
        frames = decoded_alone(self._decoder, packet)
        return frames[0] if len(frames) == 1 and not frames[0].is_corrupt else None


def _largest_share(group: _Open) -> float:
    """The largest picture of a group after its keyframe, over that one."""
    keyframe, *others = (packet.size for packet in group.packets)
    return max(others, default=0) / keyframe


def _changes_suddenly(group: _Open) -> bool:
    """Whether a picture of a group is much larger than most."""
    keyframe, *others = (packet.size for packet in group.packets)
    if not others:
        return False
    typical = sorted(others)[3 * len(others) // 4]
    return max(others) > max(SUDDEN_TIMES * typical, SUDDEN_SHARE * keyframe)
