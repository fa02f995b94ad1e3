"""What is to be cut, and what the caller chose of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from highlightr.core.progress import Advance
from highlightr.core.types import Source
from highlightr.media._cut.encoders import SOFTWARE
from highlightr.media._cut.texts import Texts
from highlightr.media.choices import CutChoice, EncoderChoice, HdrChoice, check_cut_choice


@dataclass(frozen=True)
class CutJob:
    """One file that is to be written.

    Raises:
        ConfigError: two choices that exclude each other.
    """

    source: Source
    spans: Sequence[tuple[float, float]]
    """Of the source, in seconds from time zero, half-open, in the order of the output."""
    output: Path
    cut: CutChoice
    hdr: HdrChoice | None = None
    mix_audio: bool = False
    fade: bool = False
    """Between pieces, through black and silence."""
    texts: Texts = field(default_factory=Texts)
    """What is done with subtitles."""
    encoder: EncoderChoice = SOFTWARE
    """Of pictures, where all are encoded."""
    still_width: int | None = None
    """In pixels, where a still of each piece is wanted."""
    progress: Advance | None = None

    def __post_init__(self) -> None:
        burn = self.texts.how == "burn"
        check_cut_choice(self.cut, self.encoder, hdr=self.hdr, fade=self.fade, burn=burn, mix_audio=self.mix_audio)
