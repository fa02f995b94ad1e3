"""Which backend runs each backbone fastest on this CPU, among those whose outputs agree.

    python -m benchmarks.backends VIDEO --networks efficientnet_lite0 cnn14 --rounds 5 --json backends.json

Each backbone is given what a short video gives it, at several batch sizes. Per backend, at its best batch size and by
turns with the others: milliseconds per input, wall and processor, the largest difference from the pipeline's outputs
relative to the largest of them, and the lowest rank correlation of one input's outputs. What correlates less than 0.999
is shown and not chosen. Backbones whose weights are not here run on random ones: that is enough for time and single
precision, not to judge 8 bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.command import run_command
from benchmarks.forwards import BACKENDS, Trial, by_turns, forget, trials
from benchmarks.networks import Network, listening, text_network
from benchmarks.running import machine, write_json
from highlightr.core.errors import WeightsError
from highlightr.core.source import Source
from highlightr.core.types import TimeGrid
from highlightr.features import extract
from highlightr.features.engines.source import NetworkSource
from highlightr.media import probe
from highlightr.model_loader import open_extractor, open_text_encoder

NETWORKS = ("efficientnet_lite0", "yamnet", "minilm", "cnn14", "inception-yt8m", "clip-laion", "r3d34")
SLOW_TO_OPEN = ("torch, compiled",)
LEAST_CORRELATION = 0.999

TEXTS = (
    "a cat",
    "a person opens the fridge and takes something to eat",
    "two people on a stage, and the crowd applauds",
    "rocket launch",
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _options(arguments)
    source = probe(options.video)
    rows = []
    for name in options.networks:
        network, random = heard(name, source)
        found = measured(network, options.backends, options.rounds)
        print(f"{name}, {network.count} inputs{', random weights' if random else ''}")
        print(backends_table(found), flush=True)
        rows.append({"network": name, "random_weights": random, "backends": [_plain(each) for each in found]})
        write_json(options.json, {"machine": machine(), "networks": rows})
        forget()


def heard(name: str, source: Source) -> tuple[Network, bool]:
    """A backbone after it saw the video (or encoded some texts), and whether its weights are random."""
    if name == "minilm":
        return text_network(open_text_encoder(name), TEXTS), False
    try:
        opened = open_extractor(name, clip_seconds=1.0)
    except WeightsError:
        opened = open_extractor(name, clip_seconds=1.0, random_seed=0)
    with patch.object(NetworkSource, "random_in_torch", new=False):
        opened.load()
    with listening([opened]) as networks:
        extract(source, TimeGrid(source.duration_seconds, 1.0), [opened])
    return networks[0], opened.origin.random_seed is not None


def measured(network: Network, backends: Sequence[str], rounds: int) -> list[Trial | tuple[str, str]]:
    """Every backend at its fastest batch size, timed by turns, or why it cannot run the network."""
    found = list(_best_batches(network, backends))
    timed = iter(by_turns(network, [each for each in found if isinstance(each, Trial)], rounds))
    return [next(timed) if isinstance(each, Trial) else each for each in found]


def _best_batches(network: Network, backends: Sequence[str]) -> Iterator[Trial | tuple[str, str]]:
    """Per backend the trial at its fastest batch size, or why there is none."""
    for name in backends:
        try:
            found = list(trials(network, [name], 1))
        except Exception as error:  # noqa: BLE001  what a backend raises when it cannot run a graph is its own affair
            yield name, " ".join(str(error).split())[:120]
            continue
        if found:
            yield min(found, key=lambda each: each.seconds_per_input)


def chosen(found: Sequence[Trial | tuple[str, str]]) -> Trial:
    """The fastest backend that agrees."""
    agreeing = [each for each in found if isinstance(each, Trial) and each.correlation >= LEAST_CORRELATION]
    return min(agreeing, key=lambda each: each.seconds_per_input)


def backends_table(found: Sequence[Trial | tuple[str, str]]) -> str:
    """Markdown; the chosen backend in bold."""
    columns = ("backend", "batch", "ms per input", "processor ms", "largest difference", "rank correlation")
    lines = [f"| {' | '.join(columns)} |", "|---|---|---|---|---|---|"]
    best = chosen(found)
    for each in found:
        if not isinstance(each, Trial):
            lines.append(f"| {each[0]} | | cannot: {each[1]} | | | |")
            continue
        name = f"**{each.backend}**" if each is best else each.backend
        processor = each.processor_seconds_per_input
        milliseconds = f"{1000 * each.seconds_per_input:.2f} | {'' if processor is None else f'{1000 * processor:.2f}'}"
        figures = f"{milliseconds} | {each.worst:.1e} | {each.correlation:.5f}"
        lines.append(f"| {name} | {each.batch} | {figures} |")
    return "\n".join([*lines, ""])


def _plain(each: Trial | tuple[str, str]) -> dict[str, Any]:
    if isinstance(each, Trial):
        return {name: _number(value) for name, value in vars(each).items() if name != "run"}
    return {"backend": each[0], "cannot": each[1]}


def _number(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, help="about 16 s are enough")
    parser.add_argument("--networks", nargs="+", default=NETWORKS)
    default = [name for name in BACKENDS if name not in SLOW_TO_OPEN]
    parser.add_argument("--backends", nargs="+", default=default, choices=list(BACKENDS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
