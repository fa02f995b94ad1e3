"""Scorers by name: made from a preset's settings, and described without being made.

In: a name, a mapping of settings, weights or a seed. Out: a `Scorer`, or a report of plain JSON types. Naming a scorer
imports its own module only, and no torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from highlightr.core.device import Precision
from highlightr.core.errors import ConfigError
from highlightr.scorers.base import Contract, Scorer
from highlightr.scorers.label_bank import LabelBank

if TYPE_CHECKING:
    from highlightr.scorers.neural import NeuralScorer

__all__ = ["READ_LABELS", "SCORERS", "contract_of", "create_scorer", "describe", "scorer_class"]

SCORERS: dict[str, str] = {
    "zeroshot": "highlightr.scorers.zeroshot.scorer:ZeroShotScorer",
    "cfsum": "highlightr.scorers.cfsum.scorer:CFSumScorer",
    "cfsum-lite": "highlightr.scorers.cfsum.lite:CFSumLiteScorer",
    "davihd": "highlightr.scorers.davihd.scorer:DAViHDScorer",
    "debug": "highlightr.scorers.debug:DebugScorer",
}
"""Scorer name to ``module:class``."""

READ_LABELS = ("zeroshot", "cfsum-lite")
"""Scorers that read class names, and so are made with `banks`."""

_NETWORKS = ("cfsum", "davihd")
"""Scorers that run a network in torch."""


def scorer_class(name: str) -> type[Scorer]:
    """The class of a scorer.

    Raises:
        ConfigError: an unknown name; the message lists the known ones.
    """
    if name not in SCORERS:
        raise ConfigError(f"no scorer named {name!r}; there are {', '.join(SCORERS)}")
    module, _, attribute = SCORERS[name].partition(":")
    found: type[Scorer] = getattr(import_module(module), attribute)
    return found


def _network_class(name: str) -> type[NeuralScorer[Any]] | None:
    """The class, if it is one that runs a network."""
    found: Any = scorer_class(name)
    return found if name in _NETWORKS else None


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
    network = _network_class(name)
    if network is not None:
        return network(network.config_class.from_mapping(config), weights, random_seed, device, precision)
    if name == "cfsum-lite":
        return _cfsum_lite(config, weights, banks)
    if weights is not None:
        raise ConfigError(f"{name} runs without weights, got {weights}")
    return _debug(config, random_seed) if name == "debug" else _zeroshot(config, banks)


def _debug(config: Mapping[str, Any], random_seed: int | None) -> Scorer:
    from highlightr.scorers.debug import DebugScorer

    if config:
        raise ConfigError(f"debug has no settings, got {sorted(config)[0]!r}")
    return DebugScorer(random_seed or 0)


def _zeroshot(config: Mapping[str, Any], banks: Mapping[str, LabelBank] | None) -> Scorer:
    from highlightr.scorers.zeroshot.scorer import ZeroShotConfig, ZeroShotScorer

    imagenet, audioset = _both(banks, "zeroshot")
    try:
        settings = ZeroShotConfig(**config)
    except TypeError as error:
        raise ConfigError(f"zeroshot: {error}") from error
    return ZeroShotScorer(imagenet, audioset, settings)


def _cfsum_lite(config: Mapping[str, Any], weights: Path | None, banks: Mapping[str, LabelBank] | None) -> Scorer:
    from highlightr.scorers.cfsum.lite import CFSumLiteScorer
    from highlightr.scorers.configs import CFSumLiteConfig

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
    network = _network_class(name)
    if network is not None:
        return network.contract_of(network.config_class.from_mapping(config))
    if name == "cfsum-lite":
        from highlightr.scorers.cfsum.lite import CFSumLiteScorer
        from highlightr.scorers.configs import CFSumLiteConfig

        return CFSumLiteScorer.contract_of(CFSumLiteConfig.from_mapping(config))
    return scorer_class(name).contract


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
    if name == "cfsum-lite":
        from highlightr.scorers.cfsum.lite import linear_shapes
        from highlightr.scorers.configs import CFSumLiteConfig

        sizes = linear_shapes(CFSumLiteConfig.from_mapping(config))
        return {key: math.prod(shape) for key, shape in sizes.items()}
    kind = _network_class(name)
    if kind is None:
        return {}
    import torch

    from highlightr.scorers.attention import parameter_counts

    with torch.device("meta"):
        network: Any = kind.network_class()(kind.config_class.from_mapping(config))
    return parameter_counts(network.blocks())
