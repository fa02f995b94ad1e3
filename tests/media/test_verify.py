"""What was written is compared with its plan; what differs is written again, or never delivered."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from highlightr.core.errors import CutError
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._cut import copy_cut as copying
from highlightr.media._cut import exact_cut
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.verify import Planned, check_video
from tests.mediamaker import CLOSED_GOP, made

SHOWN = tuple(k / 25 for k in range(100))
PLAN = Planned(4.0, (0.0, 2.0), 1, SHOWN)


def _written() -> Path:
    """Four seconds in two pieces, with keyframes at both ends of each, as cutting writes them."""
    return made("written.mp4", **{**CLOSED_GOP, "muxing": (("movflags", "faststart"),)})


def test_what_is_as_planned() -> None:
    assert check_video(_written(), PLAN).is_as_planned
    assert check_video(_written(), replace(PLAN, shown=None)).is_as_planned


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seconds": 4.3}, r"its picture lasts 4\.000 s instead of 4\.300 s"),
        ({"seconds": 3.8}, r"its picture lasts 4\.000 s instead of 3\.800 s"),
        ({"num_sounds": 0}, "has 1 audio streams instead of 0"),
        ({"num_sounds": 2}, "has 1 audio streams instead of 2"),
        ({"shown": SHOWN[:-3]}, r"3 of its pictures were not planned, the first one at 3\.880 s"),
        ({"shown": tuple(time + 0.01 for time in SHOWN[1:])}, "of its pictures were not planned"),
    ],
)
def test_what_differs_is_named(change: dict[str, Any], words: str) -> None:
    fault = check_video(_written(), replace(PLAN, **change)).fault
    assert re.search(words, fault), fault


def test_a_picture_that_ends_before_the_sound_in_matroska() -> None:
    written = made("short.mkv", seconds=3.0, sound_seconds=4.0)
    fault = check_video(written, replace(PLAN, shown=SHOWN[:75])).fault
    assert re.search(r"its picture lasts 3\.0\d\d s instead of 4\.000 s", fault), fault


def test_pictures_that_are_missing_in_a_copy() -> None:
    copied = replace(PLAN, shown=None, num_pictures=100)
    assert check_video(_written(), copied).is_as_planned
    fault = check_video(made("holes.mp4", times=tuple(Fraction(k, 25) for k in range(100) if k != 40)), copied).fault
    assert fault == "it has 99 pictures instead of 100"


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_copy_that_is_short_of_pictures_is_not_delivered(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its sound lasts on: the length of a Matroska file says nothing of the picture."""
    write = copying._Copier._write

    def lossy(self: Any, packet: Any, index: int, pts: int, dts: int) -> None:
        if packet.stream.type != "video" or pts * packet.time_base < 1.79:
            write(self, packet, index, pts, dts)

    monkeypatch.setattr(copying._Copier, "_write", lossy)
    output = tmp_path / f"cut{suffix}"
    with pytest.raises(CutError, match="cannot be copied, it has 45 pictures instead of 50"):
        cut_summary(probe(_written()), [Segment(0.0, 2.0, 1.0)], output, CutOptions(cut="copy"))
    assert not output.exists()


def test_missing_pictures_are_told() -> None:
    """A frame that the source cannot give leaves its time to the one before."""
    verdict = check_video(
        made("holes.mp4", times=tuple(Fraction(k, 25) for k in range(100) if k not in (40, 41))), PLAN
    )
    assert verdict.fault == ""
    assert verdict.missing == pytest.approx([1.6, 1.64])


def test_a_file_without_a_picture(tmp_path: Path) -> None:
    run_ffmpeg(["-i", f"file:{_written()}", "-vn", f"file:{tmp_path / 'sound.mp4'}"])
    assert check_video(tmp_path / "sound.mp4", PLAN).fault == "it has no picture"


def test_sound_that_does_not_cover_the_picture() -> None:
    path = made("short-sound.mp4", sound_seconds=1.5)
    assert "its sound lasts from" in check_video(path, PLAN).fault


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_file_that_is_cut_off(share: float, tmp_path: Path) -> None:
    content = _written().read_bytes()
    path = tmp_path / "cut-off.mp4"
    path.write_bytes(content[: round(len(content) * share)])
    assert check_video(path, PLAN).fault


@pytest.mark.parametrize("number", [0, 25, 50, 99])
def test_ends_of_pieces_that_do_not_decode(number: int, tmp_path: Path) -> None:
    """Of pieces from 0 to 50 and from 50 to 100; what is tried is the first frame and all from the last keyframe on."""
    content = bytearray(_written().read_bytes())
    with av.open(str(_written())) as container:
        packets = [(p.pts * p.time_base, p.pos, p.size) for p in container.demux(video=0) if p.pts is not None]
    position, size = next((pos, size) for shown, pos, size in packets if round(shown * 25) == number)
    assert position is not None
    content[position : position + size] = bytes(size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    assert "cannot be decoded" in check_video(path, PLAN).fault


def _lying(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """The first runs of ffmpeg read something else than was planned."""
    real, calls = exact_cut.encode_pieces, list[int]()

    def encode(plan: Any, *rest: Any) -> Any:
        calls.append(len(plan.takes))
        if len(calls) <= times:
            takes = [replace(take, reach=replace(take.reach, clock=take.reach.clock + 2)) for take in plan.takes]
            plan = replace(plan, shapes={}, takes=tuple(takes))
        return real(plan, *rest)

    monkeypatch.setattr(exact_cut, "encode_pieces", encode)
    return calls


def test_a_safer_way_is_tried(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = _lying(monkeypatch, 1)
    source = probe(made("closed.mp4", **CLOSED_GOP))
    result = cut_summary(source, [Segment(2.5, 3.5, 1.0)], tmp_path / "cut.mp4")
    assert len(calls) == 2
    assert probe(result.path).duration_seconds == pytest.approx(1.0)


def test_what_no_way_can_write_is_not_delivered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = _lying(monkeypatch, 9)
    source = probe(made("closed.mp4", **CLOSED_GOP))
    with pytest.raises(CutError, match=r"closed\.mp4: .*; (remux or convert the video|choose other moments)"):
        cut_summary(source, [Segment(2.5, 3.5, 1.0)], tmp_path / "cut.mp4")
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


def test_pictures_that_cannot_be_decoded_are_told(tmp_path: Path) -> None:
    content = bytearray(made("closed.mp4", **CLOSED_GOP).read_bytes())
    with av.open(str(made("closed.mp4", **CLOSED_GOP))) as container:
        packets = [(p.pts * p.time_base, p.pos, p.size) for p in container.demux(video=0) if p.pts is not None]
    for shown, position, size in packets:
        if position is not None and Fraction(14, 10) <= shown < Fraction(15, 10):
            content[position : position + size] = bytes(size)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    result = cut_summary(probe(path), [Segment(0.5, 2.5, 1.0)], tmp_path / "cut.mp4")
    assert any("pictures cannot be decoded, the first one at 0." in note for note in result.notes)
    assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=0.04)


@pytest.mark.parametrize("codec", ["ac3", "libmp3lame", "aac"])
@pytest.mark.parametrize("seconds", [5.5, 5.48, 5.02])
def test_sound_that_ends_after_the_picture_does_not_make_it_longer(codec: str, seconds: float, tmp_path: Path) -> None:
    """Matroska tells the length of the file alone, from the encoder's lead on to the end of the last frame of sound."""
    inputs = ["-f", "lavfi", "-i", "testsrc2=size=128x96:rate=25:duration=9", "-f", "lavfi", "-i", "sine=700:d=9"]
    encoding = ["-c:v", "libx264", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", codec]
    run_ffmpeg([*inputs, *encoding, "-threads", "1", "-y", str(tmp_path / "source.mkv")])
    source = probe(tmp_path / "source.mkv")
    result = cut_summary(source, [Segment(2.0, 2.0 + seconds, 1.0)], tmp_path / "cut.mkv")
    assert result.seconds == pytest.approx(seconds, abs=0.041)
    with av.open(str(tmp_path / "cut.mkv")) as written:
        shown = [packet.pts for packet in written.demux(video=0) if packet.pts is not None]
    assert len(shown) == round(result.seconds * 25)


PEAK = """
import resource, sys
from pathlib import Path
from highlightr.media.verify import Planned, check_video
def peak(path, frames):
    planned = Planned(frames / 25, (0.0,), 0, tuple(number / 25 for number in range(frames)))
    assert check_video(Path(path), planned).is_as_planned
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(-peak(sys.argv[1], 20) + peak(sys.argv[2], 300))
"""


def test_a_long_group_of_pictures_is_not_held_in_memory() -> None:
    one_group = (("preset", "ultrafast"), ("g", "300"))
    how: dict[str, Any] = {"size": (640, 360), "sound": False, "options": one_group}
    videos = [made("group.mp4", seconds=seconds, **how) for seconds in (0.8, 12.0)]
    # 280 more pictures would take 97 MB.
    assert int(subprocess.check_output([sys.executable, "-c", PEAK, *map(str, videos)], timeout=100)) < 30_000
