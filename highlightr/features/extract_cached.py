"""One decode pass for what the cache does not hold.

In: a probed source, its grid and the planned extractors. Out: the same `Features` as `extract` gives, to the byte. Each
extractor's streams are kept apart, so presets share them, and one more extractor costs only its own work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from highlightr.core.hashing import SAMPLED, code_digest, content_hash
from highlightr.core.types import Features, Source, TimeGrid
from highlightr.features import extract
from highlightr.features.base import Extracted
from highlightr.features.cache import FeatureCache
from highlightr.features.extract import Progress, joined
from highlightr.features.opened import OpenedExtractor

__all__ = ["extract_cached"]


def extract_cached(
    source: Source,
    grid: TimeGrid,
    opened: Sequence[OpenedExtractor],
    device: str,
    cache: FeatureCache | None,
    *,
    progress: Progress | None = None,
) -> Features:
    """Take from the cache what it has, extract the rest in one pass, and keep that.

    Args:
        source: what `probe` returned.
        grid: the clips.
        opened: the extractors; one whose features are all there is not opened.
        device: where they run; part of what an entry is kept under, because rounding differs.
        cache: `None` extracts everything and keeps nothing.
        progress: told how far the decoding has come.

    Raises:
        ConfigError, MediaError, DecodeError: as for `extract`.
    """
    if cache is None or not cache.limit_bytes:
        return extract(source, grid, [one.extractor for one in opened], progress=progress)
    hears = [one for one in opened if source.audio is not None or one.kind.modality != "audio"]
    about = {one.kind.name: _about(source, grid, one, device) for one in hears}
    found = {name: cache.get(each) for name, each in about.items()}
    missing = [one for one in hears if found[one.kind.name] is None]
    made = extract(source, grid, [one.extractor for one in missing], progress=progress) if missing else None
    for one in missing:
        assert made is not None
        found[one.kind.name] = part = _part(made, one)
        cache.put(about[one.kind.name], part)
    if made is None and progress is not None:
        progress(grid.duration_seconds, grid.duration_seconds)
    return joined(grid, [part for part in found.values() if part is not None])


def _about(source: Source, grid: TimeGrid, one: OpenedExtractor, device: str) -> Mapping[str, Any]:
    """What decides the numbers. Names and folders do not: a file that was moved is the same video."""
    hears = {"audio_tracks": [track.index for track in source.audio_tracks]} if one.kind.modality == "audio" else {}
    return {
        "video": _content(source),
        **hears,
        "duration_seconds": grid.duration_seconds,
        "clip_seconds": grid.clip_seconds,
        "extractor": one.kind.name,
        "options": dict(one.options),
        "weights": [asdict(record) for record in one.weights],
        "random_seed": one.random_seed,
        "device": device.partition(":")[0],
        "code": code_digest("features", "media"),
    }


def _content(source: Source) -> Mapping[str, Any]:
    kind, digest = content_hash(source.path)
    # Samples do not see every edit of a large file; its time of change does.
    changed = {"modified_ns": source.path.stat().st_mtime_ns} if kind == SAMPLED else {}
    return {"hash_kind": kind, "hash": digest, "size_bytes": source.size_bytes, **changed}


def _part(features: Features, one: OpenedExtractor) -> Extracted:
    streams = {name: features.streams[name] for name in one.kind.streams if name in features.streams}
    signals = {name: features.signals[name] for name in one.kind.signals if name in features.signals}
    return Extracted(streams, signals)
