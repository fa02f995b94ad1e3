"""Presets on one device: from a file to scores, beside the plain way, and as one of several workers.

In: presets by name, on random weights where theirs are not here. Out: rows: times real time, memory, and whether both
ways made the same features.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from benchmarks.gpu_rows import Row, memory, reset_peak
from benchmarks.plain_way import EVERY_FRAME, compare, laid_open, plain_features
from benchmarks.running import by_turns, extractors_of, random_where_missing, timed, without_cache
from highlightr import Highlighter
from highlightr.core.errors import WeightsError
from highlightr.core.source import Source
from highlightr.core.types import TimeGrid
from highlightr.model_loader import load_models, open_extractor
from highlightr.zoo import Preset, load_preset

QUERY = "a person waves at the camera"


def throughput(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """From file to scores, models open, beside the plain way on the same device, whose features must be the same."""
    for name in options.names:
        yield name
        with without_cache(), random_where_missing():
            yield _beside_the_plain_way(name, source, options)
            if options.device != "cpu":
                yield _in_bfloat16(name, source, options)


def worker(source: Source, options: argparse.Namespace) -> Iterator[Row | str]:
    """One of several that share a device: it says when its models are open, and begins when it is told to."""
    (name,) = options.names
    yield name
    with without_cache(), random_where_missing():
        highlighter, _ = opened_preset(name, options.device)
        run = partial(highlighter.analyse, source.path, asked(highlighter))
        run()
        print("ready", flush=True)
        sys.stdin.readline()
        seconds = timed(lambda: [run() for _ in range(options.rounds)])
    yield Row("workers", name, "ok", {"seconds": seconds, **memory(options.device)})


def opened_preset(name: str, device: str, precision: Any = "fp32") -> tuple[Highlighter, tuple[str, ...]]:
    """A preset on random weights where its own are not here, and which of its extractors cannot run without them."""
    preset = load_preset(name)
    absent = tuple(each for each in preset.extractors if not _can_open(each, preset, device))
    preset = replace(preset, extractors=tuple(each for each in preset.extractors if each not in absent))
    highlighter = Highlighter(preset, load_models(preset, device, precision))
    extractors_of(highlighter._models)
    return highlighter, absent


def _can_open(name: str, preset: Preset, device: str) -> bool:
    try:
        open_extractor(name, clip_seconds=preset.clip_seconds, device=device, random_seed=0)
    except WeightsError:
        return False
    return True


def asked(highlighter: Highlighter) -> str | None:
    """The query, for presets that take one."""
    return QUERY if highlighter._models.takes_query(QUERY) else None


def _beside_the_plain_way(name: str, source: Source, options: argparse.Namespace) -> Row:
    highlighter, absent = opened_preset(name, options.device)
    models, query = highlighter._models, asked(highlighter)
    grid = TimeGrid(source.duration_seconds, highlighter.preset.clip_seconds)
    modules = laid_open(models.extractors)
    # The plain way looks at every second, and so does what it is compared with.
    exact = partial(highlighter.analyse, source.path, query, analysis="exact")
    reset_peak(options.device)
    analysis = exact()
    peak = memory(options.device)

    def plain() -> dict[str, Any]:
        made = plain_features(source, grid, models.extractors, modules)
        models.score(analysis.features, query, models.encode(query), analysis.shots)
        return {stream: rows for stream, rows in made.items() if stream not in EVERY_FRAME}

    own = {stream: rows for stream, rows in analysis.features.streams.items() if stream not in EVERY_FRAME}
    agreements = compare(own, plain())
    auto = partial(highlighter.analyse, source.path, query, analysis="auto")
    spreads = by_turns({"own": exact, "auto": auto, "plain": plain}, options.rounds)
    speed = {way: source.duration_seconds / spread.median for way, spread in spreads.items()}
    figures = {
        "x real time": speed["own"],
        "auto": speed["auto"],
        "plain way": speed["plain"],
        "ratio": speed["own"] / speed["plain"],
        "agreement": min((each["value"] for each in agreements.values()), default=1.0),
        **peak,
    }
    different = [stream for stream, each in agreements.items() if not each["enough"]]
    return Row("throughput", name, "differs" if different else "ok", figures, _note(absent, different))


def _note(absent: Sequence[str], different: Sequence[str]) -> str:
    notes = [f"without {', '.join(absent)}, whose weights are not here"] if absent else []
    notes += [f"other features than the plain way's: {', '.join(different)}"] if different else []
    return "; ".join(notes)


def _in_bfloat16(name: str, source: Source, options: argparse.Namespace) -> Row:
    highlighter, _ = opened_preset(name, options.device, "bf16")
    run = partial(highlighter.analyse, source.path, asked(highlighter), analysis="exact")
    reset_peak(options.device)
    run()
    speed = source.duration_seconds / by_turns({"own": run}, options.rounds)["own"].median
    return Row("throughput", f"{name}, bf16", "ok", {"x real time": speed, **memory(options.device)})
