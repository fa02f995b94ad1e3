"""Encoders are tried before they are believed: what cannot be had is told, what works is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError, CutError
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._cut import encoders
from highlightr.media._cut.encoders import Encoder, fault_of, find_encoder, hardware
from highlightr.media.cut import CutOptions, check_encoder, cut_summary
from highlightr.media.ffmpeg import has_encoder
from highlightr.options import SummarizeOptions
from tests.mediamaker import CLOSED_GOP, made

STAND_IN = Encoder("libopenh264", options=("-b:v:0", "4M"))
"""An encoder other than the usual ones that runs without hardware, in its place."""


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bundled program, with an encoder as if it were NVIDIA's."""
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", _bundled())
    _in_place(monkeypatch, STAND_IN)


def _bundled() -> str:
    import imageio_ffmpeg

    return str(imageio_ffmpeg.get_ffmpeg_exe())


def _in_place(monkeypatch: pytest.MonkeyPatch, encoder: Encoder) -> None:
    monkeypatch.setattr(encoders, "hardware", lambda maker, *, hdr: encoder)
    monkeypatch.setattr(Encoder, "is_software", property(lambda self: self.name in ("libx264", "libx265")))


def test_software_is_taken_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "run_ffmpeg", lambda arguments: pytest.fail("tried"))
    assert find_encoder("libx264", 64, 64, hdr=False) == (Encoder("libx264"), ())
    assert find_encoder("libx264", 64, 64, hdr=True) == (Encoder("libx265"), ())


@pytest.mark.parametrize("maker", ["nvenc", "qsv", "vaapi", "videotoolbox"])
@pytest.mark.parametrize("hdr", [False, True], ids=["h264", "hevc"])
def test_hardware_that_is_listed_and_not_there_is_passed_over(maker: str, hdr: bool) -> None:
    encoder = hardware(maker, hdr=hdr)
    assert encoder.name == f"{'hevc' if hdr else 'h264'}_{maker}"
    reason = fault_of(encoder, 320, 240)
    if reason is None:
        pytest.skip(f"{encoder.name} works here")
    assert "\n" not in reason
    with pytest.raises(CutError, match=f"the encoder {encoder.name} cannot be used: .*; use --encoder auto"):
        find_encoder(f"h264_{maker}", 320, 240, hdr=hdr)  # type: ignore[arg-type]
    chosen, notes = find_encoder("auto", 320, 240, hdr=hdr)
    told = [note for note in notes if note.startswith(f"The encoder {encoder.name} was passed over: ")]
    assert len(told) == (has_encoder(encoder.name) and chosen.is_software)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-frames:v:0", "2"), "of 4 pictures it gave back 2"),
        (("-filter:v:0", "negate"), "its pictures differ by"),
        (("-no-such-option", "1"), "status"),
    ],
    ids=["frames", "pictures", "refused"],
)
def test_what_comes_back_is_compared(options: tuple[str, ...], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = fault_of(Encoder("libx264", options=("-preset", "ultrafast")), 128, 96)
    assert fault is None
    if options[0] == "-filter:v:0":  # What a broken driver gives back cannot be had from a sound encoder.
        original = encoders._luma
        monkeypatch.setattr(encoders, "_luma", lambda path: 255 - original(path))
        options = ("-tune", "zerolatency")
    elif options[0] == "-frames:v:0":
        original = encoders._luma
        monkeypatch.setattr(encoders, "_luma", lambda path: original(path)[:2])
        options = ("-tune", "fastdecode")
    assert words in str(fault_of(Encoder("libx264", options=options), 128, 96))


@pytest.mark.usefixtures("stand_in")
def test_auto_takes_what_is_proven_and_says_so(tmp_path: Path) -> None:
    source = probe(made("encoders.mp4", **CLOSED_GOP, seconds=2.0))
    result = cut_summary(source, [Segment(0.4, 1.2, 1.0)], tmp_path / "out.mp4", CutOptions(encoder="auto"))
    assert "Encoded by libopenh264." in result.notes
    assert probe(tmp_path / "out.mp4").duration_seconds == pytest.approx(0.8, abs=0.01)
    named = cut_summary(source, [Segment(0.4, 1.2, 1.0)], tmp_path / "named.mp4", CutOptions(encoder="h264_nvenc"))
    assert named.notes == ()


def test_an_encoder_is_tried_with_the_size_that_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of odd width and height, a column and a line are cropped; encoders do not take them."""
    encoder = Encoder("libx264", options=("-preset", "ultrafast"))
    _in_place(monkeypatch, encoder)
    assert find_encoder("h264_nvenc", 321, 241, hdr=False) == (encoder, ())


def test_hardware_that_fails_on_the_video_is_replaced_in_auto_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _in_place(monkeypatch, Encoder("libx264", options=("-no-such-option", "1"), upload="null"))
    monkeypatch.setattr(encoders, "fault_of", lambda encoder, width, height: None)
    monkeypatch.setattr(Encoder, "is_software", property(lambda self: not self.upload))
    source = probe(made("encoders.mp4", **CLOSED_GOP, seconds=2.0))
    result = cut_summary(source, [Segment(0.4, 1.2, 1.0)], tmp_path / "out.mp4", CutOptions(encoder="auto"))
    assert [note for note in result.notes if note.startswith("Encoded by software, because hardware failed: ffmpeg")]
    assert probe(tmp_path / "out.mp4").duration_seconds == pytest.approx(0.8, abs=0.01)
    with pytest.raises(CutError, match="no-such-option"):
        cut_summary(source, [Segment(0.4, 1.2, 1.0)], tmp_path / "named.mp4", CutOptions(encoder="h264_nvenc"))
    assert not (tmp_path / "named.mp4").exists()


def test_a_named_encoder_is_tried_before_any_work() -> None:
    source = probe(made("encoders.mp4", **CLOSED_GOP, seconds=2.0))
    check_encoder(source, "auto")
    check_encoder(source, "libx264")
    if fault_of(hardware("videotoolbox", hdr=False), source.video.width, source.video.height):
        with pytest.raises(CutError, match="the encoder h264_videotoolbox cannot be used"):
            check_encoder(source, "h264_videotoolbox")


@pytest.mark.parametrize("cut", ["copy", "smart"])
def test_copied_packets_leave_no_choice(cut: str) -> None:
    with pytest.raises(ConfigError, match="leaves no choice of encoder"):
        SummarizeOptions(cut=cut, encoder="auto")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="encoder must be libx264 or auto or"):
        SummarizeOptions(encoder="x264")  # type: ignore[arg-type]


def test_frames_are_uploaded_behind_the_graph() -> None:
    vaapi = hardware("vaapi", hdr=False)
    assert vaapi.uploading == ";[v]format=nv12,hwupload[uploaded]"
    assert (vaapi.label, Encoder().label) == ("[uploaded]", "[v]")
    assert vaapi.device[0] == "-init_hw_device"
