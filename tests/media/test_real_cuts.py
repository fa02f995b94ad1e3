"""Files that once were cut wrong: those with numbers frame by frame, the others by lengths and by what is said."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from highlightr.core.errors import CutError
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media.cut import cut_summary
from tests.media.test_cut_table import check, cut, first_frame, watch

NUMBERED = (
    "longgop.ts hevc.ts dvd.vob x265.mkv obs.mkv ambi.mkv hdr10.mp4 interlaced.mp4 vr360.mp4".split()  # noqa: SIM905
)
UNNUMBERED = {
    "plain_x264_defaults.ts": ((2.0, 4.0), (15.0, 16.0)),
    "long_gop.ts": ((9.0, 11.0), (25.0, 28.0)),
    "mpeg2.mpg": ((1.0, 3.0), (6.0, 7.5)),
    "delay1.gif": ((0.2, 0.5), (0.7, 0.9)),
    "slides.mp4": ((10.0, 20.0), (115.0, 125.0)),
    "rgbhd.mkv": ((1.0, 2.0), (4.0, 5.0)),
    "vid20.mkv": ((18.0, 22.0), (25.0, 26.0)),
    "swapped.mov": ((0.2, 0.9),),
}


def _file(real_data: Path, name: str) -> Path:
    path = real_data / "cuts" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    return path


@pytest.mark.realdata
@pytest.mark.parametrize("name", NUMBERED)
def test_numbered_files(name: str, real_data: Path, tmp_path: Path) -> None:
    source = probe(_file(real_data, name))
    first, last = first_frame(source), source.duration_seconds
    spans = [(first + 0.4, first + 1.6), (last * 0.5, last * 0.5 + 1.2), (last - 1.3, last - 0.5)]
    result = cut(source, spans, tmp_path / "cut.mp4")
    check(source, first, result, watch(result.path))


@pytest.mark.realdata
@pytest.mark.parametrize("name", UNNUMBERED)
def test_files_without_numbers(name: str, real_data: Path, tmp_path: Path) -> None:
    source = probe(_file(real_data, name))
    result = cut_summary(source, [Segment(*span, 0.5) for span in UNNUMBERED[name]], tmp_path / "cut.mp4")
    assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=0.05)
    wanted = sum(stop - start for start, stop in UNNUMBERED[name])
    assert result.seconds == pytest.approx(wanted - (2.0 if name == "vid20.mkv" else 0), abs=0.15)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gap60.ts", r"Timestamps jump by (59|60)\.\d s at 12\.0 s"),
        ("joined.vob", r"Timestamps restart at 12\.0 s"),
        ("vid20.mkv", r"The picture begins at 20\.0 s"),
    ],
)
def test_odd_time_lines_are_said(name: str, words: str, real_data: Path, tmp_path: Path) -> None:
    source = probe(_file(real_data, name))
    assert source.duration_seconds == pytest.approx(24.0 if name != "vid20.mkv" else 28.0, abs=0.1)
    result = cut(source, [(10.5, 13.0), (20.5, 21.5)], tmp_path / "cut.mp4")
    assert any(re.search(words, note) for note in result.notes)
    numbers = watch(result.path).numbers
    if name != "vid20.mkv":
        # Two runs of numbers, of 2.5 and 1.0 s.
        assert [b - a == 1 for a, b in pairwise(numbers)].count(False) == 1
        assert len(numbers) == pytest.approx(87.5, abs=2)


@pytest.mark.realdata
def test_damage_is_a_clear_error(real_data: Path, tmp_path: Path) -> None:
    source = probe(_file(real_data, "bad_75_mpeg4.nut"))
    try:
        result = cut(source, [(1.0, 4.0)], tmp_path / "cut.mp4")
    except CutError as error:
        assert "remux or convert the video" in str(error) or "choose other moments" in str(error)
        assert list(tmp_path.iterdir()) == []
    else:
        assert probe(result.path).duration_seconds == pytest.approx(result.seconds, abs=0.05)
