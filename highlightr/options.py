"""What a caller may ask of `summarize`: one set of names and defaults for Python, the command line and configs."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

from highlightr.core.errors import ConfigError
from highlightr.core.types import AudioChoice, HdrChoice
from highlightr.selection.options import SelectionOptions

__all__ = ["SummarizeOptions"]


@dataclass(frozen=True)
class SummarizeOptions:
    """How a summary is chosen and where it goes."""

    output: Path | None = None
    """The summary video; by default `NAME.summary.mp4` beside the source. Receipt and report lie beside it."""
    clips: Path | None = None
    """A folder for one file per segment; by default none is written."""
    copy: bool = False
    """Cut at keyframes without re-encoding: fast, and boundaries move; the receipt says how far."""
    hdr: HdrChoice | None = None
    """High dynamic range: ``keep`` it (HEVC, 10 bits), or map it to standard range (``sdr``); by default it is kept
    where ffmpeg can encode it."""
    audio_track: AudioChoice = "all"
    """Which audio tracks are heard and written: all, one by its number from 1 (also as text), all as one (``mix``)."""
    overwrite: bool = False
    """Replace outputs that exist."""
    selection: SelectionOptions = field(default_factory=SelectionOptions)
    """Budget and the rules of choosing."""

    def __post_init__(self) -> None:
        if self.hdr not in (None, *get_args(HdrChoice)):
            raise ConfigError(f"hdr must be {' or '.join(get_args(HdrChoice))}, got {self.hdr!r}")
        track = self.audio_track
        if isinstance(track, str) and track.isdecimal():
            track = int(track)
            object.__setattr__(self, "audio_track", track)
        if track not in ("all", "mix") and (not isinstance(track, int) or isinstance(track, bool) or track < 1):
            raise ConfigError(f"audio_track must be a number from 1, all or mix, got {track!r}")
        if self.copy and self.hdr == "sdr":
            raise ConfigError("copied packets keep their colours: leave out --copy or --hdr sdr")
        if self.copy and track == "mix":
            raise ConfigError("copied packets cannot be mixed: leave out --copy or --audio-track mix")

    @classmethod
    def from_keywords(cls, **keywords: Any) -> SummarizeOptions:
        """Build from flat keywords: this class's fields and those of `SelectionOptions`.

        Raises:
            ConfigError: an unknown keyword, or a value that its option does not accept.
        """
        own = {item.name for item in fields(cls)}
        selecting = {item.name for item in fields(SelectionOptions)}
        unknown = sorted(set(keywords) - own - selecting)
        if unknown:
            known = ", ".join(sorted((own | selecting) - {"selection"}))
            raise ConfigError(f"no option named {unknown[0]!r}; there are {known}")
        if {"ratio", "duration_seconds"} <= set(keywords):
            raise ConfigError("a budget is a ratio (--ratio) or seconds (--duration); give one of them")
        chosen = {name: value for name, value in keywords.items() if name in selecting}
        if chosen:
            keywords["selection"] = SelectionOptions(**chosen)
        mine = {name: value for name, value in keywords.items() if name in own}
        for name in ("output", "clips"):
            if mine.get(name) is not None:
                mine[name] = Path(mine[name])
        return cls(**mine)
