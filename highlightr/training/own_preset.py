"""What ``highlightr train --config own`` leaves: a preset folder with weights, and how they were judged.

In: what was learned, by kind of label, and its figures. Out: `preset.yaml`, a weights file for each kind of which what
was learned is used, and `report.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from highlightr.core.files import whole_folder, write_whole
from highlightr.core.tensors import write_arrays
from highlightr.evaluation import Row
from highlightr.training.own_fits import Fitted
from highlightr.zoo import Preset, ScorerChoice
from highlightr.zoo.presets import OWN_WEIGHTS, PRESET_FILE, ScorerUse

REPORT = "report.json"

SAID = {"query": "with a query", "no_query": "without a query"}


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
