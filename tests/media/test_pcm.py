"""Uncompressed sound that is copied stays with its pictures, to the sample, in containers that do not date it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.source import AudioStream
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._cut.copied_sound import Pcm
from highlightr.media.cut import CutOptions, CutResult, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import CLOSED_GOP, made

RATE = 48_000
SPANS = tuple((0.7 + k * 1.03, 1.2 + k * 1.03) for k in range(7))


def _noisy(path: Path, codec: str, *, late: float = 0.0) -> Path:
    """Eight seconds with a keyframe every second, and noise from `late` on."""
    noise = ["-itsoffset", str(late), "-f", "lavfi", "-i", f"anoisesrc=r={RATE}:a=0.5:seed=1:d={8 - late}"]
    picture = made("long.mp4", seconds=8.0, **CLOSED_GOP)
    maps = ["-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", codec]
    run_ffmpeg(["-i", f"file:{picture}", *noise, *maps, f"file:{path}"])
    return path


def _samples(path: Path) -> npt.NDArray[np.float64]:
    """Of the first channel, each at its time; blocks that nearly follow each other do so."""
    samples, written = np.zeros(10 * RATE), 0
    with av.open(str(path)) as container:
        zero = (container.start_time or 0) / 1e6
        for frame in container.decode(audio=0):
            first, block = round((float(frame.pts * frame.time_base) - zero) * RATE), frame.to_ndarray()[0]
            first = written if abs(first - written) < RATE // 200 else first
            written = first + len(block)
            samples[max(0, first) : written] = block[max(0, -first) :]
    return samples


def _copied(path: Path, output: Path) -> CutResult:
    return cut_summary(probe(path), [Segment(*span, 1.0) for span in SPANS], output, CutOptions(cut="copy"))


def _off(path: Path, result: CutResult) -> list[int]:
    """By how many samples the sound of each piece is off, which has to be what is heard in the source."""
    before, after = _samples(path), _samples(result.path)
    found = []
    for piece in result.pieces:
        source, output = round((piece.start_seconds + 0.2) * RATE), round((piece.output_start_seconds + 0.2) * RATE)
        part = after[output : output + 2000]
        apart = [np.abs(before[source + by : source + by + 2000] - part).max() for by in range(-3000, 3000)]
        assert min(apart) <= np.abs(before).max() / 100
        found.append(int(np.argmin(apart)) - 3000)
    return found


@pytest.mark.parametrize(
    ("suffix", "codec", "out", "most"),
    [
        (".mov", "pcm_s16le", ".mov", 0),
        (".mov", "pcm_s24le", ".mov", 0),
        (".mov", "pcm_mulaw", ".mov", 0),
        (".mkv", "pcm_s16le", ".mov", 48),  # It rounds times to milliseconds.
        (".mkv", "pcm_f32le", ".mkv", 96),
        (".nut", "pcm_s16be", ".mp4", 1),
    ],
)
def test_copied_samples_stay_with_their_pictures(suffix: str, codec: str, out: str, most: int, tmp_path: Path) -> None:
    path = _noisy(tmp_path / f"in{suffix}", codec)
    result = _copied(path, tmp_path / f"out{out}")
    assert len({piece.seconds for piece in result.pieces}) > 1
    assert max(map(abs, _off(path, result))) <= most


@pytest.mark.parametrize("out", [".mov", ".mkv"])
def test_sound_that_begins_late_begins_late_in_the_copy(out: str, tmp_path: Path) -> None:
    path = _noisy(tmp_path / "in.mkv", "pcm_s16le", late=3.0)
    result = _copied(path, tmp_path / f"out{out}")
    samples = _samples(result.path)
    for piece in result.pieces:
        middle = round((piece.output_start_seconds + piece.seconds / 2) * RATE)
        is_heard = (piece.start_seconds + piece.stop_seconds) / 2 > 3.0
        assert bool(np.abs(samples[middle - 500 : middle + 500]).max() > 1000) is is_heard


def test_what_overlaps_is_cut_and_what_lacks_is_silent() -> None:
    track = Pcm.of(AudioStream(1, "pcm_u8", 1000, 2))
    assert track is not None
    track.begin(Fraction(0), Fraction(1, 10))
    written = [*track.push(b"\1" * 60, Fraction(-1, 100)), *track.push(b"\2" * 60, Fraction(4, 100))]
    track.begin(Fraction(1, 10), Fraction(2, 10))
    written += [*track.push(b"\3" * 400, Fraction(5, 100))]
    assert [position for position, _ in written] == [0, 20, 40, 70, 100]
    assert [data for _, data in written] == [
        b"\1" * 40,
        b"\x80" * 40,
        b"\2" * 60,
        b"\x80" * 60,
        b"\3" * 200,
    ]


@pytest.mark.parametrize("codec", ["aac", "pcm_dvd", "pcm_s16le_planar", "adpcm_ms"])
def test_what_is_no_plain_pcm(codec: str) -> None:
    assert Pcm.of(AudioStream(1, codec, 48_000, 2)) is None
