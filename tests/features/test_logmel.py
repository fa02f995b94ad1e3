from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.lite.logmel import AUDIO_DYNAMICS, LogMel
from highlightr.media.sampling import AudioBlock

from .items import run, sound

RATE = 16_000


def extracted(samples: FloatArray, *, keep_signal: bool = False, block: int = 1000) -> dict[str, FloatArray]:
    extraction = LogMel(keep_signal=keep_signal).start(TimeGrid(len(samples) / RATE, 1.0))
    for start in range(0, len(samples), block):
        extraction.push(AudioBlock(start, samples[start : start + block].astype(np.float32)))
    made = extraction.finish()
    return {**made.streams, **{name: signal.values for name, signal in made.signals.items()}}


def column(dynamics: FloatArray, name: str) -> FloatArray:
    return dynamics[:, AUDIO_DYNAMICS.index(name)]


def sine(seconds: float, amplitude: float = 1.0, hertz: float = 440.0) -> FloatArray:
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("num_samples", [1, 255, 256, 2047, 16_000, 54_321])
def test_equals_librosa(num_samples: int) -> None:
    librosa = pytest.importorskip("librosa")
    samples = np.random.default_rng(0).standard_normal(num_samples).astype(np.float32) * 0.1
    theirs = librosa.feature.melspectrogram(
        y=samples, sr=RATE, n_fft=2048, hop_length=256, n_mels=128, power=2.0, pad_mode="constant", center=True
    )
    ours = extracted(samples, keep_signal=True)["logmel"]
    np.testing.assert_allclose(ours, np.log(theirs + 1e-8).T, atol=1e-4)


def test_rows_are_dated_by_sample_count() -> None:
    made = run(LogMel(keep_signal=True), TimeGrid(3.0, 1.0))
    times = made.signals["logmel"].times_seconds
    np.testing.assert_array_equal(times, np.arange(1 + 48_000 // 256) * 256 / 16_000)


def test_the_signal_is_kept_only_if_asked_for() -> None:
    assert not run(LogMel(), TimeGrid(3.0, 1.0)).signals


def test_no_bit_depends_on_the_blocks() -> None:
    samples = sound(LogMel().request, 9.7, 3.2)
    whole = extracted(samples, keep_signal=True, block=10**9)
    for block in (77, 1024, 16_000):
        apart = extracted(samples, keep_signal=True, block=block)
        for name, values in whole.items():
            np.testing.assert_array_equal(apart[name], values)


@pytest.mark.parametrize(("amplitude", "expected"), [(1.0, -3.0103), (0.1, -23.0103)])
def test_loudness_is_in_decibels_of_full_scale(amplitude: float, expected: float) -> None:
    loudness = column(extracted(sine(4.0, amplitude))["audio_dynamics"], "loudness_db")
    np.testing.assert_allclose(loudness[1:3], expected, atol=0.05)


def test_silence_has_the_lowest_loudness_and_nothing_happens_in_it() -> None:
    dynamics = extracted(np.zeros(3 * RATE, dtype=np.float32))["audio_dynamics"]
    np.testing.assert_allclose(dynamics, np.tile([-80.0, 0.0, 0.0, 0.0], (3, 1)), atol=1e-3)


def test_a_step_rises_by_its_height_in_its_clip() -> None:
    dynamics = extracted(np.concatenate([sine(2.5, 0.01), sine(2.5, 0.1)]))["audio_dynamics"]
    rises = column(dynamics, "rise_db")
    assert rises[2] == pytest.approx(20.0, abs=0.5)
    assert (rises[:2] < 1.0).all()
    # At 3 s half of the second before is still quiet, so the sound is 10 log10(1 / 0.505) above it.
    assert rises[3] == pytest.approx(2.97, abs=0.2)
    assert rises[4] < 0.1


def test_a_steady_tone_has_no_onsets_but_a_click_has() -> None:
    steady = sine(5.0, 0.1)
    clicked = steady.copy()
    clicked[round(2.5 * RATE)] = 1.0
    before, after = extracted(steady)["audio_dynamics"], extracted(clicked)["audio_dynamics"]
    peaks = column(after, "onset_peak_db")
    assert peaks[2] > 10 * column(before, "onset_peak_db")[2]
    assert column(after, "onset_db")[2] > column(before, "onset_db")[2]
    np.testing.assert_allclose(np.delete(peaks, 2), np.delete(column(before, "onset_peak_db"), 2), atol=1e-4)


def test_the_first_sound_is_no_rise() -> None:
    assert column(extracted(sine(0.2))["audio_dynamics"], "rise_db")[0] == 0.0
