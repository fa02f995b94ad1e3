"""Optical flow on this CPU: RAFT as torchvision runs it, pair by pair, beside its two parts on each backend.

    python -m benchmarks.flow VIDEO --frames 9 --rounds 3 --json flow.json

The first frames of a video at 25 per second, on random weights. Each backend's flow is compared with torchvision's
before anything is timed; then they take turns. Milliseconds are per pair of frames.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.command import run_command
from benchmarks.plain_models import plain_flow
from benchmarks.running import Spread, by_turns, machine, write_json
from highlightr.features.backbones.flow import OpticalFlow
from highlightr.features.backbones.i3d import PROTOCOL, I3DFlow
from highlightr.features.engines.source import FASTEST_ON_CPU, NetworkSource
from highlightr.media import decode, probe

BACKENDS = ("torch", "onnxruntime", "openvino")
PARTS = ("raft-frames", "raft-pairs")
LARGEST_DIFFERENCE = 1e-3
"""Relative to the longest flow."""

Pixels = npt.NDArray[np.uint8]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, time, print, keep."""
    options = _options(arguments)
    frames = first_frames(options.video, options.frames)
    source = NetworkSource("benchmark", "cpu", None, 0)
    ways: dict[str, Callable[[], Any]] = {"torchvision": partial(plain_flow(source, I3DFlow.flow_updates), frames)}
    ways |= {name: partial(opened(source, name), frames) for name in BACKENDS}
    differences = compare(ways)
    spreads = by_turns(ways, options.rounds)
    show(spreads, differences, len(frames) - 1)
    figures = {name: {**spread.as_dict(), "difference": differences[name]} for name, spread in spreads.items()}
    write_json(options.json, {"machine": machine(), "pairs": len(frames) - 1, "ways": figures})


def first_frames(video: Path, count: int) -> Pixels:
    """(count, height, width, 3)."""
    items = (item for _, item in decode(probe(video), {"frames": PROTOCOL.request}))
    return np.stack([frame.image for frame in islice(items, count)])  # type: ignore[union-attr]


def opened(source: NetworkSource, backend: Any, updates: int = I3DFlow.flow_updates) -> OpticalFlow:
    """Optical flow on one backend, whatever the table says."""
    table = dict.fromkeys(PARTS, (backend,))
    with patch.dict(FASTEST_ON_CPU, table), patch.object(NetworkSource, "random_in_torch", new=False):  # type: ignore[arg-type]
        return OpticalFlow(source, "raft-large", updates)


def compare(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The largest difference of each from the first, relative to the longest flow.

    Raises:
        SystemExit: one is too large.
    """
    made = {name: np.asarray(way()) for name, way in ways.items()}
    expected = made["torchvision"]
    found = {name: float(np.abs(flow - expected).max() / np.abs(expected).max()) for name, flow in made.items()}
    if max(found.values()) > LARGEST_DIFFERENCE:
        raise SystemExit(f"not the same flow: {found}")
    return found


def show(spreads: dict[str, Spread], differences: dict[str, float], pairs: int) -> None:
    """Markdown."""
    print("| way | ms per pair | processor ms | largest difference |\n|---|---|---|---|")
    for name, spread in spreads.items():
        wall, least, most = (1000 * each / pairs for each in (spread.median, min(spread.seconds), max(spread.seconds)))
        processor = 1000 * float(np.median(spread.processor)) / pairs
        print(f"| {name} | {wall:.0f} ({least:.0f} to {most:.0f}) | {processor:.0f} | {differences[name]:.1e} |")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
