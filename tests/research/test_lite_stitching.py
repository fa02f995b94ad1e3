"""Joined videos: what is joined, where the joins are, and that nothing is lost or moved."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, Shot, Signal, TimeGrid
from research.lite.clips import Take, read_analysis, read_takes, write_analysis
from research.lite.judging import Answer, Judged, folds_of
from research.lite.stitching import Part, deal, draw_parts, join, whole


def take(name: str, seconds: float, *, sound: bool = True, seed: int = 0) -> Take:
    rng = np.random.default_rng(seed)
    grid = TimeGrid(seconds, 1.0)
    streams = {"imagenet": rng.random((grid.num_clips, 5), dtype=np.float32)}
    signals = {}
    if sound:
        streams["yamnet"] = rng.random((grid.num_clips, 3), dtype=np.float32)
        times = np.arange(0, seconds, 0.25)
        signals["logmel"] = Signal(times, np.repeat(times[:, None], 2, axis=1).astype(np.float32))
    middle = round(seconds / 2, 3)
    return Take(name, name, Features(grid, streams, signals), (Shot(0.0, middle), Shot(middle, seconds)))


def test_joined_clips_are_those_of_the_takes_in_order() -> None:
    takes = [take("a", 6, seed=1), take("b", 5, seed=2)]
    video = join(takes, [Part(1, 1, 4), Part(0, 0, 6)])
    assert video.owner.tolist() == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    expected = np.concatenate([takes[1].features.streams["imagenet"][1:4], takes[0].features.streams["imagenet"]])
    assert np.array_equal(video.features.streams["imagenet"], expected)
    assert video.features.grid == TimeGrid(9.0, 1.0)


def test_shots_are_those_of_the_takes_and_every_join_is_a_boundary() -> None:
    takes = [take("a", 6), take("b", 5)]
    shots = join(takes, [Part(1, 1, 4), Part(0, 0, 6)]).shots
    assert [(shot.start_seconds, shot.stop_seconds) for shot in shots] == [
        (0.0, 1.5),
        (1.5, 3.0),
        (3.0, 6.0),
        (6.0, 9.0),
    ]


def test_rows_of_a_signal_keep_their_distance_to_their_clip() -> None:
    takes = [take("a", 6), take("b", 5)]
    signal = join(takes, [Part(1, 1, 4), Part(0, 2, 6)]).features.signals["logmel"]
    moved = np.where(signal.times_seconds < 3, 1.0, -1.0)  # a started 1 s in; b's second 2 is now second 3
    np.testing.assert_allclose(signal.values[:, 0], signal.times_seconds + moved)
    assert np.all(np.diff(signal.times_seconds) > 0)


def test_a_stream_that_one_part_lacks_is_left_out() -> None:
    video = join([take("a", 4), take("b", 4, sound=False)], [Part(0, 0, 4), Part(1, 0, 4)])
    assert set(video.features.streams) == {"imagenet"}
    assert not video.features.signals


def test_parts_are_drawn_once_each_within_their_takes() -> None:
    takes = [take(str(i), 3 + i) for i in range(12)]
    for seed in range(20):
        parts = draw_parts(takes, range(12), np.random.default_rng(seed))
        assert 4 <= len(parts) <= 12
        assert len({part.take for part in parts}) == len(parts)
        for part in parts:
            assert 0 <= part.start < part.stop <= takes[part.take].features.grid.num_clips
            assert part.num_clips >= min(4, takes[part.take].features.grid.num_clips)


def test_dealing_uses_every_take_at_most_once() -> None:
    groups = deal(21, 8, np.random.default_rng(0))
    assert [len(group) for group in groups] == [8, 8]
    assert len({member for group in groups for member in group}) == 16
    assert [part.num_clips for part in whole([take("a", 4.2), take("b", 3)], [1, 0])] == [3, 5]


def test_folds_hold_every_take_once() -> None:
    folds = folds_of(23, 5, seed=3)
    assert sorted(member for fold in folds for member in fold) == list(range(23))
    assert {len(fold) for fold in folds} == {4, 5}


def test_figures_by_hand() -> None:
    labels = np.array([0, 1, 1, 0], np.float32)
    right, wrong = Answer(np.array([0.1, 0.9, 0.8, 0.2]), labels), Answer(np.array([0.9, 0.8, 0.1, 0.2]), labels)
    judged = Judged.of([right, wrong])
    assert judged.hit_at_1 == 50.0
    assert judged.mean_ap == pytest.approx(100 * (1 + (1 / 2 + 2 / 4) / 2) / 2)
    assert judged.queries == 2


def test_an_analysis_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    one = take("a", 4.5)
    write_analysis(tmp_path / "a.npz", one.features, one.shots)
    features, shots = read_analysis(tmp_path / "a.npz")
    assert shots == one.shots
    assert features.grid == one.features.grid
    assert all(np.array_equal(features.streams[name], rows) for name, rows in one.features.streams.items())
    assert np.array_equal(features.signals["logmel"].values, one.features.signals["logmel"].values)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_a_folder_without_its_table_or_with_a_stray_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"captions\.csv is not a table"):
        read_takes(tmp_path, tmp_path / "kept")
    (tmp_path / "captions.csv").write_text("file,caption\nabsent.mp4,a dog\n")
    with pytest.raises(ConfigError, match=r"names 'absent\.mp4', which is not in"):
        read_takes(tmp_path, tmp_path / "kept")
