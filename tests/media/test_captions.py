"""Closed captions, which lie in the pictures' own messages, come along in every way of cutting."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import av
import pytest

from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._cut.parameter_sets import escaped
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import made

SPANS = ((0.3, 1.7), (2.44, 3.6))
_SLICE = re.compile(rb"\x00?\x00\x00\x01[\x01\x21\x41\x61\x25\x45\x65]")
HDR = "format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084"


def _letters(number: int) -> bytes:
    """What the captions of a picture are: two letters that tell its number."""
    return bytes([0x20 + number % 64, 0x40 + number // 64])


def _message(number: int) -> bytes:
    """A unit that holds them (ATSC A/53, part 4, 6.2.3)."""
    data = b"\xb5\x00\x31GA94\x03\xc1\xff\xfc" + _letters(number) + b"\xff"
    return b"\0\0\0\1\x06" + escaped(bytes([4, len(data)]) + data + b"\x80")


def _captioned(path: Path, *how: str) -> Path:
    plain, stream = path.with_name("plain.h264"), path.with_name("captioned.h264")
    coded = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-x264-params", "keyint=25:slices=1:aud=1"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", "-an", *coded, f"file:{plain}"])
    units = re.split(rb"(?=\x00\x00\x00\x01\x09)", plain.read_bytes())[1:]
    begins = [found.start() for unit in units if (found := _SLICE.search(unit))]
    placed = (
        unit[:at] + _message(number) + unit[at:] for number, (unit, at) in enumerate(zip(units, begins, strict=True))
    )
    stream.write_bytes(b"".join(placed))
    run_ffmpeg(["-r", "25", "-i", f"file:{stream}", *how, f"file:{path}"])
    return path


def _captions(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        side_data: list[Any] = [one for frame in container.decode(video=0) for one in frame.side_data]
        return [bytes(one)[1:3] for one in side_data if one.type.name == "A53_CC"]


@pytest.mark.parametrize(
    ("how", "cut"),
    [
        (("-c", "copy"), "exact"),
        (("-c", "copy"), "smart"),
        (("-c", "copy"), "copy"),
        (("-c:v", "libx265", "-a53cc", "1", "-x265-params", "log-level=error:keyint=25"), "smart"),
        (("-vf", HDR, "-c:v", "libx265", "-a53cc", "1", "-x265-params", "log-level=error:keyint=25"), "exact"),
        (("-c:v", "mpeg2video", "-q:v", "3"), "exact"),
    ],
    ids=["exact", "smart", "copy", "smart-hevc", "hdr", "mpeg2"],
)
def test_each_picture_keeps_its_own(how: tuple[str, ...], cut: CutChoice, tmp_path: Path) -> None:
    path = _captioned(tmp_path / "captioned.mkv", *how)
    segments = [Segment(start, stop, 1.0) for start, stop in SPANS]
    result = cut_summary(probe(path), segments, tmp_path / "out.mkv", CutOptions(cut=cut))
    spans = [(round(piece.start_seconds * 25), round(piece.stop_seconds * 25)) for piece in result.pieces]
    assert _captions(result.path) == [_letters(number) for start, stop in spans for number in range(start, stop)]
