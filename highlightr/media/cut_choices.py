"""Which ways of cutting go with what else is asked for."""

from __future__ import annotations

from highlightr.core.errors import ConfigError
from highlightr.core.types import CutChoice, EncoderChoice, HdrChoice


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
