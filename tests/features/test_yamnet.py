from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.labels import label_names
from highlightr.features.lite.yamnet import YamNet, log_mel_rows
from highlightr.media.sampling import AudioBlock
from tests import opened

from .items import run

SILENCE = 494


@pytest.fixture(scope="module")
def extractor() -> YamNet:
    return opened.extractor("yamnet")  # type: ignore[no-any-return]


def scores(extractor: YamNet, samples: FloatArray, clip_seconds: float = 1.0) -> FloatArray:
    extraction = extractor.start(TimeGrid(max(len(samples), 1) / 16_000, clip_seconds))
    extraction.push(AudioBlock(0, samples.astype(np.float32)))
    return extraction.finish().streams["yamnet"]


def tone(hertz: float, seconds: float) -> FloatArray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * 16_000)) / 16_000)).astype(np.float32)


def test_silence_is_heard_as_silence(extractor: YamNet) -> None:
    heard = scores(extractor, np.zeros(3 * 16_000))
    assert (heard.argmax(axis=1) == SILENCE).all()
    assert (heard[:, SILENCE] > 0.9).all()


def test_a_tone_is_heard_as_one(extractor: YamNet) -> None:
    heard = scores(extractor, tone(1000.0, 3.0)).mean(axis=0)
    names = {label_names("yamnet")[index] for index in heard.argsort()[::-1][:4]}
    assert names & {"Sine wave", "Beep, bleep", "Tuning fork", "Dial tone"}
    assert heard[SILENCE] < 0.1


def test_scores_are_probabilities(extractor: YamNet) -> None:
    heard = scores(extractor, np.random.default_rng(0).standard_normal(5 * 16_000) * 0.1)
    assert heard.min() >= 0
    assert heard.max() <= 1


def test_no_bit_depends_on_the_blocks(extractor: YamNet) -> None:
    grid = TimeGrid(6.3, 1.0)
    whole = run(extractor, grid, 2.4, block=10**9).streams["yamnet"]
    for block in (333, 16_000):
        np.testing.assert_array_equal(run(extractor, grid, 2.4, block=block).streams["yamnet"], whole)


@pytest.mark.parametrize("seconds", [0.01, 0.5, 0.96, 0.97])
def test_less_than_a_patch_is_filled_up_with_silence(extractor: YamNet, seconds: float) -> None:
    assert scores(extractor, tone(1000.0, seconds)).shape == (1, 521)


def test_the_end_is_heard_too(extractor: YamNet) -> None:
    # The regular patches end at 4.80 s; the tone begins after that.
    samples = np.concatenate([np.zeros(round(4.85 * 16_000)), tone(1000.0, 0.4)])
    heard = scores(extractor, samples)
    assert heard[5, SILENCE] < 0.5 < heard[3, SILENCE]


def test_sound_half_way_through_leaves_the_first_half_silent(extractor: YamNet) -> None:
    heard = scores(extractor, np.concatenate([np.zeros(5 * 16_000), tone(1000.0, 5.0)]))[:, SILENCE]
    assert (heard[:4] > 0.9).all()
    assert (heard[6:] < 0.1).all()


def test_log_mel_of_silence_is_the_offset() -> None:
    rows = log_mel_rows(np.zeros((3, 400), dtype=np.float32))
    np.testing.assert_allclose(rows, np.log(0.001), atol=1e-5)


def test_log_mel_of_a_tone_peaks_in_its_band() -> None:
    row = log_mel_rows(tone(1000.0, 0.025)[None])[0]
    low, high = (1127.0 * np.log1p(hertz / 700.0) for hertz in (125.0, 7500.0))
    band = (1127.0 * np.log1p(1000.0 / 700.0) - low) / ((high - low) / 65) - 1
    assert abs(int(row.argmax()) - band) <= 1
    # A sine of amplitude a has a magnitude of a / 2 times the window's sum at its own frequency.
    assert row.max() == pytest.approx(np.log(0.5 / 2 * 200), abs=0.7)


def decoded(path: Path) -> Iterator[FloatArray]:
    import av

    resampler = av.AudioResampler("fltp", "mono", 16_000)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                yield part.to_ndarray()[0]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "accepted"),
    [
        ("vas_drum_video_02542.mp4", {"Drum", "Drum kit", "Percussion"}),
        ("vas_dog_video_02677.mp4", {"Dog", "Bark"}),
        ("vas_baby_video_01951.mp4", {"Baby cry, infant cry", "Crying, sobbing"}),
        ("vas_fireworks_video_02997.mp4", {"Fireworks", "Explosion"}),
        ("vggsound_0nib7bMm8BA_15000_25000.mp4", {"Bird"}),
        ("mdn_stream-of-water.mp4", {"Water", "Stream"}),
    ],
)
def test_real_sounds_are_what_they_are(extractor: YamNet, real_data: Path, file: str, accepted: set[str]) -> None:
    heard = scores(extractor, np.concatenate(list(decoded(real_data / "events" / file)))).mean(axis=0)
    names = {label_names("yamnet")[index] for index in heard.argsort()[::-1][:5]}
    assert names & accepted
