"""What is known of a video while it is decoded: its beginning as it will be, now and then, and nothing else changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, Scores, TimeGrid
from highlightr.features import extract
from highlightr.features.base import Extracted
from highlightr.features.clip_pooling import ClipMeans
from highlightr.features.glimpses import FIRST_SECONDS, Glimpses
from highlightr.media import probe
from highlightr.model_loader import Models
from highlightr.pipeline import Highlighter
from tests.mediamaker import CLOSED_GOP, made
from tests.opened import extractor

GRID = TimeGrid(100.0, 1.0)


def test_the_beginning_is_as_long_as_what_knows_least() -> None:
    shown: list[Features] = []
    rows = np.arange(20, dtype=np.float32)[:, None]
    parts = [Extracted({"seen": rows}), Extracted(), Extracted({"heard": rows[:12]})]
    glimpses = Glimpses(GRID, lambda: parts, shown.append)
    for seconds in (1.0, FIRST_SECONDS, FIRST_SECONDS + 0.1, 20.0, 20.5):
        glimpses.reached(seconds)
    assert [each.grid.duration_seconds for each in shown] == [12.0, 12.0]
    assert {name: values.shape for name, values in shown[0].streams.items()} == {"seen": (12, 1), "heard": (12, 1)}
    parts[2] = Extracted({"heard": rows[:0]})
    glimpses.reached(90.0)
    assert len(shown) == 2, "what is not known yet is not absent"


def test_looks_are_few_however_long_the_video_is() -> None:
    looks: list[int] = []
    glimpses = Glimpses(TimeGrid(36_000.0, 1.0), lambda: looks.append(1) or [], lambda _: None)
    for second in range(36_000):
        glimpses.reached(float(second))
    assert len(looks) < 70


def test_means_so_far_leave_out_the_clip_at_work_and_fill_gaps() -> None:
    means = ClipMeans(GRID, 2)
    assert means.so_far().shape == (0, 2)
    means.add(np.array([0, 0, 3, 4]), [[1, 1], [3, 3], [5, 5], [7, 7]])
    assert means.so_far()[:, 0].tolist() == [2, 2, 5, 5]
    assert means.result()[:5, 0].tolist() == [2, 2, 5, 5, 7]


@pytest.fixture(scope="module")
def video() -> Path:
    return made("long.mp4", seconds=12.0, **CLOSED_GOP)


def test_the_beginning_of_a_video_is_what_it_will_be(video: Path) -> None:
    source, shown = probe(video), []
    grid = TimeGrid(source.duration_seconds, 1.0)
    extractors = [extractor(name) for name in ("efficientnet_lite0", "yamnet", "motion")]
    whole = extract(source, grid, extractors, glimpse=shown.append)
    assert shown
    for beginning in shown:
        assert set(beginning.streams) == {"efficientnet_lite0", "imagenet", "yamnet"}
        count = beginning.grid.num_clips - 1  # The sound of the last one may not have ended.
        for name, rows in beginning.streams.items():
            np.testing.assert_allclose(rows[:count], whole.streams[name][:count], atol=1e-6)
    for name, rows in extract(source, grid, extractors).streams.items():
        assert np.array_equal(rows, whole.streams[name])


@pytest.fixture(scope="module")
def lite() -> Highlighter:
    return Highlighter.from_preset("lite", device="cpu", cache=False)


@pytest.mark.parametrize("query", ["a cat", None])
def test_lite_scores_the_beginning(lite: Highlighter, video: Path, query: str | None) -> None:
    shown: list[Scores] = []
    found = lite.analyse(video, query, glimpse=shown.append)
    assert shown
    assert all(3 <= each.grid.num_clips < found.scores.grid.num_clips for each in shown)
    assert all(np.isfinite(each.values).all() for each in shown)
    assert np.array_equal(found.scores.values, lite.analyse(video, query).scores.values)


def test_an_error_that_the_beginning_meets_is_told(
    lite: Highlighter, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Models.score

    def score(models: Models, features: Features, *rest: Any) -> Scores:
        if features.grid.duration_seconds < 11:
            raise ConfigError("the scorer is broken")
        return whole(models, features, *rest)

    monkeypatch.setattr(Models, "score", score)
    with pytest.raises(ConfigError, match="the scorer is broken"):
        lite.analyse(video, "a cat", glimpse=lambda _: None)


@pytest.mark.parametrize("how", [{"sound": False}, {"sound_start": 11.0}], ids=["mute", "late"])
def test_a_beginning_without_anything_to_score_by_is_left_out(lite: Highlighter, how: dict[str, Any]) -> None:
    shown: list[Scores] = []
    silent = made("silent.mp4", seconds=12.0, **CLOSED_GOP, **how)
    found, plain = lite.analyse(silent, None, glimpse=shown.append), lite.analyse(silent, None)
    assert np.array_equal(found.scores.values, plain.scores.values)
    assert not shown
