"""Lengths: the last frame of a piece lasts to the piece's end, however long it stands in the source."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest

from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media.cut import CutOptions, CutResult, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import made, read_number, variable_times


def _cut(path: Path, spans: Sequence[tuple[float, float]], output: Path) -> CutResult:
    return cut_summary(probe(path), [Segment(start, stop, 0.5) for start, stop in spans], output)


def _frames(path: Path) -> list[tuple[int, float]]:
    with av.open(str(path)) as container:
        zero = (container.start_time or 0) / 1e6
        return [
            (read_number(frame.to_ndarray(format="rgb24")), float(frame.pts * frame.time_base) - zero)
            for frame in container.decode(video=0)
        ]


def _lengths(path: Path) -> tuple[float, float]:
    """Of the picture, as its header or its last packet has it, and of the whole file."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        whole = (container.duration or 0) / 1e6
        return (float(video.duration * video.time_base) if video.duration else whole, whole)


SLIDES = tuple(Fraction(second) for second in (0, 60, 120, 180))
SCREEN = tuple(Fraction(k, 25) for k in (*range(5), 300, 301, 302, 700))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    ("times", "spans", "numbers"),
    [
        (SLIDES, [(10.0, 20.0)], [0]),
        (SLIDES, [(55.0, 65.0), (130.0, 131.5)], [0, 1, 2]),
        (SLIDES, [(170.0, 180.04)], [2, 3]),
        (SCREEN, [(0.09, 11.0), (12.0, 20.0)], [2, 3, 4, 5, 6, 7]),
        (tuple(map(Fraction, range(12))), [(2.5, 5.5), (7.0, 8.0)], [2, 3, 4, 5, 7]),
    ],
)
def test_a_picture_that_stands_still_is_cut_to_the_span(
    times: tuple[Fraction, ...], spans: list[tuple[float, float]], numbers: list[int], suffix: str, tmp_path: Path
) -> None:
    source = made("still.mp4", times=times, sound=False, size=(160, 120))
    result = _cut(source, spans, tmp_path / f"cut{suffix}")
    assert [number for number, _ in _frames(result.path)] == numbers
    wanted = sum(stop - start for start, stop in spans)
    assert result.seconds == pytest.approx(wanted, abs=0.05)
    assert _lengths(result.path) == pytest.approx((result.seconds, result.seconds), abs=0.01)


def test_sound_and_picture_of_a_slide_show_end_together(tmp_path: Path) -> None:
    source = made("heard.mp4", times=SLIDES[:2], seconds=70.0, sound_seconds=70.0, size=(160, 120))
    result = _cut(source, [(3.0, 7.0), (50.0, 58.0)], tmp_path / "cut.mp4")
    assert [number for number, _ in _frames(result.path)] == [0, 0]
    assert _lengths(result.path) == pytest.approx((12.0, 12.0), abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("spans", "numbers"), [([(9.0, 11.0)], [4]), ([(11.9, 12.2), (0.0, 3.0)], [4, 5, 6, 7, 0, 1, 2, 3, 4])]
)
def test_a_picture_that_stands_still_to_the_end_of_the_sound(
    spans: list[tuple[float, float]], numbers: list[int], suffix: str, tmp_path: Path
) -> None:
    """The last packet of a Matroska file has no length, and sound ends as late as the file."""
    source = made("screen.mp4", times=SCREEN, seconds=28.0, sound_seconds=28.0, size=(160, 120))
    result = _cut(source, spans, tmp_path / f"cut{suffix}")
    assert [number for number, _ in _frames(result.path)] == numbers
    assert _lengths(result.path) == pytest.approx((result.seconds, result.seconds), abs=0.03)


@pytest.mark.parametrize("delay", [1, 3, 50])
def test_delays_of_a_gif(delay: int, tmp_path: Path) -> None:
    """In hundredths of a second."""
    path = tmp_path / "moving.gif"
    base = made("base.mkv", codec="ffv1", options=(), seconds=1.2, size=(160, 120), sound=False)
    run_ffmpeg(
        [
            "-i",
            f"file:{base}",
            "-vf",
            f"setpts=N*{delay}/100/TB",
            "-fps_mode",
            "vfr",
            "-enc_time_base",
            "1:100",
            f"file:{path}",
        ]
    )
    source = probe(path)
    half = source.duration_seconds / 2
    result = _cut(path, [(half / 2, half), (half, half * 1.5)], tmp_path / "cut.mp4")
    frames = [number for number, _ in _frames(result.path)]
    assert sorted(set(frames)) == list(range(frames[0], frames[-1] + 1))  # One may be on screen in both pieces.
    assert _lengths(result.path)[0] == pytest.approx(result.seconds, abs=0.01)


def test_the_last_frame_of_a_file_lasts_to_its_end(tmp_path: Path) -> None:
    times = tuple(Fraction(k, 10) for k in range(20))
    path = made("end.mp4", times=times, size=(160, 120), sound=False)
    source = probe(path)
    result = _cut(path, [(1.5, source.duration_seconds)], tmp_path / "cut.mp4")
    assert [number for number, _ in _frames(result.path)] == [15, 16, 17, 18, 19]
    assert _lengths(result.path)[0] == pytest.approx(source.duration_seconds - 1.5, abs=0.01)


B_FRAMES = (("preset", "veryfast"), ("crf", "16"), ("g", "15"), ("bf", "3"), ("b-adapt", "0"))


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("spans", [[(1.0, 3.0)], [(0.6, 1.2), (3.0, 4.9)], [(4.0, 5.9)]])
def test_copied_pictures_without_a_steady_rate_keep_their_times(
    spans: list[tuple[float, float]], seed: int, suffix: str, tmp_path: Path
) -> None:
    """Decode times say how long until the next picture is decoded, not until it is shown."""
    path = made("unsteady.mp4", times=tuple(variable_times(6.0, seed)), options=B_FRAMES)
    segments = [Segment(start, stop, 0.5) for start, stop in spans]
    result = cut_summary(probe(path), segments, tmp_path / f"cut{suffix}", CutOptions(cut="copy"))
    expected = [
        (number, piece.output_start_seconds + shown - piece.start_seconds)
        for piece in result.pieces
        for number, shown in _frames(path)
        if piece.start_seconds - 1e-4 <= shown < piece.stop_seconds - 1e-4
    ]
    assert _frames(result.path) == [(number, pytest.approx(time, abs=2e-3)) for number, time in expected]
    assert _lengths(result.path) == pytest.approx((result.seconds, result.seconds), abs=0.03)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("rates", [(30, 15), (12, 6)])
def test_the_last_frame_lasts_to_the_end_whatever_the_pace_of_the_first(
    rates: tuple[int, int], suffix: str, tmp_path: Path
) -> None:
    """MP4 has no other length than the sum of decode times, which are of the pace of frames that come before."""
    times = [start + Fraction(k, rate) for start, rate in zip((0, 2), rates, strict=True) for k in range(2 * rate)]
    path = made("paces.mkv", times=times, sound=False, size=(160, 120))
    result = _cut(path, [(1.9, 2.5)], tmp_path / f"cut{suffix}")
    assert _lengths(result.path) == pytest.approx((result.seconds, result.seconds), abs=0.005)


def test_the_last_frame_lasts_to_the_end_where_the_first_is_cut_short(tmp_path: Path) -> None:
    path = made("slow.mkv", times=[Fraction(k, 6) for k in range(24)], sound=False, size=(160, 120))
    result = _cut(path, [(0.0, 0.06), (1.0, 2.0)], tmp_path / "cut.mp4")
    assert _lengths(result.path)[0] == pytest.approx(1.06, abs=0.005)


def test_a_flash_beside_sound_of_a_low_rate_has_its_length(tmp_path: Path) -> None:
    """A block of 8 kHz lasts longer than the whole cut."""
    path = tmp_path / "low.mkv"
    base = made("short.mkv", codec="ffv1", options=(), seconds=2.0)
    run_ffmpeg(["-i", f"file:{base}", "-c:v", "copy", "-c:a", "pcm_s16le", "-ar", "8000", f"file:{path}"])
    result = _cut(path, [(1.0, 1.08)], tmp_path / "cut.mkv")
    assert [number for number, _ in _frames(result.path)] == [25, 26]
