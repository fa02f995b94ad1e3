"""Cutting: frame numbers, clicks and flashes are read back from what was written."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, decode, probe
from highlightr.media._cut import codecs as _codecs
from highlightr.media._cut import exact_cut as _exact_cut
from highlightr.media._cut import inputs as _inputs
from highlightr.media._cut.output_plan import CutJob, plan_encoded
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, CutResult, cut_clips, cut_summary
from highlightr.media.ffmpeg import ffmpeg_path, run_ffmpeg
from tests.mediamaker import (
    CLICK_EVERY_SECONDS,
    CLOSED_GOP,
    OPEN_GOP,
    SIZE,
    click_times,
    frame_times,
    made,
    read_number,
    variable_times,
    without_some_timestamps,
)

FRAME = 1 / 25


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def segments(*spans: tuple[float, float]) -> list[Segment]:
    return [Segment(start, stop, 0.5) for start, stop in spans]


@dataclass(frozen=True)
class Seen:
    """What a player would show and sound."""

    numbers: list[int]
    times: list[float]
    clicks: list[float]
    duration: float


def watch(path: Path) -> Seen:
    """Every frame with its time, and every click."""
    source = probe(path)
    numbers, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            numbers.append(read_number(frame.to_ndarray(format="rgb24")))
            times.append(float(frame.pts * frame.time_base) - source.start_seconds)
    blocks = [item.samples for _, item in decode(source, {"sound": AudioRequest(48_000)})]  # type: ignore[union-attr]
    sound = click_times(np.concatenate(blocks), 48_000) if blocks else []
    return Seen(numbers, times, sound, source.duration_seconds)


def expected_numbers(times: list[Fraction], result: CutResult) -> list[int]:
    """The frames on screen during each piece."""
    numbers: list[int] = []
    for piece in result.pieces:
        first = max(n for n, time in enumerate(times) if float(time) <= piece.start_seconds + 1e-6)
        numbers += [n for n, time in enumerate(times) if n >= first and float(time) < piece.stop_seconds - 1e-6]
    return numbers


def sync_errors(seen: Seen, result: CutResult, times: list[Fraction]) -> list[float]:
    """For each click that is clear of a join: how much later it sounds than the picture it belongs to shows."""
    errors = []
    for piece in result.pieces:
        k = -(-Fraction(piece.start_seconds) // CLICK_EVERY_SECONDS)
        while (moment := float(k * CLICK_EVERY_SECONDS)) < piece.stop_seconds - 0.03:
            if moment > piece.start_seconds + 0.012:
                in_output = moment - piece.start_seconds + piece.output_start_seconds
                frame = max(n for n, time in enumerate(times) if float(time) <= moment + 1e-6)
                at_frame = [t for n, t in zip(seen.numbers, seen.times, strict=True) if n == frame]
                shown = max(t for t in at_frame if t <= in_output + FRAME)
                picture = shown + moment - max(float(times[frame]), piece.start_seconds)
                sound = min(seen.clicks, key=lambda t: abs(t - in_output))
                errors.append(sound - picture)
            k += 1
    return errors


@pytest.mark.parametrize("count", [1, 3])
def test_the_level_is_that_of_the_pictures(count: int, tmp_path: Path) -> None:
    """And not that of a picture per tick, which players would refuse."""
    result = cut_summary(probe(made("constant.mp4")), segments(*SPANS[:count]), tmp_path / "cut.mp4")
    with av.open(str(result.path)) as container:
        assert bytes(container.streams.video[0].codec_context.extradata or b"")[3] <= 20


SPANS = [(0.0, 0.7), (1.04, 2.0), (2.51, 3.013), (3.4, 4.0)]

SOURCES: Mapping[str, Mapping[str, Any]] = {
    "constant.mp4": {},
    "closed.mp4": CLOSED_GOP,
    "open.mp4": OPEN_GOP,
    "shifted.mkv": {"offset": 10.0},
    "stereo.mov": {"channels": 2, "sound_codec": "pcm_s16le"},
    "surround.mkv": {"channels": 6},
    "variable.mp4": {"times": tuple(variable_times(4.5))},
    "variable.mkv": {"times": tuple(variable_times(4.5, seed=3)), **CLOSED_GOP},
    "hevc.mp4": {"codec": "libx265", "options": (("preset", "ultrafast"), ("x265-params", "log-level=none"))},
}


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("name", sorted(SOURCES))
def test_cuts_are_exact_and_in_sync(name: str, suffix: str, tmp_path: Path) -> None:
    times = list(SOURCES[name].get("times") or frame_times())
    source = probe(made(name, **SOURCES[name]))
    result = cut_summary(source, segments(*SPANS), tmp_path / f"cut{suffix}")
    seen = watch(result.path)
    assert seen.numbers == expected_numbers(times, result)
    for piece, (start, stop) in zip(result.pieces, SPANS, strict=True):
        assert abs(piece.start_moved_seconds) <= 0.1
        assert abs(piece.stop_moved_seconds) <= 0.1
        if "times" not in SOURCES[name]:
            assert piece.start_seconds == pytest.approx(start, abs=FRAME / 2 + 1e-3)
            assert piece.stop_seconds == pytest.approx(stop, abs=FRAME / 2 + 1e-3)
    errors = sync_errors(seen, result, times)
    assert len(errors) >= 4
    assert max(map(abs, errors)) <= 0.02
    assert seen.duration == pytest.approx(result.seconds, abs=0.05 if "times" not in SOURCES[name] else 0.35)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".ts", ".flv"])
def test_a_piece_that_begins_with_a_keyframe(suffix: str, tmp_path: Path) -> None:
    options = (("preset", "ultrafast"), ("crf", "16"), ("x264-params", "keyint=25:scenecut=0:bframes=0"))
    source = probe(made(f"keys{suffix}", options=options))
    times = [Fraction(time).limit_denominator(90_000) for time in watch(source.path).times]
    spans = [(float(times[first]), float(times[first + 10])) for first in (0, 25, 50, 75)]
    result = cut_summary(source, segments(*spans), tmp_path / "cut.mp4")
    seen = watch(result.path)
    assert (
        seen.numbers == expected_numbers(times, result) == [*range(10), *range(25, 35), *range(50, 60), *range(75, 85)]
    )
    assert (
        max(map(abs, sync_errors(seen, result, times))) <= 0.025
    )  # FLV and TS keep what the sound's encoder puts before it.


def test_reading_begins_at_the_keyframe_that_a_piece_begins_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, given = probe(made("closed.mp4", **CLOSED_GOP)), []
    monkeypatch.setattr(_exact_cut, "run_ffmpeg", lambda arguments, **_: given.extend(arguments))
    with av.open(str(source.path)) as container:
        keys = [p.pts * p.time_base for p in container.demux(video=0) if p.pts is not None and p.is_keyframe]
        spans = [(float(key), float(key) + 0.2) for key in keys]
        job = CutJob(source, spans, tmp_path / "cut.mp4", CutOptions())
        _exact_cut.encode_pieces(plan_encoded(job), job.output, None)
        aims = [float(aim) for option, aim in pairwise(given) if option == "-ss"]
        for key, aim in zip(keys, aims[: len(keys)], strict=True):  # Those of the sound follow.
            container.seek(round(aim * av.time_base))
            packet = next(container.demux(video=0))
            assert packet.pts is not None and packet.pts * packet.time_base == key
    assert len(keys) >= 3


def test_frame_times_are_kept(tmp_path: Path) -> None:
    times = variable_times(4.5)
    result = cut_summary(
        probe(made("variable.mp4", times=tuple(times))), segments((0.5, 1.9), (2.2, 4.0)), tmp_path / "cut.mp4"
    )
    seen = watch(result.path)
    for piece in result.pieces:
        inside = [
            (n, t)
            for n, t in zip(seen.numbers, seen.times, strict=True)
            if piece.start_seconds <= times[n] < piece.stop_seconds
        ]
        wanted = [float(times[n]) - piece.start_seconds + piece.output_start_seconds for n, _ in inside]
        assert [t for _, t in inside] == pytest.approx(wanted, abs=1e-3)
        assert len(inside) > 3


def test_a_boundary_inside_a_long_frame_is_cut_there(tmp_path: Path) -> None:
    times = (Fraction(0), Fraction(1, 2), Fraction(7, 2), Fraction(4))
    source = probe(made("slides.mp4", times=times, seconds=4.5))
    result = cut_summary(source, segments((1.0, 2.0), (3.0, 3.8)), tmp_path / "cut.mp4")
    assert [(p.start_seconds, p.stop_seconds) for p in result.pieces] == [(1.0, 2.0), (3.0, 3.8)]
    seen = watch(result.path)
    assert seen.numbers == [1, 1, 2]
    assert seen.times == pytest.approx([0.0, 1.0, 1.5], abs=1e-3)
    assert max(map(abs, sync_errors(seen, result, list(times)))) <= 0.02


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_more_segments_than_one_run_takes(suffix: str, tmp_path: Path) -> None:
    spans = [(k * 0.08, k * 0.08 + 0.04) for k in range(100)]
    source = probe(made("longer.mp4", seconds=8.0))
    result = cut_summary(source, segments(*spans), tmp_path / f"cut{suffix}")
    seen = watch(result.path)
    assert seen.numbers == list(range(0, 200, 2))
    assert seen.times == pytest.approx([k * FRAME for k in range(100)], abs=2e-3)
    assert names_in(tmp_path) == [f"cut{suffix}"]


def test_joined_runs_stay_in_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inputs, "_MOST_INPUTS", 2)
    spans = [(k * 0.8 + 0.2, k * 0.8 + 0.72) for k in range(9)]
    result = cut_summary(probe(made("longer.mp4", seconds=8.0)), segments(*spans), tmp_path / "cut.mp4")
    seen = watch(result.path)
    assert seen.numbers == expected_numbers(frame_times(8.0), result)
    errors = sync_errors(seen, result, frame_times(8.0))
    assert len(errors) == 9
    assert max(map(abs, errors)) <= 0.02


@pytest.mark.parametrize("folder", ["#1 of 100%", "what?", "a\nb", "it's \\", "http:"])
@pytest.mark.parametrize("cut", ["exact", "smart"])
def test_folders_are_only_names(folder: str, cut: CutChoice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_inputs, "_MOST_INPUTS", 2)  # So that runs are joined.
    (tmp_path / folder).mkdir()
    source = probe(made("gops.mp4", seconds=8.0, options=(("preset", "ultrafast"), ("crf", "16"), ("g", "25"))))
    result = cut_summary(
        source, segments((0.2, 1.8), (2.2, 3.8), (4.2, 6.0)), tmp_path / folder / "cut.mp4", CutOptions(cut=cut)
    )
    seen = watch(result.path)
    assert seen.numbers == [*range(5, 45), *range(55, 95), *range(105, 150)]
    assert max(map(abs, sync_errors(seen, result, frame_times(8.0)))) <= 0.02
    assert names_in(tmp_path / folder) == ["cut.mp4"]


def test_a_video_without_sound(tmp_path: Path) -> None:
    result = cut_summary(probe(made("silent.mp4", sound=False)), segments((1, 2), (3, 4)), tmp_path / "cut.mp4")
    assert probe(result.path).audio is None
    assert watch(result.path).numbers == [*range(25, 50), *range(75, 100)]


def test_sound_that_is_missing_in_a_segment_is_silence(tmp_path: Path) -> None:
    source = probe(made("short-sound.mp4", sound_seconds=1.5))
    result = cut_summary(source, segments((2.0, 3.0), (0.28, 1.0), (3.0, 3.5)), tmp_path / "cut.mp4")
    seen = watch(result.path)
    assert seen.numbers == expected_numbers(frame_times(), result)
    assert seen.clicks == pytest.approx([1.12, 1.52], abs=0.01)


def test_sound_that_begins_late(tmp_path: Path) -> None:
    source = probe(made("late-sound.mp4", sound_start=1.3))
    result = cut_summary(source, segments((0.0, 2.0), (3.0, 4.0)), tmp_path / "cut.mp4")
    assert watch(result.path).clicks == pytest.approx([1.6, 2.2, 2.6], abs=0.02)


@pytest.mark.parametrize("clockwise", [90, 180, 270])
def test_rotation_is_baked_in(clockwise: int, tmp_path: Path) -> None:
    source = probe(made("turned.mp4", rotation=clockwise, seconds=1.0))
    cut = probe(cut_summary(source, segments((0.2, 0.6)), tmp_path / "cut.mp4").path)
    assert (cut.video.width, cut.video.height, cut.video.rotation_degrees) == (*SIZE, 0)
    assert watch(cut.path).numbers == list(range(5, 15))


@pytest.mark.parametrize("copy", [False, True])
def test_pixel_shape_is_kept(copy: bool, tmp_path: Path) -> None:
    source = probe(made("wide.mp4", aspect=Fraction(4, 3), seconds=1.0))
    result = cut_summary(
        source, segments((0.2, 0.6), (0.6, 0.9)), tmp_path / "cut.mp4", CutOptions(cut="copy" if copy else "exact")
    )
    assert probe(result.path).video.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(("size", "cut"), [((161, 121), (160, 120)), ((160, 121), (160, 120)), ((1, 1), (2, 2))])
def test_odd_sizes_become_even(size: tuple[int, int], cut: tuple[int, int], tmp_path: Path) -> None:
    source = probe(made("odd.mkv", size=size, codec="ffv1", options=(), pix_fmt="yuv444p", seconds=1.0))
    result = cut_summary(source, segments((0.2, 0.6)), tmp_path / "cut.mp4")
    video = probe(result.path).video
    assert (video.width, video.height) == cut
    assert f"Its picture of {size[0]} x {size[1]} is written as {cut[0]} x {cut[1]}." in result.notes


def test_ten_bits_become_eight(tmp_path: Path) -> None:
    source = probe(made("ten-bit.mp4", pix_fmt="yuv420p10le", seconds=1.0))
    result = cut_summary(source, segments((0.2, 0.6)), tmp_path / "cut.mp4")
    with av.open(str(result.path)) as container:
        assert container.streams.video[0].pix_fmt == "yuv420p"
    assert watch(result.path).numbers == list(range(5, 15))


def test_the_index_comes_first_and_the_level_is_a_player_s(tmp_path: Path) -> None:
    result = cut_summary(probe(made("constant.mp4")), segments((0, 1)), tmp_path / "cut.mp4")
    content = result.path.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    level = content[content.index(b"avcC") + 4 + 3]
    assert level <= 31, "a time base of 1/90000 must not be taken for 90,000 frames per second"


def test_joins_fade_the_sound(tmp_path: Path) -> None:
    """A piece that begins in the middle of a click would begin with a step; the fade takes it away."""
    source = probe(made("pcm.mov", sound_codec="pcm_s16le"))
    result = cut_summary(source, segments((0.0, 0.4), (0.8, 1.2)), tmp_path / "cut.mkv")
    blocks = [item.samples for _, item in decode(probe(result.path), {"sound": AudioRequest(48_000)})]  # type: ignore[union-attr]
    samples = np.concatenate(blocks)
    join = round(0.4 * 48_000)
    assert np.abs(samples[join : join + 24]).max() < 0.2
    assert np.abs(samples[join + 96 : join + 190]).max() > 0.1


@pytest.mark.parametrize("name", ['it\'s "so".mp4', "-dash.mp4", "%d.mp4", "concat:a|b.mp4", "ünïcödé [1],;.mp4"])
@pytest.mark.parametrize("copy", [False, True])
def test_names_are_only_names(name: str, copy: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(made("constant.mp4").read_bytes())
    output = Path(f"out-{name}")
    cut_summary(probe(Path(name)), segments((0, 1)), output, CutOptions(cut="copy" if copy else "exact"))
    assert probe(output).duration_seconds == pytest.approx(1.0 if not copy else probe(Path(name)).duration_seconds)
    assert names_in(tmp_path) == sorted([name, str(output)])


@pytest.mark.parametrize(
    ("name", "how"), [("closed.mp4", CLOSED_GOP), ("closed.mkv", CLOSED_GOP), ("closed.ts", CLOSED_GOP)]
)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_copying_keeps_whole_groups_of_pictures(name: str, how: Mapping[str, Any], suffix: str, tmp_path: Path) -> None:
    source = probe(made(name, seconds=8.0, **how))
    result = cut_summary(source, segments((1.3, 1.8), (4.5, 5.2)), tmp_path / f"cut{suffix}", CutOptions(cut="copy"))
    shift = 8.0 - source.duration_seconds  # mpegts begins with the encoder's padding
    moved = [(p.start_moved_seconds, p.stop_moved_seconds) for p in result.pieces]
    assert np.array(moved) == pytest.approx(np.array([(-0.3, 0.2), (-0.5, 0.8)]) - shift, abs=0.07)
    seen = watch(result.path)
    assert seen.numbers == [*range(25, 50), *range(100, 150)]
    assert np.diff(seen.times) == pytest.approx(FRAME, abs=2e-3)
    wanted = [0.2, 0.6, 1.0, 1.4, 1.8, 2.2, 2.6]
    assert [t for t in seen.clicks if 0.1 < t < 2.95] == pytest.approx(wanted, abs=0.025)


IDR_AND_OTHERS: Mapping[str, Any] = {
    "options": (
        ("preset", "veryfast"),
        ("forced-idr", "1"),
        ("x264-params", "keyint=12:bframes=3:open-gop=1:scenecut=0"),
    ),
    "key_numbers": (0, 96),
}
"""Keyframes every 12 frames; only those of 0 and 96 begin afresh."""


def test_copying_begins_and_ends_where_decoding_is_clean(tmp_path: Path) -> None:
    """The first piece at a recovery point, the second at an IDR picture; both end before pictures that need more."""
    source = probe(made("open.mp4", seconds=8.0, size=(320, 240), **IDR_AND_OTHERS))
    result = cut_summary(source, segments((0.5, 1.2), (4.1, 4.6)), tmp_path / "cut.mp4", CutOptions(cut="copy"))
    assert [(p.start_seconds, p.stop_seconds) for p in result.pieces] == [(0.48, 1.4), (3.84, 4.76)]
    moved = "1. begins as chosen, ends 0.2 s later; 2. begins 0.3 s earlier, ends 0.2 s later"
    assert result.notes == (f"Copied at keyframes, 1.8 s in all: {moved}.",)
    seen = watch(result.path)
    assert seen.numbers == [*range(12, 35), *range(96, 119)]
    assert np.diff(seen.times) == pytest.approx(FRAME, abs=2e-3)


def test_a_recovery_point_behind_a_join_is_no_beginning(tmp_path: Path) -> None:
    source = probe(made("open.mp4", seconds=8.0, **IDR_AND_OTHERS))
    result = cut_summary(
        source, segments((0.0, 0.4), (2.5, 2.8), (5.5, 5.8)), tmp_path / "cut.mp4", CutOptions(cut="copy")
    )
    first, second, third = result.pieces
    assert (first.start_seconds, second.start_seconds, third.start_seconds) == (0.0, first.stop_seconds, 3.84)
    assert watch(result.path).numbers == expected_numbers(frame_times(8.0), result)


HEVC_OPEN: Mapping[str, Any] = {
    "codec": "libx265",
    "options": (
        ("preset", "veryfast"),
        ("x265-params", "log-level=none:keyint=12:min-keyint=12:bframes=4:b-pyramid=1:open-gop=1:scenecut=0"),
    ),
}


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("output", [".mp4", ".mkv"])
def test_copying_open_groups_of_hevc(suffix: str, output: str, tmp_path: Path) -> None:
    source = probe(made(f"open-hevc{suffix}", seconds=6.0, **HEVC_OPEN))
    spans = ((0.6, 1.3), (2.5, 3.1), (4.4, 4.9))
    result = cut_summary(source, segments(*spans), tmp_path / f"cut{output}", CutOptions(cut="copy"))
    times = [Fraction(time) for time in watch(source.path).times]
    seen = watch(result.path)
    assert seen.numbers == expected_numbers(times, result)
    assert [n % 12 for n in (seen.numbers[0], *(b for a, b in pairwise(seen.numbers) if b != a + 1))] == [0, 0, 0]
    assert all(p.stop_moved_seconds < 12 * FRAME for p in result.pieces)
    assert np.diff(seen.times) == pytest.approx(FRAME, abs=2e-3)
    if output == ".mp4":
        with av.open(str(result.path)) as container:
            assert container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("suffix", [".avi", ".mpg", ".ts", ".mkv", ".mov"])
@pytest.mark.parametrize("codec", ["mpeg2video", "mpeg4", "libx264"])
def test_no_copied_picture_is_lost(suffix: str, codec: str, tmp_path: Path) -> None:
    if suffix == ".mpg" and codec != "mpeg2video":
        pytest.skip("no usual combination")
    path = tmp_path / f"{codec}{suffix}"
    encoder = ["-c:v", codec, "-g", "12", "-bf", "2", "-b:v", "2M", "-c:a", "mp2"]
    run_ffmpeg(["-i", f"file:{made('plain.mp4')}", *encoder, f"file:{path}"])
    source = probe(path)
    try:
        result = cut_summary(source, segments((1.1, 1.9), (2.6, 3.1)), tmp_path / "cut.mkv", CutOptions(cut="copy"))
    except CutError as error:
        assert suffix == ".avi"
        assert "does not say when its pictures are shown" in str(error)
        return
    seen = watch(result.path)
    assert seen.numbers == expected_numbers([Fraction(time) for time in watch(path).times], result)
    assert np.diff(seen.times) == pytest.approx(FRAME, abs=2e-3)


def test_copied_neighbours_do_not_repeat_a_group(tmp_path: Path) -> None:
    source = probe(made("closed.mp4", seconds=8.0, **CLOSED_GOP))
    result = cut_summary(
        source, segments((1.1, 1.3), (1.5, 1.7), (2.1, 2.2)), tmp_path / "cut.mp4", CutOptions(cut="copy")
    )
    assert watch(result.path).numbers == list(range(25, 75))
    assert result.pieces[1].seconds == 0


def test_copying_keeps_the_rotation(tmp_path: Path) -> None:
    source = probe(made("turned.mp4", rotation=90, seconds=1.0))
    assert (
        probe(cut_summary(source, segments((0.2, 0.6)), tmp_path / "cut.mp4", CutOptions(cut="copy")).path).video
        == source.video
    )


def test_copying_into_a_container_that_cannot_hold_it(tmp_path: Path) -> None:
    source = probe(made("vp8.mkv", codec="libvpx", options=(("deadline", "realtime"),), seconds=1.0, sound=False))
    with pytest.raises(CutError, match=r"vp8 stream cannot be copied into \.mp4 .*; use \.mkv"):
        cut_summary(source, segments((0, 1)), tmp_path / "cut.mp4", CutOptions(cut="copy"))
    assert names_in(tmp_path) == []


def test_progress_rises_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[float, float]] = []
    result = cut_summary(
        probe(made("longer.mp4", seconds=8.0)),
        segments((0, 3), (4, 8)),
        tmp_path / "cut.mp4",
        progress=lambda done, total: told.append((done, total)),
    )
    assert [total for _, total in told] == pytest.approx([result.seconds] * len(told))
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1][0] == pytest.approx(7.0, abs=0.1)


def test_clips_are_one_file_each(tmp_path: Path) -> None:
    source = probe(made("constant.mp4"))
    results = cut_clips(source, segments((0, 1), (2, 3)), [tmp_path / "one.mp4", tmp_path / "two.mp4"])
    assert names_in(tmp_path) == [result.path.name for result in results] == ["one.mp4", "two.mp4"]
    assert watch(results[1].path).numbers == list(range(50, 75))


@pytest.mark.parametrize("span", [(2.0, 2.0), (3.0, 2.0), (9.0, 10.0), (float("nan"), 1.0)])
def test_a_span_that_holds_nothing(span: tuple[float, float], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is empty or lies outside the video"):
        cut_summary(probe(made("constant.mp4")), segments(span), tmp_path / "cut.mp4")


def test_no_segments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no segments to cut"):
        cut_summary(probe(made("constant.mp4")), [], tmp_path / "cut.mp4")


def test_a_span_shorter_than_a_frame_is_one_frame(tmp_path: Path) -> None:
    result = cut_summary(probe(made("constant.mp4")), segments((1.001, 1.003)), tmp_path / "cut.mp4")
    assert watch(result.path).numbers == [25]


def test_a_failed_run_leaves_nothing_behind(tmp_path: Path) -> None:
    source = probe(made("constant.mp4"))
    broken = tmp_path / "source.mp4"
    broken.write_bytes(source.path.read_bytes())
    source = probe(broken)
    output = tmp_path / "cut.mp4"
    output.write_bytes(b"earlier")
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch, pytest.raises(CutError, match="ffmpeg failed with status"):
        patch.setattr(_codecs, "CRF", "not a number")
        cut_summary(source, segments((0, 1)), output, overwrite=True)
    assert output.read_bytes() == b"earlier"
    assert names_in(tmp_path) == ["cut.mp4", "source.mp4"]


MEASURING = """#!{python}
import pathlib, resource, subprocess, sys
status = subprocess.call([{ffmpeg!r}, *sys.argv[1:]])
pathlib.Path({kept!r}).write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is told in other units")
def test_memory_is_bounded_where_the_sound_ends_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded, all pictures of the piece take 1 GB."""
    pictures, sound = made("hd.mp4", seconds=2.0, size=(1280, 720), sound=False), made("constant.mp4")
    early = tmp_path / "early.mp4"
    inputs = ["-stream_loop", "20", "-i", f"file:{pictures}", "-i", f"file:{sound}", "-map", "0:v", "-map", "1:a"]
    run_ffmpeg([*inputs, "-c", "copy", f"file:{early}"])
    measuring, kept = tmp_path / "ffmpeg", tmp_path / "most"
    measuring.write_text(MEASURING.format(python=sys.executable, ffmpeg=ffmpeg_path(), kept=str(kept)))
    measuring.chmod(0o755)
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(measuring))
    result = cut_summary(probe(early), segments((12.0, 42.0)), tmp_path / "cut.mp4")
    assert probe(result.path).duration_seconds == pytest.approx(30.0, abs=0.1)
    assert int(kept.read_text()) < 700_000


@pytest.mark.parametrize("frames", ["0", "2"])
def test_pictures_without_a_timestamp_are_never_left_out_of_a_copy(frames: str, tmp_path: Path) -> None:
    source = probe(without_some_timestamps(tmp_path, "-bf", frames))
    with pytest.raises(CutError, match=r"pictures without timestamps lie between \d\.\d and \d\.\d s"):
        cut_summary(source, [Segment(1.0, 2.0, 1.0)], tmp_path / "out.mp4", CutOptions(cut="copy"))
    assert not (tmp_path / "out.mp4").exists()
