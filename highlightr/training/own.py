"""``highlightr train --config own``: labelled videos in, a preset folder out, beside figures on videos held out.

Every figure is of videos that the scorer did not learn from. Penalties are chosen among the others, and so is which of
two learned scorers is compared with what ships. What was learned becomes the preset's scorer only where it ranks
held-out clips better than what ships by more than the standard error over videos of the difference; else the preset
keeps the shipped scorer, and says so. The folder has `preset.yaml`, a weights file for each kind of label of which what
was learned is used, and `report.json`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from highlightr.core.device import resolve_device
from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.files import whole_folder, write_whole
from highlightr.core.outputs import check_folder_output
from highlightr.core.progress import ProgressHook, silent
from highlightr.core.tensors import write_arrays
from highlightr.core.types import FloatArray
from highlightr.evaluation import Case, Row, evaluate_cases, find_protocol
from highlightr.evaluation.ranking import average_precision
from highlightr.training.own_data import (
    LEAST_VIDEOS,
    LEAVE_ONE_OUT_BELOW,
    LabelledItem,
    folds_of,
    gather,
    split,
    videos_of,
)
from highlightr.training.own_fits import Fit, Fitted, FullFit, NoQueryFit, QueryFit
from highlightr.zoo import Preset, ScorerChoice, load_preset
from highlightr.zoo.presets import OWN_WEIGHTS, PRESET_FILE, ScorerUse

MANY_ITEMS = 60
"""Labelled items from which on the full CFSum is tried beside the linear one."""

PICTURES = {"lite": "efficientnet_lite0", "clip": "clip"}
"""Preset whose features can be trained on to its stream of pictures."""

REPORT = "report.json"

SAID = {"query": "with a query", "no_query": "without a query"}

CHOSEN = "own, chosen on the others"
"""Row of what was learned where there are two: for each held-out video, the one that is better on the others."""


def train_own(
    data: Path, out: Path, *, features: str = "lite", device: str = "auto", progress: ProgressHook | None = None
) -> OwnResult:
    """Train on the features of a preset, `lite` or `clip`, and a folder of labelled videos; write a preset folder.

    Raises:
        ConfigError: labels that cannot be trained on, with what would be needed. Nothing is written then.
        OutputError: `out` exists already or cannot be written.
        WeightsError: weights of the features that are not here.
    """
    if features not in PICTURES:
        raise ConfigError(f"own videos are trained on the features of {' or '.join(PICTURES)}, got {features!r}")
    if (out / PRESET_FILE).exists():
        raise OutputError(f"{out} holds a preset already; choose another name with --out")
    check_folder_output(out)
    base, place = load_preset(features), resolve_device(device)
    notes: list[str] = []
    found = gather(data, base, place, progress, notes)
    results: list[KindResult] = []
    fitted: dict[str, Fitted] = {}
    for kind, with_query in (("query", True), ("no_query", False)):
        items = [each for each in found if (each.query is not None) == with_query]
        if not items:
            continue
        judged, own = _kind(kind, items, base, place, notes, progress or silent)
        if judged is None:
            continue
        results.append(judged)
        if own is not None:
            fitted[kind] = own
    if not results:
        raise ConfigError(f"{data}: {notes[-1]}")
    result = OwnResult(out, tuple(results), tuple(notes))
    write_preset(base, fitted, result)
    return result


def _kind(
    kind: str, items: Sequence[LabelledItem], base: Preset, device: str, notes: list[str], progress: ProgressHook
) -> tuple[KindResult | None, Fitted | None]:
    """Judge and, where it is better, fit on everything."""
    videos = videos_of(items)
    if len(videos) < LEAST_VIDEOS:
        notes.append(f"labels {SAID[kind]} need at least {LEAST_VIDEOS} videos, and there are {len(videos)}")
        return None, None
    own_notes: list[str] = []
    fits = list(_fits(kind, items, base, device, own_notes))
    folds = folds_of(videos)
    how = "each video held out once" if len(videos) < LEAVE_ONE_OUT_BELOW else f"{len(folds)} folds by video"
    own_notes.append(f"judged by {how}: {len(videos)} videos, {len(items)} labelled items")
    learned = {fit.name: _held_out_scores(fit, items, folds, progress) for fit in fits}
    shipped = {name: [each.rows[name] for each in items] for name in items[0].rows}
    default = base.scorer_name("" if kind == "query" else None)
    precisions = {name: np.mean(list(_precisions(items, scores).values())) for name, scores in learned.items()}
    best = max(precisions, key=precisions.__getitem__, default=None)
    chosen = cross_selected_scores(items, learned, folds) if learned else []
    better = best is not None and _is_better(items, chosen, shipped[default])
    if best is not None:
        own_notes.append(_verdict_note(best, default, better))
    rows = _rows(items, learned | ({CHOSEN: chosen} if len(learned) > 1 else {}) | shipped)
    own = next(fit for fit in fits if fit.name == best).fit(items) if better else None
    kept = default if own is None else label_of(kind)
    result = KindResult(kind, rows, len(items), len(videos), better, kept, tuple(own_notes))
    return result, own


def _fits(kind: str, items: Sequence[LabelledItem], base: Preset, device: str, notes: list[str]) -> Iterator[Fit]:
    if kind == "no_query":
        yield NoQueryFit(items)
    elif "cfsum-lite" in base.scorers:
        yield QueryFit(base)
    else:
        notes.append(f"{base.name} compares pictures with words as it is; there is nothing linear to fit to a query")
    if len(items) < MANY_ITEMS:
        notes.append(f"the full CFSum was not tried: it takes {MANY_ITEMS} labelled items, and there are {len(items)}")
    elif not (find_spec("torch") and find_spec("lightning")):
        notes.append("the full CFSum was not tried: pip install 'highlightr[train]' brings what it needs")
    else:
        yield FullFit(device, PICTURES[base.name])


def _held_out_scores(
    fit: Fit, items: Sequence[LabelledItem], folds: Sequence[set[str]], progress: ProgressHook
) -> list[FloatArray]:
    """Scores of every item by a fit without its video, in the order of the items."""
    scores: dict[str, FloatArray] = {}
    stage = f"Learning, {fit.name}, {len(folds)} times"
    progress(stage, 0.0, 1.0)
    for done, fold in enumerate(folds):
        progress(stage, done, len(folds))
        rest, held = split(items, fold)
        fitted = fit.fit(rest)
        scores |= {each.item.key: fitted.scores(each) for each in held}
    progress(stage, len(folds), len(folds))
    return [scores[each.item.key] for each in items]


def cross_selected_scores(
    items: Sequence[LabelledItem], learned: Mapping[str, list[FloatArray]], folds: Sequence[set[str]]
) -> list[FloatArray]:
    """Scores of what was learned, in every fold those of the scorer that ranks the *other* folds' videos best.

    A scorer that is picked by the figures that it is then judged by looks better than it is.
    """
    precisions = {name: _precisions(items, scores) for name, scores in learned.items()}
    pick: dict[str, str] = {}
    for fold in folds:
        others = [video for video in next(iter(precisions.values())) if video not in fold]
        best = max(learned, key=lambda name: np.mean([precisions[name][video] for video in others]))
        pick |= dict.fromkeys(fold, best)
    return [learned[pick[each.item.group]][i] for i, each in enumerate(items)]


def _precisions(items: Sequence[LabelledItem], scores: Sequence[FloatArray]) -> dict[str, float]:
    """Video to the mean average precision of its items."""
    found: dict[str, list[float]] = {}
    for each, values in zip(items, scores, strict=True):
        found.setdefault(each.item.group, []).append(average_precision(each.positive, values))
    return {video: float(np.mean(values)) for video, values in found.items()}


def _is_better(items: Sequence[LabelledItem], own: Sequence[FloatArray], shipped: Sequence[FloatArray]) -> bool:
    ours, theirs = _precisions(items, own), _precisions(items, shipped)
    gains = np.array([ours[video] - theirs[video] for video in ours])
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)) and gains.mean() > 0)


def _verdict_note(best: str, default: str, better: bool) -> str:
    if better:
        return f"{best} ranks held-out clips better than {default}, which ships: the preset uses it"
    return (
        f"{best} is not better than {default} on held-out videos by more than chance explains: the preset keeps "
        f"{default}, which ships; more labelled videos may change that"
    )


def _rows(items: Sequence[LabelledItem], scored: dict[str, list[FloatArray]]) -> tuple[Row, ...]:
    protocol = find_protocol("moments")
    rows: list[Row] = []
    baselines: tuple[Row, ...] = ()
    for name, scores in scored.items():
        cases = [Case.of(each.item, values) for each, values in zip(items, scores, strict=True)]
        first, *others = evaluate_cases(protocol, cases).rows
        rows.append(replace(first, name=name))
        baselines = tuple(others)
    return (*rows, *baselines)


@dataclass(frozen=True)
class KindResult:
    """What came of the labels with a query, or of those without."""

    kind: str
    """`query` or `no_query`."""
    rows: tuple[Row, ...]
    """What was learned, what ships, then random, position prior and oracle; held-out videos, protocol `moments`."""
    items: int
    videos: int
    better: bool
    kept: str
    """Name of the scorer that the preset uses."""
    notes: tuple[str, ...]


@dataclass(frozen=True)
class OwnResult:
    """The preset folder and how it was judged."""

    folder: Path
    kinds: tuple[KindResult, ...]
    notes: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON types: `report.json`, and what ``--json`` prints."""
        return {"preset": str(self.folder), "kinds": [asdict(each) for each in self.kinds], "notes": list(self.notes)}


def _preset(base: Preset, name: str, fitted: Mapping[str, Fitted], results: Sequence[KindResult]) -> Preset:
    scorers, use = dict(base.scorers), asdict(base.use)
    for kind, own in fitted.items():
        label = label_of(kind)
        scorers[label] = ScorerChoice(own.scorer_name, own.config, f"{label}{OWN_WEIGHTS}")
        use[kind] = label
    figures = []
    for each in results:
        ranked = ", ".join(f"{row.name} {row.metrics['map']:.1f}" for row in each.rows)
        figures.append(f"mAP on {each.videos} own videos, {SAID[each.kind]}, held out: {ranked}")
    summary = f"Trained on own videos, on the features of {base.name}; uses {use['query']} and {use['no_query']}."
    measured = "; ".join(figures) + "."
    return replace(base, name=name, summary=summary, scorers=scorers, use=ScorerUse(**use), measured=measured)


def write_preset(base: Preset, fitted: Mapping[str, Fitted], result: OwnResult) -> None:
    """Write the folder whole or not at all: weights of what was learned, `report.json`, the preset.

    Raises:
        OutputError: it cannot be written.
    """
    preset = _preset(base, result.folder.name, fitted, result.kinds)
    plain = {name: value for name, value in asdict(preset).items() if value is not None and value != {}}
    plain["extractors"] = list(preset.extractors)
    plain["scorers"] = {name: _plain(choice) for name, choice in preset.scorers.items()}
    with whole_folder(result.folder, overwrite=False) as folder:
        for kind, own in fitted.items():
            write_arrays(folder / f"{label_of(kind)}{OWN_WEIGHTS}", own.tensors)
        write_whole(folder / REPORT, json.dumps(result.as_dict(), indent=1) + "\n")
        write_whole(folder / PRESET_FILE, yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))


def label_of(kind: str) -> str:
    """Name of what was learned, in the preset and of its file."""
    return f"own-{kind.replace('_', '-')}"


def _plain(choice: ScorerChoice) -> dict[str, Any]:
    values = json.loads(json.dumps(asdict(choice)))
    return {name: value for name, value in values.items() if value not in (None, {})}
