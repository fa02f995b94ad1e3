"""Time and memory of the published scorers per 1,000 clips, beside a plain transformer of the same width.

Run `python -m benchmarks.scorers [--clips 1000] [--repeat 3] [--device cpu]`. Out: one JSON object. Each case
runs in a process of its own, so that its peak memory is its own. Nothing here passes or fails on time.

The floor is `nn.TransformerEncoder` of the scorer's width, with a feed-forward network four times as wide and as many
layers as fit into the scorer's number of parameters, over the same windows.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable

import numpy as np

from benchmarks.command import run_command
from benchmarks.running import machine, timed
from highlightr.core.types import Features, Query, Signal, TimeGrid
from highlightr.scorers import ScorerContext, create_scorer, describe
from highlightr.scorers.sliding_window import apply_windows
from highlightr.zoo.presets import load_preset

WIDTHS = {"cfsum-qvhighlights": (512, 8), "davihd-tvsum": (2048, 8)}
TOKENS = 12


def made_features(preset: str, clips: int) -> tuple[Features, Query | None]:
    rng = np.random.default_rng(0)
    chosen = next(iter(load_preset(preset).scorers.values()))
    report = describe(chosen.name, chosen.config)
    grid = TimeGrid(clips * report["clip_seconds"], report["clip_seconds"])
    streams = {n: rng.standard_normal((clips, w), dtype=np.float32) for n, w in report["streams"].items()}
    times = np.arange(int(grid.duration_seconds * 62.5)) / 62.5
    mel = rng.standard_normal((len(times), 128), dtype=np.float32) * 2 - 8
    signals = {name: Signal(times, mel) for name in report["signals"]}
    width = report["text_width"]
    tokens = rng.standard_normal((TOKENS, width or 1), dtype=np.float32)
    return Features(grid, streams, signals), Query("benchmark", tokens, tokens[0]) if width else None


def scorer_case(preset: str, clips: int, device: str) -> tuple[Callable[[], object], int]:
    chosen = next(iter(load_preset(preset).scorers.values()))
    scorer = create_scorer(chosen.name, chosen.config, ScorerContext(random_seed=0, device=device))
    features, query = made_features(preset, clips)
    check_against_the_network_alone(scorer, preset, device)
    return lambda: scorer.score(features, query, ()), describe(chosen.name, chosen.config)["total"]


def check_against_the_network_alone(scorer: object, preset: str, device: str) -> None:
    """What is timed gives what the network gives: one window's scores, called without windows."""
    import torch

    features, query = made_features(preset, 40)
    inputs = scorer.prepare(features, query)  # type: ignore[attr-defined]
    tensors = {name: torch.tensor(value, device=device)[None] for name, value in inputs.items()}
    with torch.inference_mode():
        if query is None:
            alone = scorer.network(**tensors).scores  # type: ignore[attr-defined]
        else:
            tensors["text"] = torch.tensor(query.tokens, device=device)[None]
            alone = scorer.network(tensors).scores  # type: ignore[attr-defined]
    found = scorer.score(features, query, ()).values  # type: ignore[attr-defined]
    np.testing.assert_allclose(found, alone[0].clamp(0, 1).cpu(), atol=1e-5)


def floor_case(preset: str, clips: int, device: str) -> tuple[Callable[[], object], int]:
    import torch
    from torch import nn

    width, heads = WIDTHS[preset]
    chosen = next(iter(load_preset(preset).scorers.values()))
    report = describe(chosen.name, chosen.config)
    layer = nn.TransformerEncoderLayer(width, heads, 4 * width, batch_first=True)
    layers = report["total"] // sum(p.numel() for p in layer.parameters())
    network = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False).eval().to(device)
    rows = torch.randn(1, clips, width, device=device)

    def window(start: int, stop: int) -> dict[str, np.ndarray]:
        with torch.inference_mode():
            return {"scores": network(rows[:, start:stop]).mean(-1).cpu().numpy()}

    count = sum(p.numel() for p in network.parameters())
    return lambda: apply_windows(window, clips, report["longest_clips"]), count


def measure(case: str, preset: str, clips: int, repeat: int, device: str) -> dict[str, object]:
    run, parameters = (scorer_case if case == "scorer" else floor_case)(preset, clips, device)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()  # the first run also allocates
    seconds = [timed(run) * 1000 / clips for _ in range(repeat)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "case": case if case == "scorer" else "nn.TransformerEncoder",
        "preset": preset,
        "parameters": parameters,
        "clips": clips,
        "seconds_per_1000_clips": round(statistics.median(seconds), 3),
        "seconds_spread": [round(min(seconds), 3), round(max(seconds), 3)],
        "peak_mib": round(peak / 1024),
        "added_by_scoring_mib": round((peak - before) / 1024),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--case", nargs=2, metavar=("CASE", "PRESET"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(measure(*options.case, options.clips, options.repeat, options.device)))
        return
    results = []
    for preset in WIDTHS:
        for case in ("scorer", "floor"):
            command = [sys.executable, "-m", "benchmarks.scorers", "--case", case, preset]
            command += ["--clips", str(options.clips), "--repeat", str(options.repeat), "--device", options.device]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            results.append(json.loads(done.stdout))
    print(json.dumps({"machine": machine(options.device), "results": results}, indent=2))


if __name__ == "__main__":
    run_command(main)
