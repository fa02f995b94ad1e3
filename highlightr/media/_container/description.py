"""What FFmpeg's own listing of an open file says and PyAV does not, or not safely.

In: an open container. Out: a `StreamText` per stream: channel layouts, side data, the siting of colour. PyAV frees a
custom channel layout twice, which ends the process, so neither a layout nor a channel count may be asked of it; the
listing is text that FFmpeg itself makes.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from highlightr.media._container.av_types import InputContainer

_LOG = threading.Lock()
"""FFmpeg has one log for the whole process."""

_STREAM = re.compile(r"  Stream #0:(\d+).*: (?:Audio|Video|Subtitle|Data|Attachment|Unknown): (.*)")
"""Only at the margin: the lines of metadata, which a file may word as it likes, are indented further. The language,
which it may word as well, stands before the stream's type."""

_PROGRAM = re.compile(r"  (?:Program (\d+)|No Program)")
"""Of a transport stream; what is listed below belongs to it, a stream of several programs to each."""

_SIDE_DATA = re.compile(r"      (\S.*?): ?(.*)")
_TAG = re.compile(r"\((\S+) / 0x[0-9A-F]+\)")
_LAYOUT = re.compile(r"\d+ Hz, ([^,]+)")
_COUNTED = re.compile(r"(\d+) channels?\b")
_AMBISONIC = re.compile(r"ambisonic (\d+)(?:\+(.+))?")
_MOST_CHANNELS = 1024

CROP = "Frame Cropping"
"""FFmpeg's word for what a container hides at the sides of the picture."""

_LOCATIONS = ("left", "center", "topleft", "top", "bottomleft", "bottom")


@dataclass(frozen=True)
class StreamText:
    """One stream in FFmpeg's words."""

    codec: str
    """Codec, format and sizes, such as ``pcm_s16le, 48000 Hz, 2 channels (FR+FL), s16``."""
    side_data: Mapping[str, str]
    """Such as ``Spherical Mapping`` to ``equirectangular``."""
    programs: frozenset[str] = frozenset()
    """Numbers of those that it belongs to; empty where the container has none."""

    @property
    def codec_name(self) -> str:
        """FFmpeg's name of the codec."""
        return self.codec.partition(" ")[0].rstrip(",") or "unknown"

    @property
    def tag(self) -> str:
        """The container's four letters for the codec, such as ``tmcd``; empty if not told."""
        match = _TAG.search(self.codec)
        return match[1] if match else ""

    @property
    def layout(self) -> str:
        """Channel layout, such as ``5.1(side)``, ``ambisonic 1`` or ``2 channels (FR+FL)``; empty if not told."""
        match = _LAYOUT.search(self.codec)
        return match[1] if match else ""

    @property
    def crop(self) -> tuple[int, int, int, int]:
        """Pixels at the left, right, top and bottom that the container hides."""
        left, right, top, bottom = map(int, self.side_data.get(CROP, "0/0/0/0").split("/"))
        return left, right, top, bottom

    @property
    def chroma_location(self) -> str | None:
        """Where samples of colour lie between those of brightness, in FFmpeg's word; `None` if not told."""
        words = re.findall(r"[(,] ?(\w+)(?=[,)])", self.codec)
        return next((word for word in words if word in _LOCATIONS), None)


def describe(container: InputContainer) -> dict[int, StreamText]:
    """Read the listing; index of a stream to what it says."""
    found: dict[int, StreamText] = {}
    side_data: dict[str, str] = {}
    is_side_data, program = False, frozenset[str]()
    opened: Any = container
    with ffmpeg_log():
        listing = str(opened.dumps_format())
    for line in listing.splitlines():
        stream = _STREAM.match(line)
        if stream:
            side_data, is_side_data = {}, False
            index, before = int(stream[1]), found.get(int(stream[1]))
            if before is None or before.codec == stream[2]:
                found[index] = StreamText(stream[2], side_data, program | (before.programs if before else program))
            else:  # Told in two ways: one of them is forged. A stream that is not known is handled with care.
                found[index] = StreamText("", {})
        elif heading := _PROGRAM.match(line):
            program = frozenset(filter(None, [heading[1]]))
        elif line.startswith("    ") and not line.startswith("     "):
            is_side_data = line.strip() == "Side data:"
        elif is_side_data and (entry := _SIDE_DATA.match(line)):
            side_data.setdefault(entry[1], entry[2].strip())
    return found


def is_plain(layout: str) -> bool:
    """Whether a layout is one of the usual ones, which PyAV handles and every encoder can be given."""
    return bool(layout) and not _COUNTED.match(layout) and not layout.startswith("ambisonic")


def num_channels(layout: str) -> int:
    """How many channels a layout has; 0 if it cannot be told.

    Source: an ambisonic layout of order n has (n + 1)^2 components (libavutil/channel_layout.h).
    """
    counted, ambisonic = _COUNTED.match(layout), _AMBISONIC.match(layout)
    if counted:
        count = int(counted[1])
    elif ambisonic:
        count = (int(ambisonic[1]) + 1) ** 2 + (num_channels(ambisonic[2]) if ambisonic[2] else 0)
    else:
        count = _named_channels(layout)
    return count if count <= _MOST_CHANNELS else 0


def _named_channels(layout: str) -> int:
    import av

    try:
        return av.AudioLayout(layout).nb_channels if layout else 0
    except ValueError:
        return 0


@contextmanager
def ffmpeg_log() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg says on this thread meanwhile, each as (level, speaker, text); its log is on for no longer than that.

    It says where colour is sited, too, as ``ffmpeg -i`` does not. What it says on other threads is lost; a caller's
    own level is there again afterwards.
    """
    import av.logging as log

    with _LOG:
        level, skips_repeated = log.get_level(), log.get_skip_repeated()
        try:
            log.set_skip_repeated(False)
            log.set_libav_level(log.VERBOSE)
            log.set_level(log.INFO)
            with log.Capture(local=False), log.Capture() as said:
                yield said
        finally:
            log.set_level(level)
            log.set_libav_level(log.INFO)
            log.set_skip_repeated(skips_repeated)
