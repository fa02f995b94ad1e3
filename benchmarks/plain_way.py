"""The same features by the plain way, as feature-extraction scripts do it, beside the pipeline's own pass.

    python -m benchmarks.plain_way VIDEO --preset lite --rounds 3 --json plain.json

The plain way reads every frame to full-size RGB in a PyAV loop with decoder threads, scales those that it needs, and
calls torch in single precision once per frame, window or chunk of sound, on the same weights; sound is loaded whole.
Both give streams on the same grid, which are compared before anything is timed; then they take turns.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from scipy.stats import spearmanr

from benchmarks.command import run_command
from benchmarks.networks import listening
from benchmarks.plain_models import PlainPictures, PlainSound, PlainThumbnails, PlainWindows, plain_model
from benchmarks.running import (
    Spread,
    by_turns,
    extractors_of,
    machine,
    random_where_missing,
    without_cache,
    write_json,
)
from highlightr import Highlighter
from highlightr.core.source import Source
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import extract
from highlightr.features.base import Extractor
from highlightr.features.lite.motion import Motion
from highlightr.media import decode, probe

TARGETS = {"lite": 3.0}
OTHER_TARGET = 1.5
"""Times faster."""

LEAST_COSINE = 0.9999
"""Mean over clips of the cosine of two rows: what rounding may take away."""

STORED_IN_8_BIT, LEAST_COSINE_IN_8_BIT = ("efficientnet_lite0", "imagenet"), 0.999
"""The plain way runs the published weights, the pipeline those that are stored in 8 bit: what that takes away."""

LEAST_CORRELATION = 0.99
"""Rank correlation over clips of what is measured on every frame; thumbnails are scaled by other code."""

EVERY_FRAME = ("motion", "novelty")
"""Compared with what the pipeline makes of all frames; in its own pass it skips some, which is part of its speed."""

Streams = Mapping[str, FloatArray]


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, time, print, keep."""
    options = _options(arguments)
    with without_cache(), random_where_missing(options.random_weights):
        highlighter = Highlighter.from_preset(options.preset, device="cpu")
        extractors = extractors_of(highlighter._models)
        source = probe(options.video)
        grid = TimeGrid(source.duration_seconds, highlighter.preset.clip_seconds)
        modules = laid_open(extractors)
        own = {**extract(source, grid, extractors).streams, **every_frame_streams(source, grid)}
        agreements = compare(own, plain_features(source, grid, extractors, modules))
        show_agreements(agreements)
        ways = {
            "pipeline": lambda: extract(source, grid, extractors),
            "plain": lambda: plain_features(source, grid, extractors, modules),
        }
        spreads = by_turns(ways, options.rounds)
    for name, spread in spreads.items():
        print(f"{name:9} {spread}, {1000 * spread.median / source.duration_seconds:.1f} ms per second of video")
    ratio, ratios = spreads["plain"].median / spreads["pipeline"].median, _ratios(spreads, "seconds")
    processor = _ratios(spreads, "processor")
    target = TARGETS.get(options.preset, OTHER_TARGET)
    print(f"{options.preset}: {ratio:.2f} times faster ({min(ratios):.2f} to {max(ratios):.2f}), target {target}")
    print(f"on the processors' clock {min(processor):.2f} to {max(processor):.2f} times")
    figures = {"video": options.video.name, "preset": options.preset, "machine": machine(), "agreement": agreements}
    figures |= {"ratio": ratio, "ratios": ratios, "processor_ratios": processor}
    figures |= {name: spread.as_dict() for name, spread in spreads.items()}
    write_json(options.json, figures)


def _ratios(spreads: Mapping[str, Spread], clock: str) -> list[float]:
    """The plain way over the pipeline, round by round."""
    own, plain = (getattr(spreads[name], clock) for name in ("pipeline", "plain"))
    return [slow / fast for slow, fast in zip(plain, own, strict=True)]


def laid_open(extractors: Sequence[Extractor]) -> dict[str, Any]:
    """The torch module of each extractor that has one, by the extractor's name."""
    with listening(extractors) as networks:
        return {each.name: each.module for each in networks}


def every_frame_streams(source: Source, grid: TimeGrid) -> Streams:
    """The pipeline's motion and novelty when no frame is skipped."""
    extraction = Motion().start(grid)
    for _, item in decode(source, {"every": Motion().request}, every_frame=True):
        extraction.push(item)
    return extraction.finish().streams


def plain_features(
    source: Source, grid: TimeGrid, extractors: Sequence[Extractor], modules: Mapping[str, Any]
) -> dict[str, FloatArray]:
    """All streams of these extractors, the plain way."""
    models = [plain_model(each, modules.get(each.name), grid, source.video) for each in extractors]
    looking = [each for each in models if not isinstance(each, PlainSound)]
    _read_frames(source, looking)
    streams = {name: rows for model in looking for name, rows in model.result().items()}
    for each in models:
        if isinstance(each, PlainSound) and source.audio is not None:
            streams |= each.sound(load_sound(source, each.sample_rate))
    return streams


def _read_frames(source: Source, models: Sequence[PlainPictures | PlainWindows | PlainThumbnails]) -> None:
    """Every frame to RGB, in a loop; a frame counts for every interval whose middle it is on screen at."""
    picking = [each for each in models if not isinstance(each, PlainThumbnails)]
    counts = [0] * len(picking)
    shown: av.VideoFrame | None = None
    for seconds, frame in _frames(source):
        frame.to_ndarray(format="rgb24")
        for each in models:
            if isinstance(each, PlainThumbnails):
                each.every_frame(seconds, frame)
        for place, model in enumerate(picking):
            counts[place] = _show(model, counts[place], shown, seconds)
        shown = frame
    for place, model in enumerate(picking):
        _show(model, counts[place], shown, None)


def _show(model: PlainPictures | PlainWindows, index: int, frame: av.VideoFrame | None, until: float | None) -> int:
    """Hand over the frame that was on screen until now; after the last one, for all intervals that are left."""
    rate, lead = model.request.frames_per_second, model.request.lead_seconds
    while frame is not None and (index < model.wanted if until is None else (index + 0.5) / rate - lead + 1e-6 < until):
        model.frame(index, frame)
        index += 1
    return index


def _frames(source: Source) -> Iterator[tuple[float, av.VideoFrame]]:
    with av.open(str(source.path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        start = Fraction(container.start_time or 0, 1_000_000)
        for frame in container.decode(stream):
            assert frame.pts is not None
            assert frame.time_base is not None
            yield float(frame.pts * frame.time_base - start), frame


def load_sound(source: Source, sample_rate: int) -> FloatArray:
    """The soundtrack up to the video's end, mono, whole, cut off at full scale, then at this rate.

    Lossy codecs decode to a little more than full scale. The published extractors never see that, because they read
    files of 16-bit samples (YAMNet: ``wav_data / 32768``); without the cut a loud spot has other features.
    """
    assert source.audio is not None
    stored = source.audio.sample_rate
    samples = _stored_sound(source, stored).clip(-1.0, 1.0)
    sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
    sound.sample_rate = stored
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=sample_rate)
    made = np.concatenate([p.to_ndarray()[0] for each in (sound, None) for p in resampler.resample(each)])
    return _of_length(made.clip(-1.0, 1.0), source.duration_seconds * sample_rate)


def _stored_sound(source: Source, stored: int) -> FloatArray:
    """The soundtrack as it is stored, mono; a frame whose timestamp is 10 ms off lies where that says."""
    assert source.audio is not None
    sound = _of_length(np.zeros(0, np.float32), source.duration_seconds * stored)
    position: int | None = None
    with av.open(str(source.path)) as container:
        mixer = av.AudioResampler(format="fltp", layout="mono", rate=stored)
        for frame in container.decode(container.streams[source.audio.index]):
            assert isinstance(frame, av.AudioFrame)
            assert frame.pts is not None
            assert frame.time_base is not None
            place = round((float(frame.pts * frame.time_base) - source.start_seconds) * stored)
            position = place if position is None or abs(place - position) > 0.01 * stored else position
            for piece in mixer.resample(frame):
                samples = piece.to_ndarray()[0]
                shown = sound[max(0, position) : max(0, position + len(samples))]
                shown[:] = samples[max(0, -position) :][: len(shown)]
                position += len(samples)
    return sound


def _of_length(samples: FloatArray, length: float) -> FloatArray:
    """Cut, or filled up with silence."""
    wanted = int(np.ceil(length))
    made: FloatArray = np.pad(samples[:wanted], (0, max(0, wanted - len(samples)))).astype(np.float32)
    return made


def compare(own: Streams, plain: Streams) -> dict[str, dict[str, Any]]:
    """Per stream how it was compared, how near the two are, and whether that is near enough."""
    if own.keys() != plain.keys():
        raise ValueError(f"the two ways make other streams: {sorted(own)} and {sorted(plain)}")
    return {name: _agreement(name, values, plain[name]) for name, values in own.items()}


def _agreement(name: str, own: FloatArray, plain: FloatArray) -> dict[str, Any]:
    if own.shape != plain.shape:
        raise ValueError(f"stream {name}: {own.shape} and {plain.shape}")
    if name in EVERY_FRAME:
        value = min(_rank_correlation(own[:, k], plain[:, k]) for k in range(own.shape[1]))
        return {"by": "rank correlation", "value": value, "enough": value >= LEAST_CORRELATION}
    lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(plain, axis=1)
    cosines = (own * plain).sum(axis=1) / np.maximum(lengths, 1e-12)
    value, least = float(cosines.mean()), LEAST_COSINE_IN_8_BIT if name in STORED_IN_8_BIT else LEAST_COSINE
    return {"by": "cosine", "value": value, "least": float(cosines.min()), "enough": value >= least}


def _rank_correlation(own: FloatArray, plain: FloatArray) -> float:
    """1 for equal columns, also where they are constant and have no ranks."""
    return 1.0 if np.allclose(own, plain, rtol=1e-4, atol=1e-6) else float(spearmanr(own, plain).statistic)


def show_agreements(found: Mapping[str, Mapping[str, Any]]) -> None:
    """One line per stream; what does not agree must not be timed."""
    for name, each in found.items():
        print(f"{name:20} {each['by']} {each['value']:.5f} {'' if each['enough'] else 'NOT THE SAME'}")
    if not all(each["enough"] for each in found.values()):
        sys.exit("the two ways do not make the same features: nothing is timed")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--preset", default="lite")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--random-weights", action="store_true", help="weights that are not here are random")
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
