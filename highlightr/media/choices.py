"""What a caller may choose of tracks, subtitles, and the way a summary is cut; which of it goes together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from highlightr.core.errors import ConfigError
from highlightr.media.subtitles import Subtitles

AudioChoice = int | Literal["all", "mix"]
"""Which audio tracks are heard: one by its number from 1, all of them, or all of them mixed to one."""

SubtitleChoice = Literal["soft", "burn", "none"]
"""Whether what is said is a track of the file that is written, part of its picture, or left out."""

CutChoice = Literal["auto", "exact", "smart", "copy"]
"""How pieces are written: ``exact`` encodes every picture anew; ``smart`` is as exact and copies most;
``auto`` is smart where that is proven, otherwise exact; ``copy`` copies all, from keyframe to keyframe."""

EncoderChoice = Literal["libx264", "auto", "h264_nvenc", "h264_qsv", "h264_vaapi", "h264_videotoolbox"]
"""What encodes pictures; where high dynamic range is kept, the HEVC sibling of it."""

HdrChoice = Literal["keep", "sdr"]
"""What is done with high dynamic range."""


@dataclass(frozen=True)
class CutOptions:
    """How a video is cut.

    Raises:
        ConfigError: two choices that exclude each other: copied packets cannot have everything that encoded ones can.
    """

    cut: CutChoice = "exact"
    """How pieces are written; copying moves boundaries outwards to keyframes, every other way is exact."""
    hdr: HdrChoice | None = None
    """``keep`` high dynamic range, or map it to standard range (``sdr``); by default kept where ffmpeg can."""
    mix_audio: bool = False
    """Write one audio track, the sum of all that are heard."""
    fade: bool = False
    """Between pieces, through black and silence."""
    encoder: EncoderChoice = "libx264"
    """Of pictures, where all are encoded: a name, or ``auto`` for the hardware that is proven."""
    subtitles: SubtitleChoice = "soft"
    """What is done with subtitles; by default text tracks come along."""
    said: Subtitles | None = None
    """What is said, on the time line of the source; `None` where nothing is known but the file's own tracks."""
    language: str | None = None
    """Of what is said."""

    def __post_init__(self) -> None:
        if self.cut not in ("copy", "smart"):
            return
        way = "--copy" if self.cut == "copy" else "--cut smart"
        if self.encoder != "libx264":
            raise ConfigError(f"{way} leaves no choice of encoder: leave out {way} or --encoder {self.encoder}")
        if self.hdr == "sdr":
            raise ConfigError(f"copied packets keep their colours: leave out {way} or --hdr sdr")
        if self.fade:
            raise ConfigError(f"copied packets cannot fade: leave out {way} or --transition fade")
        if self.subtitles == "burn":
            raise ConfigError(f"copied packets keep their picture: leave out {way} or --subtitles burn")
        if self.mix_audio and self.cut == "copy":
            raise ConfigError("copied packets cannot be mixed: leave out --copy or --audio-track mix")
