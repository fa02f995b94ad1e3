"""What a caller may choose of tracks, subtitles, and the way a summary is cut; which of it goes together."""

from __future__ import annotations

from typing import Literal

from highlightr.core.errors import ConfigError

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


def check_cut_choice(
    cut: CutChoice,
    encoder: EncoderChoice = "libx264",
    *,
    hdr: HdrChoice | None = None,
    fade: bool = False,
    burn: bool = False,
    mix_audio: bool = False,
) -> None:
    """Refuse what copied packets cannot have; ``auto`` and ``exact`` go with everything.

    Raises:
        ConfigError: two choices that exclude each other.
    """
    if cut not in ("copy", "smart"):
        return
    way = "--copy" if cut == "copy" else "--cut smart"
    if encoder != "libx264":
        raise ConfigError(f"{way} leaves no choice of encoder: leave out {way} or --encoder {encoder}")
    if hdr == "sdr":
        raise ConfigError(f"copied packets keep their colours: leave out {way} or --hdr sdr")
    if fade:
        raise ConfigError(f"copied packets cannot fade: leave out {way} or --transition fade")
    if burn:
        raise ConfigError(f"copied packets keep their picture: leave out {way} or --subtitles burn")
    if mix_audio and cut == "copy":
        raise ConfigError("copied packets cannot be mixed: leave out --copy or --audio-track mix")
