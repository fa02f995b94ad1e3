"""How the output is encoded and held: arguments for ffmpeg.

In: a probed source and the output's name. Out: arguments that follow the inputs and filters.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from highlightr.core.source import Source
from highlightr.media._container.opening import file_url
from highlightr.media._cut.colour import ColourPlan
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media._cut.plan import GUARD_SECONDS, decimal
from highlightr.media._cut.sound import SoundTrack
from highlightr.media.suffixes import MUXERS, check_suffix

PRESET = "superfast"
CRF = "20"
HEVC_CRF = "22"
"""x265 looks as good as x264 at a somewhat larger number."""

_USUAL_RATE = Fraction(25)


def picture_codec(plan: OutputPlan, output: Path, last_shown: Fraction, seconds: Fraction) -> list[str]:
    """The encoder of the picture; its frames keep their dates.

    The last frame appears at `last_shown` and lasts until `seconds`, the length of the output.
    """
    colour, rate = plan.colour, plan.source.video.frames_per_second or _USUAL_RATE
    software = _hevc(colour, rate) if colour.is_hdr else _h264(rate)
    arguments = software if plan.encoder.is_software else plan.encoder.arguments
    arguments += _hevc_tag(output) if colour.is_hdr else []
    if colour.chroma_location is not None:
        arguments += ["-chroma_sample_location", colour.chroma_location]
    # What a frame lasted in the source says nothing of a piece that ends before it does, and some sources do not say.
    rest = f"({decimal(seconds)}-PTS*TB)/TB"
    known = f"if(gt(DURATION,0),min(DURATION,{rest}),{decimal(1 / rate)}/TB)"
    # Where the last planned frame is lost, the last one there is.
    is_last = f"gte(PTS*TB,{decimal(last_shown - GUARD_SECONDS)})+eq(NEXT_PTS,NOPTS)"
    lasting = f"setts=pts=PTS:dts=DTS:duration='if({is_last},{rest},{known})'"
    return [*arguments, "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-bsf:v:0", lasting]


def _h264(rate: Fraction) -> list[str]:
    coded = ["-c:v:0", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt:v:0", "yuv420p"]
    # Of several pieces ffmpeg tells no rate, and the encoder would state a level fit for one picture per tick.
    return [*coded, "-x264-params", f"fps={rate.numerator}/{rate.denominator}"]


def _hevc(colour: ColourPlan, rate: Fraction) -> list[str]:
    parameters = ":".join(["log-level=error", f"fps={rate.numerator}/{rate.denominator}", *colour.x265_parameters])
    codec = ["-c:v:0", "libx265", "-forced-idr", "1", "-a53cc", "1", "-preset", PRESET, "-crf", HEVC_CRF]
    return [*codec, "-pix_fmt:v:0", "yuv420p10le", "-x265-params", parameters]


def copied_picture(source: Source, output: Path, *, is_hevc: bool) -> list[str]:
    """Pictures are copied; the container states their rate, which changes none of their dates."""
    rate = source.video.frames_per_second
    stated = [] if rate is None else ["-r:v:0", f"{rate.numerator}/{rate.denominator}"]
    return ["-c:v:0", "copy", *stated, *(_hevc_tag(output) if is_hevc else ())]


def last_durations(last: Fraction, stop: float, decoded: str = "DTS") -> list[str]:
    """Arguments that let the last picture shown last to the end of the file, and no other one longer.

    Packets say how long until the next one is decoded, which differs from that where frames have no steady rate. The
    last one decoded makes up for it: MP4 has no other length than the sum of these.
    """
    left = f"{stop:.6f}/TB-PTS"
    rest = f"{stop:.6f}/TB-STARTPTS-(DTS-STARTDTS)"
    shown_last = f"gte(PTS*TB,{float(last - GUARD_SECONDS):.6f})"
    duration = f"if({shown_last},{left},min({left},if(eq(NEXT_PTS,NOPTS),{rest},DURATION)))"
    return ["-time_base:v:0", "1:90000", "-bsf:v:0", f"setts=pts=PTS:dts='{decoded}':duration='{duration}'"]


def _hevc_tag(output: Path) -> list[str]:
    """Players of Apple's refuse HEVC in MP4 under any other name."""
    return [] if check_suffix(output) == MUXERS[".mkv"] else ["-tag:v:0", "hvc1"]


def sound_codec(tracks: Sequence[SoundTrack]) -> list[str]:
    """The encoder of each audio track; nothing for a video without."""
    arguments = ["-c:a", "aac"] if tracks else []
    for number, track in enumerate(tracks):
        arguments += [f"-b:a:{number}", f"{96 * min(track.channels, 6)}k"]
    return arguments


def container(output: Path) -> list[str]:
    """The file that is written, in the format of its suffix."""
    muxer = check_suffix(output)
    # The time scale of the whole file that ffmpeg would choose may be too fine for chapters.
    scales = ["-video_track_timescale", "90000", "-movie_timescale", "90000", "-movflags", "+faststart"]
    timescale = [] if muxer == MUXERS[".mkv"] else scales
    return [*timescale, "-f", muxer, "-y", file_url(output)]
