"""Cnn14 against panns-inference's own forward, its mel against librosa's, and the pooled log-mel against librosa."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features import Extractor, create_extractor
from highlightr.features.backbones.cnn14 import panns_models
from highlightr.media.sampling import AudioBlock, AudioRequest
from highlightr.scorers.davihd.scorer import pool_mel, pool_mel_authors


def stream(extractor: Extractor, samples: npt.ArrayLike, grid: TimeGrid, *, block: int = 1013) -> FloatArray:
    sound = np.asarray(samples, dtype=np.float32)
    extraction = extractor.start(grid)
    for start in range(0, len(sound), block):
        extraction.push(AudioBlock(start, sound[start : start + block]))
    (made,) = extraction.finish().streams.values()
    return made


def noise(seconds: float, rate: int) -> FloatArray:
    return (np.random.default_rng(0).standard_normal(round(seconds * rate)) * 0.1).astype(np.float32)


ARGUMENTS = {"cnn14": (32_000, 1024, 320, 64, 50, 14_000, 527), "cnn14-16k": (16_000, 512, 160, 64, 50, 8_000, 527)}


@pytest.mark.parametrize(
    ("name", "clip_seconds"),
    [("cnn14", 1.0), pytest.param("cnn14-16k", 1.0, marks=pytest.mark.slow), ("cnn14-16k", 2.0)],
)
def test_cnn14_equals_panns_inference_chunk_by_chunk(name: str, clip_seconds: float) -> None:
    import torch

    extractor: Any = create_extractor(name, clip_seconds=clip_seconds, random_seed=0)
    library = panns_models().Cnn14(*ARGUMENTS[name]).eval()
    library.load_state_dict(extractor._network.module.network.state_dict())
    rate = ARGUMENTS[name][0]
    samples, grid = noise(2 * clip_seconds + 0.5, rate), TimeGrid(2 * clip_seconds + 0.5, clip_seconds)
    length = round(clip_seconds * rate)
    padded = np.pad(samples, (0, 3 * length - len(samples))).reshape(3, 1, length)
    with torch.inference_mode():
        theirs = np.concatenate([library(torch.from_numpy(chunk))["embedding"].numpy() for chunk in padded])
    ours = stream(extractor, samples, grid)
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
def test_its_mel_is_librosas(name: str) -> None:
    librosa = pytest.importorskip("librosa")
    rate, window, _, mels, lowest, highest, _ = ARGUMENTS[name]
    expected = librosa.filters.mel(sr=rate, n_fft=window, n_mels=mels, fmin=lowest, fmax=highest).T
    network: Any = create_extractor(name, random_seed=0)
    np.testing.assert_allclose(
        network._network.module.network.logmel_extractor.melW.numpy(), expected, rtol=1e-5, atol=1e-8
    )


def test_clips_shorter_than_the_network_sees_end_in_silence() -> None:
    extractor = create_extractor("cnn14-16k", clip_seconds=0.1, random_seed=0)
    made = stream(extractor, noise(0.35, 16_000), TimeGrid(0.35, 0.1))
    assert made.shape == (4, 2048)
    assert np.isfinite(made).all()


def loudness(extractor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a network in its place that tells the largest sample of a chunk, in every column."""
    stream = next(iter(extractor.streams))
    loudest = lambda _, chunks: {stream: np.abs(chunks).max(1)[:, None].repeat(2048, 1)}  # noqa: E731
    monkeypatch.setattr(type(extractor), "_forward", loudest)


@pytest.mark.parametrize("clip_seconds", [1.0, 2.0, 0.7])
def test_a_click_is_in_its_own_clip_for_an_hour(clip_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    extractor = create_extractor("cnn14-16k", random_seed=0, load=False)
    loudness(extractor, monkeypatch)
    grid = TimeGrid(3600.0, clip_seconds)
    events = (1.0, 3596.0, 3599.999)
    samples = np.zeros(3600 * 16_000, dtype=np.float32)
    samples[[int(event * 16_000) for event in events]] = 1.0
    heard = stream(extractor, samples, grid, block=160_000)
    assert heard.shape == (grid.num_clips, 2048)
    assert np.flatnonzero(heard.min(axis=1)).tolist() == [int(event // clip_seconds) for event in events]


def test_blocks_do_not_matter() -> None:
    extractor = create_extractor("cnn14-16k", random_seed=0)
    samples, grid = noise(2.3, 16_000), TimeGrid(2.3, 1.0)
    one, other = (stream(extractor, samples, grid, block=block) for block in (777, 10**6))
    np.testing.assert_array_equal(one, other)


def test_panns_inference_is_reached_without_its_side_effects(tmp_path: Path) -> None:
    """Its package would call wget and write into the home folder; a wget that tells on it stands in the path."""
    told = tmp_path / "told"
    wget = tmp_path / "wget"
    wget.write_text(f"#!/bin/sh\ntouch '{told}'\n")
    wget.chmod(0o755)
    program = (
        "import sys\n"
        "from highlightr.features import create_extractor\n"
        "create_extractor('cnn14', random_seed=0)\n"
        "assert 'panns_inference' not in sys.modules\n"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert not told.exists()
    assert not (tmp_path / "panns_data").exists()


def test_a_package_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.core.extras.find_spec", lambda name: None if name == "panns_inference" else name)
    with pytest.raises(
        ConfigError, match=r"cnn14 needs the package panns_inference: run `pip install 'highlightr\[back"
    ):
        create_extractor("cnn14", random_seed=0)


def librosa_rows(samples: FloatArray) -> FloatArray:
    librosa = pytest.importorskip("librosa")
    mel = librosa.feature.melspectrogram(
        y=samples, sr=16_000, n_fft=2048, hop_length=256, n_mels=128, pad_mode="constant", power=2.0
    )
    rows: FloatArray = np.log(mel + 1e-8).T
    return rows


def pooled(samples: FloatArray, grid: TimeGrid, pool: Callable[[Signal, TimeGrid], FloatArray]) -> FloatArray:
    extraction = create_extractor("logmel", keep_signal=True).start(grid)
    extraction.push(AudioBlock(0, samples))
    return pool(extraction.finish().signals["logmel"], grid)


def test_the_mel_on_the_grid_is_librosas_by_time() -> None:
    samples = noise(3.3, 16_000)
    rows = librosa_rows(samples)
    clips = (np.arange(len(rows)) * 256 // 16_000).clip(0, 3)
    expected = np.stack([rows[clips == clip].mean(axis=0) for clip in range(4)])
    np.testing.assert_allclose(pooled(samples, TimeGrid(3.3, 1.0), pool_mel), expected, atol=1e-3)


def test_the_authors_mel_counts_62_rows() -> None:
    samples = noise(3.3, 16_000)
    rows = librosa_rows(samples)
    expected = np.pad(rows, ((0, 4 * 62 - len(rows)), (0, 0))).reshape(4, 62, 128).mean(axis=1)
    np.testing.assert_allclose(pooled(samples, TimeGrid(3.3, 1.0), pool_mel_authors), expected, atol=1e-3)


def test_requests_ask_for_the_networks_rates() -> None:
    assert create_extractor("cnn14", random_seed=0, load=False).request == AudioRequest(32_000)
    assert create_extractor("cnn14-16k", random_seed=0, load=False).request == AudioRequest(16_000)
