"""What is said comes along: files beside the summary, a track in it, or letters in its picture."""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr import Highlighter
from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.transcript import Transcript, Utterance
from highlightr.export.captions import LINE_LETTERS, captions
from highlightr.export.recut import cut_again
from highlightr.media import probe
from highlightr.media._container.contents import read_contents
from highlightr.media._container.opening import reading
from highlightr.media._container.subtitle_tracks import read_tracks
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.media.subtitles import Cue, read_subtitles
from highlightr.media.thumbnails import grab_thumbnails
from highlightr.options import SummarizeOptions
from tests.mediamaker import CLOSED_GOP, made

SRT = """1
00:00:01,000 --> 00:00:03,000
The <i>tax</i> office called.

2
00:00:03,500 --> 00:00:05,000
Nobody answered the phone, which is a pity & a shame.
"""


@pytest.fixture(scope="module")
def highlighter() -> Highlighter:
    return Highlighter.from_preset("lite", device="cpu")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Eight seconds, in a folder whose name a filter graph could take for something else."""
    folder = tmp_path / "it's [1], a:b;\\ c"
    folder.mkdir()
    os.link(made("long.mp4", seconds=8.0, size=(320, 240), **CLOSED_GOP), folder / "talk.mp4")
    (folder / "talk.en.srt").write_text(SRT, encoding="utf-8")
    return folder / "talk.mp4"


def summarized(highlighter: Highlighter, video: Path, name: str, **options: object) -> Path:
    made = highlighter.summarize(video, output=video.with_name(name), ratio=0.9, range="0:02-0:08", **options)
    assert made.receipt["transcript"] == {"origin": "talk.en.srt", "language": "en"}
    assert any("a pity & a shame" in quote for segment in made.receipt["segments"] for quote in segment["quotes"])
    assert {name: str(path) for name, path in made.outputs.items()} == made.receipt["outputs"]
    return made.outputs["video"]


def tracks(path: Path) -> list[tuple[str | None, tuple[Cue, ...]]]:
    source = probe(path)
    with reading(path) as container:
        found = read_contents(container, source.video.index).subtitles
    read = read_tracks(source, found)
    return [(track.tags.get("language"), kept.cues) for track in found if (kept := read[track.index]) is not None]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_track_and_files_are_on_the_summarys_time_line(highlighter: Highlighter, talk: Path, suffix: str) -> None:
    video = summarized(highlighter, talk, f"s{suffix}", clips=talk.parent / "clips")
    cues = read_subtitles(video.with_suffix(".srt")).cues
    assert cues == read_subtitles(video.with_suffix(".vtt")).cues
    text = "Nobody answered the phone, which is\na pity & a shame."
    assert cues[-1].text == text
    assert cues[-1].stop_seconds - cues[-1].start_seconds == pytest.approx(1.5, abs=0.002)
    assert all(cue.stop_seconds <= probe(video).duration_seconds + 0.001 for cue in cues)
    ((language, held),) = tracks(video)
    assert language == "eng"
    assert [(cue.text, pytest.approx(cue.start_seconds, abs=0.011)) for cue in held] == [
        (cue.text, cue.start_seconds) for cue in cues
    ]
    (clip,) = (talk.parent / "clips").iterdir()
    assert tracks(clip)[0][1][-1].text == text


def letters(path: Path, seconds: float) -> float:
    """How much the lower third of the picture has of what is nearly white."""
    import io

    from PIL import Image

    (jpeg,) = grab_thumbnails(probe(path), [seconds], width=320)
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"), dtype=float)
    return float((pixels[-len(pixels) // 3 :].min(axis=2) > 200).mean())


def test_burned_letters_are_seen_while_they_are_said(highlighter: Highlighter, talk: Path) -> None:
    soft, burned = (summarized(highlighter, talk, f"{how}.mp4", subtitles=how) for how in ("soft", "burn"))
    cue = read_subtitles(soft.with_suffix(".srt")).cues[-1]
    middle, after = (cue.start_seconds + cue.stop_seconds) / 2, cue.stop_seconds + 0.5
    assert letters(burned, middle) > letters(soft, middle) + 0.005
    assert letters(burned, after) == pytest.approx(letters(soft, after), abs=0.003)
    assert tracks(burned) == []
    assert not burned.with_suffix(".srt").exists()


def burned(talk: Path, name: str) -> dict[str, Any]:
    return {"output": talk.with_name(f"{name}.mp4"), "ratio": 0.9, "subtitles": "burn"}


def test_burned_letters_that_no_font_has_are_told(
    highlighter: Highlighter, talk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "burned subtitles" not in " ".join(highlighter.summarize(talk, **burned(talk, "seen")).notes)
    private = talk.parent / "private.srt"
    private.write_text(talk.with_suffix(".en.srt").read_text().replace("e", "\ue123"))  # Which no font has.
    summary = highlighter.summarize(talk, **burned(talk, "some"), transcript=private)
    assert any("lack the letters \ue123, which no font here has" in note for note in summary.notes)
    empty = talk.parent / "fonts.conf"
    empty.write_text("<fontconfig><dir>/nowhere</dir></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(empty))
    summary = highlighter.summarize(talk, **burned(talk, "none"))
    assert any(note.startswith("The burned subtitles cannot be seen: no font") for note in summary.notes)
    assert letters(summary.outputs["video"], 1.0) == pytest.approx(0, abs=0.003)


def test_none_and_copied(highlighter: Highlighter, talk: Path) -> None:
    assert tracks(summarized(highlighter, talk, "none.mp4", subtitles="none")) == []
    assert not (talk.parent / "none.srt").exists()
    ((_, cues),) = tracks(summarized(highlighter, talk, "copied.mp4", cut="copy"))
    assert cues
    with pytest.raises(ConfigError, match="leave out --copy or --subtitles burn"):
        SummarizeOptions(cut="copy", subtitles="burn")


def test_files_that_exist_are_kept(highlighter: Highlighter, talk: Path) -> None:
    (talk.parent / "s.srt").write_text("mine")
    with pytest.raises(OutputError, match=r"s\.srt"):
        summarized(highlighter, talk, "s.mp4")
    assert (talk.parent / "s.srt").read_text() == "mine"
    assert not (talk.parent / "s.mp4").exists()


@pytest.mark.parametrize(
    "how", [{"subtitles": "none"}, {"subtitles": "burn"}, {"cut": "copy", "subtitles": "none"}], ids=str
)
def test_captions_go_with_the_summary_that_they_belong_to(
    how: dict[str, object], highlighter: Highlighter, talk: Path
) -> None:
    video = summarized(highlighter, talk, "s.mp4")
    assert video.with_suffix(".srt").exists()
    summarized(highlighter, talk, "s.mp4", overwrite=True, **how)
    assert not video.with_suffix(".srt").exists()
    assert not video.with_suffix(".vtt").exists()
    video.with_suffix(".srt").write_text("mine")  # Of nobody's summary.
    summarized(highlighter, talk, "s.mp4", overwrite=True, **how)
    assert video.with_suffix(".srt").read_text() == "mine"


def test_where_nothing_is_said_no_files_lie_beside(highlighter: Highlighter, talk: Path) -> None:
    """Nor those of the summary before, and no track is empty."""
    video = summarized(highlighter, talk, "s.mp4")
    for how in ("soft", "burn"):
        silent = highlighter.summarize(talk, output=video, range="5.5-8", overwrite=True, subtitles=how)
        assert set(silent.outputs) == {"video", "receipt", "report"} == set(silent.receipt["outputs"])
        assert "files" not in silent.receipt
        assert ("Nothing is said in the summary, so no subtitles lie beside it." in silent.notes) == (how == "soft")
        assert tracks(video) == []
        assert not video.with_suffix(".srt").exists()
        assert not video.with_suffix(".vtt").exists()


def test_a_failure_takes_no_captions(highlighter: Highlighter, talk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = summarized(highlighter, talk, "s.mp4")
    before = video.with_suffix(".srt").read_bytes()
    monkeypatch.setattr("highlightr.export.summary.write_report", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        summarized(highlighter, talk, "s.mp4", overwrite=True, subtitles="none")
    assert video.with_suffix(".srt").read_bytes() == before


@pytest.mark.parametrize(("told", "tag"), [("english", "eng"), ("German", "deu"), ("pt-BR", "por"), ("klingon", None)])
def test_names_of_languages_become_codes(told: str, tag: str | None, highlighter: Highlighter, talk: Path) -> None:
    said = talk.with_name("said.json")
    said.write_text(json.dumps({"segments": [{"start": 1.0, "end": 7.0, "text": "Hello."}], "language": told}))
    video = highlighter.summarize(talk, output=talk.with_name("s.mp4"), transcript=said, cut="copy").outputs["video"]
    assert tracks(video)[0][0] == tag


def test_cutting_again_keeps_what_is_said(highlighter: Highlighter, talk: Path) -> None:
    video = summarized(highlighter, talk, "s.mp4")
    again = cut_again(video.with_suffix(".json"), None, SummarizeOptions(output=talk.with_name("again.mp4")))
    assert again.receipt["transcript"]["origin"] == "talk.en.srt"
    assert read_subtitles(again.outputs["srt"]).cues == read_subtitles(video.with_suffix(".srt")).cues


def test_a_timeline_of_the_same_name_goes_first(highlighter: Highlighter, talk: Path) -> None:
    video = summarized(highlighter, talk, "s.mp4", export=("vtt",))
    notes = json.loads(video.with_suffix(".json").read_text())["notes"]
    assert "The .vtt file is the timeline: what is said lies in the .srt file alone." in notes
    assert "a pity" in video.with_suffix(".srt").read_text()
    assert "a pity" not in video.with_suffix(".vtt").read_text()


@pytest.mark.parametrize(("languages", "lost"), [(("eng", "fra"), "subrip, fra"), (("eng", "eng"), ""), (("eng",), "")])
def test_tracks_of_other_languages_are_not_burned(
    languages: tuple[str, ...], lost: str, highlighter: Highlighter, talk: Path
) -> None:
    """Nor kept, so that no player shows two texts."""
    inside = talk.with_name("inside.mkv")
    inputs = [word for _ in languages for word in ("-i", f"file:{talk.with_suffix('.en.srt')}")]
    maps = [word for number in range(1, len(languages) + 1) for word in ("-map", f"{number}")]
    told = [word for number, each in enumerate(languages) for word in (f"-metadata:s:s:{number}", f"language={each}")]
    run_ffmpeg(["-i", f"file:{talk}", *inputs, "-map", "0", *maps, "-c", "copy", *told, f"file:{inside}"])
    made = highlighter.summarize(inside, output=talk.with_name("s.mp4"), ratio=0.9, subtitles="burn")
    assert made.receipt["transcript"]["language"] == "eng"
    note = f"Left out beside burned subtitles: {lost}."
    assert [each for each in made.notes if "burned" in each] == ([note] if lost else [])


def test_without_anything_said_nothing_is_different(highlighter: Highlighter, tmp_path: Path) -> None:
    video = made("long.mp4", seconds=8.0, **CLOSED_GOP)
    plain, burn = (
        highlighter.summarize(video, output=tmp_path / f"{how}.mp4", subtitles=how) for how in ("soft", "burn")
    )
    assert set(plain.outputs) == {"video", "receipt", "report"}
    assert "transcript" not in plain.receipt
    assert not any("quotes" in segment for segment in plain.receipt["segments"])
    assert (tmp_path / "soft.mp4").read_bytes() == (tmp_path / "burn.mp4").read_bytes()
    assert burn.notes == (*plain.notes, "No subtitles were burned: nothing tells what is said.")


def test_long_utterances_become_parts_of_two_lines() -> None:
    text = " ".join(f"word{number}" for number in range(60))
    cues = captions(Transcript((Utterance(10.0, 40.0, text),), "test")).cues
    assert " ".join(cue.text.replace("\n", " ") for cue in cues) == text
    assert cues[0].start_seconds == 10.0
    assert cues[-1].stop_seconds == 40.0
    assert all(before.stop_seconds == after.start_seconds for before, after in itertools.pairwise(cues))
    assert all(len(line) <= LINE_LETTERS + 8 for cue in cues for line in cue.text.split("\n"))
    assert all(cue.text.count("\n") <= 1 for cue in cues)


def test_what_formats_would_take_for_tags_is_shown(tmp_path: Path) -> None:
    said = Transcript((Utterance(0.0, 2.0, r"a <b> {c} \N d"),), "test")
    for suffix in (".srt", ".vtt", ".ass"):
        captions(said).save(tmp_path / f"x{suffix}")
        assert read_subtitles(tmp_path / f"x{suffix}").cues[0].text == "a \u2039b\u203a (c) /N d"
