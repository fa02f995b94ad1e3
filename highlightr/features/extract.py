"""One decode pass for every extractor whose streams are not cached.

In: a probed source, its grid and the extractors. Out: `Features` with the streams and signals of all of them, the same
with and without a cache. Extractors that ask for the same samples share one request; those that hear are left out where
there is no sound. Decoding and the requests' extractors run side by side (see `highlightr.features.workers`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from functools import partial
from typing import Any

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.hashing import code_digest, content_key
from highlightr.core.large_arrays import all_finite
from highlightr.core.progress import Advance
from highlightr.core.source import Source
from highlightr.core.types import Features, FloatArray, Signal, TimeGrid
from highlightr.features.base import Extracted, Extractor
from highlightr.features.cache import FeatureCache
from highlightr.features.glimpses import Glimpses, Show
from highlightr.features.workers import RequestWorkers
from highlightr.media.decode import LOSSES_OF_PICTURE, LOSSES_OF_SOUND, decode
from highlightr.media.sampling import AudioBlock, AudioRequest, Frame, FrameRequest, Item, SampleRequest

_REPORT_SECONDS = 0.5
"""Progress is told at most this often, in seconds of video."""


def extract(
    source: Source,
    grid: TimeGrid,
    extractors: Sequence[Extractor],
    *,
    cache: FeatureCache | None = None,
    progress: Advance | None = None,
    glimpse: Show | None = None,
    skip_calm: bool = False,
) -> Features:
    """Compute every extractor's streams, decoding the source once for all that the cache does not hold.

    Args:
        extractors: those that hear are skipped if the source has no sound; their streams are absent keys. One whose
            features are all cached is not loaded.
        cache: each extractor's streams are kept apart, so that presets share them; `None` keeps nothing.
        glimpse: shown the features of the video's beginning while the rest is decoded (`highlightr.features.glimpses`);
            not where features are cached.
        skip_calm: where the picture hardly changes, look at one every few seconds. It holds where that is enough for
            every extractor that sees.

    Raises:
        ConfigError: two extractors make a stream or signal of the same name.
        MediaError: the file cannot be opened any more, or changed while it was read.
        DecodeError: not one picture can be decoded.
        WeightsError: as for `Extractor.load`.
    """
    _check_names(extractors)
    progress = progress or (lambda *_: None)
    wanted = [each for each in extractors if source.audio is not None or each.modality != "audio"]
    seeing = [each for each in wanted if each.modality != "audio"]
    skip_calm = skip_calm and all(each.looks_suffice for each in seeing)
    kept: dict[str, Extracted] = {}
    keys: dict[str, Mapping[str, Any]] = {}
    if cache is not None and cache.limit_bytes:
        for each in wanted:
            keys[each.name] = cache_key(source, grid, each, skip_calm=skip_calm)
            if (found := cache.get(keys[each.name], partial(_fits, grid, each))) is not None:
                kept[each.name] = found
    missing = [each for each in wanted if each.name not in kept]
    made = _decoded(source, grid, missing, progress, glimpse, skip_calm) if missing else {}
    for name, key in keys.items():
        if cache is not None and name in made:
            cache.put(key, made[name])
    progress(grid.duration_seconds, grid.duration_seconds)
    return joined(grid, [made.get(each.name) or kept[each.name] for each in wanted])


def cache_key(source: Source, grid: TimeGrid, extractor: Extractor, *, skip_calm: bool = False) -> Mapping[str, Any]:
    """What decides the numbers, plain JSON types."""
    return {
        "video": content_key(source.path, source.identity),
        "duration_seconds": grid.duration_seconds,
        "clip_seconds": grid.clip_seconds,
        "extractor": extractor.name,
        **({"heard": [track.index for track in source.audio_tracks]} if extractor.modality == "audio" else {}),
        **({"skip_calm": True} if skip_calm and extractor.modality != "audio" else {}),
        **asdict(extractor.origin),
        "device": extractor.origin.device.partition(":")[0],
        "code": code_digest("features", "media"),
    }


def _fits(grid: TimeGrid, extractor: Extractor, part: Extracted) -> bool:
    """Whether these are features that the extractor could have made of a video of this length."""
    streams = {name: (grid.num_clips, width) for name, width in extractor.streams.items()}
    widths = {name: signal.values.shape[1] for name, signal in part.signals.items()}
    values = [*part.streams.values(), *(signal.values for signal in part.signals.values())]
    times = [signal.times_seconds for signal in part.signals.values()]
    return (
        {name: rows.shape for name, rows in part.streams.items()}.items() <= streams.items()
        and widths.items() <= dict(extractor.signals).items()
        and bool(part.streams or part.signals)
        and all(rows.dtype == np.float32 and all_finite(rows) for rows in values)
        and all(each.dtype == np.float64 and np.isfinite(each).all() and (np.diff(each) >= 0).all() for each in times)
    )


def _decoded(
    source: Source,
    grid: TimeGrid,
    extractors: Sequence[Extractor],
    progress: Advance,
    glimpse: Show | None,
    skip_calm: bool,
) -> dict[str, Extracted]:
    """One decode pass; what each extractor made, by its name."""
    told, total = 0.0, grid.duration_seconds
    with ThreadPoolExecutor(len(extractors)) as beside:
        list(beside.map(lambda each: each.load(), extractors))
    # One request per kind of samples, named after the first extractor that wants it.
    groups: dict[SampleRequest, list[Extractor]] = {}
    for extractor in extractors:
        groups.setdefault(extractor.request, []).append(extractor)
    requests = {group[0].name: request for request, group in groups.items()}
    listeners = {group[0].name: [each.start(grid) for each in group] for group in groups.values()}
    with source.unchanged(), RequestWorkers(listeners) as workers:
        glimpses = Glimpses(grid, workers.so_far, glimpse)

        def seen(name: str, item: Item) -> None:
            nonlocal told
            seconds = item_seconds(requests[name], item)
            if seconds >= told + _REPORT_SECONDS:
                told = min(seconds, total)
                progress(told, total)
            glimpses.reached(seconds)

        losses: dict[str, int] = {}
        made = workers.run(decode(source, requests, skip_calm=skip_calm, lost=losses.__setitem__), seen)
    listening = [each for group in groups.values() for each in group]
    return {each.name: _with_losses(part, each, losses) for each, part in zip(listening, made, strict=True)}


def _with_losses(part: Extracted, extractor: Extractor, losses: Mapping[str, int]) -> Extracted:
    """What an extractor made, with what it could not use."""
    kinds = LOSSES_OF_SOUND if extractor.modality == "audio" else LOSSES_OF_PICTURE
    return replace(part, losses={kind: count for kind, count in losses.items() if kind in kinds})


def joined(grid: TimeGrid, parts: Iterable[Extracted]) -> Features:
    """What several extractions made, as one."""
    streams: dict[str, FloatArray] = {}
    signals: dict[str, Signal] = {}
    losses: dict[str, int] = {}
    for made in parts:
        streams.update(made.streams)
        signals.update(made.signals)
        losses |= {kind: max(count, losses.get(kind, 0)) for kind, count in made.losses.items()}
    return Features(grid, streams, signals, losses)


def item_seconds(request: SampleRequest, item: Item) -> float:
    """When an item is; a frame counts by its interval, because a still picture's own time stands still."""
    if isinstance(item, AudioBlock):
        assert isinstance(request, AudioRequest)
        return item.start_sample / request.sample_rate
    if isinstance(item, Frame):
        assert isinstance(request, FrameRequest)
        return item.index / request.frames_per_second
    return item.time_seconds


def _check_names(extractors: Sequence[Extractor]) -> None:
    makers: dict[str, str] = {}
    for extractor in extractors:
        for name in (*extractor.streams, *extractor.signals):
            other = makers.setdefault(name, extractor.name)
            if other != extractor.name:
                raise ConfigError(f"{other} and {extractor.name} both make {name!r}: use one of them")
        if sum(one.name == extractor.name for one in extractors) > 1:
            raise ConfigError(f"extractor {extractor.name!r} is listed twice: list it once")
