"""Headers that promise too much: each is refused in one line, before the memory or the hours are spent."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from highlightr.core.errors import CutError, MediaError
from highlightr.core.types import Segment
from highlightr.media import AudioRequest, FrameRequest, decode, probe
from highlightr.media._container import boxes
from highlightr.media._container.boxes import check_tables
from highlightr.media._container.contents import Contents
from highlightr.media._container.limits import check_length, check_picture, decoders, frame_threads
from highlightr.media._container.picture_format import PictureFormat
from highlightr.media._cut.copy_cut import copy_pieces
from highlightr.media._cut.output_plan import OutputPlan
from highlightr.media.cut import Piece, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import made

SMALL = {"seconds": 1.0, "size": (96, 64)}


def _plain(sound: bool = False) -> bytearray:
    return bytearray(made("plain.mp4", **SMALL, sound=sound).read_bytes())


def _set(data: bytearray, box: bytes, *words: int, number: int = 0) -> bytearray:
    """The 32-bit words behind a box's version and flags become these."""
    position = -1
    for _ in range(number + 1):
        position = data.index(box, position + 1)
    struct.pack_into(f">{len(words)}I", data, position + 8, *words)
    return data


def _gif(folder: Path, width: int, height: int) -> Path:
    """A few bytes with a canvas of any size."""
    plain = folder / "plain.gif"
    run_ffmpeg(["-i", f"file:{made('plain.mp4', **SMALL, sound=False)}", "-an", "-y", f"file:{plain}"])
    data = bytearray(plain.read_bytes())
    struct.pack_into("<HH", data, 6, width, height)
    path = folder / "canvas.gif"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [(2, 60_000, "a strip more than 64 times"), (16_000, 16_000, "megapixels|not one frame")],
)
def test_a_picture_beyond_all_bounds(width: int, height: int, words: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        probe(_gif(tmp_path, width, height))
    assert "\n" not in str(caught.value)


def test_pictures_that_are_handled() -> None:
    for width, height in ((1, 1), (8192, 8192), (8192, 128), (2, 128)):
        check_picture(Path("x"), width, height)
    for width, height in ((8192, 8193), (129, 2), (2, 129)):
        with pytest.raises(MediaError):
            check_picture(Path("x"), width, height)


def test_large_pictures_get_fewer_threads() -> None:
    assert [frame_threads(1280, 720, n) for n in (1, 4, 16)] == [1, 4, 16]
    assert frame_threads(8192, 8192, 16) == 2
    assert 1 <= frame_threads(1280, 720) <= 8


def test_large_pictures_get_fewer_decoders() -> None:
    assert [decoders(1280, 720, n) for n in (1, 4, 16)] == [1, 4, 16]
    assert decoders(3840, 2160, 8) == 4
    assert decoders(8192, 4320, 8) == 1


def test_lengths_that_are_handled() -> None:
    check_length(Path("x"), 600.0, 1)
    check_length(Path("x"), 601.0, 16 * 601)
    check_length(Path("x"), 48 * 3600.0, 1 << 30)
    with pytest.raises(MediaError, match="lasts 10 minutes by its timestamps, which 9615 bytes cannot hold"):
        check_length(Path("x"), 601.0, 16 * 601 - 1)
    with pytest.raises(MediaError, match=r"48\.\d hours by its timestamps, more than 48; split it"):
        check_length(Path("x"), 48 * 3600.0 + 100, 1 << 40)


def test_hours_in_a_few_bytes(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    path.write_bytes(_set(_plain(), b"stts", 1, 25, 90_000 * 3600))  # An hour a frame.
    with pytest.raises(MediaError, match=r"long\.mp4: lasts 60 minutes by its timestamps, which \d+ bytes cannot hold"):
        probe(path)


def test_more_samples_than_bytes(tmp_path: Path) -> None:
    path = tmp_path / "samples.mp4"
    path.write_bytes(_set(_plain(), b"stsz", 8, 80_000_000))
    with pytest.raises(MediaError, match=r"samples\.mp4: its header promises 8\d{7} samples, more than \d+ bytes"):
        probe(path)


def test_samples_in_fragments_and_in_boxes_of_any_kind_are_counted(tmp_path: Path) -> None:
    run = struct.pack(">I4sII", 16, b"trun", 0, 3_000_000)
    inside = b"".join(
        struct.pack(">I4s", len(run) + 24, b"moof")
        + struct.pack(">I4s", len(run) + 16, b"abcd")
        + struct.pack(">I4s", len(run) + 8, b"traf")
        + run
        for _ in range(2)
    )
    path = tmp_path / "fragments.mp4"
    path.write_bytes(inside)
    with pytest.raises(MediaError, match="promises 6000000 samples"):
        check_tables(path)
    path.write_bytes(inside[: len(inside) // 2])
    check_tables(path)
    path.write_bytes(struct.pack(">I4s", len(inside) + 8, b"mdat") + inside)  # Only samples, whatever they look like.
    check_tables(path)


def test_edits_that_repeat_a_track(tmp_path: Path) -> None:
    path = tmp_path / "edits.mp4"
    path.write_bytes(_set(_set(_plain(), b"elst", 500_000), b"stsz", 8, 100))
    with pytest.raises(MediaError, match="promises 50000000 samples"):
        check_tables(path)


def test_a_compressed_header_and_endless_boxes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "odd.mov"
    path.write_bytes(struct.pack(">I4sI4s", 16, b"moov", 8, b"cmov"))
    with pytest.raises(MediaError, match="its header is compressed"):
        check_tables(path)
    monkeypatch.setattr(boxes, "MOST_BOXES", 9)
    path.write_bytes(struct.pack(">I4s", 8, b"free") * 10)
    with pytest.raises(MediaError, match="more than 9 boxes"):
        check_tables(path)


def test_every_ordinary_file_passes() -> None:
    for name in ("plain.mp4", "plain.mkv", "plain.ts", "plain.flv"):
        check_tables(made(name, **SMALL))


@pytest.mark.parametrize("rate", [3.0, 1e9])
def test_sound_at_an_unbelievable_rate_is_left_out(rate: float, tmp_path: Path) -> None:
    path = tmp_path / "pcm.mkv"
    plain = made("plain.mp4", **SMALL)
    run_ffmpeg(["-i", f"file:{plain}", "-c:v", "copy", "-c:a", "pcm_s16le", f"file:{path}"])
    data = bytearray(path.read_bytes())
    struct.pack_into(">d", data, data.index(b"\xb5\x88") + 2, rate)
    path.write_bytes(data)
    source = probe(path)
    assert source.audio is None
    assert {name for name, _ in decode(source, {"sound": AudioRequest(16_000), "frames": FrameRequest(1.0)})} == {
        "frames"
    }


def test_a_piece_of_one_sample_is_cut(tmp_path: Path) -> None:
    source = probe(made("plain.mp4", **SMALL))
    result = cut_summary(source, [Segment(0.0, 0.00002, 1.0), Segment(0.5, 1.0, 1.0)], tmp_path / "out.mp4")
    assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=0.05)


def test_a_copy_onto_a_full_disk_says_so(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full to write to")
    (tmp_path / "full.mkv").symlink_to("/dev/full")
    plan = OutputPlan(probe(made("plain.mp4")), Contents(PictureFormat()), (Piece(0.0, 4.0, 0.0, 4.0, 0.0),))
    with pytest.raises(CutError, match=r"No space left on device"):
        copy_pieces(plan, tmp_path / "full.mkv", None)
