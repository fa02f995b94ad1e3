"""Scorers by name: made from a preset's settings, and described without being made.

In: a name, a mapping of settings, weights or a seed. Out: a `Scorer`, or a report of plain JSON types. Importing this
module loads no network and no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from highlightr.errors import ConfigError
from highlightr.scorers.apply import Precision
from highlightr.scorers.base import Contract, Scorer
from highlightr.scorers.cfsum_lite import CFSumLiteScorer, linear_shapes
from highlightr.scorers.cfsum_scorer import CFSumScorer
from highlightr.scorers.configs import CFSumLiteConfig
from highlightr.scorers.davihd_scorer import DAViHDScorer
from highlightr.scorers.debug import DebugScorer
from highlightr.scorers.neural import NeuralScorer
from highlightr.scorers.zeroshot import ZeroShotConfig, ZeroShotScorer
from highlightr.scorers.zeroshot_labels import LabelBank

__all__ = ["READ_LABELS", "SCORERS", "contract_of", "create_scorer", "describe"]

SCORERS: dict[str, type[Scorer]] = {
    "zeroshot": ZeroShotScorer,
    "cfsum": CFSumScorer,
    "cfsum-lite": CFSumLiteScorer,
    "davihd": DAViHDScorer,
    "debug": DebugScorer,
}


READ_LABELS = ("zeroshot", "cfsum-lite")
"""Scorers that read class names, and so are made with `banks`."""


def _scorer_class(name: str) -> type[Scorer]:
    if name not in SCORERS:
        raise ConfigError(f"no scorer named {name!r}; there are {', '.join(SCORERS)}")
    return SCORERS[name]


def create_scorer(
    name: str,
    config: Mapping[str, Any],
    weights: Path | None = None,
    random_seed: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
    banks: Mapping[str, LabelBank] | None = None,
) -> Scorer:
    """Make a scorer.

    Args:
        name: a key of `SCORERS`.
        config: the scorer's settings, plain types.
        weights: a safetensors file, for `cfsum`, `cfsum-lite` and `davihd`.
        random_seed: instead of weights; results are marked. For `debug` it defaults to 0.
        device: `cpu`, `cuda` or `cuda:N`, for `cfsum` and `davihd`.
        precision: `fp32`, `bf16` or `fp16`, for `cfsum` and `davihd`.
        banks: `imagenet` and `yamnet` labels in the query's space, for `READ_LABELS`.

    Raises:
        ConfigError: an unknown name or setting, or neither or both of weights and seed.
        WeightsError: weights that cannot be read or do not fit.
    """
    found = _scorer_class(name)
    if issubclass(found, NeuralScorer):
        return found(found.config_class.from_mapping(config), weights, random_seed, device, precision)
    if found is CFSumLiteScorer:
        return _cfsum_lite(config, weights, banks)
    if weights is not None:
        raise ConfigError(f"{name} runs without weights, got {weights}")
    if found is DebugScorer:
        if config:
            raise ConfigError(f"debug has no settings, got {sorted(config)[0]!r}")
        return DebugScorer(random_seed or 0)
    return _zeroshot(config, banks)


def _zeroshot(config: Mapping[str, Any], banks: Mapping[str, LabelBank] | None) -> Scorer:
    imagenet, audioset = _both(banks, "zeroshot")
    try:
        settings = ZeroShotConfig(**config)
    except TypeError as error:
        raise ConfigError(f"zeroshot: {error}") from error
    return ZeroShotScorer(imagenet, audioset, settings)


def _cfsum_lite(config: Mapping[str, Any], weights: Path | None, banks: Mapping[str, LabelBank] | None) -> Scorer:
    if weights is None:
        raise ConfigError("cfsum-lite runs on trained weights, and none were given")
    return CFSumLiteScorer.load(weights, *_both(banks, "cfsum-lite"), CFSumLiteConfig.from_mapping(config))


def _both(banks: Mapping[str, LabelBank] | None, name: str) -> tuple[LabelBank, LabelBank]:
    if not banks or not {"imagenet", "yamnet"} <= set(banks):
        raise ConfigError(f"{name} needs the label banks 'imagenet' and 'yamnet'")
    return banks["imagenet"], banks["yamnet"]


def contract_of(name: str, config: Mapping[str, Any]) -> Contract:
    """The contract that a scorer of these settings would have, without making it.

    Raises:
        ConfigError: an unknown name or setting.
    """
    found = _scorer_class(name)
    if issubclass(found, NeuralScorer):
        return found.contract_of(found.config_class.from_mapping(config))
    if found is CFSumLiteScorer:
        return CFSumLiteScorer.contract_of(CFSumLiteConfig.from_mapping(config))
    return found.contract


def describe(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a scorer needs and how large it is, as plain JSON types; no memory is taken for parameters.

    Returns:
        `scorer`, `streams`, `signals`, `required`, `query`, `text_width`, `clip_seconds`, `longest_clips`,
        `score_range`, `parameters` (block to number) and `total`.

    Raises:
        ConfigError: an unknown name or setting.
    """
    contract = contract_of(name, config)
    parameters = _parameters(name, config)
    return {
        "scorer": name,
        "streams": dict(contract.streams),
        "signals": dict(contract.signals),
        "required": list(contract.required),
        "query": contract.query,
        "text_width": contract.text_width,
        "clip_seconds": contract.clip_seconds,
        "longest_clips": contract.longest_clips,
        "score_range": list(contract.score_range),
        "parameters": parameters,
        "total": sum(parameters.values()),
    }


def _parameters(name: str, config: Mapping[str, Any]) -> dict[str, int]:
    found = _scorer_class(name)
    if found is CFSumLiteScorer:
        sizes = linear_shapes(CFSumLiteConfig.from_mapping(config))
        return {key: math.prod(shape) for key, shape in sizes.items()}
    if not issubclass(found, NeuralScorer):
        return {}
    import torch

    from highlightr.scorers.attention import parameter_counts

    with torch.device("meta"):
        network: Any = found.network_class()(found.config_class.from_mapping(config))
    return parameter_counts(network.blocks())
