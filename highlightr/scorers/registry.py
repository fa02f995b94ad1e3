"""Scorers by name: opened from a preset's settings, and described without being opened.

In: a name, a mapping of settings, a context. Out: a `Scorer`, or a report of plain JSON types. Naming a scorer imports
its own module only, and no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.extras import need
from highlightr.core.tensors import read_shapes
from highlightr.scorers.base import Scorer, ScorerContext
from highlightr.scorers.configs import misfit

SCORERS: dict[str, str] = {
    "zeroshot": "highlightr.scorers.zeroshot.scorer:ZeroShotScorer",
    "cosine": "highlightr.scorers.cosine.scorer:CosineScorer",
    "cfsum": "highlightr.scorers.cfsum.scorer:CFSumScorer",
    "cfsum-lite": "highlightr.scorers.cfsum.lite:CFSumLiteScorer",
    "cfsum-linear": "highlightr.scorers.cfsum.linear:CFSumLinearScorer",
    "davihd": "highlightr.scorers.davihd.scorer:DAViHDScorer",
    "debug": "highlightr.scorers.debug:DebugScorer",
}
"""Scorer name to ``module:class``."""


def scorer_class(name: str) -> type[Scorer]:
    """The class of a scorer; a `ConfigError` lists the known names."""
    if name not in SCORERS:
        raise ConfigError(f"no scorer named {name!r}; there are {', '.join(SCORERS)}")
    module, _, attribute = SCORERS[name].partition(":")
    return getattr(import_module(module), attribute)


def runnable_class(name: str) -> type[Scorer]:
    """The class of a scorer whose packages are here; a `ConfigError` for an unknown name or a missing package."""
    found = scorer_class(name)
    need(f"scorer {name}", *found.packages)
    return found


def create_scorer(name: str, config: Mapping[str, Any], context: ScorerContext | None = None) -> Scorer:
    """Open a scorer by name; see `Scorer.from_config`.

    Raises:
        ConfigError: an unknown name, a package that is not installed, or as `Scorer.from_config`.
        WeightsError: as `Scorer.from_config`.
    """
    return runnable_class(name).from_config(config, context or ScorerContext())


def check_weights(name: str, config: Mapping[str, Any], path: Path) -> None:
    """Make sure that a safetensors file has the tensors of a scorer that runs on weights, without reading them.

    Raises:
        ConfigError: as `describe`.
        WeightsError: the file cannot be read, or its tensors have other names or shapes.
    """
    found = runnable_class(name)
    problem = misfit(found.tensor_shapes(found.config_class.from_mapping(config)), read_shapes(path))
    if problem:
        raise WeightsError(f"it does not fit the scorer {name}: {problem}")


def describe(name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What a scorer needs and how large it is, as plain JSON types; no memory is taken for parameters.

    Returns:
        `scorer`, `streams`, `signals`, `required`, `query`, `text_width`, `clip_seconds`, `longest_clips`,
        `score_range`, `parameters` (block to number) and `total`.

    Raises:
        ConfigError: an unknown name or setting, or a package that is not installed.
    """
    found = runnable_class(name)
    contract, parameters = found.contract_of(config), found.parameter_counts(config)
    return {"scorer": name, **contract.to_mapping(), "parameters": parameters, "total": sum(parameters.values())}
