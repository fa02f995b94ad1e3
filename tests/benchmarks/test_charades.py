"""The tables of the charades benchmark, from runs that are made up."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import charades
from highlightr.evaluation import Case, find_protocol

LABELS = {"a": [1, 0, 0, 0], "b": [0, 1, 0, 0]}
CASES = {
    key: Case(key, f"v{key}", np.zeros(4), np.array(labels, dtype=float)[:, None]) for key, labels in LABELS.items()
}


def run(out: Path, fold: int, seed: int, key: str, scores: list[float]) -> None:
    folder = out / "row" / f"row-{seed}" / f"fold-{fold}-seed-{seed}"
    folder.mkdir(parents=True)
    line = {"qid": key, "clip_seconds": 1.0, "pred_saliency_scores": scores}
    (folder / "predictions.jsonl").write_text(json.dumps(line) + "\n")
    (folder / "result.json").write_text("{}")


def test_a_seed_is_judged_on_all_its_folds_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charades, "COMPARED", {"row": 3})
    run(tmp_path, 0, 0, "a", [0.9, 0.1, 0.2, 0.3])  # found
    run(tmp_path, 1, 0, "b", [0.9, 0.8, 0.1, 0.1])  # second: precision 1/2
    run(tmp_path, 0, 1, "a", [0.9, 0.1, 0.2, 0.3])
    run(tmp_path, 1, 1, "b", [0.4, 0.8, 0.1, 0.1])
    run(tmp_path, 0, 2, "a", [0.9, 0.1, 0.2, 0.3])  # its other fold is missing: left out
    runs = charades.scored(tmp_path, "row", [0, 1], CASES)
    assert len(runs) == 2
    one, both = charades.rows_of("row", runs, find_protocol("moments"))
    assert one.metrics == pytest.approx({"hit@1": 75.0, "map": 87.5})
    assert one.deviations == pytest.approx({"hit@1": np.std([50, 100], ddof=1), "map": np.std([75, 100], ddof=1)})
    assert both.name == "row, 2 seeds together"
    assert both.metrics["hit@1"] == 100  # the mean of the logits of 0.9 and 0.4 is 0.9, that of 0.8 twice is 1.4
    rows = charades.table(tmp_path, ["row", "absent"], [0, 1], CASES, find_protocol("moments"))
    assert [row.name for row in rows[2:]] == ["random", "position prior", "oracle"]


def test_seeds_together_have_the_mean_of_their_logits() -> None:
    scores = [np.array([0.2, 0.5, 0.9, 0.999]), np.array([0.4, 0.5, 0.1, 0.0])]
    (case,) = charades.together([{"a": CASES["a"].scored(each)} for each in scores])
    assert case.scores[1:3] == pytest.approx([0.5, 0.5])
    odds = np.sqrt(0.2 / 0.8 * 0.4 / 0.6)
    assert case.scores[0] == pytest.approx(odds / (1 + odds))
    assert 0 < case.scores[3] < 0.5  # a score that was rounded to 0 counts as a millionth


def test_every_row_has_all_its_seeds_on_the_first_fold() -> None:
    assert charades.plan("paper") == [(0, 0), (0, 1), (0, 2)]
    assert charades.plan("plain transformer") == [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (0, 2)]
