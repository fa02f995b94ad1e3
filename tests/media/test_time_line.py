"""One time line for probing, decoding and cutting: clocks that jump or wrap, picture and sound that begin apart.

Frames carry their numbers. In a joined file those of the second recording go on where the first one's ended.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from highlightr.core.errors import CutError, MediaError
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, Frame, FrameRequest, decode, grab_thumbnails, probe
from highlightr.media._container.opening import packets
from highlightr.media._decode.frame_index import FrameIndex, Keyframe
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, CutResult, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import click_times, made, read_number

FRAME = 1 / 25
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-g", "25")
MPEG2 = ("-c:v", "mpeg2video", "-q:v", "4", "-g", "15", "-bf", "2")


def _base() -> Path:
    return made("base.mkv", codec="ffv1", options=(), seconds=12.4, size=(160, 120), sound_codec="pcm_s16le")


def _part(path: Path, first: float, stop: float, *how: str) -> bytes:
    run_ffmpeg(["-ss", str(first), "-t", str(stop - first), "-i", f"file:{_base()}", *how, f"file:{path}"])
    return path.read_bytes()


def _cut(source: Source, spans: Sequence[tuple[float, float]], path: Path) -> CutResult:
    return cut_summary(source, [Segment(start, stop, 0.5) for start, stop in spans], path)


def _frames(path: Path) -> tuple[list[int], list[float]]:
    numbers, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            numbers.append(read_number(frame.to_ndarray(format="rgb24")))
            times.append(float(frame.pts * frame.time_base))
    return numbers, times


def _shown_in(numbers: Sequence[int], first: int) -> list[int]:
    """Consecutive numbers from about the first on, as far as the output has them."""
    here = [number for number in numbers if first - 2 <= number < first + 60]
    return list(range(here[0], here[-1] + 1)) if here else []


def _clicks(path: Path) -> list[float]:
    blocks = [item.samples for _, item in decode(probe(path), {"sound": AudioRequest(48_000)})]  # type: ignore[union-attr]
    return click_times(np.concatenate(blocks), 48_000)


JOINED = {
    "gap.ts": (*X264, "-c:a", "aac"),
    "restart.ts": (*X264, "-c:a", "aac"),
    "restart-mp2.ts": (*X264, "-c:a", "mp2"),
    "restart.m2ts": (*X264, "-c:a", "ac3"),
    "restart.vob": (*MPEG2, "-c:a", "ac3"),
    "restart.mpg": (*MPEG2, "-c:a", "mp2"),
}


def _joined(name: str, folder: Path) -> Path:
    """Frames 0 to 149, then 150 to 299 on another clock."""
    how = JOINED[name]
    later = ("-output_ts_offset", "66") if name.startswith("gap") else ()
    path = folder / name
    suffix = path.suffix
    path.write_bytes(_part(folder / f"a{suffix}", 0, 6, *how) + _part(folder / f"b{suffix}", 6, 12, *how, *later))
    return path


@pytest.mark.parametrize("name", JOINED)
def test_recordings_follow_each_other(name: str, tmp_path: Path) -> None:
    source = probe(_joined(name, tmp_path))
    assert source.duration_seconds == pytest.approx(12.0, abs=0.1)
    result = _cut(source, [(1.0, 2.0), (5.0, 7.0), (10.0, 11.0)], tmp_path / "cut.mp4")
    numbers, times = _frames(result.path)
    expected = [_shown_in(numbers, first) for first in (25, 125, 250)]
    assert numbers == [number for piece in expected for number in piece]
    assert [len(piece) for piece in expected] == pytest.approx([25, 50, 25], abs=1)
    assert times == pytest.approx(list(np.arange(len(times)) * FRAME), abs=0.045)
    word = r"jump by (59|60)\.\d s at 6\.0 s" if name.startswith("gap") else r"restart at 6\.0 s"
    assert any(re.search(word, note) for note in result.notes)
    clicks = _clicks(result.path)
    for number in (130, 140, 160, 170, 260):
        shown = times[numbers.index(number)]
        assert min(abs(click - shown) for click in clicks) < 0.045
    assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=FRAME)


@pytest.mark.parametrize("name", JOINED)
def test_decoding_sees_recordings_in_a_row(name: str, tmp_path: Path) -> None:
    source = probe(_joined(name, tmp_path))
    requests = {"frames": FrameRequest(5.0), "sound": AudioRequest(48_000)}
    items = list(decode(source, requests))
    frames = [item for _, item in items if isinstance(item, Frame)]
    numbers = [read_number(frame.image) for frame in frames]
    assert numbers == pytest.approx([min(299, frame.index * 5 + 2) for frame in frames], abs=1)
    clicks = click_times(np.concatenate([item.samples for _, item in items if not isinstance(item, Frame)]), 48_000)
    assert len([click for click in clicks if 6.1 < click < 11.9]) == pytest.approx(14, abs=1)


@pytest.mark.parametrize("suffix", [".ts", ".vob"])
def test_a_recording_that_begins_inside_a_group_of_pictures(suffix: str, tmp_path: Path) -> None:
    """Its first second is lost, and with it the keyframe that the pictures up to frame 250 need."""
    how = (*(MPEG2[:4] if suffix == ".vob" else X264[:4]), "-g", "250", "-keyint_min", "250", "-bf", "0", "-c:a", "ac3")
    how = (*how, "-sc_threshold", "1000000000" if suffix == ".vob" else "0")
    later, path = _part(tmp_path / f"b{suffix}", 0, 12.4, *how), tmp_path / f"joined{suffix}"
    unit = 188 if suffix == ".ts" else 2048
    path.write_bytes(_part(tmp_path / f"a{suffix}", 0, 4, *how) + later[len(later) // 12 // unit * unit :])
    source = probe(path)
    result = _cut(source, [(3.0, 10.0), (11.0, source.duration_seconds)], tmp_path / "cut.mp4")
    numbers, _ = _frames(result.path)
    assert numbers == [*range(numbers[0], 100), *range(250, 310)]
    assert numbers[0] == pytest.approx(75, abs=1)
    (told,) = [note for note in result.notes if "no picture can be decoded" in note]
    first, last = (float(each) for each in re.findall(r"\d+\.\d", told))
    assert first == pytest.approx(4.0, abs=0.1)
    assert last == pytest.approx(source.duration_seconds - 2.4, abs=0.1)


CHANGES = {
    "codec": (("-c:a", "aac"), ("-c:a", "mp2")),
    "codec-back": (("-c:a", "mp2"), ("-c:a", "aac")),
    "rate": (("-c:a", "aac", "-ar", "48000"), ("-c:a", "aac", "-ar", "44100")),
    "mp2-rate": (("-c:a", "mp2", "-ar", "48000"), ("-c:a", "mp2", "-ar", "32000")),
    "ac3-channels": (("-c:a", "ac3", "-ac", "1"), ("-c:a", "ac3", "-ac", "2")),
}
"""Of the sound, from one recording to the next."""


@pytest.mark.parametrize("name", CHANGES)
def test_recordings_whose_sound_differs(name: str, tmp_path: Path) -> None:
    first, second = CHANGES[name]
    path = tmp_path / "joined.ts"
    parts = _part(tmp_path / "a.ts", 0, 6, *X264, *first), _part(tmp_path / "b.ts", 6, 12, *X264, *second)
    path.write_bytes(b"".join(parts))
    source = probe(path)
    result = _cut(source, [(4.0, 8.0)], tmp_path / "cut.mp4")
    numbers, times = _frames(result.path)
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) == pytest.approx(100, abs=1)
    clicks = _clicks(result.path)
    for number in (110, 120, 130, 140, 160, 170, 180, 190):
        shown = times[numbers.index(number)]
        assert min(abs(click - shown) for click in clicks) < 0.045
    with pytest.raises(CutError, match=r"its sound changes its codec, rate or channels at [12]\.\d s of the summary"):
        cut_summary(source, [Segment(4.0, 8.0, 0.5)], tmp_path / "copy.mkv", CutOptions(cut="copy"))
    if not name.startswith("codec"):  # The container names one codec, that of the first recording.
        assert (
            cut_summary(source, [Segment(7.0, 9.0, 0.5)], tmp_path / "copy.mkv", CutOptions(cut="copy")).seconds > 1.9
        )


def test_a_copy_of_recordings_whose_pictures_differ(tmp_path: Path) -> None:
    larger = _part(tmp_path / "b.ts", 6, 12, "-vf", "scale=320:240", *X264, "-c:a", "aac")
    path = tmp_path / "joined.ts"
    path.write_bytes(_part(tmp_path / "a.ts", 0, 6, *X264, "-c:a", "aac") + larger)
    with pytest.raises(CutError, match="cannot be copied, its pictures change from 160x120 to 320x240"):
        cut_summary(probe(path), [Segment(4.0, 8.0, 0.5)], tmp_path / "copy.mkv", CutOptions(cut="copy"))
    assert not (tmp_path / "copy.mkv").exists()


def test_a_still_of_a_second_recording(tmp_path: Path) -> None:
    source = probe(_joined("restart.ts", tmp_path))
    stills = grab_thumbnails(source, [2.05, 8.05], width=160)
    numbers = [read_number(np.asarray(Image.open(io.BytesIO(still)))) for still in stills]
    assert numbers == pytest.approx([51, 201], abs=1)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("wrap.ts", (*X264, "-c:a", "aac", "-output_ts_offset", "95436")),
        ("negative.nut", ("-c:v", "mpeg4", "-g", "25", "-c:a", "pcm_s16le", "-output_ts_offset", "-3")),
        ("far.mkv", (*X264, "-c:a", "aac", "-output_ts_offset", "50000")),
        ("untold.mp4", (*X264, "-c:a", "aac", "-use_editlist", "0")),
    ],
)
def test_odd_clocks(name: str, how: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / name
    _part(path, 0, 12, *how)
    source = probe(path)
    assert source.duration_seconds == pytest.approx(12.0, abs=0.15)
    result = _cut(source, [(1.0, 2.0), (7.0, 7.6), (11.0, 11.48)], tmp_path / "cut.mp4")
    numbers, times = _frames(result.path)
    moved = numbers[0] - 25
    assert abs(moved) <= 3
    assert numbers == [n + moved for n in (*range(25, 50), *range(175, 190), *range(275, 287))]
    assert times == pytest.approx(list(np.arange(52) * FRAME), abs=2e-3)
    clicks = _clicks(result.path)
    for number in (30, 40, 180, 280):
        assert min(abs(click - times[numbers.index(number)]) for click in clicks) < 0.03 + FRAME * abs(moved)


def _late(path: Path, stream: str, seconds: float) -> Source:
    """Picture or sound that begins later than the other."""
    late = ["-itsoffset", str(seconds), "-i", f"file:{_base()}", "-i", f"file:{_base()}"]
    streams = ("0:v", "1:a") if stream == "picture" else ("1:v", "0:a")
    run_ffmpeg([*late, "-map", streams[0], "-map", streams[1], *X264, "-c:a", "aac", "-t", "12", f"file:{path}"])
    return probe(path)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_a_picture_that_begins_late(suffix: str, tmp_path: Path) -> None:
    source = _late(tmp_path / f"late{suffix}", "picture", 5.0)
    assert source.picture_start_seconds == pytest.approx(5.0, abs=0.05)
    spans = [(2.0, 3.0), (4.6, 6.0), (7.0, 8.0)]
    result = _cut(source, spans, tmp_path / "cut.mp4")
    numbers, times = _frames(result.path)
    assert numbers[:20] == list(range(20))
    assert numbers == sorted(numbers)
    assert len(numbers) == pytest.approx(50, abs=1)
    assert times[0] == 0
    assert [piece.seconds for piece in result.pieces] == pytest.approx([0.0, 1.0, 1.0], abs=0.06)
    assert any("picture begins at 5.0 s" in note for note in result.notes)
    assert len(_clicks(result.path)) == pytest.approx(5, abs=1)
    with pytest.raises(CutError, match="has no picture in any chosen span"):
        _cut(source, [(2.0, 3.0)], tmp_path / "none.mp4")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".ts"])
def test_sound_that_begins_late(suffix: str, tmp_path: Path) -> None:
    source = _late(tmp_path / f"late{suffix}", "sound", 5.0)
    assert source.picture_start_seconds == pytest.approx(0.0, abs=0.05)
    result = _cut(source, [(2.0, 3.0), (4.6, 6.02)], tmp_path / "cut.mp4")
    clicks = [click for click in _clicks(result.path) if click > 0.1]
    assert clicks == pytest.approx([1.4, 1.8, 2.2], abs=0.05)
    assert any("sound begins at 5.0 s" in note for note in result.notes)


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mpg", ".flv"])
def test_a_picture_that_is_shorter_than_the_sound(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"short{suffix}"
    short = ["-t", "5", "-i", f"file:{_base()}", "-i", f"file:{_base()}", "-map", "0:v", "-map", "1:a"]
    how = ("-c:v", "mpeg2video", "-q:v", "3") if suffix == ".mpg" else (*X264, "-c:a", "aac")
    run_ffmpeg([*short, *how, f"file:{path}"])
    source = probe(path)
    assert source.duration_seconds == pytest.approx(5.0, abs=0.1)
    result = _cut(source, [(4.0, 9.0)], tmp_path / "cut.mp4")
    assert result.seconds == pytest.approx(1.0, abs=0.1)
    assert any("sound goes on for 7" in note for note in result.notes)
    copied = cut_summary(source, [Segment(4.5, 5.0, 0.5)], tmp_path / "copied.mkv", CutOptions(cut="copy"))
    # The demuxer of a transport stream holds the last picture back until the file ends.
    assert len(_frames(copied.path)[0]) == round(copied.seconds * 25)


@pytest.mark.parametrize("name", ["a.mp4", "fragments.mp4", "a.mkv", "untagged.mkv", "a.ts", "a.mpg", "a.flv", "a.avi"])
def test_sound_that_is_shorter_than_the_picture(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    short = ["-i", f"file:{_base()}", "-t", "5", "-i", f"file:{_base()}", "-map", "0:v", "-map", "1:a"]
    how = ("-c:v", "mpeg2video", "-q:v", "3", "-c:a", "mp2") if path.suffix == ".mpg" else (*X264, "-c:a", "libmp3lame")
    how = (*how, "-movflags", "+frag_keyframe+empty_moov") if name == "fragments.mp4" else how
    run_ffmpeg([*short, *how, *(("-ar", "44100") if path.suffix == ".flv" else ()), f"file:{path}"])
    if name == "untagged.mkv":
        path.write_bytes(path.read_bytes().replace(b"DURATION", b"DURATIOM"))
    (note,) = _cut(probe(path), [(4.0, 7.0)], tmp_path / "cut.mp4").notes
    assert re.fullmatch(r"The sound ends at (4\.[89]|5\.[01]) s; after that there is silence\.", note)


def _mixed(path: Path, *rates: int) -> CutResult:
    """A cut whose audio tracks, the base's at these rates, are mixed."""
    sound = [part for number, rate in enumerate(rates) for part in ("-map", "0:a", f"-ar:a:{number}", str(rate))]
    run_ffmpeg(["-i", f"file:{_base()}", "-map", "0:v", *sound, *X264, "-c:a", "pcm_s16le", f"file:{path}"])
    segments = [Segment(start, stop, 0.5) for start, stop in ((0.96, 3.16), (6.0, 8.04))]
    return cut_summary(probe(path), segments, path.with_suffix(".mp4"), CutOptions(mix_audio=True))


@pytest.mark.parametrize("rates", [(96_000,), (88_200,), (44_100, 48_000), (22_050, 96_000)])
def test_sound_stays_in_place_whatever_its_rate(rates: tuple[int, ...], tmp_path: Path) -> None:
    clicks = _clicks(_mixed(tmp_path / "plain.mkv", 48_000).path)
    assert len(clicks) >= 9
    assert _clicks(_mixed(tmp_path / "rates.mkv", *rates).path) == pytest.approx(clicks, abs=0.003)


@pytest.mark.parametrize("streams", ["0", "0:v"])
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_file_that_is_still_being_copied(suffix: str, streams: str, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"half{suffix}"
    run_ffmpeg(
        ["-i", f"file:{_base()}", "-map", streams, *X264, "-c:a", "aac", "-movflags", "+faststart", f"file:{whole}"]
    )
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    source = probe(path)
    notes = _cut(source, [(1.0, 2.0)], tmp_path / "cut.mp4").notes
    promised = f"The file ends at {source.duration_seconds:.1f} s, and its header promises 12.4 s: it was cut off"
    assert [note for note in notes if note.startswith(promised)]
    assert not any("sound goes on" in note for note in notes)
    assert not any("promises" in note for note in _cut(probe(whole), [(1.0, 2.0)], tmp_path / "other.mp4").notes)


@pytest.mark.parametrize(("suffix", "is_told"), [(".avi", True), (".flv", True), (".mxf", True), (".ts", False)])
def test_a_file_that_is_read_as_a_whole_and_was_cut_off(suffix: str, is_told: bool, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"half{suffix}"
    codecs = (*MPEG2, "-c:a", "pcm_s16le", "-ar", "48000") if suffix == ".mxf" else (*X264, "-c:a", "libmp3lame")
    run_ffmpeg(["-i", f"file:{_base()}", *codecs, "-ar", "44100" if suffix == ".flv" else "48000", f"file:{whole}"])
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    (*told,) = _cut(probe(path), [(1.0, 2.0)], tmp_path / "cut.mp4").notes
    assert len(told) == is_told
    assert all(
        re.fullmatch(r"The file ends at [678]\.\d s, and its header promises 12\.[45] s: .*", each) for each in told
    )
    assert _cut(probe(whole), [(1.0, 2.0)], tmp_path / "other.mp4").notes == ()


def test_sound_that_goes_on_before_another_recording_begins_is_told(tmp_path: Path) -> None:
    long, short = tmp_path / "long.ts", _part(tmp_path / "short.ts", 6, 12, *X264, "-c:a", "aac")
    sound = ["-t", "9", "-i", f"file:{_base()}", "-map", "0:v", "-map", "1:a"]
    run_ffmpeg(["-t", "6", "-i", f"file:{_base()}", *sound, *X264, "-c:a", "aac", f"file:{long}"])
    joined = tmp_path / "joined.ts"
    joined.write_bytes(long.read_bytes() + short)
    notes = _cut(probe(joined), [(1.0, 2.0), (8.0, 9.0)], tmp_path / "cut.mp4").notes
    told = [note for note in notes if note.startswith("The sound goes on for")]
    assert len(told) == 1 and re.search(
        r"for [23]\.\d s after the picture .* another recording at 6\.\d s; that", told[0]
    )


def test_sound_is_not_said_to_begin_with_a_picture_that_begins_later(tmp_path: Path) -> None:
    path = tmp_path / "late.mkv"
    inputs = ["-itsoffset", "3", "-i", f"file:{_base()}", "-i", f"file:{_base()}", "-map", "0:v", "-map", "1:a"]
    run_ffmpeg([*inputs, *X264, "-c:a", "aac", f"file:{path}"])
    notes = _cut(probe(path), [(4.0, 5.0)], tmp_path / "cut.mp4").notes
    assert [note.partition(";")[0] for note in notes] == ["The picture begins at 3.0 s", "The sound ends at 12.4 s"]


@pytest.mark.parametrize("suffix", [".mkv", ".webm", ".mp4"])
def test_a_file_that_begins_late_is_not_taken_for_one_that_was_cut_off(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"late{suffix}"
    codecs = (
        ("-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus") if suffix == ".webm" else (*X264, "-c:a", "aac")
    )
    run_ffmpeg(["-i", f"file:{_base()}", *codecs, "-output_ts_offset", "700", f"file:{path}"])
    assert _cut(probe(path), [(1.0, 2.0)], tmp_path / "cut.mp4").notes == ()


@pytest.mark.parametrize("sound", [(), ("-map", "0:a", "-c:a", "aac")])
def test_captions_that_stay_after_the_last_picture_are_no_file_that_was_cut_off(
    sound: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "long.srt").write_text("1\n00:00:01,000 --> 00:00:20,000\nThe end.\n")
    path = tmp_path / "long.mkv"
    run_ffmpeg(
        [
            "-i",
            f"file:{_base()}",
            "-i",
            f"file:{tmp_path / 'long.srt'}",
            "-map",
            "0:v",
            "-map",
            "1",
            *sound,
            *X264,
            f"file:{path}",
        ]
    )
    notes = _cut(probe(path), [(1.0, 2.0)], tmp_path / "cut.mp4").notes
    assert not any("promises" in note or "goes on" in note for note in notes)


@pytest.mark.parametrize(
    "codec", [(*X264, "-bf", "0"), ("-c:v", "libx265", "-tag:v", "H265", "-x265-params", "log-level=none:bframes=0")]
)
def test_an_avi_file_whose_pictures_are_not_reordered_is_cut_whole(codec: tuple[str, ...], tmp_path: Path) -> None:
    """It has no display times, and the libraries guess them differently."""
    path = tmp_path / "plain.avi"
    run_ffmpeg(["-i", f"file:{_base()}", *codec, "-g", "40", "-c:a", "pcm_s16le", f"file:{path}"])
    source = probe(path)
    for cut in ("exact", "auto", "copy"):
        segments = [Segment(0.0, source.duration_seconds, 0.5)]
        result = cut_summary(source, segments, tmp_path / f"{cut}.mkv", CutOptions(cut=cut))
        numbers, times = _frames(result.path)
        assert numbers == list(range(310))
        assert times[100] == pytest.approx(_frames(path)[1][100], abs=0.05)
        assert result.notes == ()


def _edited(path: Path, edits: Sequence[tuple[float, float]], *codec: str) -> Path:
    """A QuickTime file, frames 0 to 249, that shows these two spans of its media one after the other."""
    late = ["-f", "mov", "-output_ts_offset", "1"]  # Which makes an edit list of two: nothing, and all that follows.
    run_ffmpeg(["-t", "10", "-i", f"file:{_base()}", "-an", *codec, *late, f"file:{path}"])
    data = bytearray(path.read_bytes())
    scale, media_scale = (int.from_bytes(data[(at := data.index(name)) + 16 : at + 20]) for name in (b"mvhd", b"mdhd"))
    first = data.index(b"elst") + 12
    begin = int.from_bytes(data[first + 16 : first + 20])
    for entry, (start, seconds) in zip((first, first + 12), edits, strict=True):
        data[entry : entry + 4] = round(seconds * scale).to_bytes(4)
        data[entry + 4 : entry + 8] = (begin + round(start * media_scale)).to_bytes(4)
    path.write_bytes(data)
    return path


def _meant(source: Source, result: CutResult) -> list[int]:
    """Numbers of the pictures that the source shows in the pieces."""
    shown = list(zip(*_frames(source.path), strict=True))
    spans = [(piece.start_seconds - 1e-3, piece.stop_seconds - 1e-3) for piece in result.pieces]
    return [number for start, stop in spans for number, time in shown if start <= time < stop]


EDITED = [
    (*X264, "-bf", "3", "-sc_threshold", "0"),
    ("-c:v", "libx265", "-tag:v", "hvc1", "-x265-params", "log-level=none:keyint=25:scenecut=0"),
]


@pytest.mark.parametrize("codec", EDITED)
def test_a_copy_ends_before_pictures_that_need_one_which_an_edit_list_hides(
    codec: tuple[str, ...], tmp_path: Path
) -> None:
    """Of both spans the end lies inside a group; the second one follows in the media."""
    source = probe(_edited(tmp_path / "edited.mov", [(0.0, 4.0), (4.0, 2.56)], *codec))
    segments = [Segment(0.5, 1.5, 0.5), Segment(5.2, 6.6, 0.5)]
    result = cut_summary(source, segments, tmp_path / "cut.mov", CutOptions(cut="copy"))
    assert _frames(result.path)[0] == _meant(source, result)
    assert result.pieces[0].start_seconds == 0.0
    assert result.pieces[1].stop_seconds == pytest.approx(6.56, abs=0.17)


@pytest.mark.parametrize("codec", EDITED)
@pytest.mark.parametrize("cut", ["auto", "copy"])
def test_pictures_behind_an_edit_that_begins_inside_a_group(
    cut: CutChoice, codec: tuple[str, ...], tmp_path: Path
) -> None:
    source = probe(_edited(tmp_path / "edited.mov", [(0.0, 2.4), (6.4, 3.0)], *codec))
    segments = [Segment(1.6, 4.0, 0.5)]
    if cut == "copy":
        with pytest.raises(CutError, match=r"an edit inside it, near 2.[45] s, needs .* leave out --copy"):
            cut_summary(source, segments, tmp_path / "cut.mov", CutOptions(cut=cut))
        return
    result = cut_summary(source, segments, tmp_path / "cut.mov", CutOptions(cut=cut))
    numbers = _frames(result.path)[0]
    assert numbers == _meant(source, result)
    assert numbers[:21] == [*range(40, 60), 160]


@pytest.mark.parametrize("sound", [("-c:a", "aac"), ("-an",)])
def test_a_transport_stream_is_not_read_to_each_copied_piece(
    sound: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, path = tmp_path / "part.ts", tmp_path / "long.ts"
    run_ffmpeg(["-i", f"file:{_base()}", *X264, *sound, f"file:{part}"])
    run_ffmpeg(["-stream_loop", "9", "-i", f"file:{part}", "-c", "copy", f"file:{path}"])
    source = probe(path)
    num_read = Counter[str]()

    def counted(*how: Any) -> Iterator[Any]:
        for packet in packets(*how):
            num_read["packets"] += 1
            yield packet

    monkeypatch.setattr("highlightr.media._cut.copy_plan.packets", counted)
    segments = [Segment(12.4 * number + 4.2, 12.4 * number + 5.2, 0.5) for number in range(9)]
    result = cut_summary(source, segments, tmp_path / "cut.mkv", CutOptions(cut="copy"))
    assert len(_frames(result.path)[0]) == sum(piece.copied_pictures for piece in result.pieces)
    # Once for its groups of pictures (3100 pictures), and twice some seconds around each piece.
    assert num_read["packets"] < 20_000


def test_pictures_of_a_program_stream_that_cannot_be_dated_where_reading_begins_may_lie_in_another_piece(
    tmp_path: Path,
) -> None:
    path = tmp_path / "long.vob"
    run_ffmpeg(["-stream_loop", "1", "-i", f"file:{_base()}", *MPEG2, "-c:a", "ac3", f"file:{path}"])
    segments = [Segment(4.8, 9.4, 0.5), Segment(14.4, 18.0, 0.5)]
    result = cut_summary(probe(path), segments, tmp_path / "cut.mkv", CutOptions(cut="copy"))
    assert len(_frames(result.path)[0]) == sum(piece.copied_pictures for piece in result.pieces)


@pytest.mark.parametrize("codec", EDITED)
@pytest.mark.parametrize("start", [5.0, 5.16, 5.24, 5.48])
def test_a_note_tells_by_how_much_an_edit_is_shown_late(start: float, codec: tuple[str, ...], tmp_path: Path) -> None:
    """FFmpeg dates the first picture that it decodes, which may be shown behind others of the edit."""
    source = probe(_edited(tmp_path / "edited.mov", [(0.0, 2.4), (start, 2.0)], *codec))
    number, time = next(frame for frame in zip(*_frames(source.path), strict=True) if frame[0] >= 25 * start - 0.1)
    late = time - (2.4 + number / 25 - start)
    notes = _cut(source, [(1.0, 2.0)], tmp_path / "cut.mov").notes
    behind = f"Pictures come {late:.2f} s behind their sound from 2.4 s on, where an edit of the file begins."
    assert notes == ((behind,) if late > 0.05 else ())


@pytest.mark.parametrize("name", ["raw.h264", "raw.hevc"])
def test_a_stream_without_times_is_refused_with_what_helps(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    codec = X264 if name.endswith("264") else ("-c:v", "libx265", "-x265-params", "log-level=none")
    run_ffmpeg(["-i", f"file:{_base()}", "-an", *codec, f"file:{path}"])
    with pytest.raises(MediaError, match=r"carry no usable timestamps; convert it \(`ffmpeg -i IN OUT.mp4`\)"):
        probe(path)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_sound_that_begins_after_all_that_is_looked_at_first_is_no_sign_of_a_file_cut_off(
    suffix: str, tmp_path: Path
) -> None:
    """FFmpeg knows then where the file ends, and not where its sound begins."""
    path, base = tmp_path / f"late{suffix}", f"file:{_base()}"
    coded = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "1M", "-c:a", "libvorbis"]
    run_ffmpeg(["-i", base, "-itsoffset", "8", "-i", base, "-map", "0:v", "-map", "1:a", *coded, f"file:{path}"])
    result = _cut(probe(path), [(2.0, 3.0)], tmp_path / "cut.mp4")
    said = " ".join(result.notes)
    assert "sound begins at 8.0 s" in said
    assert "sound goes on for 8.0 s" in said
    assert "cut off" not in said


class Unwalked(tuple[Any, ...]):
    """Too long to be walked through."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        raise AssertionError("walked through")


@pytest.mark.parametrize(
    ("seconds", "sound", "position"),
    [(0.5, True, 0), (1.0, True, 95), (2.9, True, 195), (3.0, False, 300), (99.0, True, 895), (0.9, False, 0)],
)
def test_where_reading_begins_is_found_by_halves(seconds: float, sound: bool, position: int) -> None:
    keys = Unwalked(Keyframe(Fraction(number), 100 * number) for number in range(1, 10))
    sounds = Unwalked((Fraction(number), 100 * number - 5) for number in range(1, 10)) if sound else ()
    index = FrameIndex((), Fraction(1, 90_000), None, keys, sounds)
    assert index.position_before(Fraction(seconds)) == position
