"""Subtitles: read, cut, retimed, written; and what their text must not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.errors import CutError, MediaError, OutputError
from highlightr.core.types import Segment
from highlightr.media import probe
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.media.subtitles import Cue, Subtitles, read_subtitles
from tests.mediamaker import made

CUES = (Cue(1.0, 2.5, "one"), Cue(2.0, 4.0, "two\nlines"), Cue(10.0, 12.0, "three"))


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_cues_survive_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"cues{suffix}"
    Subtitles.from_cues(CUES).save(path)
    assert read_subtitles(path).cues == CUES


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
def test_what_other_programs_take_for_a_line_is_one(suffix: str, tmp_path: Path) -> None:
    path, said = tmp_path / f"cues{suffix}", (Cue(1.0, 2.5, "one\u2028two \x85three"), CUES[2])
    Subtitles.from_cues(said).save(path)
    path.write_text(path.read_text("utf-8"), "utf-8", newline="\r")
    assert read_subtitles(path).cues == said


def test_cues_are_cut_and_retimed() -> None:
    cut = Subtitles.from_cues(CUES).cut([(0.0, 2.2, 0.0), (11.0, 11.5, 2.2)])
    assert cut.cues == (Cue(1.0, 2.2, "one"), Cue(2.0, 2.2, "two\nlines"), Cue(2.2, 2.7, "three"))


def test_a_cue_across_pieces_that_touch_stays_one() -> None:
    cut = Subtitles.from_cues(CUES).cut([(2.5, 3.0, 0.0), (3.0, 3.5, 0.5), (3.7, 4.0, 1.0)])
    assert cut.cues == (Cue(0.0, 1.0, "two\nlines"), Cue(1.0, 1.3, "two\nlines"))


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".ass"])
@pytest.mark.parametrize("seconds", [1.001, 1.0056, 1.2, 0.7998])
def test_the_picture_behind_a_join_shows_what_is_said_there(seconds: float, suffix: str, tmp_path: Path) -> None:
    """Some formats hold hundredths of a second, and round."""
    said = Subtitles.from_cues(Cue(10.0 * number, 10.0 * number + 9, str(number)) for number in range(5))
    pieces = [
        (10.0 * number + 3, 10.0 * number + 3 + seconds, place * seconds) for place, number in enumerate((2, 0, 3))
    ]
    said.cut(pieces).save(tmp_path / f"cut{suffix}")
    cues = read_subtitles(tmp_path / f"cut{suffix}").cues
    for (_, _, join), number in zip(pieces, "203", strict=True):
        for shown in (join, join + seconds - 1 / 60):
            assert [cue.text for cue in cues if cue.start_seconds <= shown < cue.stop_seconds] == [number]


def test_cues_that_are_shown_together_become_one_where_they_have_to_follow_each_other() -> None:
    said = Subtitles.from_cues((*CUES, Cue(2.2, 2.4, "short"), Cue(2.2, 2.4, "short"), Cue(4.0, 5.0, "next")))
    assert said.one_at_a_time().cues == (
        Cue(1.0, 2.0, "one"),
        Cue(2.0, 2.2, "one\ntwo\nlines"),
        Cue(2.2, 2.4, "one\ntwo\nlines\nshort"),
        Cue(2.4, 2.5, "one\ntwo\nlines"),
        Cue(2.5, 4.0, "two\nlines"),
        Cue(4.0, 5.0, "next"),
        Cue(10.0, 12.0, "three"),
    )


def test_pieces_in_another_order_than_the_source() -> None:
    cut = Subtitles.from_cues(CUES).cut([(10.0, 12.0, 0.0), (1.0, 2.0, 2.0)])
    assert [(cue.start_seconds, cue.text) for cue in cut.cues] == [(0.0, "three"), (2.0, "one")]


def test_styles_stay_where_they_can(tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_text("1\n00:00:01,000 --> 00:00:03,000\n<i>slanted</i>\n", encoding="utf-8")
    cut = read_subtitles(path).cut([(1.5, 2.5, 0.0)])
    cut.save(tmp_path / "out.srt")
    assert "00:00:00,000 --> 00:00:01,000\n<i>slanted</i>" in (tmp_path / "out.srt").read_text()
    assert cut.cues == (Cue(0.0, 1.0, "slanted"),)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_bytes("1\r\n00:00:01,000 --> 00:00:03,000\r\nSüß é\r\n".encode(encoding))
    assert [cue.text for cue in read_subtitles(path).cues] == ["Süß é"]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Řekni mu, že přijdu později."),
        ("cp1250", "Kde jsi byl? Šťastnou cestu!"),  # With a byte that Western text has not.
        ("cp1250", "Powiedz mu, że przyjdę później."),
        ("cp1250", "Ő is eljön később, ugye?"),
        ("cp1250", "Što još želiš čuti o tome?"),
        ("cp1250", "Astăzi vom vorbi despre pâine şi sare."),
        ("cp1254", "Nereye gidiyorsun? Bütün insanlar eşit doğar."),
        ("cp1257", "Nežinau, palauk manęs čia."),
        ("cp1252", "Où vas-tu ? Ça ne va pas, mon cœur."),
        ("cp1252", "Rødgrød med fløde på øen."),
        ("cp1252", "Così è la vita, lunedì andrò in città."),
        ("cp1252", "Não sei, amanhã põe a mesa."),
        ("cp1252", "We met José at the café \u2013 it\u2019s naïve."),
    ],
)
def test_what_windows_writes_is_told_apart_by_its_language(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_bytes(f"1\r\n00:00:01,000 --> 00:00:03,000\r\n<i>{text}</i>\r\n".encode(encoding))
    assert [cue.text for cue in read_subtitles(path).cues] == [text]


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет из Москвы, поезд идёт."),
        ("koi8-r", "Привет из Москвы, поезд идёт."),
        ("cp1253", "Καλημέρα από την Αθήνα."),
        ("shift_jis", "税務署から電話が来ました。"),
        ("gbk", "税务局昨天给我打了两次电话。"),
        ("euc-kr", "세무서에서 전화가 왔습니다."),
    ],
)
def test_another_encoding_is_no_mess_of_letters_but_an_error(encoding: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_bytes(f"1\n00:00:01,000 --> 00:00:03,000\n{text}\n".encode(encoding))
    with pytest.raises(MediaError, match=r"in\.srt: neither UTF-8.*save it as UTF-8"):
        read_subtitles(path)
    path.write_bytes(f"1\n00:00:01,000 --> 00:00:03,000\n{text}\n".encode())
    assert [cue.text for cue in read_subtitles(path).cues] == [text]


def test_a_broken_byte_costs_a_letter_and_not_the_accents_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    said = "Grüße über Köln, für müde Füße; früh führt Jörg fünf Hühner über die Brücke."
    path.write_bytes(f"1\n00:00:01,000 --> 00:00:03,000\n{said}".encode() + b"\xff!\n")
    assert [cue.text for cue in read_subtitles(path).cues] == [f"{said}\ufffd!"]


@pytest.mark.parametrize("content", [b"", b"hello", b"\0\1\2\3" * 100, b"WEBVTT\n\n", b"{}", b"[1]"])
def test_what_is_no_subtitle_file(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "in.srt"
    path.write_bytes(content)
    try:
        assert read_subtitles(path).cues == ()
    except MediaError as error:
        assert "holds no subtitles that can be read" in str(error)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("fields", ["Layer, Start, End, Style, Text", "Layer, Start, End, MarginL, Text"])
def test_what_a_library_doubts_is_not_printed(fields: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.ass"
    head = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name\nStyle: odd\n\n[Events]\n"
    path.write_text(f"{head}Format: {fields}\nDialogue: 0,0:00:01.00,0:00:03.00,odd,hello\n")
    read_subtitles(path)
    path.write_text(f"{head}Format: {fields}, MarginR\nDialogue: 0,0:00:01.00,0:00:03.00,odd,hello,x\n")
    read_subtitles(path)


def test_errors_name_the_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"none\.srt: cannot be read \(No such file"):
        read_subtitles(tmp_path / "none.srt")
    with pytest.raises(OutputError, match=r"cues\.none: no subtitle format"):
        Subtitles.from_cues(CUES).save(tmp_path / "cues.none")
    with pytest.raises(OutputError, match="cannot be written"):
        Subtitles.from_cues(CUES).save(tmp_path / "missing" / "cues.srt")


SPANS = st.lists(st.tuples(st.integers(0, 5000), st.integers(100, 2000)), min_size=1, max_size=8)


@given(SPANS, SPANS)
def test_what_is_kept_lies_in_its_piece_and_lasts_as_long(
    spoken: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    cues = [Cue(a / 1000, (a + b) / 1000, str(number)) for number, (a, b) in enumerate(spoken)]
    pieces, offset = [], 0
    for start, length in wanted:
        pieces.append((start / 1000, (start + length) / 1000, offset / 1000))
        offset += length
    cut = Subtitles.from_cues(cues).cut(pieces)
    shown = sum(
        max(0.0, min(cue.stop_seconds, stop) - max(cue.start_seconds, start))
        for cue in cues
        for start, stop, _ in pieces
    )
    kept = sum(cue.stop_seconds - cue.start_seconds for cue in cut.cues)
    assert kept <= shown + 0.01 * len(cues) * len(pieces) + 1e-6
    assert kept == pytest.approx(shown, abs=0.02 * len(cues) * len(pieces) + 1e-6)
    assert all(0 <= cue.start_seconds < cue.stop_seconds <= offset / 1000 + 1e-9 for cue in cut.cues)


def test_an_ffmpeg_that_cannot_draw_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("highlightr.media._cut.output_plan.has_filter", lambda name: name != "subtitles")
    options = CutOptions(subtitles="burn", said=Subtitles.from_cues(CUES))
    with pytest.raises(CutError, match=r"cannot draw subtitles .* choose --subtitles soft, or another ffmpeg"):
        cut_summary(probe(made("plain.mp4")), [Segment(0, 1, 1.0)], tmp_path / "out.mp4", options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "begun"),
    [
        (r"{\move(4,4,28,20)}a", r"{\move(4,4,28,20,-2000,2000)}a"),
        (r"{\an5\move(4,4,28,20,100,1500)}a", r"{\an5\move(4,4,28,20,-1900,1)}a"),
        (r"{\t(\fs90)}a{\t(2,\frz9)}b", r"{\t(-2000,2000,\fs90)}a{\t(-2000,2000,2,\frz9)}b"),
        (r"{\t(0,3000,0.5,\fs90\clip(0,0,9,9))}a", r"{\t(-2000,1000,0.5,\fs90\clip(0,0,9,9))}a"),
        (r"{\fad(300,1500)}a", r"{\fade(255,0,255,-2000,-1700,500,2000)}a"),
        (r"{\k150}a{\kf100}b{\K90}c", r"{\k0}a{\kf50}b{\K90}c"),
        (r"{\fad(x,y)}a {\i1}b", r"{\fad(x,y)}a {\i1}b"),
    ],
)
def test_what_is_animated_goes_on_where_a_cue_is_cut(text: str, begun: str, tmp_path: Path) -> None:
    path = tmp_path / "a.ass"
    subtitles = Subtitles.from_cues([Cue(1.0, 5.0, "a")])
    subtitles.save(path)
    path.write_text(path.read_text().replace(",a\n", f",{text}\n"))
    for start, shown in ((3.0, begun), (0.0, text)):
        read_subtitles(path).cut([(start, 8.0, 0.0)]).save(tmp_path / "cut.ass")
        assert (tmp_path / "cut.ass").read_text().splitlines()[-1].endswith(f",{shown}")
