"""DAViHD's inputs beside torchaudio, torchvision and the frames themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor, create_extractor
from highlightr.features.backbones.davihd import DAVIHD_MEL, R3D34DAViHD
from highlightr.media.sampling import AudioBlock, Frame, FrameRequest

torchaudio = pytest.importorskip("torchaudio")


def sound(seconds: float, seed: int = 0) -> FloatArray:
    samples = np.random.default_rng(seed).normal(0, 0.1, round(48_000 * seconds))
    return (samples * np.sin(np.arange(len(samples)) / 9000)).astype(np.float32)


def spectrogram(samples: FloatArray, block: int) -> Any:
    extraction = create_extractor("davihd-mel").start(TimeGrid(len(samples) / 48_000, 1.0))
    for start in range(0, len(samples), block):
        extraction.push(AudioBlock(start, samples[start : start + block]))
    return extraction.finish().signals[DAVIHD_MEL]


def expected(samples: FloatArray) -> FloatArray:
    """As the authors' extract_melspec.py: the whole at once, torchaudio's defaults."""
    heard = torchaudio.transforms.Resample(48_000, 16_000)(torch.from_numpy(samples)[None])
    transform = torchaudio.transforms.MelSpectrogram(
        sample_rate=16_000, n_fft=2048, win_length=2048, hop_length=256, n_mels=128
    )
    rows: FloatArray = (transform(heard).squeeze(0) + 1e-8).log().T.numpy()
    return rows


@pytest.mark.parametrize("block", [997, 48_000, 1_000_000])
def test_the_mel_is_torchaudios_whatever_the_blocks(block: int) -> None:
    samples = sound(7.3)
    signal = spectrogram(samples, block)
    want = expected(samples)
    assert signal.values.shape == want.shape
    np.testing.assert_allclose(signal.values, want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(signal.times_seconds[:3], [0, 0.016, 0.032])


def test_another_rate_comes_to_the_same_filter() -> None:
    """The authors resample from 44.1 kHz at once; here it goes by way of 48 kHz."""
    tone = np.sin(2 * np.pi * 1234.5 * np.arange(44_100 * 2) / 44_100).astype(np.float32)[None]
    direct = torchaudio.transforms.Resample(44_100, 16_000)(torch.from_numpy(tone))[0]
    careful = torchaudio.transforms.Resample(44_100, 48_000, lowpass_filter_width=64)(torch.from_numpy(tone))[0]
    two_steps = torchaudio.transforms.Resample(48_000, 16_000)(careful)
    inside = slice(1000, 30_000)
    np.testing.assert_allclose(two_steps[inside], direct[inside], atol=2e-3)


def test_sound_too_short_to_reflect_ends_in_silence_and_none_gives_nothing() -> None:
    short = sound(0.02)
    assert spectrogram(short, 480).values.shape[1] == 128
    extraction = create_extractor("davihd-mel").start(TimeGrid(1.0, 1.0))
    assert not extraction.finish().signals


def frames(rate: float, seconds: float) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (40, 60, 3), dtype=np.uint8) for _ in range(round(rate * seconds))]


def rows(extractor: Extractor, pictures: list[np.ndarray], rate: float, seconds: float) -> FloatArray:
    request = extractor.request
    assert isinstance(request, FrameRequest)
    extraction = extractor.start(TimeGrid(seconds, 1.0))
    for index in range(round(seconds * request.frames_per_second)):
        source = min(int((index + 0.5) / request.frames_per_second * rate), len(pictures) - 1)
        extraction.push(Frame(index, source / rate, pictures[source]))
    return extraction.finish().streams["r3d34_davihd"]


@pytest.mark.parametrize("rate", [25.0, 30.0, 12.0])
def test_the_first_sixteen_frames_of_each_second_are_seen_as_the_authors_see_them(rate: float) -> None:
    from torchvision import transforms

    seen = transforms.Compose(
        [
            transforms.ToPILImage(),
            transforms.Resize((112, 112)),
            transforms.ToTensor(),
            transforms.Normalize(mean=[0.43216, 0.394666, 0.37645], std=[0.22803, 0.22145, 0.216989]),
        ]
    )
    extractor: Any = create_extractor("r3d34-davihd", random_seed=0)
    assert isinstance(extractor, R3D34DAViHD)
    pictures = frames(rate, 2.0)
    made = rows(extractor, pictures, rate, 2.0)
    network = extractor._network.module.network
    for second in range(2):
        first = round(rate) * second
        window = pictures[first : first + min(16, round(rate))]
        window += window[-1:] * (16 - len(window))
        with torch.inference_mode():
            want = network(torch.stack([seen(picture) for picture in window], dim=1)[None])[0].numpy()
        np.testing.assert_allclose(made[second], want, rtol=1e-3, atol=1e-4 * np.abs(want).max())
