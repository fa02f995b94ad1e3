"""Cutting again: every format gives the frames of the receipt; edits are followed; what cannot be is refused."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import opentimelineio as otio
import pytest

from highlightr.core.clock import clock
from highlightr.core.errors import ConfigError, OutputError
from highlightr.export import recut
from highlightr.export.receipt_reader import read_receipt
from highlightr.export.recut import NO_RECEIPT_NOTE, OTHER_VIDEO_NOTE, cut_again
from highlightr.export.timelines.read import ITEMS_NOTE, SPEED_NOTE, TRACKS_NOTE, TRANSITION_NOTE
from highlightr.export.timelines.write import FORMATS, render_timeline
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.options import SummarizeOptions, TimelineFormat
from highlightr.pipeline import Highlighter
from tests.light import DEBUG_PRESET
from tests.mediamaker import frame_times, make_video, read_number, variable_times

NTSC = Fraction(30000, 1001)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A receipt of a summary of a video at 29.97 frames per second, with two segments."""
    folder = tmp_path_factory.mktemp("it's a “folder”")
    (folder / "debug.yaml").write_text(DEBUG_PRESET)
    video = make_video(folder / "my holiday.mp4", times=frame_times(8.0, NTSC), size=(160, 120))
    options: dict[str, Any] = {
        "duration_seconds": 3.0,
        "max_seconds": 1.5,
        "min_seconds": 1.0,
        "output": folder / "s.mp4",
    }
    Highlighter.from_preset(folder / "debug.yaml", cache=False).summarize(video, **options, exclude="3-5")
    plain = json.loads((folder / "s.json").read_text())
    plain["segments"][1].pop("title", None)
    (folder / "s.json").write_text(json.dumps(plain))
    receipt = read_receipt(folder / "s.json")
    assert len(receipt.segments) > 1
    for name, form in FORMATS.items():
        target = folder / f"s{form.suffix}"
        target.write_text(render_timeline(receipt, video, target, name)[0])
    return folder / "s.json"


def _numbers(video: Path) -> list[int]:
    with av.open(str(video)) as container:
        return [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


@pytest.mark.parametrize("suffix", [".json", ".otio", ".edl", ".csv"])
def test_the_same_frames_come_out(suffix: str, made: Path, tmp_path: Path) -> None:
    again = cut_again(made.with_suffix(suffix), None, SummarizeOptions(output=tmp_path / "again.mp4"))
    assert _numbers(tmp_path / "again.mp4") == _numbers(made.with_suffix(".mp4"))
    before, after = json.loads(made.read_text()), json.loads((tmp_path / "again.json").read_text())
    assert [piece["start_seconds"] for piece in after["cut"]["pieces"]] == [
        piece["start_seconds"] for piece in before["cut"]["pieces"]
    ]
    for name in ("scores", "parts", "shots", "preset", "scorer", "marks", "source"):
        assert after[name] == before[name] or name == "source"
    assert after["source"]["hash"] == before["source"]["hash"]
    assert [segment["rank"] for segment in after["segments"]] == [segment["rank"] for segment in before["segments"]]
    titles = [[segment.get("title") for segment in each["segments"]] for each in (before, after)]
    assert titles[0] == titles[1] == ["Random weights", None]
    assert set(again.outputs) == {"video", "receipt", "report"}


@pytest.mark.parametrize("suffix", [".otio", ".edl"])
def test_frames_that_lie_on_no_grid_come_out_as_they_were(suffix: str, tmp_path: Path) -> None:
    video = make_video(tmp_path / "varies.mkv", times=variable_times(12.0), size=(160, 120))
    spans = tmp_path / "s.csv"
    spans.write_text("start_seconds,stop_seconds\n0.892,2.942\n5.2,9.41\n")
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    Highlighter.from_preset(tmp_path / "debug.yaml", cache=False).summarize(video, output=tmp_path / "s.mp4")
    # The receipt of what was cut by hand.
    cut_again(spans, video, SummarizeOptions(output=tmp_path / "t.mp4"))
    timeline = tmp_path / f"t{suffix}"
    name: TimelineFormat = "otio" if suffix == ".otio" else "edl"
    timeline.write_text(render_timeline(read_receipt(tmp_path / "t.json"), video, timeline, name)[0])
    cut_again(timeline, None, SummarizeOptions(output=tmp_path / "again.mp4"))
    assert _numbers(tmp_path / "again.mp4") == _numbers(tmp_path / "t.mp4")
    before, after = (json.loads((tmp_path / name).read_text())["cut"]["pieces"] for name in ("t.json", "again.json"))
    edges = ("start_seconds", "stop_seconds")
    assert [[piece[edge] for edge in edges] for piece in after] == [[piece[edge] for edge in edges] for piece in before]


@pytest.mark.parametrize(
    ("rate", "timecode"), [(Fraction(25), "23:59:57:00"), (NTSC, "23:59:57;00"), (Fraction(25), "12:59:57:00")]
)
def test_a_timecode_that_begins_again_at_midnight(rate: Fraction, timecode: str, tmp_path: Path) -> None:
    make_video(tmp_path / "plain.mov", times=frame_times(8.0, rate), size=(160, 120))
    video, spans = tmp_path / "tape.mov", tmp_path / "s.csv"
    told = ["-c", "copy", "-metadata:s:v:0", f"timecode={timecode}", f"file:{video}"]
    run_ffmpeg(["-i", f"file:{tmp_path}/plain.mov", *told])
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    Highlighter.from_preset(tmp_path / "debug.yaml", cache=False).summarize(video, output=tmp_path / "s.mp4")
    spans.write_text("start_seconds,stop_seconds\n0.4,1.2\n2.2,4.4\n5.2,6.4\n")
    cut_again(spans, video, SummarizeOptions(output=tmp_path / "t.mp4", export=("edl",)))
    (tmp_path / "t.json").unlink()
    cut_again(tmp_path / "t.edl", None, SummarizeOptions(output=tmp_path / "again.mp4"))
    assert _numbers(tmp_path / "again.mp4") == _numbers(tmp_path / "t.mp4")


@pytest.mark.parametrize("late", [Fraction(7, 10), Fraction(13, 10), Fraction(5)])
@pytest.mark.parametrize("suffix", [".otio", ".edl"])
def test_pictures_that_all_come_late_come_out_as_they_were_without_a_receipt(
    suffix: str, late: Fraction, tmp_path: Path
) -> None:
    """Late by this many frames: pictures that follow the sound of AAC by 21 ms are, from 48 per second on, by more than
    one."""
    times = [(number + late) / 25 for number in range(200)]
    video = make_video(tmp_path / "late.mkv", times=times, size=(160, 120))
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    options: dict[str, Any] = {"duration_seconds": 3.0, "output": tmp_path / "s.mp4", "exclude": "3-5"}
    Highlighter.from_preset(tmp_path / "debug.yaml", cache=False).summarize(video, **options)
    timeline = tmp_path / f"alone{suffix}"
    name: TimelineFormat = "otio" if suffix == ".otio" else "edl"
    timeline.write_text(render_timeline(read_receipt(tmp_path / "s.json"), video, timeline, name)[0])
    if suffix == ".otio":
        track = next(iter(otio.adapters.read_from_file(str(timeline)).video_tracks()))
        spans = [(clip.source_range.start_time.to_frames(), clip.source_range.duration.to_frames()) for clip in track]
        assert [first + number for first, count in spans for number in range(count)] == _numbers(tmp_path / "s.mp4")
    cut_again(timeline, None, SummarizeOptions(output=tmp_path / "again.mp4"))
    assert _numbers(tmp_path / "again.mp4") == _numbers(tmp_path / "s.mp4")


def test_an_edited_receipt_is_followed(made: Path, tmp_path: Path) -> None:
    edited = json.loads(made.read_text())
    first = edited["segments"][0]
    first["stop_seconds"] = first["start_seconds"] + 0.5
    first["title"] = "Mine"
    edited["segments"] = [*edited["segments"][1:], first]
    file = made.with_name("edited.json")
    file.write_text(json.dumps(edited))
    again = cut_again(file, None, SummarizeOptions(output=tmp_path / "again.mp4", export=("edl",)))
    assert [segment.title for segment in again.segments][-1] == "Mine"
    assert _numbers(tmp_path / "again.mp4")[-1] == round((first["stop_seconds"]) * float(NTSC)) - 1
    assert "Mine" in (tmp_path / "again.edl").read_text()


@pytest.mark.parametrize("suffix", [".json", ".csv"])
def test_an_output_that_exists_is_noticed_before_anything_is_heard(
    suffix: str, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, output = tmp_path / f"edit{suffix}", tmp_path / "again.mp4"
    file.write_bytes(made.with_suffix(suffix).read_bytes())
    output.touch()
    monkeypatch.setattr(recut, "listen", lambda *_: pytest.fail("listened"))
    monkeypatch.setattr(recut, "find_speech", lambda *_: pytest.fail("a recogniser was opened"))
    with pytest.raises(OutputError, match=r"again\.mp4"):
        cut_again(file, made.with_name("my holiday.mp4"), SummarizeOptions(output=output))


def test_without_a_receipt_the_summary_alone_is_written(made: Path, tmp_path: Path) -> None:
    video = made.with_name("my holiday.mp4")
    file = tmp_path / "cuts.csv"
    file.write_text("start_seconds,stop_seconds,title\n0:01,0:02,One\n4.5,5,Two\n")
    again = cut_again(file, video, SummarizeOptions(clips=tmp_path / "clips"))
    assert again.notes[0] == NO_RECEIPT_NOTE
    assert _numbers(tmp_path / "cuts.cut.mp4") == [*range(30, 60), *range(135, 150)]
    assert not list(tmp_path.glob("*.json"))
    names = sorted(path.name for path in (tmp_path / "clips").iterdir())
    assert names == ["01 0-01 One.mp4", "02 0-04 Two.mp4"]


def test_a_table_that_a_spreadsheet_saved_with_decimal_commas(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "cuts.csv"
    file.write_text("\ufeffstart_seconds;stop_seconds;title\r\n0:01;2,0;One\r\n4,5;5;Two, three\r\n", newline="")
    again = cut_again(file, made.with_name("my holiday.mp4"), SummarizeOptions())
    assert _numbers(tmp_path / "cuts.cut.mp4") == [*range(30, 60), *range(135, 150)]
    assert [segment.title for segment in again.segments] == ["One", "Two, three"]


def test_only_line_feeds_and_returns_outside_of_quotes_end_a_row(made: Path, tmp_path: Path) -> None:
    video, file = tmp_path / "two\nlines.mp4", tmp_path / "cuts.csv"
    shutil.copy(made.with_name("my holiday.mp4"), video)
    name = '"two\nlines.mp4"'
    file.write_text(
        f"file,start_seconds,stop_seconds,title\r{name},{0.1 + 0.2},2,a\u2028b\r{name},3,4,c\x85\x0cd", newline=""
    )
    assert [(each.start_seconds, each.title) for each in cut_again(file).segments] == [
        (0.1 + 0.2, "a\u2028b"),
        (3, "c\x85\x0cd"),
    ]


def test_the_receipt_of_another_video_is_not_used(made: Path, tmp_path: Path) -> None:
    other = make_video(tmp_path / "other.mp4", times=frame_times(8.0, NTSC), size=(160, 96))
    again = cut_again(made, other, SummarizeOptions(output=tmp_path / "again.mp4"))
    assert OTHER_VIDEO_NOTE in again.notes
    assert not again.receipt


def test_scores_that_a_receipt_cannot_have_are_refused(made: Path, tmp_path: Path) -> None:
    edited = json.loads(made.read_text())
    edited["scores"][0] = 1.5
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    with pytest.raises(ConfigError, match=r"the receipt's scores cannot be used: saliency scores .* lie in \[0, 1\]"):
        cut_again(tmp_path / "edited.json", made.with_name("my holiday.mp4"))


def test_a_moment_that_was_not_chosen_before_has_a_score_and_no_reasons(made: Path, tmp_path: Path) -> None:
    (tmp_path / "cuts.json").write_bytes(made.read_bytes())
    (tmp_path / "cuts.csv").write_text("start_seconds,stop_seconds\n3.2,4.8\n")  # Was left out by `exclude`.
    again = cut_again(tmp_path / "cuts.csv", made.with_name("my holiday.mp4"))
    (segment,) = again.segments
    assert (segment.reasons, segment.title) == ((), "")
    assert segment.score == pytest.approx(float(np.mean(json.loads(made.read_text())["scores"][3:5])), abs=0.05)


def test_what_a_timeline_holds_beside_cuts_is_noted(made: Path, tmp_path: Path) -> None:
    timeline = otio.adapters.read_from_file(str(made.with_suffix(".otio")))
    pictures = timeline.tracks[0]
    pictures[0].effects.append(otio.schema.LinearTimeWarp(time_scalar=2.0))
    second = otio.opentime.RationalTime(10, pictures[0].source_range.start_time.rate)
    pictures.insert(1, otio.schema.Transition(in_offset=second, out_offset=second))
    pictures.insert(3, otio.schema.Gap(duration=second))
    black = otio.schema.GeneratorReference(generator_kind="black")
    pictures.append(otio.schema.Clip(media_reference=black, source_range=pictures[0].source_range))
    pictures.append(pictures[0].deepcopy())
    pictures[-1].enabled = False
    pictures.append(otio.schema.Stack(children=[pictures[0].deepcopy()]))
    timeline.tracks.append(otio.schema.Track("V2", kind="Video"))
    otio.adapters.write_to_file(timeline, str(tmp_path / "edited.otio"))
    again = cut_again(tmp_path / "edited.otio")
    assert {TRANSITION_NOTE, SPEED_NOTE, TRACKS_NOTE, ITEMS_NOTE} <= set(again.notes)
    assert _numbers(tmp_path / "edited.cut.mp4") == _numbers(made.with_suffix(".mp4"))
    del timeline.tracks[:]
    otio.adapters.write_to_file(timeline, str(tmp_path / "empty.otio"))
    with pytest.raises(ConfigError, match="no clips on a track of pictures"):
        cut_again(tmp_path / "empty.otio")


def test_what_a_list_holds_beside_cuts_is_noted(made: Path, tmp_path: Path) -> None:
    (tmp_path / "edited.edl").write_text(
        "TITLE: x\nFCM: DROP FRAME\n\n"
        "001  AX V C     00:00:01;00 00:00:02;00 01:00:00;00 01:00:01;00\n"
        "002  BL V C     00:00:00;00 00:00:01;00 01:00:01;00 01:00:02;00\n"
        "003  BL V C     00:00:01;00 00:00:01;00 01:00:02;00 01:00:02;00\n"
        "003  AX V D 015 00:00:03;00 00:00:04;00 01:00:02;00 01:00:03;00\n"
        "004  AX V C     00:00:05;00 00:00:06;00 01:00:03;00 01:00:03;15\nM2   AX 060.0 00:00:05;00\n"
        "005  AX V2 C    00:00:05;00 00:00:06;00 01:00:00;00 01:00:01;00\n"
    )
    again = cut_again(tmp_path / "edited.edl", made.with_name("my holiday.mp4"))
    assert {TRANSITION_NOTE, SPEED_NOTE, TRACKS_NOTE, ITEMS_NOTE} <= set(again.notes)
    assert _numbers(tmp_path / "edited.cut.mp4") == [*range(30, 60), *range(90, 120), *range(150, 165)]


@pytest.mark.parametrize("further", ["", "005  AX V2 C    00:00:02;00 00:00:03;00 00:59:00;00 00:59:01;00\n"])
def test_a_list_in_any_order_with_what_is_keyed_over_it(further: str, made: Path, tmp_path: Path) -> None:
    (tmp_path / "edited.edl").write_text(
        "TITLE: x\nFCM: DROP FRAME\n\n"
        "003  BL V C     00:00:00;00 00:00:00;00 01:00:03;00 01:00:03;00\n"
        "003  AX V D 015 00:00:04;00 00:00:05;00 01:00:03;00 01:00:04;00\n"
        "006  AX V C     00:00:03;00 00:00:04;00 01:00:02;00 01:00:03;00\n"
        "001  AX V K B   00:00:01;00 00:00:02;00 01:00:00;00 01:00:01;00\n"
        "001  AX V K 000 00:00:06;00 00:00:07;00 01:00:00;00 01:00:01;00\n"
        "006  AX V C     00:00:05;00 00:00:06;00 01:00:01;00 01:00:02;00\n"
        "002  AX V K     00:00:06;00 00:00:07;00 01:00:01;00 01:00:02;00\n"
        "004  AX A C     00:00:01;00 00:00:02;00 01:00:00;00 01:00:01;00\n" + further
    )
    again = cut_again(tmp_path / "edited.edl", made.with_name("my holiday.mp4"))
    assert {TRANSITION_NOTE, TRACKS_NOTE} <= set(again.notes)
    pieces = [*range(30, 60), *range(150, 180), *range(90, 120), *range(120, 150)]
    assert _numbers(tmp_path / "edited.cut.mp4") == pieces


@pytest.mark.parametrize("first", ["00:00:00;00", "13:00:00;00"])
def test_a_record_that_passes_midnight_or_an_hour(first: str, made: Path, tmp_path: Path) -> None:
    video = tmp_path / "tape.mov"
    told = ["-c", "copy", "-metadata:s:v:0", f"timecode={first}", f"file:{video}"]
    run_ffmpeg(["-i", f"file:{made.with_name('my holiday.mp4')}", *told])
    for records in (
        ("23:59:58;00 23:59:59;00", "23:59:59;15 00:00:00;15", "00:00:03;00 00:00:04;00"),
        ("00:59:57;00 00:59:58;00", "00:59:59;15 01:00:00;15", "01:00:03;00 01:00:04;00"),
    ):
        events = zip((3, 5, 1), records, strict=True)
        lines = [f"00{n}  AX V C {first[:6]}0{n};00 {first[:6]}0{n + 1};00 {record}\n" for n, record in events]
        for order in (lines, [lines[1], lines[2], lines[0]]):
            (tmp_path / "edited.edl").write_text("TITLE: x\nFCM: DROP FRAME\n\n" + "".join(order))
            cut_again(tmp_path / "edited.edl", video, SummarizeOptions(output=tmp_path / "cut.mp4", overwrite=True))
            assert _numbers(tmp_path / "cut.mp4") == [*range(90, 120), *range(150, 180), *range(30, 60)]


def test_clips_are_counted_at_another_rate_than_their_media(made: Path, tmp_path: Path) -> None:
    timeline = otio.adapters.read_from_file(str(made.with_suffix(".otio")))
    for clip in timeline.tracks[0]:
        known, used = clip.media_reference.available_range, clip.source_range
        start = otio.opentime.RationalTime(3600.0, known.start_time.rate)
        clip.media_reference.available_range = otio.opentime.TimeRange(start, known.duration)
        begin, length = (used.start_time + start).rescaled_to(25), used.duration.rescaled_to(50)
        clip.source_range = otio.opentime.TimeRange(begin, length)
    otio.adapters.write_to_file(timeline, str(tmp_path / "edited.otio"))
    cut_again(tmp_path / "edited.otio", made.with_name("my holiday.mp4"))
    assert _numbers(tmp_path / "edited.cut.mp4") == _numbers(made.with_suffix(".mp4"))


def test_a_drop_frame_list_with_colons_is_read_as_its_head_says(made: Path, tmp_path: Path) -> None:
    video = made.with_name("my holiday.mp4")
    file = tmp_path / "avid.edl"
    event = "001  AX       V     C        00:00:01:00 00:00:02:00 01:00:00:00 01:00:01:00\n"
    file.write_text(f"TITLE: x\nFCM: DROP FRAME\n\n{event}* FROM CLIP NAME: x\n")
    cut_again(file, video)
    assert _numbers(tmp_path / "avid.cut.mp4") == list(range(30, 60))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "cannot cut from .txt; there are .json, .otio, .edl, .csv"),
        ("a.json", "{", "not JSON"),
        ("a.json", '{"preset": "caf\udce9"}', "not JSON"),
        ("a.json", "[1]", "not a receipt of schema version 2"),
        ("a.json", '{"schema_version": 3}', r"got 3\); update highlightr"),
        ("a.json", '{"schema_version": 2}', "not a receipt: Object missing required field `source`"),
        ("a.otio", "{}", "not a timeline"),
        ("a.otio", "nonsense", "cannot be understood"),
        ("a.otio", '{"OTIO_SCHEMA": "Timeline.1", "name": "x"}', "cannot be understood"),
        ("a.otio", '{"OTIO_SCHEMA": "Clip.1", "name": "x"}', "not a timeline"),
        ("a.edl", "001  AX  V  C  1 2 3\n", "cannot be understood"),
        ("a.edl", "* FROM CLIP: https://example.org/a.mp4\n", "only files are cut"),
        ("a.edl", "* FROM CLIP: /a.mp4\n* FROM CLIP: /b.mp4\n", "cuts several videos"),
        ("a.csv", "", "must name the columns"),
        ("a.csv", "start_seconds,stop_seconds\n1,x\n", "row 1: 'x' is not a time"),
        ("a.csv", "start_seconds,stop_seconds\n1,900\n", "not within the video"),
        ("a.csv", "start_seconds,stop_seconds\n2,1\n", "is empty"),
        ("a.csv", "file,start_seconds,stop_seconds\na.mp4,1,2\nb.mp4,1,2\n", "cuts several videos"),
        ("a.csv", f"start_seconds,stop_seconds,title\n1,2,{'x' * 150_000}\n", "not a readable CSV"),
    ],
)
def test_what_cannot_be_cut_is_one_line(name: str, text: str, words: str, made: Path, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(ConfigError, match=words) as raised:
        cut_again(tmp_path / name, made.with_name("my holiday.mp4"))
    assert "\n" not in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("member", "value", "words"),
    [
        ("value", float("nan"), "no numbers"),
        ("value", float("inf"), "no numbers"),
        ("rate", 0.0, "no numbers"),
        ("rate", float("nan"), "no numbers"),
        ("value", 1e300, "not within the video"),
        ("value", -5.0, "begins before the video"),
    ],
)
def test_times_that_no_clip_can_have_are_one_line(
    member: str, value: float, words: str, made: Path, tmp_path: Path
) -> None:
    timeline = json.loads(made.with_suffix(".otio").read_text())
    timeline["tracks"]["children"][0]["children"][0]["source_range"]["start_time"][member] = value
    # OpenTimelineIO writes infinity otherwise than Python.
    (tmp_path / "a.otio").write_text(json.dumps(timeline).replace("Infinity", "Inf"))
    with pytest.raises(ConfigError, match=words) as raised:
        cut_again(tmp_path / "a.otio", made.with_name("my holiday.mp4"))
    assert len(str(raised.value)) < 400


def test_a_video_that_is_not_there_is_named(made: Path, tmp_path: Path) -> None:
    (tmp_path / "moved.json").write_text(made.read_text().replace("my holiday", "gone"))
    with pytest.raises(ConfigError, match=r"the video it names is not there .*gone\.mp4\); give its place"):
        cut_again(tmp_path / "moved.json")
    (tmp_path / "a.csv").write_text(f"start_seconds,stop_seconds\n{clock(1)},2\n")
    with pytest.raises(ConfigError, match="names no video"):
        cut_again(tmp_path / "a.csv")
