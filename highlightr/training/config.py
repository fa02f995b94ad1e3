"""What one training run is: data, scorer, objective, optimiser, and the rows of its ablation tables, as data.

In: a YAML file of `models/training/`, or a mapping. Out: frozen dataclasses that are valid, or a `ConfigError` that
names the key. Torch-free, so that a config can be read and checked without loading a library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from highlightr.core.checks import LARGEST_SEED, check_between, check_fields, check_subset
from highlightr.core.config import from_plain, parse_yaml, read_yaml
from highlightr.core.device import Precision
from highlightr.core.errors import ConfigError
from highlightr.core.folders import model_files
from highlightr.datasets import DATASETS
from highlightr.datasets.releases import Release


@dataclass(frozen=True)
class DataChoice:
    """Which data set, and which videos serve for what. No video is in two parts when a part is split off by share."""

    name: str
    """One of the known data sets."""
    layout: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the data set's own layout."""
    test: Mapping[str, Any] | None = None
    """What differs for a test part with annotations of its own; `None`: `test_share` of the videos."""
    validation: Mapping[str, Any] | None = None
    """The same for the part that early stopping watches; `None`: `validation_share` of the training videos."""
    test_share: float = 0.2
    validation_share: float = 0.1
    """0: no validation, the last epoch is kept."""
    split_seed: int = 0
    """Of the split by video; the same for all seeds of a run."""
    release: Release | None = None
    """Public release that the folder is laid out like; `None`: what lies in it says."""
    group: str | None = None
    """Only the videos of this group (TVSum's and YouTube Highlights' domains)."""

    def __post_init__(self) -> None:
        if self.name not in DATASETS:
            raise ConfigError(f"data.name is {self.name!r}; known: {', '.join(DATASETS)}")
        check_between(self, 0, 0.9, "test_share", "validation_share", where="data.")
        check_between(self, 0, LARGEST_SEED, "split_seed", where="data.")


@dataclass(frozen=True)
class ModelChoice:
    """What is trained: a name of `highlightr.training.learners.LEARNERS`, and its settings."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Augment:
    """What is done to training examples, drawn anew each epoch."""

    speed: float = 0.0
    """Chance to play the video 0.7 to 1.3 times as long."""
    token_drop: float = 0.0
    """Share of the query's inner tokens that are left out."""
    noise: float = 0.0
    """Gaussian noise on the features, as a share of each row's own spread."""

    def __post_init__(self) -> None:
        check_between(self, 0, 1, "speed", "token_drop", where="augment.")
        check_between(self, 0, 10, "noise", where="augment.")


@dataclass(frozen=True)
class Optimiser:
    """How the weights are moved."""

    name: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    schedule: Literal["constant", "exponential", "one-cycle"] = "constant"
    """`exponential`: times `decay` after each epoch. `one-cycle`: up over a tenth of the steps, then down to 0."""
    decay: float = 0.99

    def __post_init__(self) -> None:
        check_between(self, 1e-12, 1e3, "learning_rate", where="optimiser.")
        check_between(self, 0, 1e3, "weight_decay", where="optimiser.")
        check_between(self, 1e-6, 1, "decay", where="optimiser.")


_NAME = re.compile(r"\w[\w +.,-]{0,99}")
"""Folders are named after a run."""

_FOLDER = "training"
"""Below `models/`."""

TERMS = ("mse", "bce", "listwise", "contrastive")
"""Names of loss terms."""


@dataclass(frozen=True)
class TrainConfig:
    """One run. See `models/training/` for those that come with highlightr."""

    name: str
    summary: str
    data: DataChoice
    scorer: ModelChoice
    protocol: str
    """The evaluation protocol that judges validation and test."""
    monitor: str
    """The protocol's metric that early stopping and the best checkpoint go by; higher is better."""
    objective: Mapping[str, float]
    """Loss term to weight; the terms are `mse`, `bce`, `listwise` and `contrastive`."""
    text: str | None = None
    """Text encoder for queries whose tokens the data set does not bring."""
    optimiser: Optimiser = field(default_factory=Optimiser)
    augment: Augment = field(default_factory=Augment)
    epochs: int = 100
    batch_size: int = 32
    drop_last: bool = False
    """Leave out each epoch the examples that do not fill a batch."""
    gradient_clip: float = 0.0
    """Largest gradient norm; 0: none."""
    average: float = 0.0
    """Decay of the moving average of the weights that is evaluated and kept; 0: the weights themselves."""
    patience: int = 0
    """Epochs without a better validation before the run stops; 0: never."""
    precision: Precision = "fp32"
    seed: int = 0
    ablations: Mapping[str, Any] = field(default_factory=dict)
    """Table name to row name to changes, each a dotted key such as `scorer.config.fusion` and its value."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigError(f"name {self.name!r} must be of letters, digits, spaces and -_+., starting with a letter")
        check_between(self, 1, 1e6, "epochs", "batch_size")
        check_between(self, 0, 1e9, "gradient_clip")
        check_between(self, 0, 0.99999, "average")
        check_between(self, 0, 1e6, "patience")
        check_between(self, 0, LARGEST_SEED, "seed")
        check_subset("the terms of objective", self.objective, TERMS)
        if not all(0 <= weight < math.inf for weight in self.objective.values()):
            raise ConfigError(f"the weights of objective must be finite and at least 0, got {dict(self.objective)}")
        if self.patience and not self.validates:
            raise ConfigError("patience needs a validation part: set data.validation or data.validation_share")

    @property
    def validates(self) -> bool:
        """Whether there is a validation part."""
        return self.data.validation is not None or self.data.validation_share > 0

    def changed(self, changes: Mapping[str, Any], name: str | None = None) -> TrainConfig:
        """The same run with some dotted keys set to other values.

        Raises:
            ConfigError: a key that does not exist in its section, or a value that cannot be right.
        """
        plain = asdict(self)
        for key, value in changes.items():
            *path, last = key.split(".")
            section = plain
            for step in path:
                section = section.get(step, {}) if isinstance(section, dict) else {}
            if not isinstance(section, dict):
                raise ConfigError(f"{self.name}: {key!r} is not a key that can be changed")
            section[last] = value
        made = from_plain(TrainConfig, plain, self.name)
        return made if name is None else replace(made, name=name)


@dataclass(frozen=True)
class TrainOptions:
    """How often a config is run, on which device, and how its folder is read.

    Raises:
        ConfigError: a value of another type, or numbers of seeds and folds that cannot be.
    """

    seeds: int = 1
    """Runs with different seeds, the config's, + 1, …; several give mean ± deviation."""
    folds: int = 0
    """Folds of cross-validation by video, each the test part once; 0: the config's own split."""
    only_folds: tuple[int, ...] = ()
    """Numbers from 0 on of the folds to run; all if empty. Runs can so be shared between machines."""
    device: str = "auto"
    """`auto`, `cpu` or `cuda`, which is every GPU there is."""
    precision: Precision | None = None
    """`fp32`, `bf16` or `fp16`; by default the config's."""
    resume: Path | None = None
    """Results folder of a training that was broken off; finished runs are kept, the others go on where they stopped."""
    release: Release | None = None
    """How the folder is laid out: `moment-detr`, `umt` or `lighthouse`; by default what lies in it says."""
    allow_missing: bool = False
    """Judge the test items that are there; every figure then says how many."""

    def __post_init__(self) -> None:
        check_fields(self)
        if self.seeds < 1 or self.folds < 0 or self.folds == 1:
            raise ConfigError(
                f"training needs seeds from 1 on, and folds 0 or from 2 on; got {self.seeds} and {self.folds}"
            )
        if not set(self.only_folds) <= set(range(self.folds)):
            several = f"there are folds 0 to {self.folds - 1} of {self.folds}"
            known = several if self.folds else "there are no folds: set folds too"
            raise ConfigError(f"{known}; got {list(self.only_folds)}")

    def applied(self, config: TrainConfig | str | Path) -> TrainConfig:
        """The config, read where it is named, as these options have it."""
        chosen = config if isinstance(config, TrainConfig) else load_config(config)
        asked = {"precision": self.precision, "data.release": self.release}
        changes = {key: value for key, value in asked.items() if value is not None}
        return chosen.changed(changes) if changes else chosen


def config_names() -> tuple[str, ...]:
    """Names of the training configs that come with highlightr."""
    entries = (model_files() / _FOLDER).iterdir()
    return tuple(sorted(entry.name.removesuffix(".yaml") for entry in entries if entry.name.endswith(".yaml")))


def load_config(name: str | Path) -> TrainConfig:
    """Read a training config by its name, or from a YAML file of the caller's.

    Raises:
        ConfigError: no such config or file, not YAML, or not a training config.
    """
    if str(name).endswith((".yaml", ".yml")):
        return from_plain(TrainConfig, read_yaml(Path(name)), str(name))
    if str(name) not in config_names():
        raise ConfigError(
            f"no training config named {str(name)!r}; there are {', '.join(config_names())}, or give a .yaml file"
        )
    text = (model_files() / _FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return from_plain(TrainConfig, parse_yaml(text, f"{name}.yaml"), f"{name}.yaml")
