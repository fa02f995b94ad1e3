from __future__ import annotations

import numpy as np
import pytest

from highlightr.features.spectral import FilterBank, FrameCutter, hann, mel_filters_htk, mel_filters_slaney


@pytest.mark.parametrize("block", [1, 7, 160, 999, 100_000])
def test_frames_do_not_depend_on_the_blocks(block: int) -> None:
    samples = np.arange(30_000, dtype=np.float32)
    cutter = FrameCutter(400, 160)
    batches = []
    for start in range(0, len(samples), block):
        batches += [batch.copy() for batch in cutter.push(samples[start : start + block])]
    assert all(batch.shape == (64, 400) for batch in batches)
    frames = np.concatenate([*batches, cutter.finish()])
    assert len(frames) == 1 + (30_000 - 400) // 160
    np.testing.assert_array_equal(frames, np.arange(len(frames))[:, None] * 160 + np.arange(400))


def test_too_few_samples_make_no_frame() -> None:
    cutter = FrameCutter(400, 160)
    assert list(cutter.push(np.zeros(399, dtype=np.float32))) == []
    assert cutter.finish().shape == (0, 400)


def test_slaney_filters_equal_librosas() -> None:
    filters = pytest.importorskip("librosa.filters")
    np.testing.assert_allclose(
        mel_filters_slaney(16_000, 2048, 128), filters.mel(sr=16_000, n_fft=2048, n_mels=128).T, atol=1e-7
    )


def test_htk_filters_are_triangles_on_the_mel_axis() -> None:
    filters = mel_filters_htk(16_000, 512, 64, 125.0, 7500.0)
    assert filters.shape == (257, 64)
    mels = 1127.0 * np.log1p(np.arange(257) * 31.25 / 700.0)
    low, high = 1127.0 * np.log1p(np.array([125.0, 7500.0]) / 700.0)
    step = (high - low) / 65
    for band in (0, 20, 63):
        expected = np.maximum(0.0, 1.0 - np.abs(mels - (low + step * (band + 1))) / step)
        np.testing.assert_allclose(filters[:, band], expected, atol=1e-5)
    # Between the first and the last peak neighbours share every bin out in full.
    inside = (mels > low + step) & (mels < high - step)
    np.testing.assert_allclose(filters[inside].sum(axis=1), 1.0, atol=1e-5)


def test_hann_is_periodic() -> None:
    window = hann(8)
    np.testing.assert_allclose(window, [0, 0.146447, 0.5, 0.853553, 1, 0.853553, 0.5, 0.146447], atol=1e-6)


def test_a_filter_bank_is_the_matrix_product() -> None:
    filters = mel_filters_htk(16_000, 512, 64, 125.0, 7500.0)
    spectra = np.random.default_rng(0).random((5, 257), dtype=np.float32)
    np.testing.assert_allclose(FilterBank(filters)(spectra), spectra @ filters, rtol=1e-5)


def test_a_band_without_a_bin_is_refused() -> None:
    with pytest.raises(ValueError, match="a band without any bin"):
        FilterBank(mel_filters_slaney(16_000, 64, 128))
