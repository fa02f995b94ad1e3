"""Silence, hum and rooms are evidence for nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from highlightr import Highlighter
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.labels import label_names
from highlightr.media import AudioBlock
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.scorers.sounds import MUTE_SOUNDS, SAYING, heard, named_sound_heard
from tests import opened


def test_every_mute_sound_is_a_class_of_audioset() -> None:
    assert set(label_names("yamnet")) >= MUTE_SOUNDS


def test_a_clip_says_as_much_as_its_clearest_telling_sound() -> None:
    nothing, full = SAYING
    scores = np.array([[0.98, 0.0, 0.0], [0.3, (nothing + full) / 2, 0.01], [0.0, 0.1, 0.9]], dtype=np.float32)
    telling, saying = heard(scores, ("Silence", "Bark", "Music"))
    assert saying.tolist() == pytest.approx([0.0, 0.5, 1.0])
    assert telling[:, 0].tolist() == [0.0, 0.0, 0.0]
    assert np.array_equal(telling[:, 1:], scores[:, 1:])


def noise(slope: float, decibel: float) -> FloatArray:
    """Five seconds whose power falls with the frequency to some power: 0 is white, 1 pink, 2 brown."""
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(80_000))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (slope / 2)
    spectrum[0] = 0
    sound = np.fft.irfft(spectrum)
    return np.asarray(sound / sound.std() * 10 ** (decibel / 20), dtype=np.float32)


NAMES = ("Bark", "Bell", "Wind", "Music")


@pytest.mark.parametrize(
    ("bark", "bell", "music", "cosine", "expected"),
    [
        (0.9, 0.0, 0.0, 0.9, 1.0),  # Heard clearly.
        (0.0, 0.9, 0.0, 0.9, -1.0),  # Something else is heard.
        (0.3 * 0.1**0.5, 0.9, 0.0, 0.9, 0.0),  # Half-way between the bounds, which are 0.03 and 0.3.
        (0.9, 0.0, 0.0, 0.55, 0.5),  # The query half names it.
        (0.9, 0.9, 0.0, 0.45, 0.0),  # It names no sound.
        (0.0, 0.2, 0.0, 0.9, -0.5),  # What is heard half says something.
        (0.0, 0.1, 0.0, 0.9, 0.0),  # Nothing does.
        (0.0, 0.9, 0.6, 0.9, 0.0),  # Music may cover it,
        (0.0, 0.9, 0.45, 0.9, -0.5),  # or half cover it,
        (0.9, 0.0, 0.6, 0.9, 1.0),  # but does not.
    ],
)
def test_a_sound_that_a_query_names_is_heard_or_not(
    bark: float, bell: float, music: float, cosine: float, expected: float
) -> None:
    telling = np.array([[0.0, 0.0, 0.0, 0.0], [bark, bell, 0.0, music]], np.float32)
    found = named_sound_heard(telling, NAMES, np.array([cosine, cosine - 0.1, 0.0, 0.0], np.float32))
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_sound_that_says_nothing_is_not_missed() -> None:
    telling = np.array([[0.0, 0.9, 0.0, 0.0]], np.float32)
    assert named_sound_heard(telling, NAMES, np.array([0.3, 0.4, 0.9, 0.0], np.float32)) == 0.0


@pytest.mark.parametrize("decibel", [-80, -60, -50, -40])
@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_room_tones_say_nothing(slope: float, decibel: float) -> None:
    extraction = opened.extractor("yamnet").start(TimeGrid(5.0, 1.0))
    extraction.push(AudioBlock(0, noise(slope, decibel)))
    _, saying = heard(extraction.finish().streams["yamnet"], label_names("yamnet"))
    assert saying.max() <= 0.11


SOUNDTRACKS = {
    "silence": ["-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono"],
    "noise": ["-f", "lavfi", "-i", "anoisesrc=r=44100:a=0.003:c=pink:seed=1"],
    "hum": ["-f", "lavfi", "-i", "sine=f=50:r=44100,volume=-40dB"],
}


@pytest.fixture(scope="module")
def pictures(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips with a soundtrack each that says nothing, and without one."""
    folder = tmp_path_factory.mktemp("soundtracks")
    names = ("vas_dog_video_02677.mp4", "mdn_flower.mp4")
    inputs = [each for name in names for each in ("-i", str(real_data / "events" / name))]
    scale = "scale=320:180,setsar=1,fps=10"
    graph = f"[0:v]{scale}[a];[1:v]{scale}[b];[a][b]concat=n=2[v]"
    run_ffmpeg([*inputs, "-filter_complex", graph, "-map", "[v]", "-an", "-y", str(folder / "none.mp4")])
    for name, source in SOUNDTRACKS.items():
        both = ["-i", str(folder / "none.mp4"), *source, "-shortest", "-c:v", "copy", "-c:a", "aac"]
        run_ffmpeg([*both, "-y", str(folder / f"{name}.mp4")])
    return folder


@pytest.mark.realdata
@pytest.mark.parametrize(("scorer", "query"), [("cfsum-lite", "a dog"), ("zeroshot", "a dog"), ("zeroshot", None)])
def test_a_soundtrack_that_says_nothing_changes_no_score(pictures: Path, scorer: str, query: str | None) -> None:
    highlighter = Highlighter.from_preset("lite", scorer=scorer, cache=False)
    expected = highlighter.analyse(pictures / "none.mp4", query).scores.values
    for name in SOUNDTRACKS:
        found = highlighter.analyse(pictures / f"{name}.mp4", query).scores
        np.testing.assert_allclose(found.values[: len(expected)], expected[: len(found.values)], atol=0.02)
        told = {reason.label for clip in found.reasons for reason in clip if reason.kind == "audio"}
        assert not told & MUTE_SOUNDS
