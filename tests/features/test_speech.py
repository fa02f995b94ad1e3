"""Voice activity: as the published model is meant to be run, whatever the blocks; no sound but speech counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features import extract
from highlightr.features.engines.onnx import open_session
from highlightr.features.lite.speech import FRAME_SAMPLES, SAMPLE_RATE, SPEECH, SileroVad
from highlightr.media import AudioBlock, AudioRequest, decode, probe
from highlightr.zoo import weights_path
from tests import opened

TALK = ("events/mdn_friday.mp4", "events2/ligw_ave_0lFf-HP86Q0.mp4")
NO_TALK = (
    "events/mdn_stream-of-water.mp4",
    "events/vas_drum_video_02542.mp4",
    "events/vas_fireworks_video_02997.mp4",
    "events/vggsound_0nib7bMm8BA_15000_25000.mp4",
    "events2/vta_sam_gt_8-gt.mp4",
)
"""Water, drums, fireworks, a canary, an orchestra."""


@pytest.fixture(scope="module")
def extractor() -> SileroVad:
    return opened.extractor("silero-vad")  # type: ignore[no-any-return]


def speech(extractor: SileroVad, samples: FloatArray, block: int = 1024) -> Signal:
    extraction = extractor.start(TimeGrid(len(samples) / SAMPLE_RATE, 1.0))
    for start in range(0, len(samples), block):
        extraction.push(AudioBlock(start, samples[start : start + block]))
    return extraction.finish().signals[SPEECH]


def vowels(seconds: float) -> FloatArray:
    """Something voiced that comes and goes: harmonics of a falling pitch under two formants, every half second."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 130.0 - 20.0 * (time % 0.5)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    sound = np.zeros(len(time))
    for harmonic in range(1, 25):
        formants = sum(np.exp(-(((harmonic * 120.0 - middle) / 150.0) ** 2)) for middle in (700.0, 1200.0))
        sound += formants * np.sin(harmonic * phase)
    return (0.1 * sound * (time % 0.5 < 0.3)).astype(np.float32)


def frame_by_frame(samples: FloatArray) -> FloatArray:
    """How the package runs it on live sound: one frame, the 64 samples before it, and the state it left."""
    session = open_session(weights_path("silero-vad"), threads=1)
    padded = np.concatenate([np.zeros(64), samples, np.zeros(-len(samples) % FRAME_SAMPLES)]).astype(np.float32)
    state = np.zeros((2, 1, 1, 128), dtype=np.float32)
    found = []
    for first in range(0, len(padded) - 64, FRAME_SAMPLES):
        frame = padded[None, first : first + 64 + FRAME_SAMPLES]
        probability, *state = session.run(None, {"input": frame, "h": state[0], "c": state[1]})
        found.append(probability.ravel())
    return np.concatenate(found)


@pytest.mark.parametrize("seconds", [0.01, 3.99, 4.0, 4.001, 13.3])
def test_equals_the_model_run_frame_by_frame(extractor: SileroVad, seconds: float) -> None:
    samples = vowels(seconds) + 0.01 * np.random.default_rng(0).standard_normal(round(seconds * SAMPLE_RATE))
    expected = frame_by_frame(samples.astype(np.float32))
    made = speech(extractor, samples.astype(np.float32))
    np.testing.assert_allclose(made.values[:, 0], expected, atol=1e-5)
    np.testing.assert_allclose(made.times_seconds, np.arange(len(expected)) * 0.032)


@pytest.mark.parametrize("block", [333, 16_000, 10**9])
def test_no_bit_depends_on_the_blocks(extractor: SileroVad, block: int) -> None:
    samples = vowels(9.1)
    np.testing.assert_array_equal(speech(extractor, samples, block).values, speech(extractor, samples).values)


@pytest.mark.parametrize("level", [0.0, 0.001, 0.1])
def test_silence_and_noise_are_no_speech(extractor: SileroVad, level: float) -> None:
    noise = (level * np.random.default_rng(0).standard_normal(10 * SAMPLE_RATE)).astype(np.float32)
    assert speech(extractor, noise).values.max() < 0.5


def test_a_melody_is_no_speech(extractor: SileroVad) -> None:
    time = np.arange(10 * SAMPLE_RATE) / SAMPLE_RATE
    pitch = 262.0 * 2 ** (np.array([0, 4, 7, 12, 7, 4])[(time / 0.4).astype(int) % 6] / 12)
    tones = sum(np.sin(2 * np.pi * np.cumsum(pitch * each) / SAMPLE_RATE) / each for each in (1, 2, 3))
    assert (speech(extractor, (0.2 * tones).astype(np.float32)).values > 0.5).mean() < 0.05


def sound_of(path: Path) -> FloatArray:
    items = [item for _, item in decode(probe(path), {"sound": AudioRequest(SAMPLE_RATE)})]
    return np.concatenate([item.samples for item in items if isinstance(item, AudioBlock)])


@pytest.mark.realdata
@pytest.mark.parametrize("file", TALK)
def test_talk_is_speech(extractor: SileroVad, real_data: Path, file: str) -> None:
    assert (speech(extractor, sound_of(real_data / file)).values > 0.5).mean() > 0.7


@pytest.mark.realdata
@pytest.mark.parametrize("file", NO_TALK)
def test_music_animals_and_noise_are_no_speech(extractor: SileroVad, real_data: Path, file: str) -> None:
    assert (speech(extractor, sound_of(real_data / file)).values > 0.5).mean() < 0.05


@pytest.mark.realdata
def test_a_video_gives_the_signal_in_the_same_pass(extractor: SileroVad, real_data: Path) -> None:
    source = probe(real_data / TALK[1])
    made = extract(source, TimeGrid(source.duration_seconds, 1.0), [extractor])
    assert made.signals[SPEECH].times_seconds[-1] < source.duration_seconds
    assert abs(len(made.signals[SPEECH].values) * 0.032 - source.duration_seconds) < 0.2
