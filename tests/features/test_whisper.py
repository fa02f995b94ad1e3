"""The recogniser, run for real on random weights: its words mean nothing, where and when they are does."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import FloatArray, Signal, TimeGrid
from highlightr.features import extract
from highlightr.features.base import ExtractorOrigin
from highlightr.features.cache import FeatureCache
from highlightr.features.lite.speech import FRAME_SAMPLES, SAMPLE_RATE
from highlightr.features.speech_packs import PACK_SECONDS, Pack
from highlightr.features.whisper import Whisper, recognised_words
from highlightr.media import AudioBlock, probe
from highlightr.media.subtitles import Cue
from highlightr.model_loader import open_recogniser
from highlightr.zoo import weights_path
from tests.features.test_speech import vowels
from tests.features.tiny_whisper import make_whisper

pytest.importorskip("faster_whisper")


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return make_whisper(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def whisper(folder: Path) -> Whisper:
    made = Whisper(folder, weights={"silero-vad": weights_path("silero-vad")})
    made.load()
    return made


def sound(seconds: float, *spans: tuple[float, float]) -> FloatArray:
    """Silence, and something voiced in the spans."""
    samples = np.zeros(round(seconds * SAMPLE_RATE), dtype=np.float32)
    for start, stop in spans:
        voiced = vowels(stop - start)
        begin = round(start * SAMPLE_RATE)
        samples[begin : begin + len(voiced)] = voiced
    return samples


def heard(whisper: Whisper, samples: FloatArray, block: int = 4096) -> dict[str, Signal]:
    extraction = whisper.start(TimeGrid(len(samples) / SAMPLE_RATE, 1.0))
    for start in range(0, len(samples), block):
        extraction.push(AudioBlock(start, samples[start : start + block]))
    return dict(extraction.finish().signals)


def test_words_lie_where_something_is_said(whisper: Whisper) -> None:
    signals = heard(whisper, sound(40, (5, 9), (25, 29)))
    words, language = recognised_words(signals)
    assert language == "en"
    assert words
    for word in words:
        assert any(start - 0.5 <= word.start_seconds < stop + 0.5 for start, stop in ((5, 9), (25, 29))), word
        assert word.start_seconds < word.stop_seconds <= 29.8
    assert "".join(word.text for word in words).count("word")
    assert (np.diff(signals["words"].times_seconds) >= 0).all()


def test_blocks_make_no_difference(whisper: Whisper) -> None:
    samples = sound(12, (2, 5), (8, 10))
    first, second = heard(whisper, samples, 1000), heard(whisper, samples, 50_000)
    for name, signal in first.items():
        np.testing.assert_array_equal(signal.times_seconds, second[name].times_seconds)
        np.testing.assert_array_equal(signal.values, second[name].values)


def test_silence_is_not_recognised(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper, "_model", None)  # It is not even asked.
    signals = heard(whisper, 0.01 * np.random.default_rng(0).normal(size=10 * SAMPLE_RATE).astype(np.float32))
    assert recognised_words(signals) == ([], None)
    assert {name: signal.values.shape for name, signal in signals.items()} == {
        "words": (0, 2),
        "letters": (0, 1),
        "language": (0, 1),
    }


class Listener:
    """In the model's place: keeps what it is given, is unsure of the language at first, and says one word a pack."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.languages: list[str | None] = []

    def transcribe(self, samples: FloatArray, *, language: str | None, **how: Any) -> tuple[list[Any], Any]:
        self.seconds.append(len(samples) / SAMPLE_RATE)
        self.languages.append(language)
        told = [("fr", 0.3), ("de", 0.9)][min(len(self.seconds) - 1, 1)]
        word = SimpleNamespace(start=1.0, end=1.0, word=" ja")
        return [SimpleNamespace(words=[word])], SimpleNamespace(language=told[0], language_probability=told[1])


class Loud:
    """In the voice activity's place: whatever is loud is speech."""

    def __init__(self, grid: TimeGrid) -> None:
        self.probabilities: list[float] = []
        self._waiting = np.zeros(0, dtype=np.float32)

    def push(self, block: AudioBlock) -> None:
        samples = np.concatenate([self._waiting, block.samples])
        count = len(samples) // FRAME_SAMPLES
        frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
        self.probabilities += (frames.mean(axis=1) > 0.05).astype(float).tolist()
        self._waiting = samples[count * FRAME_SAMPLES :]

    def finish(self) -> None:
        pass


def test_speech_is_recognised_in_packs_and_its_language_kept(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    monkeypatch.setattr(whisper, "_model", listener)
    spans = [(float(start), start + 8.0) for start in range(0, 250, 10)]
    samples = np.zeros(250 * SAMPLE_RATE, dtype=np.float32)
    for start, stop in spans:
        samples[round(start * SAMPLE_RATE) : round(stop * SAMPLE_RATE)] = 0.1
    monkeypatch.setattr(whisper, "_voice", SimpleNamespace(start=Loud))
    words, language = recognised_words(heard(whisper, samples))
    assert listener.languages == [None, None, "de", "de"][: len(listener.languages)]
    assert len(listener.seconds) >= 3
    assert max(listener.seconds) < PACK_SECONDS + 30
    assert sum(listener.seconds) == pytest.approx(200, rel=0.15)
    assert language == "de"
    assert words[0].start_seconds == pytest.approx(1.0, abs=0.3)
    assert words[1].start_seconds == pytest.approx(81.0, abs=0.3)  # Eight stretches of 8.4 s make a pack.
    assert all(word.stop_seconds > word.start_seconds for word in words)


def test_a_pack_knows_when_its_stretches_are() -> None:
    seconds = [np.zeros(2 * SAMPLE_RATE, dtype=np.float32), np.zeros(3 * SAMPLE_RATE, dtype=np.float32)]
    pack = Pack([(10.0, seconds[0]), (20.0, seconds[1])])
    assert pack.seconds == 5.0
    assert pack.in_video(0.5, 1.5) == (10.5, 11.5)
    assert pack.in_video(1.5, 2.5) == (11.5, 12.0)
    assert pack.in_video(2.0, 4.0) == (20.0, 22.0)
    assert pack.in_video(4.9, 9.0) == (22.9, 23.0)


def test_what_no_space_comes_before_goes_on_with_the_word_before() -> None:
    texts = [" 今日", "は", "。", " Hi", "!", " There"]
    starts = [0.0, 0.5, 0.7, 1.0, 1.2, 5.0]
    stops = [[0.5, 3], [0.7, 1], [0.7, 1], [1.2, 3], [1.2, 1], [5.5, 6]]
    letters = np.array([ord(letter) for letter in "".join(texts)], dtype=np.float32)[:, None]
    signals = {
        "words": Signal(np.array(starts), np.array(stops, dtype=np.float32)),
        "letters": Signal(np.zeros(len(letters)), letters),
        "language": Signal(np.zeros(0), np.zeros((0, 1), dtype=np.float32)),
    }
    words, _ = recognised_words(signals)
    assert [word.text for word in words] == [" 今日は。", " Hi!", " There"]
    assert words[1] == Cue(1.0, pytest.approx(1.2), " Hi!")


def test_what_was_heard_once_is_kept(folder: Path, tmp_path: Path) -> None:
    import av

    video = tmp_path / "talk.mkv"
    with av.open(str(video), "w") as container:
        picture = container.add_stream("libx264", rate=5)
        picture.width = picture.height = 64
        track: Any = container.add_stream("pcm_s16le", rate=SAMPLE_RATE, layout="mono")
        for number in range(60):
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts = number
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        samples = (sound(12, (3, 6)) * 32767).astype(np.int16)
        block = av.AudioFrame.from_ndarray(samples[None], layout="mono")
        block.sample_rate, block.pts = SAMPLE_RATE, 0
        container.mux(track.encode(block))
    source, grid = probe(video), TimeGrid(12.0, 1.0)
    mine = shutil.copytree(folder, tmp_path / "mine")
    first = extract(source, grid, [open_recogniser(str(mine))], cache=FeatureCache())
    recogniser = open_recogniser(str(mine))
    (mine / "model.bin").unlink()  # It is not opened again.
    second = extract(source, grid, [recogniser], cache=FeatureCache())
    assert recognised_words(second.signals) == recognised_words(first.signals)
    assert recognised_words(first.signals)[0]
    other = replace(recogniser.origin, weights=())
    assert isinstance(other, ExtractorOrigin)
    recogniser.origin = other  # Another model's words are others.
    with pytest.raises(WeightsError, match="not a model that faster-whisper can open"):
        extract(source, grid, [recogniser], cache=FeatureCache())


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json", "config.json"])
def test_a_damaged_model_is_one_line(file: str, folder: Path, tmp_path: Path) -> None:
    mine = shutil.copytree(folder, tmp_path / "mine")
    (mine / file).write_bytes((mine / file).read_bytes()[:40])
    with pytest.raises(WeightsError, match="not a model that faster-whisper can open") as caught:
        Whisper(mine, weights={"silero-vad": weights_path("silero-vad")}).load()
    assert "\n" not in str(caught.value)


def test_a_recogniser_that_fails_is_one_line(whisper: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: Any, **how: Any) -> None:
        raise RuntimeError("CUDA failed with error\nout of memory")

    monkeypatch.setattr(whisper, "_model", SimpleNamespace(transcribe=fail))
    with pytest.raises(WeightsError, match="the speech recogniser failed: CUDA failed with error out of memory; try"):
        heard(whisper, sound(6, (1, 4)))


def test_an_unknown_model_and_a_missing_package_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"transcribe knows no model 'huge'; there are tiny\.en, tiny"):
        open_recogniser("huge")
    with pytest.raises(ConfigError, match=r"config\.json is missing"):
        open_recogniser(str(tmp_path))
    monkeypatch.setattr("highlightr.core.extras.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"--transcribe needs the package faster_whisper: run .*highlightr\[speech\]"):
        open_recogniser("tiny.en")
