"""Training: a config and labelled data in, weights, curves and figures with their spread out.

`train` runs a config over seeds and folds, `ablate` its tables. Needs the extra `train`; the names load torch and
Lightning when they are first used, and the data sets (`highlightr.training.datasets`) need neither.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from highlightr.errors import ConfigError

if TYPE_CHECKING:
    from highlightr.training.ablation import AblationResult, ablate
    from highlightr.training.config import TrainConfig, config_names, load_config
    from highlightr.training.results import RunResult, TrainResult
    from highlightr.training.runs import train

__all__ = [
    "AblationResult",
    "RunResult",
    "TrainConfig",
    "TrainResult",
    "ablate",
    "config_names",
    "load_config",
    "train",
]

_HOMES = {
    "AblationResult": "highlightr.training.ablation",
    "RunResult": "highlightr.training.results",
    "TrainConfig": "highlightr.training.config",
    "TrainResult": "highlightr.training.results",
    "ablate": "highlightr.training.ablation",
    "config_names": "highlightr.training.config",
    "load_config": "highlightr.training.config",
    "train": "highlightr.training.runs",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'highlightr.training' has no attribute {name!r}")
    try:
        return getattr(import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        if error.name != "lightning":
            raise
        raise ConfigError("training needs Lightning: pip install 'highlightr[train]'") from error
