"""How near the pipeline is to its floor: what cannot be left out, run bare on the same video.

    python -m benchmarks.floor VIDEO --preset lite --query "a cat" --rounds 5 --json floor.json

The floor is the fastest exact decode of the frames (and sound) that the preset's models look at, their bare forwards
on as many inputs on the best backend and batch size, and ffmpeg alone cutting the chosen spans with the same settings.
On a CPU they share the cores, so they add; on a GPU the larger of decode and forward counts. All are timed by turns
with the pipeline, models open. `stages` says where the pipeline's processor time goes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import run_command
from benchmarks.decoding import WAYS, fastest_exact, picks, sound, sound_rates
from benchmarks.floor_job import Job, plain_cut, raw
from benchmarks.floor_stages import LARGEST_SHARE, stages
from benchmarks.forwards import EXACT, Trial, best, in_batches, trials
from benchmarks.networks import Array, Network, ScorerCalls, listening, listening_to_scorer
from benchmarks.running import (
    Spread,
    by_turns,
    extractors_of,
    machine,
    random_where_missing,
    timed,
    without_cache,
    write_json,
)
from highlightr import Highlighter
from highlightr.media import probe
from highlightr.media.sampling import FrameRequest

TARGETS = {"lite": 1.15}
OTHER_TARGET = 1.10


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _options(arguments)
    with without_cache(), random_where_missing(options.random_weights), tempfile.TemporaryDirectory() as folder:
        job = Job(
            Highlighter.from_preset(options.preset, device=options.device),
            probe(options.video),
            options.query,
            Path(folder),
        )
        figures = measure(job, options.rounds)
    figures = {"video": options.video.name, "preset": options.preset, "machine": machine(options.device), **figures}
    show(figures, options.preset)
    write_json(options.json, figures)


def measure(job: Job, rounds: int) -> dict[str, Any]:
    """Every figure of one job."""
    scorer = job.models.scorer_for(job.query)
    with listening(extractors_of(job.models)) as networks, listening_to_scorer(scorer) as calls:
        summary = job.summarize()
    networks = [each for each in networks if each.count]
    _say("the fastest exact decode")
    way, attempts = fastest_exact(job.source, _frame_requests(job))
    found = {}
    for each in networks:
        _say(f"the fastest backend of {each.name}")
        found[each.name] = list(trials(each, EXACT)) if job.models.device == "cpu" else [own_trial(each)]
    chosen = {name: best(each) for name, each in found.items()}
    pieces = _floor_pieces(job, way, networks, chosen, calls) | {"cut": partial(plain_cut, job, summary.segments)}
    _say(f"{rounds} rounds by turns")
    spreads = by_turns({**pieces, "pipeline": job.summarize}, rounds)
    with raw(job, summary.segments) as (encode, share):
        encoding = by_turns({"encode": encode}, rounds)["encode"].median / share
    return {
        "video_seconds": job.source.duration_seconds,
        "rounds": rounds,
        "decode": [vars(each) for each in attempts],
        "networks": {each.name: _chosen(each, chosen[each.name], found[each.name]) for each in networks},
        "pieces": {name: spread.as_dict() for name, spread in spreads.items()},
        "encode_alone_seconds": encoding,
        **ratios(spreads, encoding, job.models.device),
        "stages": stages(job, calls, summary.segments),
    }


def ratios(spreads: dict[str, Spread], encoding: float, device: str) -> dict[str, float]:
    """The floor and the pipeline over it; `strict` counts the encoder alone where the cut also has to decode."""
    medians = {name: spread.median for name, spread in spreads.items()}
    pipeline, cut = medians.pop("pipeline"), medians.pop("cut")
    decode = medians.pop("decode") + medians.pop("sound")
    forward = sum(medians.values())
    both = decode + forward if device == "cpu" else max(decode, forward)
    floor, strict = both + cut, both + encoding
    # Of every round on its own, so that the spread is that of the ratio.
    rounds = [
        value / sum(spread.seconds[index] for name, spread in spreads.items() if name != "pipeline")
        for index, value in enumerate(spreads["pipeline"].seconds)
    ]
    return {
        "floor_seconds": floor,
        "strict_floor_seconds": strict,
        "ratio": pipeline / floor,
        "ratio_least": min(rounds) if device == "cpu" else pipeline / floor,
        "ratio_most": max(rounds) if device == "cpu" else pipeline / floor,
        "strict_ratio": pipeline / strict,
    }


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr, flush=True)


def _frame_requests(job: Job) -> list[FrameRequest]:
    return [request for request in job.requests if isinstance(request, FrameRequest)]


def _floor_pieces(
    job: Job, way: str, networks: Sequence[Network], chosen: dict[str, Trial], calls: ScorerCalls | None
) -> dict[str, Callable[[], object]]:
    """What the floor is made of, apart from the cut."""
    requests, rates = _frame_requests(job), sound_rates(job.requests)
    pieces: dict[str, Callable[[], object]] = {
        "decode": lambda: picks(WAYS[way](job.source, requests)),
        "sound": partial(sound, job.source, rates),
    }
    for network in networks:
        trial = chosen[network.name]
        pieces[network.name] = partial(in_batches, trial.run, filled(network, trial.batch), trial.batch, network.count)
    if job.models.encode(job.query) is not None:
        pieces["text"] = partial(job.models.encode, job.query)
    if calls is not None:
        pieces["scorer"] = calls.again
    return pieces


def own_trial(network: Network) -> Trial:
    """The pipeline's own backend at its own batch size: on a GPU nothing else is looked for."""
    inputs = filled(network, network.own_batch)
    network.own(inputs)
    seconds = timed(partial(network.own, inputs)) / len(inputs)
    return Trial("pipeline", network.own_batch, seconds, 0.0, 1.0, network.own)


def filled(network: Network, batch: int) -> Array:
    """The sample, again and again until it fills a batch."""
    sample = network.sample
    return sample if len(sample) >= batch else np.resize(sample, (batch, *sample.shape[1:]))


def _chosen(network: Network, chosen: Trial, found: Sequence[Trial]) -> dict[str, Any]:
    def row(trial: Trial) -> dict[str, Any]:
        return {name: value for name, value in vars(trial).items() if name != "run"}

    return {"inputs": network.count, "chosen": row(chosen), "tried": [row(each) for each in found]}


def show(figures: dict[str, Any], preset: str) -> None:
    """A table for the terminal."""
    scale = 1000 / figures["video_seconds"]
    print(f"{figures['video']}, {figures['video_seconds']:.1f} s, preset {preset}, {figures['rounds']} rounds")
    print("decode, ms per second of video:")
    for each in figures["decode"]:
        print(
            f"  {each['way']:40} {each['seconds'] * scale:7.1f}  {'exact' if each['exact'] else 'not the same frames'}"
        )
    for name, each in figures["networks"].items():
        best_one = each["chosen"]
        where = f"{best_one['backend']}, batch {best_one['batch']}"
        print(f"  {name}: {each['inputs']} inputs, best {where}, {1000 * best_one['seconds_per_input']:.2f} ms each")
    print("by turns, ms per second of video (median, least to most):")
    for name, each in figures["pieces"].items():
        least, most = min(each["seconds"]) * scale, max(each["seconds"]) * scale
        print(f"  {name:24} {each['median_seconds'] * scale:7.1f}  ({least:.1f} to {most:.1f})")
    target = TARGETS.get(preset, OTHER_TARGET)
    print(
        f"pipeline over floor: {figures['ratio']:.2f} ({figures['ratio_least']:.2f} to {figures['ratio_most']:.2f}), "
        f"target {target}; {figures['strict_ratio']:.2f} where the cut counts as the encoder alone"
    )
    shares = figures["stages"]["shares"].items()
    print("shares of processor time: " + ", ".join(f"{name} {share:.1%}" for name, share in shares))
    over = figures["stages"]["over_a_tenth"]
    print(f"not in the floor and above {LARGEST_SHARE:.0%}: {', '.join(over) or 'none'}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--query", help="what to look for; presets that take none ignore it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--random-weights", action="store_true", help="weights that are not here are random")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
