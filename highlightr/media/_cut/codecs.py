"""How the output is encoded and held: arguments for ffmpeg.

In: a probed source and the output's name. Out: arguments that follow the inputs and filters.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from highlightr.core.types import Source
from highlightr.media._container.opening import file_url
from highlightr.media._cut.ticks import GUARD_SECONDS, decimal
from highlightr.media.outputs import MUXERS, check_suffix

PRESET = "superfast"
CRF = "20"


def picture_codec(source: Source, last_shown: Fraction, seconds: Fraction) -> list[str]:
    """The encoder of the picture; its frames keep their dates.

    Args:
        source: what `probe` returned.
        last_shown: when the last frame appears.
        seconds: length of the output: the last frame lasts until then.
    """
    arguments = ["-c:v", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt", "yuv420p"]
    # What a frame lasted in the source says nothing of a piece that ends before it does, and some sources do not say.
    rest = f"({decimal(seconds)}-PTS*TB)/TB"
    known = (
        f"if(gt(DURATION,0),min(DURATION,{rest}),{decimal(1 / (source.video.frames_per_second or Fraction(25)))}/TB)"
    )
    lasting = f"setts=pts=PTS:dts=DTS:duration='if(gte(PTS*TB,{decimal(last_shown - GUARD_SECONDS)}),{rest},{known})'"
    return [*arguments, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-bsf:v", lasting]


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
