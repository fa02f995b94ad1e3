"""Pictures that change their size or aspect in mid-stream: shown whole, upright, between bars."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media.choices import CutChoice
from highlightr.media.cut import CutOptions, cut_clips, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import CLOSED_GOP, made

SQUARE = "color=white:r=25:d=2:s={size},setsar={aspect},format=yuv420p"


def joined(folder: Path, suffix: str, codec: str, parts: tuple[tuple[str, str], ...]) -> Path:
    """White pictures of two seconds each, in sizes and aspects that follow each other in one stream."""
    stream = folder / f"{codec}.ts"
    with stream.open("wb") as file:
        for number, (size, aspect) in enumerate(parts):
            part = folder / f"part{number}.ts"
            offset = ["-output_ts_offset", str(2 * number), "-muxdelay", "0", "-muxpreload", "0"]
            sound = ["-f", "lavfi", "-i", "sine=f=440:d=2", "-c:a", "mp2", "-ar", "48000"]
            encoder = ["-c:v", codec, "-g", "10", "-b:v", "1M", "-bf", "0"]
            picture = ["-f", "lavfi", "-i", SQUARE.format(size=size, aspect=aspect)]
            run_ffmpeg([*picture, *sound[:4], *encoder, *sound[4:], *offset, "-y", f"file:{part}"])
            file.write(part.read_bytes())
    if suffix == ".ts":
        return stream
    path = folder / f"{codec}{suffix}"
    run_ffmpeg(["-i", f"file:{stream}", "-c", "copy", f"file:{path}"])
    return path


def white(path: Path) -> list[tuple[float, float]]:
    """Of each second's first frame, the share of its width and height that is not black bars."""
    shares, last = [], -1.0
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            seconds = float(frame.pts * frame.time_base)
            if seconds >= last + 1 - 1e-3:
                last = seconds
                grey: npt.NDArray[np.uint8] = frame.to_ndarray(format="gray")
                shares.append((float((grey.max(axis=0) > 128).mean()), float((grey.max(axis=1) > 128).mean())))
    return shares


CASES = {
    "turned": ((("320x240", "1"), ("240x320", "1")), (180 / 320, 1.0)),
    "smaller": ((("320x240", "1"), ("160x120", "1")), (1.0, 1.0)),
    "wider": ((("320x240", "1"), ("320x180", "1")), (1.0, 0.75)),
    "aspect": ((("320x240", "1"), ("320x240", "4/3")), (1.0, 0.75)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("suffix", "codec"), [(".ts", "libx264"), (".ts", "mpeg2video"), (".mkv", "libx264")])
def test_what_changes_is_shown_whole(suffix: str, codec: str, case: str, tmp_path: Path) -> None:
    parts, (across, down) = CASES[case]
    if case == "aspect" and suffix == ".mkv":
        pytest.skip("Matroska has one aspect for all pictures")
    source = probe(joined(tmp_path, suffix, codec, parts))
    result = cut_summary(source, [Segment(0.0, source.duration_seconds, 1.0)], tmp_path / "out.mp4")
    video = probe(result.path).video
    assert (video.width, video.height) == (320, 240)
    seen = white(result.path)
    assert seen[0] == (1.0, 1.0)
    assert seen[-1] == (pytest.approx(across, abs=0.02), pytest.approx(down, abs=0.02))
    assert any("shown between bars in 320 x 240" in note for note in result.notes)
    with av.open(str(result.path)) as container:
        assert len(list(container.decode(video=0))) == pytest.approx(100, abs=2)


def test_each_clip_is_of_the_first_size(tmp_path: Path) -> None:
    source = probe(joined(tmp_path, ".ts", "libx264", CASES["turned"][0]))
    segments = [Segment(0.2, 1.0, 0.5), Segment(2.6, 3.4, 0.5)]
    first, second = cut_clips(source, segments, [tmp_path / "one.mp4", tmp_path / "two.mp4"])
    assert [(probe(one.path).video.width, probe(one.path).video.height) for one in (first, second)] == [(320, 240)] * 2
    assert white(second.path)[0][0] == pytest.approx(180 / 320, abs=0.02)
    assert not first.notes


def test_pieces_that_fade_are_shown_whole_too(tmp_path: Path) -> None:
    source = probe(joined(tmp_path, ".ts", "libx264", CASES["turned"][0]))
    segments = [Segment(0.2, 1.2, 0.5), Segment(2.2, 3.8, 0.5)]
    result = cut_summary(source, segments, tmp_path / "out.mp4", CutOptions(fade=True))
    seen = white(result.path)
    assert seen[0] == (1.0, 1.0)
    assert seen[-1] == (pytest.approx(180 / 320, abs=0.02), 1.0)


def test_what_is_cropped_at_the_left_is_no_change_of_size(tmp_path: Path) -> None:
    """Keyframes are decoded in a part of the file, where its size is to be that of the file itself."""
    wide, narrow, path = tmp_path / "wide.ts", tmp_path / "narrow.ts", tmp_path / "in.ts"
    for file, crop in ((wide, "crop_left=16"), (narrow, "crop_left=16:video_full_range_flag=1")):
        whole = made("closed.ts", size=(320, 240), **CLOSED_GOP)
        run_ffmpeg(["-i", f"file:{whole}", "-c", "copy", "-bsf:v", f"h264_metadata={crop}", "-y", f"file:{file}"])
    path.write_bytes(wide.read_bytes() + narrow.read_bytes())
    result = cut_summary(probe(path), [Segment(2.0, 7.0, 1.0)], tmp_path / "out.mp4")
    assert probe(result.path).video.width == 304
    assert not [note for note in result.notes if "bars" in note]


def test_an_unchanging_picture_is_left_alone(tmp_path: Path) -> None:
    source = probe(joined(tmp_path, ".ts", "libx264", (("320x240", "1"), ("320x240", "1"))))
    result = cut_summary(source, [Segment(0.0, 3.9, 1.0)], tmp_path / "out.mp4")
    assert not [note for note in result.notes if "bars" in note]


def test_the_real_one(real_data: Path, tmp_path: Path) -> None:
    source = probe(real_data / "cuts" / "turns.mkv")
    result = cut_summary(source, [Segment(8.0, 16.0, 1.0)], tmp_path / "out.mp4")
    with av.open(str(result.path)) as container:
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert {picture.shape for picture in pictures} == {(240, 320)}
    bars = [float(picture[:, :60].mean()) for picture in pictures]
    assert max(bars[-90:]) < 20  # Pillars on both sides.
    assert float(Fraction(len(pictures), 25)) == pytest.approx(8.0, abs=0.2)


@pytest.mark.parametrize("pixels", ["yuv422p", "yuv444p", "yuvj420p"])
def test_samples_that_change_their_format(pixels: str, tmp_path: Path) -> None:
    """The picture stays where and as it is; a graph of filters that began anew would lose its place."""
    stream = tmp_path / "in.ts"
    with stream.open("wb") as file:
        for number, form in enumerate(("yuv420p", pixels)):
            part = tmp_path / f"part{number}.ts"
            picture = ["-f", "lavfi", "-i", "color=0xC08040:s=320x240:r=25:d=2,format=gbrp"]
            filters = f"scale=out_color_matrix=smpte170m:out_range={'pc' if form == 'yuvj420p' else 'tv'},format={form}"
            offset = ["-output_ts_offset", str(2 * number), "-muxdelay", "0", "-muxpreload", "0"]
            encoder = ["-c:v", "libx264", "-g", "10", "-bf", "0", "-crf", "10", "-colorspace", "smpte170m"]
            run_ffmpeg([*picture, "-vf", filters, *encoder, *offset, f"file:{part}"])
            file.write(part.read_bytes())
    source = probe(stream)
    result = cut_summary(source, [Segment(0.5, 3.5, 1.0)], tmp_path / "out.mp4")
    assert not [note for note in result.notes if "bars" in note]
    with av.open(str(result.path)) as container:
        frames = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in container.decode(video=0)]
    assert len(frames) == 75
    assert np.abs(np.array(frames) - (0xC0, 0x80, 0x40)).max() < 4


@pytest.mark.parametrize("suffix", [".ts", ".mkv"])
def test_pieces_of_different_sizes_whose_pixels_have_no_shape_told(suffix: str, tmp_path: Path) -> None:
    source = probe(joined(tmp_path, suffix, "libx264", (("320x240", "0"), ("160x120", "0"))))
    spans = [(0.4, 1.0), (2.8, 3.4), (1.0, 1.4)]
    result = cut_summary(source, [Segment(*span, 1.0) for span in spans], tmp_path / "out.mp4")
    assert result.seconds == pytest.approx(1.6, abs=0.1)
    with av.open(str(result.path)) as container:
        assert len(list(container.decode(video=0))) == pytest.approx(40, abs=2)


@pytest.mark.parametrize(("pixels", "is_told"), [("yuva420p", True), ("yuv420p", False)])
def test_transparency_that_lies_beside_the_picture_is_told(pixels: str, is_told: bool, tmp_path: Path) -> None:
    path = tmp_path / "alpha.webm"
    coded = ["-vf", f"format={pixels}", "-c:v", "libvpx-vp9", "-deadline", "realtime", "-auto-alt-ref", "0"]
    run_ffmpeg(["-f", "lavfi", "-i", "color=red:s=160x120:r=10:d=1", *coded, f"file:{path}"])
    result = cut_summary(probe(path), [Segment(0.0, 0.5, 1.0)], tmp_path / "out.mp4")
    assert ("Its transparency is not kept." in result.notes) is is_told


@pytest.mark.parametrize(
    ("name", "codec", "told"),
    [("in.avi", "huffyuv", "1"), ("in.avi", "mpeg4", "16/15"), ("in.wmv", "wmv2", "1"), ("in.avi", "mjpeg", "0")],
)
def test_the_containers_word_on_the_aspect_counts(name: str, codec: str, told: str, tmp_path: Path) -> None:
    """Its pictures say nothing of it, or something else, and all say the same."""
    picture = ["-f", "lavfi", "-i", SQUARE.format(size="320x240", aspect=told)]
    plain = tmp_path / f"plain{Path(name).suffix}"
    run_ffmpeg([*picture, "-c:v", codec, "-q:v", "3", f"file:{plain}"])
    run_ffmpeg(["-i", f"file:{plain}", "-c", "copy", "-aspect", "16:9", f"file:{tmp_path / name}"])
    source = probe(tmp_path / name)
    assert source.video.sample_aspect_ratio == Fraction(4, 3)
    result = cut_summary(source, [Segment(0.2, 1.9, 1.0)], tmp_path / "out.mp4")
    assert not [note for note in result.notes if "bars" in note]
    assert set(white(result.path)) == {(1.0, 1.0)}
    assert probe(result.path).video.sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize("out", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize("how", ["copy", "smart"])
@pytest.mark.parametrize("name", ["in.mp4", "in.mkv"])
def test_copied_pictures_keep_the_aspect_that_the_container_tells(
    name: str, how: CutChoice, out: str, tmp_path: Path
) -> None:
    remuxed = tmp_path / name
    run_ffmpeg(["-i", f"file:{made('closed.mp4', **CLOSED_GOP)}", "-c", "copy", "-aspect", "16:9", f"file:{remuxed}"])
    segments = [Segment(0.5, 2.9, 1.0)]
    result = cut_summary(probe(remuxed), segments, tmp_path / f"out{out}", CutOptions(cut=how))
    assert result.pieces[0].copied_pictures
    assert probe(result.path).video.sample_aspect_ratio == Fraction(4, 3)
