"""Timecodes are counted by frames; chapters and tags are written so that they are read again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.timecode import advance
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media._container.contents import Chapter
from highlightr.media._cut.extras import cut_chapters, metadata_text
from highlightr.media._cut.result import Piece
from highlightr.media.cut import cut_summary
from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import made

NTSC, DOUBLE = Fraction(30_000, 1001), Fraction(60_000, 1001)


@pytest.mark.parametrize(
    ("timecode", "seconds", "rate", "later"),
    [
        ("01:00:00:00", Fraction(1), Fraction(25), "01:00:01:00"),
        ("23:59:59:24", Fraction(1, 25), Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1 / NTSC, NTSC, "00:01:00;02"),
        ("00:09:59;29", 1 / NTSC, NTSC, "00:10:00;00"),
        ("00:00:00;00", Fraction(3600), NTSC, "01:00:00;00"),
        ("00:00:59;59", 1 / DOUBLE, DOUBLE, "00:01:00;04"),
        ("10:00:00:00", Fraction(1001, 1000), Fraction(24_000, 1001), "10:00:01:00"),
        ("somewhere", Fraction(1), Fraction(25), None),
        ("01:00:00:00", Fraction(1), Fraction(1, 10), None),
    ],
)
def test_counted_on(timecode: str, seconds: Fraction, rate: Fraction, later: str | None) -> None:
    assert advance(timecode, seconds, rate) == later


@given(st.integers(0, 2_000_000), st.integers(0, 100_000))
def test_two_steps_are_one(first: int, second: int) -> None:
    once = advance("00:00:00;00", (first + second) / NTSC, NTSC)
    half = advance("00:00:00;00", first / NTSC, NTSC)
    assert half is not None
    assert advance(half, second / NTSC, NTSC) == once


def piece(start: float, stop: float, output: float) -> Piece:
    return Piece(start, stop, start, stop, output)


def test_chapters_follow_the_pieces() -> None:
    chapters = [Chapter(0, 10, "a"), Chapter(10, 20, "b"), Chapter(20, 30, "c")]
    pieces = [piece(2, 4, 0), piece(8, 12, 2), piece(25, 26, 6)]
    assert cut_chapters(chapters, pieces) == [Chapter(0, 4, "a"), Chapter(4, 6, "b"), Chapter(6, 7, "c")]
    assert cut_chapters(chapters, [piece(25, 26, 0), piece(0, 1, 1)]) == [Chapter(0, 1, "c"), Chapter(1, 2, "a")]


def test_what_has_a_meaning_in_the_metadata_format_is_escaped() -> None:
    text = metadata_text({"title": "a=b;c#d\\e\nf", "[CHAPTER]": "x"}, [Chapter(0, 1.5, "x=y")])
    assert text == (
        ";FFMETADATA1\ntitle=a\\=b\\;c\\#d\\\\e\\\nf\n\\[CHAPTER]=x\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=x\\=y\n"
    )


@pytest.mark.parametrize(
    ("name", "rate", "timecode", "first", "of_the_cut"),
    [
        ("late.mov", "25", "01:00:00:00", "01:00:02:00", "01:00:03:00"),
        ("late.mp4", "30000/1001", "00:00:58;00", "00:01:00;02", "00:01:01;02"),
        ("late.mkv", "25", "01:00:00:00", "01:00:00:00", "01:00:01:00"),  # A tag, which is the picture's own.
    ],
)
def test_the_timecode_of_a_picture_that_begins_late(
    name: str, rate: str, timecode: str, first: str, of_the_cut: str, tmp_path: Path
) -> None:
    path, base = tmp_path / name, made("plain.mp4")
    late = ["-itsoffset", "2.002", "-i", f"file:{base}", "-i", f"file:{base}", "-map", "0:v", "-map", "1:a"]
    coded = ["-vf", f"fps={rate}", "-fps_mode", "passthrough", "-c:v", "libx264", "-c:a", "copy"]
    run_ffmpeg([*late, *coded, "-metadata:s:v", f"timecode={timecode}", f"file:{path}"])
    source = probe(path)
    assert source.timecode == first
    start = source.picture_start_seconds + float(round(Fraction(rate)) / Fraction(rate))
    result = cut_summary(source, [Segment(start, start + 0.5, 0.5)], tmp_path / "cut.mov")
    assert probe(result.path).timecode == of_the_cut
