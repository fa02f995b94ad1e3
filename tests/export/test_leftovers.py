"""What an earlier summary left goes if it is highlightr's own and unchanged; what may be a user's stays and is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from highlightr import Highlighter
from highlightr.core.errors import ConfigError, MediaError, OutputError
from highlightr.core.types import Summary
from highlightr.export import summary
from highlightr.export.outputs import Outputs, find_leftovers
from highlightr.export.recut import cut_again
from highlightr.export.segment_files import SegmentFolder
from highlightr.options import SummarizeOptions
from tests.light import DEBUG_PRESET
from tests.mediamaker import make_video

ALL = {"export": "csv,ffconcat", "transcript": True, "clips": True, "thumbnails": True}
SRT = "1\n00:00:00,500 --> 00:00:05,500\nHello there.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    make_video(tmp_path / "v.mp4", seconds=6.0, size=(160, 120))
    (tmp_path / "said.srt").write_text(SRT)
    return tmp_path


def summarized(folder: Path, span: str, **options: Any) -> Summary:
    """A summary of a span: other spans have clips of other names."""
    places = {"clips": folder / "clips", "thumbnails": folder / "pictures", "transcript": folder / "said.srt"}
    options = {name: places[name] if value is True else value for name, value in options.items()}
    given = {"output": folder / "s.mp4", "overwrite": True, "range": span, "ratio": 0.9, "cut": "exact"}
    made = Highlighter.from_preset(folder / "debug.yaml", cache=False)
    return made.summarize(folder / "v.mp4", **{**given, **options})


def names(folder: Path) -> set[str]:
    """Of all that is no input, no summary, no receipt and no report."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found - {"debug.yaml", "v.mp4", "said.srt", "s.mp4", "s.json", "s.html"}


def left(summary: Summary) -> list[str]:
    return [note for note in summary.notes if "not of" in note or "replaced" in note]


def test_files_of_the_summary_before_go(folder: Path) -> None:
    first = summarized(folder, "0-1", **ALL)
    listed = {(each["output"], each["name"]) for each in first.receipt["files"]}
    assert {output for output, _ in listed} == {"csv", "ffconcat", "srt", "vtt", "clips", "thumbnails"}
    before = names(folder)
    assert before == {f"clips/{n}" if o == "clips" else f"pictures/{n}" if o == "thumbnails" else n for o, n in listed}
    again = summarized(folder, "3-4", clips=True, thumbnails=True)
    after = names(folder)
    assert not before & after
    assert {name.partition("/")[0] for name in after} == {"clips", "pictures"}
    assert left(again) == []


def test_what_a_user_changed_or_made_stays_and_is_told(folder: Path) -> None:
    first = summarized(folder, "0-1", **ALL)
    (clip,) = (folder / "clips").iterdir()
    clip.write_bytes(clip.read_bytes() + b"trimmed by hand")
    (folder / "clips" / "notes.txt").write_text("mine")
    (folder / "s.csv").write_text((folder / "s.csv").read_text() + "4,5,0.5,mine\n")
    (folder / "s.edl").write_text("by `highlightr export`, or mine")
    again = summarized(folder, "3-4", clips=True)
    assert {"s.csv", "s.edl", "clips/notes.txt", f"clips/{clip.name}"} <= names(folder)
    assert not {"s.srt", "s.vtt", "s.ffconcat"} & names(folder)
    assert left(again) == [
        "s.edl, s.csv beside the summary are not of it.",
        f"The thumbnails in {folder / 'pictures'} are of the summary that was replaced.",
        f"The folder {folder / 'clips'} also holds 2 files that are not of this summary.",
    ]
    assert left(again) == [note for note in json.loads((folder / "s.json").read_text())["notes"] if note in left(again)]
    assert left(first) == []


def test_clips_of_another_summary_in_one_folder_stay(folder: Path) -> None:
    summarized(folder, "0-1", clips=True)
    (clip,) = (folder / "clips").iterdir()
    other = summarized(folder, "3-4", clips=True, output=folder / "other.mp4")
    assert clip.exists()
    assert left(other) == [f"The folder {folder / 'clips'} also holds a file that is not of this summary."]


@pytest.mark.parametrize("place", [".", "clips"])
def test_a_clip_that_two_summaries_list_stays(place: str, folder: Path) -> None:
    """As two runs over one span write it, byte for byte."""
    summarized(folder, "0-1", clips=True)
    summarized(folder, "0-1", clips=True, output=folder / place / "second.mp4")
    (clip,) = (path for path in (folder / "clips").iterdir() if path.name.startswith("01 "))
    summarized(folder, "3-4", clips=True)
    assert clip.exists()
    summarized(folder, "3-4", clips=True, output=folder / place / "second.mp4")
    assert not clip.exists()


def test_another_container_leaves_the_video_before(folder: Path) -> None:
    summarized(folder, "0-1")
    again = summarized(folder, "3-4", output=folder / "s.mkv")
    assert left(again) == [f"{folder / 's.mp4'} is an earlier summary; its receipt and report were replaced."]
    assert (folder / "s.mp4").exists()


@pytest.mark.parametrize("place", ["../v.mp4", "v.mp4", "/etc/passwd", "01 0-00 x\0.mp4", "01 0-00 a/../../v.mp4"])
def test_a_receipt_that_lies_costs_no_file(place: str, folder: Path) -> None:
    summarized(folder, "0-1", clips=True)
    receipt = json.loads((folder / "s.json").read_text())
    digest = receipt["files"][0]["sha256"]
    (clip,) = (folder / "clips").iterdir()
    victims = [clip.rename(folder / "clips" / "v.mp4"), folder / "x.mp4"]
    victims[1].write_bytes(victims[0].read_bytes())
    receipt["files"] = [{"output": output, "name": place, "sha256": digest} for output in ("clips", "csv", "video")]
    receipt["outputs"] |= {"clips": place, "thumbnails": "\0" * 9, "video": "x" * 9999}
    (folder / "s.json").write_text(json.dumps(receipt))
    summarized(folder, "3-4", clips=True)
    assert all(victim.exists() for victim in victims)
    assert (folder / "v.mp4").exists()


def test_a_link_and_what_it_leads_to_stay(folder: Path) -> None:
    summarized(folder, "0-1", export="csv")
    (folder / "s.csv").rename(folder / "mine.csv")
    (folder / "s.csv").symlink_to("mine.csv")
    summarized(folder, "3-4")
    assert (folder / "s.csv").is_symlink()
    assert (folder / "mine.csv").exists()


JUNK = [
    "",
    "[]",
    "{}",
    "null",
    '{"files": 3}',
    "\0",
    '{"outputs": {"clips": null}}',
    '{"outputs": {"video": "caf\xe9"}}',
]


@pytest.mark.parametrize("name", ["s.json", "s.html"])
def test_any_file_may_be_where_the_receipt_or_the_report_goes_and_stays(name: str, folder: Path) -> None:
    before = summarized(folder, "0-1", clips=True)
    for junk in JUNK:
        (folder / name).write_text(junk, encoding="latin-1")
        with pytest.raises(OutputError, match=f"{name}: not of a summary; move it, or choose another output"):
            summarized(folder, "3-4", clips=True)
        assert (folder / name).read_text(encoding="latin-1") == junk
    (folder / name).unlink()
    after = summarized(folder, "3-4", clips=True)
    assert after.segments != before.segments
    (folder / "s.json").write_text('{"schema_version": "1.0", "outputs": {}, "timings_seconds": {}}')
    assert summarized(folder, "3-4", clips=True).segments == after.segments


def test_the_transcript_is_never_replaced(folder: Path) -> None:
    before = (folder / "s.srt").write_text(SRT)
    with pytest.raises(OutputError, match=r"s\.srt: this is a transcript of the source"):
        summarized(folder, "0-1", transcript=folder / "s.srt")
    assert (folder / "s.srt").stat().st_size == before
    assert names(folder) == {"s.srt"}


@pytest.mark.parametrize("name", ["v.srt", "v.vtt"])
def test_a_transcript_that_lies_beside_the_video_is_never_replaced(name: str, folder: Path) -> None:
    (folder / "v.mp4").rename(folder / "v.mov")
    text = SRT if name == "v.srt" else "WEBVTT\n\n" + SRT.replace(",", ".")
    (folder / name).write_text(text)
    made = Highlighter.from_preset(folder / "debug.yaml", cache=False)
    with pytest.raises(OutputError, match=rf"{name}: this is a transcript of the source"):
        made.summarize(folder / "v.mov", output=folder / "v.mp4", overwrite=True)
    assert (folder / name).read_text() == text


@pytest.mark.parametrize("name", ["v.en.srt", "v.pt-BR.vtt", "v.json"])
def test_no_transcript_that_lies_beside_the_video_is_replaced(name: str, folder: Path) -> None:
    whisper = json.dumps({"segments": [{"start": 0.5, "end": 5.5, "text": "Hello there."}]})
    text = {".srt": SRT, ".vtt": "WEBVTT\n\n" + SRT.replace(",", "."), ".json": whisper}[Path(name).suffix]
    (folder / name).write_text(text)
    output = (folder / name).with_suffix(".mkv")
    for options in ({}, {"transcript": True}, {"export": "vtt", "subtitles": "none"}):
        if Path(name).suffix == ".srt" and "subtitles" in options:
            continue  # Nothing of this name would be written.
        with pytest.raises(OutputError, match=rf"{name}: this is a transcript of the source"):
            summarized(folder, "0-1", output=output, **options)
    assert (folder / name).read_text() == text
    assert names(folder) == {name}


def test_captions_that_no_summary_wrote_so_stay(folder: Path) -> None:
    (folder / "s.srt").write_text("of the user, for what was s.mp4")
    with pytest.raises(OutputError, match=r"s\.srt: not as a summary wrote it; move it"):
        summarized(folder, "0-1", transcript=True)
    (folder / "s.srt").unlink()
    summarized(folder, "0-1", transcript=True)
    summarized(folder, "3-4", transcript=True)
    (folder / "s.vtt").write_text((folder / "s.vtt").read_text() + "corrected by hand")
    with pytest.raises(OutputError, match=r"s\.vtt: not as a summary wrote it"):
        summarized(folder, "0-1", transcript=True)
    assert (folder / "s.vtt").read_text().endswith("corrected by hand")


def test_a_lost_receipt_stops_nothing_where_the_names_are_our_own(folder: Path) -> None:
    for name in ("v.summary", "best"):
        summarized(folder, "0-1", transcript=True, output=folder / f"{name}.mp4")
        (folder / f"{name}.json").unlink()
    assert summarized(folder, "3-4", transcript=True, output=folder / "v.summary.mp4").outputs["srt"].exists()
    with pytest.raises(OutputError, match=r"best\.srt: not as a summary wrote it"):
        summarized(folder, "3-4", transcript=True, output=folder / "best.mp4")


@pytest.mark.parametrize("name", ["t.mp4", "t.json", "t.html", "t.csv", "t.vtt"])
def test_what_appears_meanwhile_stays(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = summary.write_report

    def slowly(*arguments: Any) -> None:
        (folder / name).write_text("of the user")
        write(*arguments)

    monkeypatch.setattr(summary, "write_report", slowly)
    with pytest.raises(OutputError, match=f"{name}: has appeared meanwhile"):
        summarized(folder, "0-1", output=folder / "t.mp4", **ALL, overwrite=False)
    assert (folder / name).read_text() == "of the user"
    assert names(folder) | {name} == {name}
    if name == "t.vtt":  # Nobody asked for it by name.
        with pytest.raises(OutputError, match=f"{name}: not as a summary wrote it"):
            summarized(folder, "0-1", output=folder / "t.mp4", **ALL)


def test_captions_of_a_summary_whose_name_ends_like_a_language_are_not_of_its_source(folder: Path) -> None:
    summarized(folder, "0-1", transcript=True, output=folder / "v.cut.mp4")
    assert (folder / "v.cut.srt").exists()
    assert summarized(folder, "3-4").transcript is None
    assert summarized(folder, "3-4", transcript=True, output=folder / "v.cut.mp4").transcript is not None


def test_the_timeline_that_is_cut_is_never_replaced(folder: Path) -> None:
    summarized(folder, "0-1", export="csv")
    text = (folder / "s.csv").read_text()
    with pytest.raises(OutputError, match=r"s\.csv: this is the timeline that is cut"):
        cut_again(folder / "s.csv", None, SummarizeOptions(output=folder / "s.mp4", overwrite=True, export=("csv",)))
    assert (folder / "s.csv").read_text() == text


def test_a_timeline_that_comes_to_nothing_does_not_leave_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summarized(folder, "0-1", export="csv")

    def refuse(*_: object) -> None:
        raise ConfigError("it cannot hold this")

    monkeypatch.setattr("highlightr.export.summary.render_timeline", refuse)
    assert "No csv was written: it cannot hold this." in summarized(folder, "3-4", export="csv").notes
    assert names(folder) == set()


def test_what_cannot_be_removed_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    summarized(folder, "0-1", export="csv", clips=True)
    before, unlink = names(folder), Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path.parent in (folder, folder / "clips"):
            raise PermissionError(1, "Operation not permitted")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    again = summarized(folder, "3-4", clips=True)
    assert before < names(folder)
    assert again.receipt == json.loads((folder / "s.json").read_text())
    assert caplog.text.count("cannot be removed (Operation not permitted)") == 2


def test_names_that_differ_in_case_alone_may_be_one_file(folder: Path) -> None:
    """As macOS and Windows have it, a new clip would be under the old one's name, and perhaps of its content."""
    summarized(folder, "0-1", clips=True)
    outputs = Outputs(folder / "s.mp4", folder / "s.json", folder / "s.html")
    (clip,) = (folder / "clips").iterdir()
    titled = clip.rename(clip.with_name(f"{clip.stem} Dog.mp4"))
    receipt = json.loads((folder / "s.json").read_text())
    receipt["files"][0]["name"] = titled.name
    (folder / "s.json").write_text(json.dumps(receipt))
    new = [Path(f"{clip.stem} dog.mp4"), Path(f"{clip.stem} Cat.mp4")]
    found = [find_leftovers(outputs, {"clips": SegmentFolder(folder / "clips", (path,))}) for path in new]
    assert [[path for path, _ in each.own] for each in found] == [[], [titled]]


def test_a_transcript_that_is_not_there_is_told_in_one_line(folder: Path) -> None:
    summarized(folder, "0-1", clips=True)
    with pytest.raises(MediaError, match=r"gone\.srt"):
        summarized(folder, "3-4", transcript=folder / "gone.srt")


def test_cutting_again_leaves_the_edit_and_tells_what_is_of_before(folder: Path) -> None:
    summarized(folder, "0-1", export="csv,ffconcat", clips=True)
    made = cut_again(folder / "s.csv", None, SummarizeOptions(output=folder / "s.mp4", overwrite=True))
    assert names(folder) >= {"s.csv"}
    assert not (folder / "s.ffconcat").exists()
    assert (folder / "clips").exists()
    assert made.receipt
    (folder / "alone.csv").write_text((folder / "s.csv").read_text())
    alone = SummarizeOptions(output=folder / "s.mp4", overwrite=True, clips=folder / "clips")
    notes = cut_again(folder / "alone.csv", folder / "v.mp4", alone).notes
    assert [note for note in notes if "replaced" in note] == [
        f"{folder / 's.json'} is of the summary that was replaced.",
        f"{folder / 's.html'} is of the summary that was replaced.",
    ]


def test_clips_pictures_and_the_summary_in_one_folder_are_of_one_summary(folder: Path) -> None:
    here = {"output": folder / "here" / "s.mp4", "clips": folder / "here", "thumbnails": folder / "new" / ".." / "here"}
    (folder / "here").mkdir()
    (folder / "new").mkdir()
    for span in ("0-1", "3-4"):
        assert left(summarized(folder, span, export="csv", **here)) == []
    assert {Path(name).suffix for name in names(folder)} == {".mp4", ".jpg", ".csv", ".json", ".html"}
    assert len(list((folder / "here").iterdir())) == 6
    (folder / "here" / "notes.txt").write_text("mine")
    told = f"The folder {folder / 'here'} also holds a file that is not of this summary."
    assert left(summarized(folder, "0-1", **here)) == [told]


@pytest.mark.parametrize("option", ["clips", "thumbnails"])
@pytest.mark.parametrize("place", ["s.mp4", "here/s.json", "s.csv", "s.srt"])
def test_no_folder_takes_the_place_of_a_file_of_the_summary(option: str, place: str, folder: Path) -> None:
    (folder / "here").symlink_to(".")
    with pytest.raises(OutputError, match="and no folder for clips or pictures"):
        summarized(folder, "0-1", **{option: folder / place}, transcript=True, export="csv")
    assert names(folder) == set()
    assert {path.name for path in folder.iterdir()} == {"debug.yaml", "v.mp4", "said.srt", "here"}
