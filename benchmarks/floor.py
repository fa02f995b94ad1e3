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
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.command import run_command
from benchmarks.decoding import WAYS, fastest_exact, picks, sound, sound_rates
from benchmarks.forwards import EXACT, Trial, best, in_batches, trials
from benchmarks.networks import Array, Network, ScorerCalls, listening, listening_to_scorer
from benchmarks.running import (
    Spread,
    by_turns,
    cpu_seconds,
    extractors_of,
    machine,
    random_where_missing,
    timed,
    without_cache,
    write_json,
)
from highlightr import Highlighter
from highlightr.core.source import Source
from highlightr.core.types import Segment, Summary
from highlightr.media import probe
from highlightr.media._cut.codecs import CRF, PRESET
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.sampling import FrameRequest

TARGETS = {"lite": 1.15}
OTHER_TARGET = 1.10
IN_THE_FLOOR = ("decode", "forward", "bare cut")
LARGEST_SHARE = 0.10
"""Of the pipeline's time, for what is not in the floor."""

RAW_SECONDS = 10.0
"""At most so much of the summary is kept uncompressed to time the encoder alone."""


@dataclass
class Job:
    """A video, a preset with its models open, and where the summary goes."""

    highlighter: Highlighter
    source: Source
    query: str | None
    folder: Path

    def summarize(self) -> Summary:
        output = self.folder / "summary.mp4"
        return self.highlighter.summarize(self.source.path, self.query, output=output, overwrite=True)

    @property
    def models(self) -> Any:
        return self.highlighter._models

    @property
    def requests(self) -> list[Any]:
        """What the networks look at; the thumbnails that shots are found in are the pipeline's own affair."""
        networks = [each for each in extractors_of(self.models) if each.streams.keys() - {"motion", "novelty"}]
        return list(dict.fromkeys(each.request for each in networks))


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


def plain_cut(job: Job, segments: Sequence[Segment], extra: Sequence[str] = ()) -> None:
    """One ffmpeg that seeks, joins and encodes the spans with the pipeline's own settings, and nothing else."""
    arguments, chain = [], ""
    heard = job.source.audio is not None
    for number, segment in enumerate(segments):
        arguments += ["-ss", f"{segment.start_seconds:.6f}", "-t", f"{segment.seconds:.6f}"]
        arguments += ["-i", f"file:{job.source.path.absolute()}"]
        chain += f"[{number}:v:0]" + (f"[{number}:a:0]" if heard else "")
    chain += f"concat=n={len(segments)}:v=1:a={int(heard)}[v]" + ("[a]" if heard else "")
    maps = ["-map", "[v]", *(["-map", "[a]"] if heard else [])]
    run_ffmpeg([*arguments, "-filter_complex", chain, *maps, *(extra or _codecs(job.source)), "-y", _plain(job, extra)])


def _plain(job: Job, extra: Sequence[str]) -> str:
    return f"file:{job.folder / ('raw.nut' if extra else 'plain.mp4')}"


def _codecs(source: Source) -> list[str]:
    video = ["-c:v", "libx264", "-preset", PRESET, "-crf", CRF, "-pix_fmt", "yuv420p"]
    return [*video, *(["-c:a", "aac", "-b:a", f"{96 * source.audio.channels}k"] if source.audio else [])]


@contextmanager
def raw(job: Job, segments: Sequence[Segment]) -> Iterator[tuple[Callable[[], object], float]]:
    """The encoder alone on decoded frames, and which share of the summary those frames are."""
    kept, left = [], RAW_SECONDS
    for each in segments:
        stop = min(each.stop_seconds, each.start_seconds + left)
        kept.append(Segment(each.start_seconds, stop, each.score))
        left -= stop - each.start_seconds
        if left <= 0.1:
            break
    plain_cut(job, kept, ["-c:v", "rawvideo", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le"])
    arguments = ["-i", _plain(job, ["raw"]), *_codecs(job.source), "-y", _plain(job, [])]
    yield partial(run_ffmpeg, arguments), sum(s.seconds for s in kept) / sum(s.seconds for s in segments)


# --- where the pipeline's time goes ---------------------------------------------------------------------------------


class StageClock:
    """A progress hook that reads the processor's clock where stages begin and end."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self.seconds: dict[str, float] = {}

    def __call__(self, stage: str, completed: float, total: float) -> None:
        if stage not in self._began:
            self._began[stage] = cpu_seconds()
        elif completed >= total:
            self.seconds[stage] = cpu_seconds() - self._began[stage]


def stages(job: Job, calls: ScorerCalls | None, segments: Sequence[Segment]) -> dict[str, Any]:
    """Processor seconds of each stage of one run, the pass and the cut split further; and their shares.

    The pass: what the decoding threads took is `decode` and `thumbnails`, the latter what the decode takes more, alone,
    where shots and motion are looked for; `rest of the pass` is what the other threads did outside of the networks:
    motion, spectrograms, batching, placing. Everything else is `forward`. The cut: what ffmpeg alone takes for it, and
    the rest: planning, exact boundaries, stills.
    """
    clock = StageClock()
    job.highlighter._progress, before = clock, job.highlighter._progress
    with listening(extractors_of(job.models)) as networks, thread_seconds() as threads:
        wall = timed(job.summarize)
    job.highlighter._progress = before
    every_request = list(dict.fromkeys(each.request for each in extractors_of(job.models)))
    alone, with_thumbnails = (
        min(_cpu(partial(_decode_all, job.source, requests)) for _ in range(_DECODES))
        for requests in (job.requests, every_request)
    )
    thumbnails = max(0.0, with_thumbnails - alone)
    # Where a stream is decoded in one piece, the threads are FFmpeg's and not seen here.
    decoding = max(with_thumbnails, sum(seconds for name, seconds in threads.items() if name.startswith(_DECODING)))
    listeners = sum(
        seconds for name, seconds in threads.items() if name.startswith("extract-") and not name.startswith(_DECODING)
    )
    rest = max(0.0, listeners - sum(each.thread_seconds for each in networks))
    scorer = 0.0 if calls is None else _cpu(calls.again)
    spent = dict(clock.seconds)
    forward = max(0.0, spent.pop("extract") - decoding - rest)
    spent["score"] = max(0.0, spent["score"] - scorer)
    cut = spent.pop("cut")
    bare = min(cut, _cpu(partial(plain_cut, job, segments)))
    spent = {
        "decode": decoding - thumbnails,
        "forward": forward + scorer,
        "bare cut": bare,
        "thumbnails": thumbnails,
        "rest of the pass": rest,
        "rest of the cut": cut - bare,
        **spent,
    }
    total = sum(spent.values())
    shares = {name: seconds / total for name, seconds in spent.items()}
    return {
        "wall_seconds": wall,
        "cpu_seconds": spent,
        "shares": shares,
        "over_a_tenth": [name for name, share in shares.items() if name not in IN_THE_FLOOR and share > LARGEST_SHARE],
    }


_DECODING = ("decode-", "extract-source")
_DECODES = 3
"""The least of so many counts: their difference is small beside what other work on the machine adds to one."""


@contextmanager
def thread_seconds() -> Iterator[dict[str, float]]:
    """Processor time of the threads that begin and end meanwhile, by name."""
    run, spent = threading.Thread.run, dict[str, float]()

    def clocked(thread: threading.Thread) -> None:
        began = time.thread_time()
        try:
            run(thread)
        finally:
            spent[thread.name] = spent.get(thread.name, 0.0) + time.thread_time() - began

    with patch.object(threading.Thread, "run", clocked):
        yield spent


def _cpu(work: Callable[[], object]) -> float:
    began = cpu_seconds()
    work()
    return cpu_seconds() - began


def _decode_all(source: Source, requests: Sequence[Any]) -> None:
    from highlightr.media import decode

    for _ in decode(source, {str(index): request for index, request in enumerate(requests)}):
        pass


# --- what is said ---------------------------------------------------------------------------------------------------


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
