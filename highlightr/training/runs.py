"""Training as a user asks for it: a config and a folder of data in, trained weights and their test figures out.

Every call makes a fresh results folder with one folder per run (a seed, a fold), each with its resolved config, curves,
weights, predictions on the test part and figures. Figures of several runs are given as mean and standard deviation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from highlightr.core.config import from_plain, read_json_or_none
from highlightr.core.device import check_precision
from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.extras import versions_of
from highlightr.core.files import write_whole
from highlightr.core.outputs import unwritable
from highlightr.core.progress import ProgressHook
from highlightr.evaluation import Report, Row, evaluate_cases, find_protocol
from highlightr.evaluation.protocols import baseline_rows
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.neural import load_weights
from highlightr.training.batches import Queries, SampleStore
from highlightr.training.config import TrainConfig, TrainOptions
from highlightr.training.learners import Learner, check_learner, create_learner
from highlightr.training.loop import BEST, fit
from highlightr.training.predict import predict
from highlightr.training.splits import Parts, divided, unscored_cases
from highlightr.training.trainer import devices

CONFIG, RESULT, PREDICTIONS = "config.yaml", "result.json", "predictions.jsonl"
REPORT, ASKED = "report.json", "asked.json"


@dataclass(frozen=True)
class RunResult:
    """One run: one seed, and one fold where there are folds."""

    folder: Path
    seed: int
    fold: int | None
    weights: Path
    """The best epoch's, safetensors."""
    parameters: int
    best_epoch: int
    epochs: int
    metrics: Mapping[str, float]
    """On the test part; empty without one."""
    sizes: Mapping[str, int]
    """Examples in `train`, `validation` and `test`, and `problems`."""
    notes: tuple[str, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    """Annotated items that could not be used, in `train`, `validation` and `test`."""

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        plain = asdict(self)
        return plain | {"folder": self.folder.name, "weights": self.weights.name, "notes": list(self.notes)}


@dataclass(frozen=True)
class TrainResult:
    """All runs of one `train`."""

    name: str
    folder: Path
    protocol: str
    runs: tuple[RunResult, ...]
    baselines: tuple[Row, ...] = ()
    """Random, position prior and oracle on the test examples of all folds."""

    def __post_init__(self) -> None:
        """Rows of figures on a part of the test items say so in their name."""
        counted = tuple(replace(row, name=f"{row.name}{self._counted}") for row in self.baselines)
        object.__setattr__(self, "baselines", counted)

    @property
    def _counted(self) -> str:
        folds = {run.fold: run for run in self.runs}.values()
        missing = sum(run.missing.get("test", 0) for run in folds)
        judged = sum(run.sizes.get("test", 0) for run in folds)
        return f" ({judged} of {judged + missing} test items)" if missing else ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Of all runs, each once."""
        return tuple(dict.fromkeys(note for run in self.runs for note in run.notes))

    @property
    def row(self) -> Row:
        """Over all runs; see `Row.mean_of`."""
        return Row.mean_of(f"{self.name}{self._counted}", [run.metrics for run in self.runs])

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types: what ``highlightr train --json`` prints and `report.json` holds."""
        return {
            "name": self.name,
            "protocol": self.protocol,
            "rows": [asdict(row) for row in (self.row, *self.baselines)],
            "notes": list(self.notes),
            "runs": [run.as_dict() for run in self.runs],
        }


def train(
    config: TrainConfig | str | Path,
    data: Path,
    out: Path,
    *,
    queries: Queries | None = None,
    progress: ProgressHook | None = None,
    **options: Any,
) -> TrainResult:
    """Train once per seed and fold, and judge each run's best weights on its test part.

    Args:
        config: the run, the name of one of highlightr's, or a YAML file.
        out: folder in which the results folder is made; it gets a new name each time.
        queries: embedded queries to share between calls.
        progress: called with stage `NAME seed S`, in epochs.
        options: those of `TrainOptions`.

    Raises:
        ConfigError: a config, data or a combination that cannot be trained on; a test part with holes; a device or
            precision that cannot be had.
        OutputError: the results cannot be written.
        WeightsError: the text encoder's weights are missing.
    """
    wanted = TrainOptions(**options)
    chosen, seeds, folds = wanted.applied(config), wanted.seeds, wanted.folds
    place, _ = devices(wanted.device)
    check_precision(chosen.precision, place)
    divisions = checked_parts(chosen, data, folds, wanted.allow_missing)
    plan = {"seeds": seeds, "folds": folds, "only_folds": list(wanted.only_folds), "config": asdict(chosen)}
    plan["data"] = _annotations_digest(divisions)
    folder = fresh_folder(out, chosen.name) if wanted.resume is None else _resumed(wanted.resume, plan)
    if wanted.resume is None:
        write_whole(folder / ASKED, json.dumps(plan, indent=1))
    shared = queries or Queries(open_text_encoder(chosen.text) if chosen.text else None)
    results, cases = [], []
    for fold, parts in divisions:
        if wanted.only_folds and fold not in wanted.only_folds:
            continue
        for seed in range(chosen.seed, chosen.seed + seeds):
            run = _Run(replace(chosen, seed=seed), parts, fold, folder, shared, place, progress)
            results.append(run.done() or run.go())
        cases += unscored_cases(parts.test)
    baselines = baseline_rows(find_protocol(chosen.protocol), cases, seeds=5) if cases else ()
    result = TrainResult(chosen.name, folder, chosen.protocol, tuple(results), baselines)
    write_whole(folder / REPORT, json.dumps(result.as_dict(), indent=1) + "\n")
    return result


def checked_parts(config: TrainConfig, data: Path, folds: int, allow_missing: bool) -> list[tuple[int | None, Parts]]:
    """The parts of every fold, as `divided`, once all is refused that can be before anything is trained.

    Raises:
        ConfigError: settings of the scorer, a protocol or a monitor that cannot be; parts that cannot be opened;
            without `allow_missing`, a test part with holes.
    """
    check_learner(config.scorer.name, config.scorer.config)
    protocol, divisions = find_protocol(config.protocol), list(divided(config.data, Path(data), folds))
    for _, parts in divisions:
        check_learner(config.scorer.name, config.scorer.config, parts.train.widths)
        if not allow_missing:
            parts.check_test(Path(data))
        metrics = protocol.measure(unscored_cases(parts.validation)) if parts.validation else {}
        if metrics and config.monitor not in metrics:
            raise ConfigError(f"{config.name}: monitor is {config.monitor!r}; there are {', '.join(metrics)}")
    return divisions


def _annotations_digest(divisions: Sequence[tuple[int | None, Parts]]) -> str:
    """What tells whether the items, their parts and their labels are those of another day, wherever they lie."""
    digest = hashlib.sha256()
    for fold, parts in divisions:
        for part in (parts.train, parts.validation, parts.test):
            items = () if part is None else part.items
            digest.update(repr((fold, [(item.key, item.video, item.query) for item in items])).encode())
            digest.update(b"".join(item.labels.tobytes() for item in items))
    return digest.hexdigest()


def fresh_folder(out: Path, name: str) -> Path:
    """A new folder ``NAME-YYYYMMDD-HHMMSS`` in `out`, numbered where that exists; an `OutputError` if it cannot be."""
    stem = f"{name}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    for count in range(1000):
        folder = Path(out) / (stem if not count else f"{stem}-{count}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise unwritable(folder, error) from error
        return folder
    raise OutputError(f"cannot make a folder in {out} for {name}: there are a thousand of this second")


def _resumed(folder: Path, plan: Mapping[str, Any]) -> Path:
    try:
        asked = json.loads((folder / ASKED).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        inside = sorted(str(each.parent) for each in folder.glob(f"*/{ASKED}"))[-3:]
        remedy = f"give {' or '.join(inside)}" if inside else "start without resume"
        raise ConfigError(f"{folder} holds no training to go on with ({error}); {remedy}") from error
    if asked != json.loads(json.dumps(plan)):
        raise ConfigError(f"{folder} was started with another config, other data, seeds or folds; start without resume")
    return folder


@dataclass(frozen=True)
class _Run:
    """One seed on one fold."""

    config: TrainConfig
    parts: Parts
    fold: int | None
    out: Path
    queries: Queries
    device: str
    progress: ProgressHook | None

    @property
    def folder(self) -> Path:
        """The run's own."""
        fold = "" if self.fold is None else f"fold-{self.fold}-"
        return self.out / f"{fold}seed-{self.config.seed}"

    def done(self) -> RunResult | None:
        """The result of a run that was finished before; `None` where there is none, or none that can be read."""
        path, places = self.folder / RESULT, {"folder": self.folder, "weights": self.folder / BEST}
        try:
            return from_plain(RunResult, (read_json_or_none(path, dict[str, Any]) or {}) | places, str(path))
        except ConfigError:
            return None

    def go(self) -> RunResult:
        """Train, judge, and write everything down."""
        self.folder.mkdir(exist_ok=True)
        write_whole(self.folder / CONFIG, yaml.safe_dump(asdict(self.config), sort_keys=False))
        write_whole(
            self.folder / "versions.json",
            json.dumps(versions_of("torch", "lightning", "numpy", "safetensors"), indent=1) + "\n",
        )
        learner = create_learner(self.config.scorer.name, self.config.scorer.config, self.config.seed)
        parts, train = self.parts, SampleStore(self.parts.train, learner, self.queries)
        validation, test = (
            None if part is None else SampleStore(part, learner, self.queries)
            for part in (parts.validation, parts.test)
        )
        fitted = fit(learner, self.config, train, validation, self.folder, self.device, self._told())
        report = self._judge(learner, test)
        sizes = {"train": len(train), "problems": parts.problems}
        sizes |= {"validation": len(validation or ()), "test": len(test or ())}
        result = RunResult(
            folder=self.folder,
            seed=self.config.seed,
            fold=self.fold,
            weights=self.folder / BEST,
            parameters=sum(parameter.numel() for parameter in learner.network.parameters()),
            best_epoch=fitted.best_epoch,
            epochs=len(fitted.history),
            metrics={} if report is None else report.metrics,
            sizes=sizes,
            notes=(*self.parts.lacking(), *(() if report is None else report.notes)),
            missing={name: len(problems) for name, problems in self.parts.missing.items()},
        )
        write_whole(self.folder / RESULT, json.dumps(result.as_dict(), indent=1) + "\n")
        return result

    def _told(self) -> ProgressHook | None:
        if self.progress is None:
            return None
        hook, fold = self.progress, "" if self.fold is None else f" fold {self.fold}"
        name = f"{self.config.name}{fold} seed {self.config.seed}"
        return lambda stage, completed, total: hook(f"{stage} {name}", completed, total)

    def _judge(self, learner: Learner, test: SampleStore | None) -> Report | None:
        """Figures of the best epoch on the test part, and its scores in the form of a prediction file."""
        if test is None:
            return None
        load_weights(learner.network, self.folder / BEST, self.config.scorer.name)
        learner.network.to(self.device)
        cases, protocol = predict(learner, test), find_protocol(self.config.protocol)
        lines = [protocol.line(case, item.grid.clip_seconds) for case, item in zip(cases, test.items, strict=True)]
        write_whole(self.folder / PREDICTIONS, *lines)
        return evaluate_cases(protocol, cases, seeds=1)
