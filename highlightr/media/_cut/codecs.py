"""How the output is encoded and held: arguments for ffmpeg.

In: a probed source and the output's name. Out: arguments that follow the inputs and filters.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from highlightr.core.types import Source
from highlightr.media._container.opening import file_url
from highlightr.media._cut.ticks import decimal
from highlightr.media.outputs import MUXERS, check_suffix

PRESET = "superfast"
CRF = "20"


def picture_codec(source: Source) -> list[str]:
    """The encoder of the picture; its frames keep their dates."""
    arguments = ["-c:v", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt", "yuv420p"]
    # FLV and transport streams do not say how long a frame lasts; without that a player leaves out the very last one.
    lasting = f"setts=pts=PTS:dts=DTS:duration='if(gt(DURATION,0),DURATION,1/TB*{decimal(_frame_seconds(source))})'"
    return [*arguments, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-bsf:v", lasting]


def _frame_seconds(source: Source) -> Fraction:
    return 1 / (source.video.frames_per_second or Fraction(25))


def sound_codec(source: Source) -> list[str]:
    """The encoder of the sound; nothing for a video without."""
    if source.audio is None:
        return []
    return ["-c:a", "aac", "-b:a", f"{96 * min(max(source.audio.channels, 1), 6)}k"]


def container(output: Path) -> list[str]:
    """The file that is written, in the format of its suffix."""
    muxer = check_suffix(output)
    timescale = [] if muxer == MUXERS[".mkv"] else ["-video_track_timescale", "90000", "-movflags", "+faststart"]
    return [*timescale, "-f", muxer, "-y", file_url(output)]
