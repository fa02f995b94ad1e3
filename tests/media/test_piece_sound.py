"""The sound of a piece is there from its first moment on, wherever reading begins: decoders of sound need a lead.

A tone goes through all of each file, so that every silence is a fault.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import Segment
from highlightr.media import AudioBlock, AudioRequest, decode, probe
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, CutResult, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg

RATE = 16_000
BLOCK = 64
HALF = 1 / 16
"""Of the tone, which ffmpeg makes as loud as 1 / 8."""
FADED_SECONDS = 0.012
PICTURE = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=9", "-pix_fmt", "yuv420p")
TONE = ("-f", "lavfi", "-i", "sine=440:r=48000:d=9")
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-x264-params", "keyint=50:min-keyint=50:scenecut=0")
VP8 = ("-c:v", "libvpx", "-deadline", "realtime", "-g", "50")
AT_KEYFRAMES = ((2.0, 2.6), (4.0, 4.6), (4.04, 4.6), (6.0, 6.6), (7.96, 8.6))


def _tone(path: Path, *how: str) -> Path:
    run_ffmpeg([*PICTURE[:4], *TONE, *PICTURE[4:], *how, f"file:{path}"])
    return path


def _cut(path: Path, spans: Sequence[tuple[float, float]], cut: CutChoice) -> CutResult:
    segments = [Segment(start, stop, 1.0) for start, stop in spans]
    return cut_summary(probe(path), segments, path.with_name(f"{cut}.mkv"), CutOptions(cut=cut))


def _silences(result: CutResult) -> list[float]:
    """Where in the output nothing is heard for 4 ms, but for the fades at both ends of each piece."""
    blocks = [item for _, item in decode(probe(result.path), {"sound": AudioRequest(RATE)})]
    samples = np.concatenate([block.samples for block in blocks if isinstance(block, AudioBlock)])
    loud = np.abs(samples[: len(samples) // BLOCK * BLOCK]).reshape(-1, BLOCK).max(axis=1)
    times = np.arange(len(loud)) * BLOCK / RATE
    inside = np.zeros(len(loud), bool)
    for piece in result.pieces:
        start = piece.output_start_seconds
        inside |= (times > start + FADED_SECONDS) & (times < start + piece.seconds - FADED_SECONDS - BLOCK / RATE)
    quiet = inside & (loud < HALF)
    return [round(float(time), 3) for time in times[quiet]]


@pytest.mark.parametrize("cut", ["exact", "smart"])
@pytest.mark.parametrize("frames", ["0", "3"])
@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("a.mp4", ("-c:a", "aac")),
        ("a.mov", ("-c:a", "aac", "-ar", "8000")),
        ("b.mp4", ("-c:a", "libmp3lame")),
        ("a.mkv", ("-c:a", "libopus")),
        ("b.mkv", ("-c:a", "libvorbis")),
        ("a.ts", ("-c:a", "mp2")),
        ("a.flv", ("-c:a", "aac", "-ar", "44100")),
    ],
)
def test_pieces_that_begin_with_a_keyframe(
    name: str, sound: tuple[str, ...], frames: str, cut: CutChoice, tmp_path: Path
) -> None:
    path = _tone(tmp_path / name, *X264, "-bf", frames, *sound)
    assert _silences(_cut(path, AT_KEYFRAMES, cut)) == []


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("a.webm", (*VP8, "-c:a", "libvorbis")),
        ("a.nut", (*X264, "-bf", "0", "-c:a", "aac")),
        ("a.avi", ("-c:v", "mpeg4", "-g", "50", "-c:a", "libmp3lame")),
        ("a.wmv", ("-c:v", "wmv2", "-g", "50", "-c:a", "wmav2")),
        ("a.ogv", ("-c:v", "libtheora", "-g", "50", "-c:a", "libvorbis")),
        ("b.ogv", ("-c:v", "libtheora", "-g", "50", "-c:a", "flac")),
        ("tta.mkv", ("-c:v", "mjpeg", "-c:a", "tta")),
    ],
)
def test_pieces_of_other_containers(name: str, how: tuple[str, ...], tmp_path: Path) -> None:
    assert _silences(_cut(_tone(tmp_path / name, *how), AT_KEYFRAMES, "exact")) == []


@pytest.mark.parametrize("cut", ["exact", "smart"])
@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "aac"), (".mov", "aac"), (".mp4", "ac3")])
def test_a_file_whose_beginning_was_cut_off_without_encoding(
    suffix: str, codec: str, cut: CutChoice, tmp_path: Path
) -> None:
    """Its edit list skips the sound from a keyframe on, which must not be skipped again wherever reading begins."""
    path = tmp_path / f"trimmed{suffix}"
    whole = _tone(tmp_path / f"whole{suffix}", *X264, "-c:a", codec)
    shifted = ["-itsoffset", "-3.6", "-i", f"file:{whole}", "-avoid_negative_ts", "disabled"]
    run_ffmpeg([*shifted, "-c", "copy", f"file:{path}"])
    assert _silences(_cut(path, ((0.0, 0.3), (0.5, 1.0), (2.2, 3.0), (2.8, 3.2), (4.6, 5.0)), cut)) == []


@pytest.mark.parametrize(
    ("name", "how", "apart"),
    [
        ("a.ogv", ("-c:v", "libtheora", "-g", "40", "-c:a", "flac"), 0),
        ("b.ogv", ("-c:v", "libtheora", "-g", "40", "-c:a", "libopus"), 8),
        ("a.avi", ("-c:v", "mpeg4", "-g", "40", "-c:a", "pcm_s16le"), 0),
        ("a.mxf", ("-c:v", "mpeg2video", "-g", "15", "-c:a", "pcm_s16le"), 0),
    ],
)
def test_samples_are_where_they_are_in_the_source(name: str, how: tuple[str, ...], apart: int, tmp_path: Path) -> None:
    """Some containers date sound anew after a seek; noise tells every place from all others."""
    path = tmp_path / name
    noise = ["-f", "lavfi", "-i", "anoisesrc=a=0.3:seed=1:d=9:r=48000,lowpass=3000"]
    run_ffmpeg([*PICTURE[:4], *noise, *PICTURE[4:], *how, f"file:{path}"])
    spans = [(0.0, 0.5), (1.6, 2.2), (3.2, 3.6), (4.8, 5.4), (5.0, 6.0), (8.0, 8.6)]
    result = _cut(path, spans, "exact")
    source, output = (_samples(each) for each in (path, result.path))
    for piece in result.pieces:
        start, put, count = (round(time * 48_000) for time in (piece.start_seconds, piece.output_start_seconds, 0.3))
        wanted = source[start + 2400 : start + 2400 + count]
        found = output[put : put + count + 4800]
        place = int(np.argmax(np.correlate(found, wanted))) - 2400
        assert abs(place) <= apart


def _samples(path: Path) -> np.ndarray:
    blocks = [item for _, item in decode(probe(path), {"sound": AudioRequest(48_000)})]
    return np.concatenate([block.samples for block in blocks if isinstance(block, AudioBlock)])


@pytest.mark.parametrize(("codec", "late"), [("tta", True), ("flac", False), ("libmp3lame", False)])
def test_a_copy_of_sound_in_long_blocks_tells_what_is_silent(codec: str, late: bool, tmp_path: Path) -> None:
    path = _tone(tmp_path / "long.mkv", "-c:v", "mjpeg", "-c:a", codec)
    notes = " ".join(_cut(path, ((2.5, 3.0), (4.6, 5.4)), "copy").notes)
    assert ("Copied sound may begin up to 0.7 s behind its pictures" in notes) is late
    assert ("Copied sound" in notes) is late
