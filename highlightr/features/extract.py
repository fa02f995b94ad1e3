"""One decode pass, every extractor.

In: a probed source, its grid and the extractors. Out: `Features` with the streams and signals of all of them.
Extractors that ask for the same samples share one tap; those that hear are left out where there is no sound. Decoding
and the taps' extractors run side by side (see `highlightr.features.workers`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, FloatArray, Signal, Source, TimeGrid
from highlightr.features.base import Extracted, Extraction, Extractor
from highlightr.features.workers import Lanes
from highlightr.media.decode import decode
from highlightr.media.sampling import AudioBlock, AudioTap, Frame, Item, Tap

__all__ = ["Progress", "extract", "joined"]

Progress = Callable[[float, float], None]
"""Called with (seconds of video done, seconds of video)."""

_REPORT_SECONDS = 0.5
"""Progress is told at most this often, in seconds of video."""


def extract(
    source: Source, grid: TimeGrid, extractors: Sequence[Extractor], *, progress: Progress | None = None
) -> Features:
    """Decode the source once and compute every extractor's streams.

    Args:
        source: what `probe` returned.
        grid: the clips.
        extractors: those that hear are skipped if the source has no sound; their streams are absent keys.
        progress: told how far the decoding has come.

    Raises:
        ConfigError: two extractors make a stream or signal of the same name.
        MediaError: the file cannot be opened any more.
        DecodeError: not one picture can be decoded.
    """
    _check_names(extractors)
    wanted = [one for one in extractors if source.audio is not None or not isinstance(one.tap, AudioTap)]
    taps, listeners = _share_taps(wanted, grid)
    report = _Report(progress, grid.duration_seconds)
    with Lanes(listeners) as lanes:
        made = lanes.run(decode(source, taps), lambda name, item: report.reached(_seconds(taps[name], item)))
    features = joined(grid, made)
    report.done()
    return features


class _Report:
    def __init__(self, progress: Progress | None, total_seconds: float) -> None:
        self._progress = progress
        self._total = total_seconds
        self._told = 0.0

    def reached(self, seconds: float) -> None:
        if self._progress is not None and seconds >= self._told + _REPORT_SECONDS:
            self._told = min(seconds, self._total)
            self._progress(self._told, self._total)

    def done(self) -> None:
        if self._progress is not None:
            self._progress(self._total, self._total)


def _share_taps(extractors: Iterable[Extractor], grid: TimeGrid) -> tuple[dict[str, Tap], dict[str, list[Extraction]]]:
    """One tap per kind of samples, named after the first extractor that wants it, and who listens to it."""
    names: dict[Tap, str] = {}
    listeners: dict[str, list[Extraction]] = {}
    for extractor in extractors:
        name = names.setdefault(extractor.tap, extractor.name)
        listeners.setdefault(name, []).append(extractor.start(grid))
    return {name: tap for tap, name in names.items()}, listeners


def joined(grid: TimeGrid, parts: Iterable[Extracted]) -> Features:
    """What several extractions made, as one."""
    streams: dict[str, FloatArray] = {}
    signals: dict[str, Signal] = {}
    for made in parts:
        streams.update(made.streams)
        signals.update(made.signals)
    return Features(grid, streams, signals)


def _seconds(tap: Tap, item: Item) -> float:
    """When an item is; a frame counts by its interval, because a still picture's own time stands still."""
    if isinstance(item, AudioBlock) and isinstance(tap, AudioTap):
        return item.start_sample / tap.sample_rate
    if isinstance(item, Frame) and not isinstance(tap, AudioTap) and hasattr(tap, "frames_per_second"):
        return item.index / float(tap.frames_per_second)
    return 0.0 if isinstance(item, AudioBlock) else item.time_seconds


def _check_names(extractors: Sequence[Extractor]) -> None:
    makers: dict[str, str] = {}
    for extractor in extractors:
        for name in (*extractor.streams, *extractor.signals):
            other = makers.setdefault(name, extractor.name)
            if other != extractor.name:
                raise ConfigError(f"{other} and {extractor.name} both make {name!r}: use one of them")
        if sum(one.name == extractor.name for one in extractors) > 1:
            raise ConfigError(f"extractor {extractor.name!r} is listed twice: list it once")
