"""Fades between pieces: dark and quiet at the join alone, and no frame's time changes."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg

SEGMENTS = (Segment(0.0, 1.0, 1.0), Segment(2.0, 3.0, 1.0))


def _seen(path: Path) -> tuple[list[float], list[float]]:
    """When each frame is shown, and how bright it is."""
    with av.open(str(path)) as container:
        frames = [
            (float(f.pts * f.time_base), float(f.to_ndarray(format="gray").mean())) for f in container.decode(video=0)
        ]
    return [time for time, _ in frames], [bright for _, bright in frames]


def _loudness(path: Path, start: float, stop: float) -> float:
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        sound = np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])
    return float(np.abs(sound[round(start * rate) : round(stop * rate)]).mean())


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:

    path = tmp_path_factory.mktemp("fade") / "grey.mp4"
    inputs = ["-f", "lavfi", "-i", "color=gray:s=64x64:r=25:d=4", "-f", "lavfi", "-i", "sine=300:d=4"]
    run_ffmpeg([*inputs, "-c:v", "libx264", "-c:a", "aac", str(path)])
    return path


def test_pieces_meet_in_black_and_silence(source: Path, tmp_path: Path) -> None:
    plain, faded = tmp_path / "plain.mp4", tmp_path / "faded.mp4"
    cut_summary(probe(source), SEGMENTS, plain)
    cut_summary(probe(source), SEGMENTS, faded, CutOptions(fade=True))
    times, bright = _seen(faded)
    assert times == _seen(plain)[0]
    level = bright[10]
    assert bright[25] < 0.25 * level  # The second piece's first frame.
    assert bright[24] < 0.5 * level
    assert all(abs(value - level) < 3 for value in [*bright[:18], *bright[32:]])  # Both ends stay as they are.
    assert bright[19:25] == sorted(bright[19:25], reverse=True)
    usual = _loudness(faded, 0.3, 0.6)
    assert _loudness(faded, 0.97, 1.03) < 0.3 * usual
    assert _loudness(plain, 0.97, 1.03) > 0.6 * usual


def test_one_piece_does_not_fade(source: Path, tmp_path: Path) -> None:
    cut_summary(probe(source), SEGMENTS[:1], tmp_path / "one.mp4", CutOptions(fade=True))
    bright = _seen(tmp_path / "one.mp4")[1]
    assert max(bright) - min(bright) < 3


def test_copied_packets_cannot_fade(source: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot fade"):
        cut_summary(probe(source), SEGMENTS, tmp_path / "out.mp4", CutOptions(cut="copy", fade=True))


@pytest.mark.parametrize(
    "times", ["N", "if(lt(N,50),N/25,N-48)"], ids=["a picture per second", "slides behind a scene"]
)
def test_pictures_that_stand_longer_than_a_fade_stay_to_be_seen(tmp_path: Path, times: str) -> None:
    slides = tmp_path / "slides.mkv"
    run_ffmpeg(["-f", "lavfi", "-i", f"color=gray:s=64x64:r=25:d=4,settb=1/1000,setpts='1000*({times})'", str(slides)])
    segments = (Segment(0.0, 2.0, 1.0), Segment(3.0, 6.0, 1.0), Segment(7.2, 7.8, 1.0))
    notes = cut_summary(probe(slides), segments, tmp_path / "faded.mp4", CutOptions(fade=True)).notes
    bright = _seen(tmp_path / "faded.mp4")[1]
    assert min(bright[-4:]) > 0.9 * bright[0]  # The three of the second piece, and that of the third.
    assert notes == ("A picture that is shown for longer than a fade takes does not fade.",)
