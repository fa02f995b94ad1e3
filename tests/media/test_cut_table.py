"""Cutting is exact in every container: files made by ffmpeg, compared frame by frame by their numbers and clicks.

Each row is cut on a keyframe, just before it, just after it, and among the pictures that are shown before a keyframe
and stored behind it. Frame n is shown n / 25 s after the first one, whatever container it is in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, decode, probe
from highlightr.media._container.opening import reading
from highlightr.media._cut.frame_times import frame_times
from highlightr.media.cut import CutResult, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import click_times, made, read_number

FRAME = 1 / 25
SECONDS = 12.4
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "20")
OPEN = ("-x264-params", "open-gop=1:bframes=3:keyint=40:min-keyint=20:scenecut=0")
LONG = ("-g", "250", "-keyint_min", "250", "-sc_threshold", "0")
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-g", "15", "-bf", "2")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "3", "-g", "50", "-bf", "2")

ROWS: Mapping[str, tuple[str, ...]] = {
    "h264.ts": (*X264, "-g", "50", "-c:a", "aac"),
    "h264-open.ts": (*X264, *OPEN, "-c:a", "mp2"),
    "h264-long.ts": (*X264, *LONG, "-c:a", "aac"),
    "h264.m2ts": (*X264, "-g", "50", "-c:a", "ac3"),
    "h264-refresh.ts": (*X264, "-x264-params", "intra-refresh=1:keyint=40:bframes=0", "-c:a", "aac"),
    "hevc-open.ts": (*X265, "log-level=none:keyint=50:open-gop=1:scenecut=0", "-c:a", "aac"),
    "hevc-long.ts": (*X265, "log-level=none:keyint=250", "-c:a", "aac"),
    "mpeg2.ts": (*MPEG2, "-c:a", "mp2"),
    "mpeg2.mpg": (*MPEG2, "-qmin", "5", "-c:a", "mp2"),
    "mpeg2.vob": (*MPEG2, "-c:a", "ac3"),
    "h264.mts": (*X264, "-g", "50", "-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1"),
    "h263.3gp": ("-c:v", "h263", "-s", "176x144", "-q:v", "2", "-c:a", "aac"),
    "dv.mxf": ("-c:v", "dvvideo", "-s", "720x576", "-pix_fmt", "yuv420p", "-c:a", "pcm_s16le", "-ar", "48000"),
    "h264.wmv": (*X264, "-g", "50", "-c:a", "wmav2"),
    "h264-plain.wmv": (*X264, "-g", "50", "-bf", "0", "-c:a", "wmav2"),
    "mpeg4.asf": (*MPEG4, "-c:a", "wmav2"),
    "wmv2.asf": ("-c:v", "wmv2", "-b:v", "1M", "-g", "50", "-c:a", "wmav2"),
    "mpeg4.avi": (*MPEG4, "-c:a", "libmp3lame"),
    "h264.avi": (*X264, "-g", "50", "-c:a", "pcm_s16le"),
    "h264.flv": (*X264, "-g", "50", "-c:a", "aac"),
    "mpeg4.nut": (*MPEG4, "-c:a", "pcm_s16le"),
    "mpeg4.mp4": (*MPEG4, "-c:a", "aac"),
    "h264-open.mp4": (*X264, *OPEN, "-c:a", "aac"),
    "h264-long.mp4": (*X264, *LONG, "-c:a", "aac"),
    "hevc-open.mp4": (*X265, "log-level=none:keyint=50:open-gop=1:scenecut=0", "-c:a", "aac"),
    "h264-open.mkv": (*X264, *OPEN, "-c:a", "libvorbis"),
    "hevc-long.mkv": (*X265, "log-level=none:keyint=250", "-c:a", "aac"),
    "h264-fragments.mp4": (*X264, "-g", "50", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
    "vp8.webm": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-c:a", "libopus"),
    "theora.ogv": ("-c:v", "libtheora", "-q:v", "7", "-c:a", "libvorbis"),
    "wmv2.wmv": ("-c:v", "wmv2", "-b:v", "1M", "-g", "50", "-c:a", "wmav2"),
    "mpeg2.mxf": ("-c:v", "mpeg2video", "-q:v", "4", "-g", "15", "-bf", "2", "-c:a", "pcm_s16le"),
    "h264.mxf": (*X264, "-g", "50", "-c:a", "pcm_s16le"),
    "picture.gif": ("-c:v", "gif", "-an"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("table")


def _source(name: str, folder: Path) -> Source:
    path = folder / name
    if not path.exists():
        base = made("base.mkv", codec="ffv1", options=(), seconds=SECONDS, size=(160, 120), sound_codec="pcm_s16le")
        run_ffmpeg(["-i", f"file:{base}", *ROWS[name], f"file:{path}"])
    return probe(path)


@dataclass(frozen=True)
class Watched:
    """What a player shows and sounds; seconds from the beginning."""

    numbers: list[int]
    times: list[float]
    clicks: list[float]


def _clicks(source: Source) -> list[float]:
    blocks = [item.samples for _, item in decode(source, {"sound": AudioRequest(48_000)})]  # type: ignore[union-attr]
    return click_times(np.concatenate(blocks), 48_000) if blocks else []


def watch(path: Path) -> Watched:
    numbers, times = [], []
    with av.open(str(path)) as container:
        zero = (container.start_time or 0) / 1e6
        for frame in container.decode(video=0):
            numbers.append(read_number(frame.to_ndarray(format="rgb24")))
            times.append(float(frame.pts * frame.time_base) - zero)
    return Watched(numbers, times, _clicks(probe(path)))


def first_frame(source: Source) -> float:
    """When frame 0 is shown."""
    with reading(source.path) as container:
        times = frame_times(container, source)
        return float(times.around(-1, 1)[0])  # type: ignore[arg-type]


def _keyframe(source: Source, first: float) -> float:
    """When a keyframe in the middle of the file is shown."""
    with av.open(str(source.path)) as container:
        keys = []
        for number, frame in enumerate(container.decode(video=0)):
            if frame.key_frame:
                keys.append(first + number * FRAME)
    later = [key for key in keys if key - first > 2]
    return min(later or [first + 6], key=lambda key: abs(key - first - 6))


def check(source: Source, first: float, result: CutResult, seen: Watched) -> None:
    """Every frame of every piece is there, in its place, and nothing else."""
    expected = []
    for piece in result.pieces:
        for number in range(1000):
            shown = first + number * FRAME
            if piece.start_seconds - 1e-4 <= shown < piece.stop_seconds - 1e-4:
                expected.append((number, shown - piece.start_seconds + piece.output_start_seconds))
    assert seen.numbers == [number for number, _ in expected]
    # Where a start code lies across two packets of a program stream, FFmpeg takes a picture's timestamp for another's.
    slack = 1.01 * FRAME if source.container == "mpeg" else 2e-3
    assert seen.times == pytest.approx([time for _, time in expected], abs=slack)
    for piece in result.pieces:
        for click in _clicks(source):
            if piece.start_seconds + 0.02 < click < piece.stop_seconds - 0.02:
                heard = click - piece.start_seconds + piece.output_start_seconds
                assert min(abs(heard - each) for each in seen.clicks) < 0.02
    assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=FRAME)


def cut(source: Source, spans: list[tuple[float, float]], path: Path) -> CutResult:
    return cut_summary(source, [Segment(start, stop, 0.5) for start, stop in spans], path)


@pytest.mark.parametrize("name", ROWS)
def test_cuts_are_exact(name: str, folder: Path, tmp_path: Path) -> None:
    source = _source(name, folder)
    first = first_frame(source)
    key = _keyframe(source, first)
    starts = [first, *(key + frames * FRAME for frames in (0, 1, -1, -3)), first + 11]
    spans = [(start, start + 0.44) for start in starts]
    result = cut(source, spans, tmp_path / "cut.mp4")
    for piece, (start, stop) in zip(result.pieces, spans, strict=True):
        assert (piece.start_seconds, piece.stop_seconds) == pytest.approx((start, stop), abs=FRAME / 2 + 1e-3)
    check(source, first, result, watch(result.path))


@pytest.mark.parametrize("name", ["h264-open.ts", "mpeg2.vob", "h264-open.mkv"])
def test_a_stream_that_begins_inside_a_group_of_pictures(name: str, folder: Path, tmp_path: Path) -> None:
    """What comes before the first keyframe cannot be decoded; the rest is exact."""
    whole = _source(name, folder).path.read_bytes()
    part = tmp_path / name
    start = 188 * (len(whole) // 188 // 3) if name.endswith(".ts") else len(whole) // 3 // 2048 * 2048
    part.write_bytes(whole[start:] if not name.endswith(".mkv") else whole)
    source = probe(part)
    with av.open(str(part)) as container:
        container.streams.video[0].thread_type = "NONE"
        numbers = [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    result = cut(source, [(0.0, 1.0), (3.0, 3.5)], tmp_path / "cut.mp4")
    seen = watch(result.path)
    assert set(seen.numbers) <= set(numbers)
    assert [b - a for a, b in pairwise(seen.numbers)].count(1) >= len(seen.numbers) - 2


@pytest.mark.parametrize("name", ["h264.ts", "mpeg2.mpg", "h264.flv"])
def test_a_recording_that_is_not_at_its_end_yet(name: str, folder: Path, tmp_path: Path) -> None:
    whole = _source(name, folder).path.read_bytes()
    growing = tmp_path / name
    growing.write_bytes(whole[: len(whole) * 3 // 4])
    source = probe(growing)
    assert 7 < source.duration_seconds < 11
    first = first_frame(source)
    result = cut(source, [(first + 2.2, first + 3.0), (first + 6.0, first + 7.0)], tmp_path / "cut.mp4")
    check(source, first, result, watch(result.path))


@pytest.mark.parametrize("name", ["refresh.mkv", "refresh.mp4", "refresh.ts"])
def test_a_refresh_that_leaves_out_what_was_the_same_before(name: str, tmp_path: Path) -> None:
    """x264 says of every refresh that it is whole after some pictures; every other one here is not."""
    base = made("small.mkv", codec="ffv1", options=(), seconds=10.0, size=(176, 144), sound=False)
    path, refresh = tmp_path / name, ("-x264-params", "intra-refresh=1:keyint=40:bframes=0:scenecut=0")
    run_ffmpeg(["-i", f"file:{base}", *X264, *refresh, f"file:{path}"])
    source = probe(path)
    first = first_frame(source)
    spans = [(first + start, first + start + 0.4) for start in (2.6, 4.2, 5.8, 7.4)]
    result = cut(source, spans, tmp_path / "cut.mp4")
    check(source, first, result, watch(result.path))
