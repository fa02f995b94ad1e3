"""What each published backbone costs per second of video, and what the pipeline adds to its bare forward.

    python -m benchmarks.extractors VIDEO --features clip cnn14 r3d34 --seconds 20 --repeat 3

Per extractor, on random weights: `forward`, the network alone on the very tensors that an extraction gave it;
`extraction`, the items of its request pushed into it (cropping, normalising, batching, placing on the grid); `pass`,
decoding and that. The gap is what `extraction` adds to `forward`. Both are the same calls, compared before any timing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.command import run_command
from benchmarks.running import by_turns, machine, timed, write_json
from highlightr.core.source import Source
from highlightr.core.types import TimeGrid
from highlightr.features import EXTRACTORS, create_extractor, extract
from highlightr.features.base import Extraction
from highlightr.features.extract import item_seconds
from highlightr.media import decode, probe
from highlightr.media.sampling import Item

BACKBONES = tuple(sorted(name for name, home in EXTRACTORS.items() if ".backbones." in home))
SLOW = ("i3d", "i3d-flow")
"""Optical flow on a CPU: only where it is asked for."""

TARGET_PERCENT = 15.0


@dataclass(frozen=True)
class Row:
    """One extractor; milliseconds per second of video, medians, and the spread of the repeats."""

    extractor: str
    forward_ms: float
    forward_spread_ms: float
    extraction_ms: float
    extraction_spread_ms: float
    pass_ms: float
    gap_percent: float


def main() -> None:
    """Measure, print a table, and keep every figure as JSON if asked."""
    options = _options()
    source = probe(options.video)
    rows = [measure(name, source, options) for name in options.features]
    print(f"{'extractor':20} {'forward':>16} {'extraction':>16} {'pass':>9} {'gap':>8}   (ms per second of video)")
    for row in rows:
        print(
            f"{row.extractor:20} {row.forward_ms:9.1f} ±{row.forward_spread_ms:5.1f} "
            f"{row.extraction_ms:9.1f} ±{row.extraction_spread_ms:5.1f} {row.pass_ms:9.1f} {row.gap_percent:+7.1f}%"
        )
    over = [row.extractor for row in rows if row.gap_percent > TARGET_PERCENT]
    kept = "all" if not over else f"all but {', '.join(over)}"
    print(f"gap of at most {TARGET_PERCENT:g} %: {kept}; device {options.device}")
    write_json(options.json, {"machine": machine(options.device), "rows": [asdict(row) for row in rows]})


def measure(name: str, source: Source, options: argparse.Namespace) -> Row:
    """Time one extractor on the first seconds of a video."""
    extractor: Any = create_extractor(name, clip_seconds=options.clip_seconds, device=options.device, random_seed=0)
    grid = TimeGrid(min(options.seconds, source.duration_seconds), options.clip_seconds)
    items = recorded_items(source, extractor, grid)
    calls = _record(extractor, grid, items)
    for call in calls:
        np.testing.assert_allclose(call.run(), call.made, rtol=1e-4, atol=1e-4)
    work = {
        "forward": lambda: [call.run() for call in calls],
        "extraction": lambda: _push(extractor.start(grid), items),
    }
    spreads = by_turns(work, options.repeat)
    whole = source.duration_seconds <= options.seconds
    passed = timed(lambda: extract(source, grid, [extractor])) if whole else float("nan")
    scale = 1000 / grid.duration_seconds
    forward, extraction = spreads.values()
    times = (forward.median, forward.range, extraction.median, extraction.range, passed)
    return Row(name, *(each * scale for each in times), 100 * (extraction.median / forward.median - 1))


def recorded_items(source: Source, extractor: Any, grid: TimeGrid) -> list[Item]:
    """The items of the extractor's request within the grid, decoded beforehand."""
    request = extractor.request
    items = (item for _, item in decode(source, {"request": request}))
    return list(takewhile(lambda item: item_seconds(request, item) < grid.duration_seconds, items))


@dataclass(frozen=True)
class Call:
    """One call of a network: what it was given and what it made."""

    network: Callable[..., Any]
    given: tuple[Any, ...]
    named: dict[str, Any]
    made: Any

    def run(self) -> Any:
        import torch

        with torch.inference_mode():
            return self.network(*self.given, **self.named)


def _networks(extractor: Any) -> list[tuple[Any, str]]:
    """Where the networks of an extractor are called: object and attribute."""
    names = ("_network", "_rgb", "_flow", "_flow_network")
    return [(extractor, name) for name in names if getattr(extractor, name, None) is not None]


def _record(extractor: Any, grid: TimeGrid, items: Sequence[Item]) -> list[Call]:
    """Every call of the extractor's networks during one extraction."""
    calls: list[Call] = []

    def recording(network: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            calls.append(Call(network, given, named, network(*given, **named)))
            return calls[-1].made

        return call

    with ExitStack() as stack:
        for owner, attribute in _networks(extractor):
            stack.enter_context(patch.object(owner, attribute, recording(getattr(owner, attribute))))
        _push(extractor.start(grid), items)
    return calls


def _push(extraction: Extraction, items: Sequence[Item]) -> None:
    for item in items:
        extraction.push(item)
    extraction.finish()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    everything = [name for name in BACKBONES if name not in SLOW]
    parser.add_argument("--features", nargs="+", default=everything, choices=BACKBONES)
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how much of the video; whole videos also time the pass"
    )
    parser.add_argument("--clip-seconds", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run_command(main)
