"""From where an H.264 stream can be decoded, as its supplemental messages tell, byte by byte."""

from __future__ import annotations

import av
import pytest

from highlightr.media._decode.nal import NalReader

SLICE = b"\0\0\1\x61\x88\x80"
IDR = b"\0\0\1\x65\x88\x80"


def _packet(*units: bytes, is_keyframe: bool = True) -> av.Packet[None]:
    packet: av.Packet[None] = av.Packet(b"".join(units))
    packet.is_keyframe = is_keyframe
    return packet


def _messages(*messages: tuple[int, bytes]) -> bytes:
    return b"\0\0\1\x06" + b"".join(bytes([kind, len(data)]) + data for kind, data in messages) + b"\x80"


@pytest.mark.parametrize(
    ("units", "wait"),
    [
        ((IDR,), 0),
        ((SLICE,), None),
        ((_messages((6, b"\x84")), SLICE), 0),  # ue: 1
        ((_messages((6, b"\x24\x40")), SLICE), 3),  # ue: 00100
        ((_messages((6, b"\x05\xa2\x20")), SLICE), 44),  # ue: 00000101101
        ((_messages((1, b"\xaa\xbb"), (6, b"\x24\x40")), SLICE), 3),
        ((_messages((1, b"\xaa\xbb")), _messages((6, b"\x24\x40")), SLICE), 3),
        ((_messages((1, b"\xaa\xbb")), SLICE), None),
        ((b"\0\0\1\x06\x05\xff\x10" + bytes(range(1, 30)), _messages((6, b"\x84")), SLICE), 0),
    ],
)
def test_pictures_to_recover(units: tuple[bytes, ...], wait: int | None) -> None:
    assert NalReader("h264", None).frames_to_recover(_packet(*units)) == wait


def test_nothing_begins_at_a_picture_that_is_no_keyframe() -> None:
    assert NalReader("h264", None).frames_to_recover(_packet(IDR, is_keyframe=False)) is None
