"""What every extractor promises, on synthetic videos of awkward lengths."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.types import TimeGrid
from highlightr.features.base import Extractor
from highlightr.features.registry import EXTRACTORS, extractor_class
from highlightr.zoo.manifest import entry
from tests import opened as opening

from .items import run

IMMEDIATE = sorted(
    set(EXTRACTORS) - {"logmel-authors62"} - {name for name in EXTRACTORS if ".backbones." in EXTRACTORS[name]}
)
"""Those that open without a download and take any clip length; the others have tests of their own."""

DURATIONS = [0.2, 1.0, 2.999, 3.001, 12.34]


@pytest.fixture(scope="module")
def opened() -> dict[tuple[str, float], Extractor]:
    return {}


def open_once(opened: dict[tuple[str, float], Extractor], name: str, clip_seconds: float = 1.0) -> Extractor:
    key = (name, clip_seconds)
    if key not in opened:
        opened[key] = opening.extractor(name, clip_seconds=clip_seconds)
    return opened[key]


@pytest.mark.parametrize("name", IMMEDIATE)
class TestEveryExtractor:
    @pytest.mark.parametrize("duration", DURATIONS)
    @pytest.mark.parametrize("clip_seconds", [1.0, 2.0])
    def test_streams_have_their_width_and_one_row_per_clip(
        self, opened: dict[tuple[str, float], Extractor], name: str, duration: float, clip_seconds: float
    ) -> None:
        extractor = open_once(opened, name, clip_seconds)
        grid = TimeGrid(duration, clip_seconds)
        made = run(extractor, grid)
        assert {stream: values.shape for stream, values in made.streams.items()} == {
            stream: (grid.num_clips, width) for stream, width in extractor.streams.items()
        }
        for values in made.streams.values():
            assert values.dtype == np.float32
            assert np.isfinite(values).all()
        for signal, values in made.signals.items():
            assert values.values.shape[1] == extractor.signals[signal]
            assert values.values.dtype == np.float32
            assert (np.diff(values.times_seconds) >= 0).all()

    @pytest.mark.parametrize("clip", [0, 2, 6])
    def test_an_event_in_a_clip_changes_that_clip_most(
        self, opened: dict[tuple[str, float], Extractor], name: str, clip: int
    ) -> None:
        extractor = open_once(opened, name)
        grid = TimeGrid(7.9, 1.0)
        quiet, loud = run(extractor, grid), run(extractor, grid, event=clip + 0.4)
        for stream in extractor.streams:
            if stream == "novelty":
                continue  # The same colours in other places for a moment are not new; it has tests of its own.
            change = np.abs(loud.streams[stream] - quiet.streams[stream]).sum(axis=1)
            assert change.argmax() == clip, stream
            assert change[clip] > 0

    def test_serves_two_videos_at_once_and_repeats_itself(
        self, opened: dict[tuple[str, float], Extractor], name: str
    ) -> None:
        extractor = open_once(opened, name)
        grid = TimeGrid(3.3, 1.0)
        first, second = run(extractor, grid, event=1.4), run(extractor, grid, event=1.4)
        for stream in extractor.streams:
            np.testing.assert_array_equal(first.streams[stream], second.streams[stream])

    def test_nothing_pushed_makes_nothing(self, opened: dict[tuple[str, float], Extractor], name: str) -> None:
        made = open_once(opened, name).start(TimeGrid(3.0, 1.0)).finish()
        assert not made.streams
        assert not made.signals

    def test_class_publishes_name_and_weights(self, opened: dict[tuple[str, float], Extractor], name: str) -> None:
        found = extractor_class(name)
        assert found.name == name
        assert all(len(entry(each).sha256) == 64 for each in found.checkpoints)
