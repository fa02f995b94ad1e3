"""Features and scorers of the kinds that the scorer tests need, all made from seeds."""

from __future__ import annotations

import numpy as np

from highlightr.core.types import Features, Query, Signal, TimeGrid
from highlightr.scorers import Scorer, ScorerContext, create_scorer, scorer_class
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.linear import CFSumLinearConfig, CFSumLinearScorer
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.label_bank import LabelBank
from highlightr.zoo.presets import load_preset

TEXT_WIDTH = 384
WIDTHS = {"efficientnet_lite0": 1280, "yamnet": 521, "imagenet": 1000, "clip": TEXT_WIDTH}
ROWS_PER_SECOND = 62.5
SCORERS = ("zeroshot", "cosine", "cfsum", "cfsum-lite", "cfsum-linear", "davihd", "debug")


def features(seconds: float, seed: int = 0, skip: int = 0, without: tuple[str, ...] = ()) -> Features:
    """Noise for `seconds`, of which the first `skip` whole seconds are cut off."""
    rng = np.random.default_rng(seed)
    grid = TimeGrid(seconds - skip, 1.0)
    clips = TimeGrid(seconds, 1.0).num_clips
    streams = {name: rng.random((clips, width), dtype=np.float32)[skip:] for name, width in WIDTHS.items()}
    times = np.arange(int(seconds * ROWS_PER_SECOND)) / ROWS_PER_SECOND
    mel = (rng.standard_normal((len(times), 128)) * 2 - 8).astype(np.float32)
    kept = times >= skip
    signals = {"davihd_mel": Signal(times[kept] - skip, mel[kept])}
    return Features(
        grid,
        {name: value for name, value in streams.items() if name not in without},
        {name: value for name, value in signals.items() if name not in without},
    )


def repeated(short: Features, times: int) -> Features:
    """The same video `times` over: long features without drawing them all."""
    signal = short.signals["davihd_mel"]
    starts = np.repeat(np.arange(times) * short.grid.duration_seconds, len(signal.times_seconds))
    return Features(
        TimeGrid(short.grid.duration_seconds * times, short.grid.clip_seconds),
        {name: np.tile(value, (times, 1)) for name, value in short.streams.items()},
        {"davihd_mel": Signal(np.tile(signal.times_seconds, times) + starts, np.tile(signal.values, (times, 1)))},
    )


def query(text: str = "a red kite", tokens: int = 5, seed: int = 7) -> Query:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((tokens, TEXT_WIDTH)).astype(np.float32)
    vector = rows.mean(0)
    return Query(text, rows, vector / np.linalg.norm(vector))


def bank(labels: int, seed: int) -> LabelBank:
    vectors = np.random.default_rng(seed).standard_normal((labels, TEXT_WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return LabelBank(tuple(f"label {i}" for i in range(labels)), vectors)


def linear_tensors(seed: int) -> dict[str, np.ndarray]:
    """Weights of `cfsum-lite`, drawn."""
    rng = np.random.default_rng(seed)
    shapes = CFSumLiteScorer.tensor_shapes(CFSumLiteConfig())
    tensors = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    common = tensors["common"] / np.linalg.norm(tensors["common"], axis=1, keepdims=True)
    return tensors | {"common": common, "borders.scale": np.ones(shapes["borders.scale"], np.float32)}


def settings(name: str) -> dict[str, object]:
    if name == "cosine":
        return {"image_width": TEXT_WIDTH}
    if name == "cfsum-linear":
        return {"streams": {"efficientnet_lite0": 1280, "yamnet": 521}, "required": ["efficientnet_lite0"]}
    if name not in ("cfsum", "davihd"):
        return {}
    (chosen,) = load_preset(f"{name}-debug").scorers.values()
    return dict(chosen.config)


def scorer(name: str, seed: int = 0) -> Scorer:
    banks = {"imagenet": bank(1000, 1), "yamnet": bank(521, 2)}
    if name in ("zeroshot", "cosine"):
        context = ScorerContext(label_bank=banks.__getitem__, logit_scale=lambda: 100.0)
        return create_scorer(name, settings(name), context)
    if name == "cfsum-lite":
        tensors = linear_tensors(seed)
        return CFSumLiteScorer(banks["imagenet"], banks["yamnet"], tensors, CFSumLiteConfig(), "the test")
    if name == "cfsum-linear":
        config = CFSumLinearConfig.from_mapping(settings(name))
        rng = np.random.default_rng(seed)
        drawn = {
            key: rng.random(shape, dtype=np.float32) for key, shape in CFSumLinearScorer.tensor_shapes(config).items()
        }
        return CFSumLinearScorer(drawn, config, "the test")
    return create_scorer(name, settings(name), ScorerContext(random_seed=seed))


def query_for(name: str) -> Query | None:
    return query() if scorer_class(name).contract_of(settings(name)).query == "required" else None
