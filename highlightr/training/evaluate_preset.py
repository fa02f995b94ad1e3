"""Judge a preset on labelled data: what ``highlightr evaluate --preset`` calls.

In: a preset and a folder: videos with ``moments.csv`` or ``scores.csv``, what ``highlightr extract`` wrote beside such
a CSV, or features laid out like one of the data sets. Out: a `Report`. Models are opened and queries embedded exactly
as for a summary; where features are there, nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from highlightr.core.progress import ProgressHook, silent
from highlightr.datasets import Dataset, Problem, open_dataset, plain
from highlightr.datasets.extracted import extracted_layout
from highlightr.datasets.plain import PlainDataset, has_table
from highlightr.evaluation.base import Case, Report
from highlightr.evaluation.protocols import evaluate_cases, find_protocol
from highlightr.features.cache import FeatureCache
from highlightr.media.change import FRAME_CHANGE
from highlightr.model_loader import Models, load_models
from highlightr.pipeline import Highlighter
from highlightr.selection.shots import find_shots
from highlightr.training.own_data import analysed
from highlightr.training.splits import refuse_holes, remarks
from highlightr.zoo import Preset, load_preset

DATASET_OF: Mapping[str, str] = {
    "moments": "charades",
    "qvhighlights": "qvhighlights",
    "tvsum": "tvsum",
    "youtube-highlights": "youtube-highlights",
    "mrhisum": "mrhisum",
    "davihd": "mrhisum",
    "triplesumm": "mrhisum",
}
"""Protocol to the data set whose layout a folder without a CSV has."""

NO_SHOTS = "no frame changes lie among the features: each video was scored as one shot; extract `motion`, too"


def evaluate_preset(
    preset: str | Preset,
    data_dir: Path,
    protocol: str = "moments",
    *,
    model: str | None = None,
    device: str = "cpu",
    allow_missing: bool = False,
    progress: ProgressHook | None = None,
) -> Report:
    """Score every item of a folder with a preset and judge the scores.

    Args:
        data_dir: with ``moments.csv`` or ``scores.csv``: videos, or what `highlightr extract` wrote, in the folder or
            in its ``features``. Without: laid out like the data set of the protocol; for `moments`, ``moments.jsonl``
            and ``features/VID.npz``.
        protocol: a key of `DATASET_OF`.
        model: for presets that run CLIP: another model of open_clip, ``NAME/TAG``.
        allow_missing: judge the items whose features are there where others' are not; rows then carry the count.
        progress: called with stage `score`, in items.

    Raises:
        ConfigError: an unknown preset or protocol, a folder that cannot be read or has holes, or features that the
            preset's scorer cannot use.
        WeightsError: weights that are missing or damaged.
    """
    chosen = load_preset(preset, model=model)
    judge, told = find_protocol(protocol), progress or silent
    folder, notes = Path(data_dir), list[str]()
    found = extracted_layout(folder) if has_table(folder) else None
    if has_table(folder) and found is None:
        videos = plain(folder)
        missing = [each for each in videos.problems if each.missing]
        annotated = len(videos.items) + len(missing)
        if not allow_missing:
            refuse_holes(folder, missing, f"{annotated} items")
        cases, unread = list[Case](), list[Problem]()
        cases += _from_videos(load_models(chosen, device), videos, told, notes, unread)
        if not allow_missing:
            refuse_holes(folder, unread, f"{len(unread) + len(cases)} items")
    else:
        dataset = open_dataset("plain" if found else DATASET_OF[protocol], folder, found)
        annotated = len(dataset) + len(dataset.missing)
        if not allow_missing:
            refuse_holes(folder, dataset.missing, f"{annotated} items")
        models = load_models(chosen, device, with_extractors=False)
        cases = list(_from_features(models, dataset, told, notes))
    report = evaluate_cases(judge, cases).counted(annotated)
    return replace(report, notes=(*report.notes, *notes))


def _from_videos(
    models: Models, found: PlainDataset, progress: ProgressHook, notes: list[str], unread: list[Problem]
) -> Iterator[Case]:
    highlighter = Highlighter(models.preset, models, FeatureCache())
    for done, (item, analysis) in enumerate(analysed(found.items, lambda _: highlighter, unread), start=1):
        yield Case.of(item.on(analysis.scores.grid), analysis.scores.values)
        progress("score", done, len(found.items))
    notes += remarks((*found.problems, *unread))


def _from_features(models: Models, dataset: Dataset, progress: ProgressHook, notes: list[str]) -> Iterator[Case]:
    notes += remarks(dataset.problems)
    encode, without_shots = cache(models.encode), False
    for index, example in enumerate(dataset):
        features, text = example.features(), example.item.query
        models.check_query(text)
        shots = find_shots(features, "cheap") if FRAME_CHANGE in features.signals else ()
        without_shots |= not shots
        own = example.own_query if models.takes_query(text) else None
        scores = models.score(features, text, own or encode(text), shots)
        yield Case.of(example.item, scores.values)
        progress("score", index + 1, len(dataset))
    if without_shots and dataset.name == "plain":
        notes.append(NO_SHOTS)
