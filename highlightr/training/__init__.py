"""Training: a config and labelled data in, weights, curves and figures with their spread out.

`train` runs a config over seeds and folds, `ablate` its tables. Needs the extra `train`; the names load torch and
Lightning when they are first used, and the data sets (`highlightr.datasets`) need neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from highlightr.core.errors import ConfigError
from highlightr.core.lazy_imports import loaded_on_demand

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
    "AblationResult": "ablation",
    "RunResult": "results",
    "TrainConfig": "config",
    "TrainResult": "results",
    "ablate": "ablation",
    "config_names": "config",
    "load_config": "config",
    "train": "runs",
}

_loaded = loaded_on_demand(__name__, _HOMES)


def __getattr__(name: str) -> Any:
    try:
        return _loaded(name)
    except ModuleNotFoundError as error:
        if error.name != "lightning":
            raise
        raise ConfigError("training needs Lightning: pip install 'highlightr[train]'") from error
