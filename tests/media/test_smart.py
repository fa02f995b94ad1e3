"""Smart cuts: as exact as any, copied pictures bit for bit as in the source, one stream for two decoders.

Frame n carries the number n. Every output is decoded by FFmpeg and, where the ffmpeg at hand has it, by libopenh264,
which share no code (HEVC: by libde265); it does not decode every B-frame as FFmpeg does, so it is compared with itself.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import pytest

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._cut.parameter_sets import described_units, escaped, read_sets, ue, unit_of
from highlightr.media._decode.nal import unescaped
from highlightr.media.cut import CutOptions, CutResult, Piece, cut_clips, cut_summary
from highlightr.media.ffmpeg import ffmpeg_path, run_ffmpeg
from tests.media.test_cut import sync_errors, watch
from tests.mediamaker import frame_times, made, turn

FRAME = 1 / 25
SECONDS = 4.0
SIZE = (96, 64)
SPANS = ((0.0, 0.52), (0.96, 1.6), (1.0, 1.44), (1.04, 2.76), (2.2, 3.12), (3.0, 4.0))
"""From the beginning, just before, on and just behind a keyframe of every second, to the end."""


def x264(*parameters: str, preset: str = "veryfast", profile: str = "high", gop: int = 25) -> tuple[str, ...]:
    more = ":".join((f"keyint={gop}:min-keyint={gop}:scenecut=0", *parameters))
    return ("-c:v", "libx264", "-preset", preset, "-profile:v", profile, "-crf", "23", "-x264-params", more)


def x265(*parameters: str, preset: str = "ultrafast") -> tuple[str, ...]:
    more = ":".join(("log-level=error:keyint=25:min-keyint=25", *parameters))
    return ("-c:v", "libx265", "-preset", preset, "-x265-params", more)


ROWS: Mapping[str, tuple[str, ...]] = {
    "high.mp4": x264(),
    "baseline.mp4": x264(profile="baseline"),
    "main.mkv": x264("b-pyramid=none", profile="main"),
    "ultrafast.mov": x264(preset="ultrafast", gop=12),
    "pyramid.mp4": x264("b-pyramid=strict:bframes=5:b-adapt=0"),
    "open.mp4": x264("open-gop=1"),
    "constant.ts": (*x264("nal-hrd=cbr:force-cfr=1"), "-b:v", "200k", "-maxrate", "200k", "-bufsize", "200k"),
    "labels.mp4": (*x264(), "-color_primaries", "bt709", "-color_trc", "bt709", "-colorspace", "bt709"),
    "hevc.mp4": x265(),
    "hevc.mkv": x265("open-gop=0:radl=2:bframes=4"),
    "full.mp4": (*x264(), "-vf", "scale=out_range=pc", "-pix_fmt", "yuvj420p", "-color_range", "pc"),
}

MORE: Mapping[str, tuple[str, ...]] = {
    **{
        f"{profile}-{preset}-{gop}.mp4": x264(profile=profile, preset=preset, gop=gop)
        for profile in ("baseline", "main", "high")
        for preset in ("ultrafast", "medium")
        for gop in (1, 12, 60, 250)
    },
    **{f"b{count}.mp4": x264(f"bframes={count}:b-adapt=0") for count in (0, 1, 2, 8, 16)},
    "normal.mp4": x264("b-pyramid=normal:bframes=5:b-adapt=0"),
    "slices.mkv": x264("slices=4:aud=1"),
    "references.mp4": x264("ref=8", preset="slow"),
    "cavlc.mp4": x264("cabac=0"),
    "latency.flv": (*x264(), "-tune", "zerolatency"),
    "matrices.mp4": x264("cqm=jvt"),
    "refresh.mp4": ("-c:v", "libx264", "-x264-params", "intra-refresh=1:keyint=25:bframes=0"),
    "cisco.mp4": ("-c:v", "libopenh264", "-g", "25", "-b:v", "300k"),
    "hevc.ts": x265("repeat-headers=1:aud=1"),
    "hevc-plain.mp4": x265("open-gop=0:bframes=0"),
    "hevc-medium.mp4": x265("bframes=8:b-adapt=0:ref=5", preset="medium"),
    "hevc-lists.mp4": x265("scaling-list=default:slices=2"),
    "hevc-labels.mp4": (*x265(), "-vf", "setsar=4/3", "-color_primaries", "bt709", "-colorspace", "bt709"),
    "hevc-odd.mp4": (*x265(), "-vf", "scale=90:50:flags=neighbor"),
    "wide.mp4": (*x264(), "-vf", "setsar=4/3"),
    "odd.mp4": (*x264(), "-vf", "scale=90:50:flags=neighbor"),
    "sited.mp4": (*x264(), "-chroma_sample_location", "topleft", "-colorspace", "smpte170m"),
}


def source_of(name: str, arguments: Sequence[str], folder: Path) -> Path:
    path = folder / name
    base = made("base.mkv", codec="ffv1", options=(), seconds=SECONDS, size=SIZE, sound_codec="pcm_s16le")
    pixels = () if "-pix_fmt" in arguments else ("-pix_fmt", "yuv420p")
    run_ffmpeg(["-i", f"file:{base}", *pixels, *arguments, "-c:a", "aac", f"file:{path}"])
    return path


def cut(source: Source, spans: Sequence[tuple[float, float]], output: Path, how: Any = "smart") -> CutResult:
    return cut_summary(source, [Segment(*span, 0.5) for span in spans], output, CutOptions(cut=how))


def _decoded(decoder: str, path: Path) -> list[str]:
    """A digest of every picture, by a decoder of this name inside ffmpeg."""
    command = [ffmpeg_path(), "-nostdin", "-v", "error", "-c:v", decoder, "-noautorotate", "-i", f"file:{path}"]
    command += ["-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stderr == ""
    return [line.rsplit(",", 1)[1].strip() for line in run.stdout.splitlines() if not line.startswith("#")]


def _by_libde265(path: Path) -> list[str]:
    """The same by a program of another project."""
    program = shutil.which("libde265-dec265")
    assert program is not None
    with TemporaryDirectory() as folder:
        stream, pictures = Path(folder, "stream.bin"), Path(folder, "pictures.yuv")
        run_ffmpeg(["-i", f"file:{path}", "-map", "0:v:0", "-c", "copy", "-f", "hevc", f"file:{stream}"])
        subprocess.run([program, "-q", "-o", pictures, stream], capture_output=True, check=True)
        data, video = pictures.read_bytes(), probe(path).video
    size = video.width * video.height * 3 // 2
    return [hashlib.sha256(data[begin : begin + size]).hexdigest() for begin in range(0, len(data), size)]


def _has_decoder(name: str) -> bool:
    listed = subprocess.run([ffmpeg_path(), "-hide_banner", "-decoders"], capture_output=True, text=True, check=True)
    return f" {name} " in listed.stdout


DECODERS: dict[str, list[Callable[[Path], list[str]]]] = {
    "h264": [partial(_decoded, "h264"), *([partial(_decoded, "libopenh264")] if _has_decoder("libopenh264") else [])],
    "hevc": [partial(_decoded, "hevc"), *([_by_libde265] if shutil.which("libde265-dec265") else [])],
}


def test_a_second_decoder_is_at_hand() -> None:
    """Without it the tests below prove less."""
    missing = [codec for codec, decoders in DECODERS.items() if len(decoders) < 2]
    if missing:
        pytest.skip(f"no second decoder for {' and '.join(missing)}: libopenh264 in ffmpeg, libde265-examples")


def copied(pieces: Sequence[Piece]) -> int:
    return sum(piece.copied_pictures for piece in pieces)


def expected(source: Path, pieces: Sequence[Piece]) -> list[tuple[int, float]]:
    """Which picture of the source is shown when."""
    with av.open(str(source)) as container:
        zero = (container.start_time or 0) / 1e6
        times = [float(frame.pts * frame.time_base) - zero for frame in container.decode(video=0)]
    shown = []
    for piece in pieces:
        begin = max(time for time in times if time <= piece.start_seconds + 1e-4)
        for number, time in enumerate(times):
            if begin <= time < piece.stop_seconds - 1e-4:
                shown.append((number, max(time - piece.start_seconds, 0.0) + piece.output_start_seconds))
    return shown


def check(source: Path, result: CutResult) -> None:
    """Every picture is there at its time, those that were copied are bit for bit those of the source."""
    pictures = expected(source, result.pieces)
    with av.open(str(result.path)) as container:
        frames = list(container.decode(video=0))
        zero = (container.start_time or 0) / 1e6
    assert not any(frame.is_corrupt for frame in frames)
    times = [float(frame.pts * frame.time_base) - zero for frame in frames]
    assert times == pytest.approx([time for _, time in pictures], abs=2e-3)
    assert sum(piece.copied_pictures + piece.encoded_pictures for piece in result.pieces) == len(frames)
    for digests in DECODERS[probe(source).video.codec]:
        before, after = digests(source), digests(result.path)
        assert len(after) == len(pictures)
        same = sum(before[number] == digest for (number, _), digest in zip(pictures, after, strict=True))
        assert same >= copied(result.pieces)
    with av.open(str(result.path)) as container:
        decode_times = [packet.dts for packet in container.demux(video=0) if packet.dts is not None]
    assert all(before < after for before, after in pairwise(decode_times))


@pytest.mark.parametrize("name", ROWS)
def test_pictures_are_exact_and_copied_ones_untouched(name: str, tmp_path: Path) -> None:
    path = source_of(name, ROWS[name], tmp_path)
    result = cut(probe(path), SPANS, tmp_path / f"cut{'.mkv' if name.endswith('.mkv') else '.mp4'}")
    assert copied(result.pieces) >= 8
    check(path, result)


@pytest.mark.slow
@pytest.mark.parametrize("name", MORE)
def test_more_encoders_and_settings(name: str, tmp_path: Path) -> None:
    path = source_of(name, MORE[name], tmp_path)
    result = cut(probe(path), SPANS, tmp_path / "cut.mp4", "auto")
    check(path, result)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_numbers_and_clicks_come_in_time(suffix: str, tmp_path: Path) -> None:
    path = source_of("source.mp4", x264(), tmp_path)
    result = cut(probe(path), SPANS, tmp_path / f"cut{suffix}")
    seen = watch(result.path)
    assert seen.numbers == [number for number, _ in expected(path, result.pieces)]
    assert seen.duration == pytest.approx(result.seconds, abs=FRAME)
    errors = sync_errors(seen, result, frame_times(SECONDS))
    assert len(errors) > 5
    assert max(map(abs, errors)) < 0.02


def test_a_piece_ends_at_any_picture(tmp_path: Path) -> None:
    """Whatever is behind it in decode order: what cannot be copied is encoded anew, and it is little."""
    path = source_of("source.mp4", x264("bframes=3:b-adapt=0"), tmp_path)
    spans = [(1.0, 1.4 + count * FRAME) for count in range(6)]
    result = cut(probe(path), spans, tmp_path / "cut.mp4")
    check(path, result)
    assert all(piece.encoded_pictures <= 3 for piece in result.pieces)
    assert {piece.method for piece in result.pieces} == {"copied", "smart"}


def test_the_receipt_is_told_what_was_done(tmp_path: Path) -> None:
    path = source_of("source.mp4", x264(), tmp_path)
    result = cut(probe(path), [(0.96, 1.6), (2.04, 2.4)], tmp_path / "cut.mp4")
    first, second = result.pieces
    assert (first.method, first.copied_pictures + first.encoded_pictures) == ("smart", 16)
    assert (second.method, second.copied_pictures, second.encoded_pictures) == ("encoded", 0, 9)
    assert first.copied_pictures > 0 and result.notes == ()


def test_a_rotation_stays_the_container_s(tmp_path: Path) -> None:
    upright = source_of("upright.mp4", x264(), tmp_path)
    path = tmp_path / "turned.mp4"
    turn(upright, path, 90)
    result = cut(probe(path), SPANS, tmp_path / "cut.mp4")
    assert probe(result.path).video.rotation_degrees == 90
    check(path, result)


def test_frames_without_a_steady_rate(tmp_path: Path) -> None:
    uneven = "setpts=PTS+floor(N/7)*0.013/TB"
    path = source_of("uneven.mp4", (*x264(), "-vf", uneven, "-fps_mode", "vfr"), tmp_path)
    result = cut(probe(path), SPANS[:5], tmp_path / "cut.mp4")
    assert copied(result.pieces) >= 8
    check(path, result)


def test_boundaries_are_those_of_an_exact_cut(tmp_path: Path) -> None:
    path = source_of("source.mp4", x264(), tmp_path)
    smart, exact = (cut(probe(path), SPANS, tmp_path / f"{how}.mp4", how) for how in ("smart", "exact"))
    spans = [(one.start_seconds, one.stop_seconds, one.output_start_seconds) for one in smart.pieces]
    assert spans == [(one.start_seconds, one.stop_seconds, one.output_start_seconds) for one in exact.pieces]
    assert {piece.copied_pictures for piece in exact.pieces} == {0}
    assert sum(piece.encoded_pictures for piece in exact.pieces) == len(_decoded("h264", exact.path))


def test_clips_are_smart_each(tmp_path: Path) -> None:
    path = source_of("source.mp4", x264(), tmp_path)
    wanted = [Segment(*span, 0.5) for span in SPANS[:3]]
    results = cut_clips(probe(path), wanted, [tmp_path / f"{k}.mp4" for k in range(3)], CutOptions(cut="smart"))
    for result in results:
        check(path, result)
    assert [bool(copied(result.pieces)) for result in results] == [True, True, True]


REFUSED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "interlaced.mp4": ((*x264(), "-flags", "+ildct+ilme"), "interlaced"),
    "fake.mp4": (x264("fake-interlaced=1"), "may be interlaced"),
    "deep.mp4": (("-c:v", "libx264", "-pix_fmt", "yuv420p10le"), "not of 8 bits"),
    "chroma.mp4": (("-c:v", "libx264", "-pix_fmt", "yuv422p"), "not of 8 bits"),
    "other.mp4": (("-c:v", "mpeg4", "-q:v", "3"), "not mpeg4"),
    "undated.avi": ((*x264(),), "does not say when"),
    "long.mp4": (x264(gop=250), "holds a keyframe"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_proven_is_refused_and_left_to_exact(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "highlightr")
    arguments, reason = REFUSED[name]
    source = probe(source_of(name, arguments, tmp_path))
    with pytest.raises(CutError, match=f"cannot be cut smart: .*{reason}.*; use --cut exact"):
        cut(source, SPANS[1:3], tmp_path / "smart.mp4")
    result = cut(source, SPANS[1:3], tmp_path / "auto.mp4", "auto")
    assert {piece.method for piece in result.pieces} == {"encoded"}
    assert reason in caplog.messages[-1]
    assert {path.name for path in tmp_path.iterdir()} == {name, "auto.mp4"}
    assert result.notes == cut(source, SPANS[1:3], tmp_path / "exact.mp4", "exact").notes


def test_pictures_that_are_to_be_changed(tmp_path: Path) -> None:
    source = probe(source_of("source.mp4", x264(), tmp_path))
    segments = [Segment(*span, 0.5) for span in SPANS[:2]]
    faded = cut_summary(source, segments, tmp_path / "faded.mp4", CutOptions(cut="auto", fade=True))
    assert {piece.method for piece in faded.pieces} == {"encoded"}
    with pytest.raises(ConfigError, match="leave out --cut smart or --transition fade"):
        cut_summary(source, segments, tmp_path / "refused.mp4", CutOptions(cut="smart", fade=True))
    mixed = cut_summary(source, segments, tmp_path / "mixed.mp4", CutOptions(cut="smart", mix_audio=True))
    assert copied(mixed.pieces) >= 8


def test_a_failed_check_leaves_it_to_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that refer to what is not there are seen before the file gets its name."""
    path = source_of("source.mp4", x264("bframes=0"), tmp_path)
    monkeypatch.setattr("highlightr.media._cut.h264.H264Splice.is_fresh", lambda _, packet: not packet.is_keyframe)
    with pytest.raises(CutError, match="missing in what was written"):
        cut(probe(path), SPANS[3:4], tmp_path / "smart.mp4")
    result = cut(probe(path), SPANS[3:4], tmp_path / "auto.mp4", "auto")
    assert {piece.method for piece in result.pieces} == {"encoded"}


def test_bits() -> None:
    """Exponential Golomb codes, by hand; and what is brought to an end reads as it was."""
    assert [ue(0), ue(1), ue(2), ue(1000)] == ["1", "010", "011", "0" * 9 + "1111101001"]
    assert unit_of("01100111" + "10110") == bytes([0x67, 0b10110100])
    for data in (b"\0\0\0\0\1", b"\0\0\2\0\0\3", b"\0\0\4"):
        assert unescaped(escaped(data)) == data
        assert b"\0\0\1" not in escaped(data)


def _sets(name: str, arguments: Sequence[str], folder: Path) -> tuple[str, list[bytes]]:
    """Codec and parameter sets of a file."""
    with av.open(str(source_of(name, arguments, folder))) as container:
        context = container.streams.video[0].codec_context
        codec = context.codec.canonical_name
        units = described_units(codec, bytes(context.extradata or b""))
        return codec, [unit for unit in units if codec == "h264" or unit[0] >> 1 & 63 in (32, 33, 34)]


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
def test_a_sequence_set_says_what_the_encoder_was_told(suffix: str, tmp_path: Path) -> None:
    codec, units = _sets(f"wide.{suffix}", (*x264("ref=5"), "-vf", "setsar=4/3,scale=90:50"), tmp_path)
    sequence, picture = read_sets(codec, units)
    names = ("seq_parameter_set_id", "profile_idc", "max_num_ref_frames", "max_num_reorder_frames")
    assert [sequence.value(name) for name in names] == [0, 100, 5, 2]
    assert sequence.pictures.shape == (1, 8, 5, 3, 0, 3, 0, 7)
    assert sequence.pictures.aspect == Fraction(4, 3) * Fraction(96, 64) / Fraction(90, 50)
    assert sequence.pictures.is_progressive and sequence.pictures.colour == (0, 2, 2, 2)
    assert [each.renumbered({}) for each in (sequence, picture)] == [sequence.unit, picture.unit] == units


def test_parameter_sets_with_other_numbers_are_read_as_such(tmp_path: Path) -> None:
    labels = "colorprim=bt709:transfer=smpte170m:colormatrix=smpte240m:range=full"
    codec, units = _sets("hevc.mp4", x265("scaling-list=default", labels), tmp_path)
    before = read_sets(codec, units)
    assert before[1].pictures.colour == (1, 1, 6, 7)
    names = ("vps_video_parameter_set_id", "sps_seq_parameter_set_id", "pps_pic_parameter_set_id")
    changed = [{names[0]: "0101"}, {"sps_video_parameter_set_id": "0101", names[1]: ue(9)}]
    changed.append({names[2]: ue(20), "pps_seq_parameter_set_id": ue(9)})
    after = read_sets(codec, [own.renumbered(numbers) for own, numbers in zip(before, changed, strict=True)])
    assert [own.value(name) for own, name in zip(after, names, strict=True)] == [5, 9, 20]
    assert after[1].pictures == before[1].pictures
    for own in before:
        kept = {name for name in own.fields if not name.endswith("parameter_set_id")}
        other = after[before.index(own)]
        assert {name: own.value(name) for name in kept} == {name: other.value(name) for name in kept}


def test_parameter_sets_that_break_off(tmp_path: Path) -> None:
    codec, units = _sets("source.mp4", x264(), tmp_path)
    with pytest.raises(ValueError):
        read_sets(codec, [units[0][:6], units[1]])
