"""Colours: what is decided, and what comes out of colour bars when the summary is decoded."""

from __future__ import annotations

import io
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from highlightr.core.errors import CutError
from highlightr.core.source import VideoStream
from highlightr.core.types import Segment
from highlightr.media import decode, grab_thumbnails, probe
from highlightr.media._container.picture_format import HdrMetadata, PictureFormat
from highlightr.media._cut import colour
from highlightr.media._cut.colour import ColourPlan, plan_colour
from highlightr.media.choices import HdrChoice
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.ffmpeg import ffmpeg_path, run_ffmpeg
from highlightr.media.sampling import Frame, FrameRequest

HD, SD = (1280, 720), (640, 480)
MATRICES = {"bt709": "bt709", "smpte170m": "smpte170m", "bt470bg": "bt470bg"}


def bars(path: Path, pixels: str, size: tuple[int, int], *arguments: str, filters: str = "", rate: int = 10) -> Path:
    """Two seconds of colour bars, made as RGB and stored without loss."""
    source = f"smptehdbars=s={size[0]}x{size[1]}:r={rate}:d=2,format=gbrp"
    run_ffmpeg(["-f", "lavfi", "-i", source, "-vf", f"{filters or 'null'},format={pixels}", *arguments, f"file:{path}"])
    return path


def true_bars(size: tuple[int, int]) -> npt.NDArray[np.int16]:
    """The bars as RGB."""
    return _raw(["-f", "lavfi", "-i", f"smptehdbars=s={size[0]}x{size[1]}:r=10:d=0.1,format=gbrp"], size)


def shown_bars(path: Path, size: tuple[int, int]) -> npt.NDArray[np.int16]:
    """What a player makes of the file by its labels."""
    return _raw(["-i", str(path)], size)


def _raw(given: list[str], size: tuple[int, int]) -> npt.NDArray[np.int16]:
    exact = "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp"
    command = [ffmpeg_path(), "-v", "error", *given, "-frames:v", "1", "-vf", exact, "-pix_fmt", "rgb24"]
    data = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(data, np.uint8).reshape(size[1], size[0], 3).astype(np.int16)


def error_inside(shown: npt.NDArray[np.int16], wanted: npt.NDArray[np.int16]) -> float:
    """The largest difference of mean colour over small squares in which the picture is flat."""
    worst = 0.0
    for top in range(0, wanted.shape[0] - 16, 16):
        for left in range(0, wanted.shape[1] - 16, 16):
            square = wanted[top : top + 16, left : left + 16]
            if np.ptp(square.reshape(-1, 3), axis=0).max() == 0:
                inner = shown[top + 4 : top + 12, left + 4 : left + 12]
                worst = max(worst, float(np.abs(inner.mean(axis=(0, 1)) - square[0, 0]).max()))
    return worst


def labels(path: Path) -> tuple[str, int, int, int, int]:
    """Pixel format, range, matrix, primaries, transfer of the first frame."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    return (frame.format.name, frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)


@pytest.mark.parametrize(("size", "matrix"), [(HD, 1), (SD, 6)], ids=["hd", "sd"])
@pytest.mark.parametrize("pixels", ["gbrp", "bgra", "rgb24"])
def test_rgb_gets_a_stated_matrix(pixels: str, size: tuple[int, int], matrix: int, tmp_path: Path) -> None:
    source = bars(tmp_path / "in.mkv", pixels, size, "-c:v", "ffv1" if pixels != "rgb24" else "png")
    output = cut_summary(probe(source), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4").path
    assert labels(output)[:3] == ("yuv420p", 1, matrix)
    assert error_inside(shown_bars(output, size), true_bars(size)) <= 2


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "unlabelled"])
@pytest.mark.parametrize("levels", ["tv", "pc"])
@pytest.mark.parametrize(
    ("size", "matrix", "number"),
    [(HD, "bt709", 1), (SD, "smpte170m", 6), (HD, "smpte170m", 6), (SD, "bt709", 1)],
    ids=["hd-709", "sd-601", "hd-601", "sd-709"],
)
def test_standard_colours_are_kept(
    size: tuple[int, int], matrix: str, number: int, levels: str, labelled: bool, tmp_path: Path
) -> None:
    usual = (matrix == "bt709") == (size == HD)
    if not labelled and not (usual and levels == "tv"):
        pytest.skip("nothing could know")
    converted = f"scale=out_color_matrix={matrix}:out_range={levels}:flags=bicubic+accurate_rnd+full_chroma_int"
    said = f"setparams=colorspace={matrix}:range={levels}:color_primaries={matrix}:color_trc={matrix}"
    unsaid = "setparams=colorspace=unknown:range=unknown"
    filters = f"{converted},format=yuv420p,{said if labelled else unsaid}"
    pixels = "yuvj420p" if levels == "pc" and not labelled else "yuv420p"
    source = bars(tmp_path / "in.mp4", pixels, size, "-c:v", "libx264", "-qp", "0", filters=filters)
    output = cut_summary(probe(source), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4").path
    form, full, held, primaries, transfer = labels(output)
    assert (form.replace("j", ""), full, held) == ("yuv420p", 2 if levels == "pc" else 1, number)
    assert (primaries, transfer) == ((number, number) if labelled else (2, 2))
    if labelled:
        assert error_inside(shown_bars(output, size), shown_bars(source, size)) <= 2
    assert error_inside(shown_bars(output, size), true_bars(size)) <= 3  # Of which the source has lost one already.


@pytest.mark.parametrize("pixels", ["yuv422p10le", "yuv444p", "yuva444p", "gray"])
def test_other_formats_keep_their_levels(pixels: str, tmp_path: Path) -> None:
    filters = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
    source = bars(tmp_path / "in.mkv", pixels, HD, "-c:v", "ffv1", "-colorspace", "bt709", filters=filters)
    result = cut_summary(probe(source), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4")
    wanted = true_bars(HD) if pixels != "gray" else shown_bars(source, HD)
    assert error_inside(shown_bars(result.path, HD), wanted) <= 2
    said = {
        "yuv422p10le": ("Its 10 bits per sample are written as 8.", "Its 4:2:2 colour is written as 4:2:0."),
        "yuv444p": ("Its 4:4:4 colour is written as 4:2:0.",),
        "yuva444p": ("Its 4:4:4 colour is written as 4:2:0.", "Its transparency is not kept."),
    }
    assert result.notes == said.get(pixels, ())


@pytest.mark.parametrize(("matrix", "pixels", "is_kept"), [("ycgco", "yuv420p", True), ("ycgco", "yuv444p", False)])
def test_colours_that_cannot_be_converted(matrix: str, pixels: str, is_kept: bool, tmp_path: Path) -> None:
    labelled = f"format={pixels},setparams=colorspace={matrix}"
    source = bars(tmp_path / "in.mkv", pixels, SD, "-c:v", "libx264", filters=labelled)
    segments = [Segment(0.5, 1.5, 1.0)]
    if is_kept:
        assert labels(cut_summary(probe(source), segments, tmp_path / "out.mkv").path)[2] == 8
    else:
        with pytest.raises(CutError, match=rf"its colours \({matrix}\) are of a kind that ffmpeg does not convert"):
            cut_summary(probe(source), segments, tmp_path / "out.mkv")


def test_the_siting_of_colour_is_kept(tmp_path: Path) -> None:
    arguments = ("-c:v", "libx264", "-chroma_sample_location", "topleft")
    source = bars(tmp_path / "in.mp4", "yuv420p", SD, *arguments)
    output = cut_summary(probe(source), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4").path
    told = subprocess.run([ffmpeg_path(), "-v", "verbose", "-i", str(output)], capture_output=True, text=True).stderr
    assert "topleft" in told


HDR10 = (
    "colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:hdr10=1:max-cll=1000,400:"
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
)


def hdr(path: Path, transfer: str = "smpte2084") -> Path:
    parameters = HDR10 if transfer == "smpte2084" else f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    codec = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", f"log-level=none:keyint=10:{parameters}"]
    filters = "scale=out_color_matrix=bt2020:out_range=tv"
    return bars(path, "yuv420p10le", SD, *codec, "-tag:v", "hvc1", filters=filters)


@pytest.mark.parametrize(("transfer", "number"), [("smpte2084", 16), ("arib-std-b67", 18)])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_high_dynamic_range_stays(transfer: str, number: int, suffix: str, tmp_path: Path) -> None:
    source = hdr(tmp_path / "in.mp4", transfer)
    for copy in (False, True):
        output = tmp_path / f"{copy}{suffix}"
        result = cut_summary(
            probe(source), [Segment(0.5, 1.5, 1.0)], output, CutOptions(cut="copy" if copy else "exact")
        )
        assert labels(output) == ("yuv420p10le", 1, 9, 9, number)
        assert error_inside(shown_bars(output, SD), shown_bars(source, SD)) <= 2
        assert not [note for note in result.notes if "Copied" not in note]
        with av.open(str(output)) as container:
            frame = next(container.decode(video=0))
            held = {one.type.name for one in frame.side_data}
            assert ("MASTERING_DISPLAY_METADATA" in held) == ("CONTENT_LIGHT_LEVEL" in held) == (number == 16)
            assert suffix == ".mkv" or container.streams.video[0].codec_context.codec_tag == "hvc1"


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_becomes_standard(transfer: str, tmp_path: Path) -> None:
    source = hdr(tmp_path / "in.mp4", transfer)
    result = cut_summary(probe(source), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4", CutOptions(hdr="sdr"))
    assert labels(result.path) == ("yuv420p", 1, 1, 1, 1)
    kind = {"smpte2084": "HDR10 (PQ)", "arib-std-b67": "HLG"}[transfer]
    assert result.notes == (f"Its {kind} picture is tone-mapped to standard dynamic range (BT.709).",)
    with av.open(str(result.path)) as container:
        held = {one.type.name for one in next(container.decode(video=0)).side_data}
    assert not held & {"MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"}
    grey = shown_bars(result.path, SD)
    assert np.ptp(grey[40:60, 30:40].mean(axis=(0, 1))) < 4  # What was grey still is.


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_high_dynamic_range_is_scored_and_shown_as_it_is_cut_to_standard_range(transfer: str, tmp_path: Path) -> None:
    source = probe(hdr(tmp_path / "in.mp4", transfer))
    mapped = cut_summary(source, [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4", CutOptions(hdr="sdr"))
    # The other one is mapped by FFmpeg's filters.
    pictures = (*grab_thumbnails(source, [1.0], width=SD[0]), *grab_thumbnails(probe(mapped.path), [0.5], width=SD[0]))
    shown, wanted = (np.asarray(Image.open(io.BytesIO(jpeg)), np.float64) for jpeg in pictures)
    scored = next(item for _, item in decode(source, {"frames": FrameRequest(1.0, None)}))
    assert isinstance(scored, Frame)
    for picture in (shown, scored.image):
        assert np.abs(picture - wanted).mean() < 4
        assert np.abs(picture.mean(axis=(0, 1)) - wanted.mean(axis=(0, 1))).max() < 2


PQ = PictureFormat("yuv420p10le", 10, matrix="bt2020nc", primaries="bt2020", transfer="smpte2084")


def plan(picture: PictureFormat, choice: HdrChoice | None = None) -> ColourPlan:
    return plan_colour(picture, VideoStream(0, "hevc", 1920, 1080), choice, HdrMetadata())


def test_high_dynamic_range_without_an_encoder_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan(PQ, None).is_hdr
    monkeypatch.setattr(colour, "has_encoder", lambda _: False)
    assert not plan(PQ, None).is_hdr
    with pytest.raises(CutError, match=r"needs an ffmpeg with libx265; use --hdr sdr, or --copy"):
        plan(PQ, "keep")
    monkeypatch.setattr(colour, "has_filter", lambda _: False)
    with pytest.raises(CutError, match="needs an ffmpeg with zscale and tonemap"):
        plan(PQ, None)


def test_eight_bits_with_labels_of_high_dynamic_range_become_ten() -> None:
    assert plan(replace(PQ, pixels="yuv420p", bits=8)).is_hdr


def test_dolby_vision_plays_as_what_lies_below_it() -> None:
    assert plan(replace(PQ, dolby_vision=8)).notes == ("its Dolby Vision metadata is not kept; it plays as HDR10 (PQ)",)
    with pytest.raises(CutError, match=r"Dolby Vision picture \(profile 5\)"):
        plan(replace(PQ, dolby_vision=5))


X264 = ["libx264", "-flags", "+ildct+ilme", "-crf", "10", "-x264-params"]


@pytest.mark.parametrize(
    "codec",
    [
        [*X264, "tff=1"],
        [*X264, "bff=1"],
        ["mjpeg", "-q:v", "2", "-field_order", "tt", "-pix_fmt", "yuvj420p"],
    ],
    ids=["top", "bottom", "told by the header alone"],
)
def test_interlaced_pictures_become_whole(codec: list[str], tmp_path: Path) -> None:
    """A white square that moves 8 pixels a field: no comb is left in what is written, scored and shown."""
    moving = "color=black:s=320x240:r=50:d=3[b];color=white:s=40x120:r=50:d=3[w];[b][w]overlay=x='8*n':y=60"
    woven = f"interlace=scan={'bff' if 'bff=1' in codec else 'tff'}:lowpass=0,format=yuv420p"
    file = tmp_path / "in.mov"
    run_ffmpeg(["-filter_complex", f"{moving},{woven}", "-c:v", *codec, f"file:{file}"])

    def comb(picture: npt.NDArray[np.uint8]) -> float:
        lines = len(picture)
        return float(np.abs(np.diff(picture.astype(int), 2, axis=0))[lines // 3 : 2 * lines // 3].mean())

    with av.open(str(file)) as container:
        woven_comb = comb(list(container.decode(video=0))[10].to_ndarray(format="gray"))
    source = probe(file)
    result = cut_summary(source, [Segment(0.2, 1.0, 1.0)], tmp_path / "out.mp4")
    assert result.notes[-1] == "Its interlaced picture is deinterlaced."
    with av.open(str(result.path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 20
    assert not any(frame.interlaced_frame for frame in frames)
    stills = [np.asarray(Image.open(io.BytesIO(each))) for each in grab_thumbnails(source, [0.4], width=320)]
    scored = [item.image for _, item in decode(source, {"few": FrameRequest(1, 120)}) if isinstance(item, Frame)]
    assert woven_comb > 10
    assert max(map(comb, [frames[5].to_ndarray(format="gray"), *stills, *scored])) < woven_comb / 4


def with_dolby_vision(path: Path, profile: int, compatibility: int) -> Path:
    """An HLG or HDR10 file whose header says that it is Dolby Vision; the header lies at the end."""
    data = hdr(path.with_name("base.mp4"), "arib-std-b67" if compatibility == 4 else "smpte2084").read_bytes()
    record = struct.pack(">BBHB19x", 1, 0, profile << 9 | 1 << 3 | 0b101, compatibility << 4)
    box = struct.pack(">I4s", 8 + len(record), b"dvvC" if profile > 7 else b"dvcC") + record
    moov = data.rindex(b"moov") - 4
    begins = [moov]
    for name in (b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1"):
        begins.append(data.index(name, begins[-1]) - 4)
    stop = begins[-1] + struct.unpack_from(">I", data, begins[-1])[0]
    for begin in begins:
        size = struct.unpack_from(">I", data, begin)[0]
        data = data[:begin] + struct.pack(">I", size + len(box)) + data[begin + 4 :]
    path.write_bytes(data[:stop] + box + data[stop:])
    return path


def test_dolby_vision_files(tmp_path: Path) -> None:
    compatible = with_dolby_vision(tmp_path / "eight.mp4", 8, 4)
    result = cut_summary(probe(compatible), [Segment(0.5, 1.5, 1.0)], tmp_path / "out.mp4")
    assert result.notes == ("Its Dolby Vision metadata is not kept; it plays as HLG.",)
    assert labels(result.path) == ("yuv420p10le", 1, 9, 9, 18)
    own = probe(with_dolby_vision(tmp_path / "five.mp4", 5, 0))
    with pytest.raises(CutError, match=r"five\.mp4: its Dolby Vision picture \(profile 5\)"):
        cut_summary(own, [Segment(0.5, 1.5, 1.0)], tmp_path / "five-out.mp4")
    assert cut_summary(own, [Segment(0.5, 1.5, 1.0)], tmp_path / "copied.mp4", CutOptions(cut="copy")).seconds >= 1
