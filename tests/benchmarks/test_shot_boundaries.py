"""The shot benchmark's own counting, and the files it makes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.shot_boundaries import Tally, join, matches
from benchmarks.stitching import Captioned, Picture
from highlightr.media import probe


def cuts(*moments: float) -> list[tuple[float, float]]:
    return [(moment, moment) for moment in moments]


def test_matches_are_one_to_one() -> None:
    assert matches(cuts(1.0, 2.0), [1.05, 1.08, 2.2]) == 1
    assert matches(cuts(1.0, 1.15), [1.08, 1.2]) == 2
    assert matches(cuts(1.0, 1.15), [1.08]) == 1
    assert matches([], [1.0]) == matches(cuts(1.0), []) == 0
    assert matches(cuts(1.0), [1.1]) == 1


def test_a_gradual_one_is_found_anywhere_inside() -> None:
    assert matches([(1.0, 2.0), (5.0, 6.0)], [0.8, 1.7, 6.05]) == 2
    assert matches([(1.0, 2.0)], [2.2]) == 0


def test_rates_by_hand() -> None:
    # One of two joins is found; of two boundaries elsewhere one is false.
    tally = Tally(seconds=1.0, video_seconds=10.0)
    tally.add(cuts(1.0, 5.0), [1.0, 3.0, 8.05], lambda moment: moment < 4)
    assert tally.row() == pytest.approx(
        {"joins %": 50, "of": 2, "others": 2, "false": 1, "ms/s": 100, "minutes": 1 / 6}
    )


@pytest.mark.realdata
@pytest.mark.parametrize("transition", ["cut", "dissolve", "fade"])
def test_joined_files_are_as_long_as_they_are_said_to_be(real_data: Path, tmp_path: Path, transition: str) -> None:
    clips = [Captioned(real_data / "events" / f"{name}.mp4", "") for name in ("mdn_flower", "vas_drum_video_02542")]
    picture = Picture(width=96, height=54, frames_per_second=10)
    made = join(clips, tmp_path / "joined.mp4", picture, transition, np.random.default_rng(0))
    lengths = [int(probe(clip.path).duration_seconds * 10 + 1e-3) / 10 for clip in clips]
    ((start, stop),) = made.joins
    assert stop == pytest.approx(lengths[0])
    assert (stop - start == 0) == (transition == "cut")
    assert probe(made.path).duration_seconds == pytest.approx(sum(lengths) - (stop - start), abs=0.05)
