"""Every format is read back by something that did not write it: frames, rates and timecodes are exact."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import av
import opentimelineio as otio
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.timecode import parse_timecode, write_timecode
from highlightr.export.receipt_reader import Receipt, receipt_from_plain
from highlightr.export.timelines.read import find_video, read_edit
from highlightr.export.timelines.timeline import grid_note, nominal_rate
from highlightr.export.timelines.write import FORMATS, render_timeline
from highlightr.media import probe
from highlightr.options import TimelineFormat
from tests.export.timelines.receipts import plain_receipt
from tests.mediamaker import make_video

NTSC = Fraction(1000, 1001)
SPANS = ((10, 100), (500, 777), (2000, 2001))
"""Frames, half-open."""


@dataclass(frozen=True)
class Case:
    rate: Fraction
    timecode: str | None = None

    @property
    def first(self) -> int:
        counted = None if self.timecode is None else parse_timecode(self.timecode, self.rate)
        return 0 if counted is None else counted[0]

    @property
    def drops(self) -> bool:
        return self.timecode is not None and ";" in self.timecode


CASES = [
    Case(24 * NTSC, "00:59:58:12"),
    Case(Fraction(24)),
    Case(Fraction(25), "10:00:00:00"),
    Case(30 * NTSC, "01:00:00;00"),
    Case(30 * NTSC, "00:59:56:12"),
    Case(30 * NTSC),
    Case(Fraction(50)),
    Case(60 * NTSC, "00:09:59;58"),
]


@pytest.fixture(params=CASES, ids=lambda case: f"{float(case.rate):.3f} {case.timecode}")
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def _receipt(case: Case, **changes: Any) -> Receipt:
    return receipt_from_plain(plain_receipt(case.rate, SPANS, case.timecode, **changes), "test")


def _rendered(case: Case, name: str, folder: Path, **changes: Any) -> str:
    relative = bool(changes.pop("relative", False))
    source = folder / "my “holiday” #1.mp4"
    return render_timeline(_receipt(case, **changes), source, folder / "t", name, relative=relative)[0]


def _lengths() -> list[int]:
    return [stop - start for start, stop in SPANS]


def test_the_formats_are_those_of_the_options() -> None:
    assert tuple(FORMATS) == TimelineFormat.__args__  # type: ignore[attr-defined]


def test_an_edl_is_what_another_reader_reads(case: Case, tmp_path: Path) -> None:
    text = _rendered(case, "edl", tmp_path)
    read = otio.adapters.read_from_string(text, "cmx_3600", rate=float(case.rate))
    (track,) = read.tracks
    found = [(clip.source_range.start_time.value, clip.source_range.duration.value) for clip in track]
    assert found == [(case.first + start, stop - start) for start, stop in SPANS]
    assert [clip.name for clip in track] == ["Tabby cat, meow", "Segment 2", "Segment 3"]
    assert f"FCM: {'DROP FRAME' if case.drops else 'NON-DROP FRAME'}\n" in text
    # The programme begins at one o'clock, and its events follow each other.
    hour = parse_timecode(f"01:00:00{';' if case.drops else ':'}00", case.rate)
    assert hour is not None
    starts = [hour[0] + before for before in accumulate(_lengths()[:-1], initial=0)]
    lines = [line.split() for line in text.splitlines() if line[:3].isdigit()]
    assert [line[6] for line in lines] == [write_timecode(start, case.rate, drop=case.drops) for start in starts]
    assert "score 88/100; tabby cat 81 %, Meow 35 %" in text


def test_fcpxml_is_exact(case: Case, tmp_path: Path) -> None:
    root = ET.fromstring(_rendered(case, "fcpxml", tmp_path))
    rational = lambda text: Fraction(text.rstrip("s")) * case.rate  # noqa: E731
    form, asset = root.find("resources/format"), root.find("resources/asset")
    assert form is not None
    assert asset is not None
    assert rational(form.attrib["frameDuration"]) == 1
    assert rational(asset.attrib["start"]) == case.first
    clips = root.findall(".//spine/asset-clip")
    assert [(rational(c.attrib["start"]), rational(c.attrib["duration"])) for c in clips] == [
        (case.first + start, stop - start) for start, stop in SPANS
    ]
    assert [rational(c.attrib["offset"]) for c in clips] == [*accumulate(_lengths()[:-1], initial=0)]
    assert [rational(c.find("marker").attrib["start"]) for c in clips] == [case.first + start for start, _ in SPANS]  # type: ignore[union-attr]
    assert {c.attrib["tcFormat"] for c in clips} == {"DF" if case.drops else "NDF"}
    assert (asset.attrib["audioSources"], asset.attrib["audioChannels"]) == ("2", "6")
    (media,) = asset
    assert unquote(urlsplit(media.attrib["src"]).path) == str(tmp_path / "my “holiday” #1.mp4")


@pytest.mark.parametrize("whole", [24, 25, 50])
def test_fcpxml_is_what_another_reader_reads(whole: int, tmp_path: Path) -> None:
    case = Case(Fraction(whole), "01:00:00:00")  # At 29.97 the adapter reads 29.
    read = otio.adapters.read_from_string(_rendered(case, "fcpxml", tmp_path), "fcpx_xml")
    clips = [clip for clip in read.find_clips() if clip.parent().kind == "Video"]
    seconds = [(clip.source_range.start_time.to_seconds(), clip.source_range.duration.to_seconds()) for clip in clips]
    wanted = [(case.first + start, stop - start) for start, stop in SPANS]
    assert seconds == [pytest.approx((float(a / case.rate), float(b / case.rate)), abs=1e-6) for a, b in wanted]


def test_otio_is_plain_json_with_exact_ranges(case: Case, tmp_path: Path) -> None:
    data = json.loads(_rendered(case, "otio", tmp_path))
    tracks = data["tracks"]["children"]
    assert [(track["name"], track["kind"]) for track in tracks] == [("V1", "Video"), ("A1", "Audio"), ("A2", "Audio")]
    for track in tracks:
        ranges = [clip["source_range"] for clip in track["children"]]
        assert [(r["start_time"]["value"], r["duration"]["value"]) for r in ranges] == [
            (case.first + start, stop - start) for start, stop in SPANS
        ]
        assert {r["start_time"]["rate"] for r in ranges} == {float(case.rate)}
        reference = track["children"][0]["media_references"]["DEFAULT_MEDIA"]
        assert unquote(urlsplit(reference["target_url"]).path) == str(tmp_path / "my “holiday” #1.mp4")
        assert reference["available_range"]["start_time"]["value"] == case.first
    (marker,) = tracks[0]["children"][0]["markers"]
    assert marker["name"] == "Tabby cat, meow"
    assert marker["metadata"]["highlightr"] == {"rank": 1, "score": 0.8765, "why": "tabby cat 81 %, Meow 35 %"}


def test_premieres_xml_is_exact(case: Case, tmp_path: Path) -> None:
    root = ET.fromstring(_rendered(case, "premiere", tmp_path))
    number = lambda item, name: int(item.findtext(name))  # noqa: E731
    video = root.findall(".//video/track/clipitem")
    assert [(number(item, "in"), number(item, "out")) for item in video] == list(SPANS)
    assert [number(item, "start") for item in video] == [*accumulate(_lengths()[:-1], initial=0)]
    assert [number(item.find("marker"), "in") for item in video] == [start for start, _ in SPANS]
    assert video[0].findtext("marker/comment") == "score 88/100; tabby cat 81 %, Meow 35 %"
    timecode = root.find(".//clipitem/file/timecode")
    assert timecode is not None
    assert number(timecode, "frame") == case.first
    assert timecode.findtext("string") == (case.timecode or "00:00:00:00")
    assert timecode.findtext("displayformat") == ("DF" if case.drops else "NDF")
    rates = {(r.findtext("timebase"), r.findtext("ntsc")) for r in root.iter("rate")}
    assert rates == {(str(round(case.rate)), "TRUE" if case.rate.denominator == 1001 else "FALSE")}
    tracks = root.findall(".//audio/track")
    assert [[item.findtext("sourcetrack/trackindex") for item in track] for track in tracks] == [["1"] * 3, ["2"] * 3]
    assert [[number(item, "in") for item in track] for track in tracks] == [[start for start, _ in SPANS]] * 2


def test_texts_in_seconds(tmp_path: Path) -> None:
    case = Case(30 * NTSC, "01:00:00;00")
    project = json.loads(_rendered(case, "llc", tmp_path))
    assert project["mediaFileName"] == "my “holiday” #1.mp4"
    starts = [float(start / case.rate) for start, _ in SPANS]
    assert [segment["start"] for segment in project["cutSegments"]] == pytest.approx(starts, abs=1e-6)
    rows = list(csv.DictReader(_rendered(case, "csv", tmp_path, relative=True).splitlines()))
    assert [row["file"] for row in rows] == ["my “holiday” #1.mp4"] * 3
    assert [float(row["stop_seconds"]) for row in rows] == pytest.approx(
        [float(b / case.rate) for _, b in SPANS], abs=1e-6
    )
    assert _rendered(case, "chapters", tmp_path) == "0:00 Tabby cat, meow\n0:03 Segment 2\n0:12 Segment 3\n"
    vtt = _rendered(case, "vtt", tmp_path)
    assert vtt.startswith("WEBVTT\n\n1\n00:00:00.000 --> 00:00:03.003\nTabby cat, meow\n\n2\n00:00:03.003 --> ")


@pytest.mark.parametrize("title", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(1)"])
def test_nothing_is_a_formula_in_a_spreadsheet_and_all_is_read_as_it_was(title: str, tmp_path: Path) -> None:
    video = make_video(tmp_path / f"{title}.mp4", seconds=2.0, sound=False)
    receipt = receipt_from_plain(plain_receipt(Fraction(25), ((0, 25),), None), "test")
    receipt = replace(receipt, segments=tuple(replace(each, title=title) for each in receipt.segments))
    path = tmp_path / "v.csv"
    text, _ = render_timeline(receipt, video, path, "csv", relative=True)
    (row,) = csv.DictReader(text.splitlines())
    assert (row["file"], row["title"]) == (f"./{title}.mp4", f"'{title}")
    path.write_text(text)
    edit = read_edit(path)
    assert find_video(edit.video, path).samefile(video)
    assert [span.title for span in edit.spans(probe(video))[0]] == [title]


def test_ffmpeg_plays_its_list(tmp_path: Path) -> None:
    folder = tmp_path / "it's a: folder"
    folder.mkdir()
    video = make_video(folder / "http:it's.mp4", seconds=4.0, sound=False)
    plain = plain_receipt(Fraction(25), ((0, 25), (50, 80)), None)
    for relative in (False, True):
        text, _ = render_timeline(
            receipt_from_plain(plain, "test"), video, folder / "l.ffconcat", "ffconcat", relative=relative
        )
        (folder / "l.ffconcat").write_text(text)
        with av.open(str(folder / "l.ffconcat"), format="concat", options={"safe": "0"}) as container:
            shown = list(container.decode(video=0))
        assert len(shown) >= 55


def test_times_before_zero_in_ffmpegs_list(tmp_path: Path) -> None:
    """Of a transport stream whose clock is about to begin again, FFmpeg dates the first pictures before zero."""
    plain = plain_receipt(Fraction(25), ((0, 25), (50, 80)), None)
    plain["source"]["start_seconds"] = -0.623222
    receipt = receipt_from_plain(plain, "test")
    text, _ = render_timeline(receipt, tmp_path / "v.ts", tmp_path / "l.ffconcat", "ffconcat")
    points = [line.split() for line in text.splitlines() if "point" in line]
    assert points == [
        ["inpoint", "-0.623222"],
        ["outpoint", "0.376778"],
        ["inpoint", "1.376778"],
        ["outpoint", "2.576778"],
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_titles_are_only_titles(name: str, tmp_path: Path) -> None:
    title = "a\n002  AX V C --> \x00</name><x> 'q' \"d\" \ud800 & ]]>\r* FROM CLIP: http://x"
    plain = plain_receipt(Fraction(25), SPANS, None)
    plain["segments"][0]["title"] = title
    text, _ = render_timeline(receipt_from_plain(plain, "test"), tmp_path / "v.mp4", tmp_path / "t", name)
    assert text.encode("utf-8")
    assert "\x00" not in text
    if name in ("fcpxml", "premiere"):
        assert (
            len(ET.fromstring(text).findall(".//video/track/clipitem" if name == "premiere" else ".//asset-clip")) == 3
        )
    if name == "edl":
        assert sum(line[:3].isdigit() for line in text.splitlines()) == 3
        assert len([line for line in text.splitlines() if line.startswith("* FROM CLIP:")]) == 3
    if name == "vtt":
        assert text.count("-->") == 3


def test_what_a_format_cannot_hold_is_said(tmp_path: Path) -> None:
    receipt = _receipt(Case(Fraction(25)))
    notes = {name: render_timeline(receipt, tmp_path / "v.mp4", tmp_path / "t", name)[1] for name in FORMATS}
    assert notes["edl"] == ("The EDL holds pictures only, without sound.",)
    assert "YouTube" in notes["chapters"][0]
    assert notes["ffconcat"] == ("FFmpeg plays its list from the keyframe before each segment on.",)
    assert not any(notes[name] for name in set(FORMATS) - {"edl", "chapters", "ffconcat"})
    for rate in (Fraction(15), Fraction(120), Fraction(1000, 33)):
        odd = receipt_from_plain(plain_receipt(rate, SPANS[:2], None), "test")
        for name in ("edl", "premiere"):
            with pytest.raises(ConfigError, match="frames per second have none; use otio"):
                render_timeline(odd, tmp_path / "v.mp4", tmp_path / "t", name)
        for name in ("otio", "fcpxml"):
            assert render_timeline(odd, tmp_path / "v.mp4", tmp_path / "t", name)[0]


def test_a_piece_that_is_empty_is_no_event(tmp_path: Path) -> None:
    """Copies of far keyframes hold the next segment, too; all of it lies in the piece before."""
    plain = plain_receipt(Fraction(25), ((0, 250), (150, 200), (250, 300)), None)
    piece = plain["cut"]["pieces"][1]
    piece["start_seconds"] = piece["stop_seconds"] = piece["output_start_seconds"] = 10.0
    plain["cut"]["pieces"][2]["output_start_seconds"] = 10.0
    video = make_video(tmp_path / "v.mp4", seconds=12.0)
    for name in ("csv", "edl", "otio"):
        path = tmp_path / f"s{FORMATS[name].suffix}"
        path.write_text(render_timeline(receipt_from_plain(plain, "test"), video, path, name)[0])
        spans = read_edit(path).spans(probe(video))[0]
        assert [(each.start_seconds, each.stop_seconds) for each in spans] == [(0.0, 10.0), (10.0, 12.0)], name


def test_frames_are_counted_from_the_first_picture_on(tmp_path: Path) -> None:
    for late in (Fraction(45, 100), Fraction(533, 1000), Fraction(128, 100), Fraction(12), Fraction(-5, 100)):
        plain = plain_receipt(Fraction(25), SPANS, None)
        plain["source"]["picture_start_seconds"] = max(0.0, round(float(late / 25), 6))
        for piece in plain["cut"]["pieces"]:
            for name in ("start_seconds", "stop_seconds"):
                piece[name] = round(piece[name] + float(late / 25), 6)
        text, notes = render_timeline(receipt_from_plain(plain, "test"), tmp_path / "v.mp4", tmp_path / "t", "premiere")
        items = ET.fromstring(text).findall(".//video/track/clipitem")
        assert [(int(item.findtext("in") or -1), int(item.findtext("out") or -1)) for item in items] == list(SPANS)
        assert notes == ()


@pytest.mark.parametrize(
    ("stated", "rate"),
    [("2494/100", 25), ("300000/10201", 30 * NTSC), ("90000/3001", 30 * NTSC), ("47953/2000", 24 * NTSC), ("10", 10)],
)
def test_an_average_becomes_the_rate_that_is_meant(stated: str, rate: Fraction) -> None:
    times = [Fraction(frame) / rate for frame in (10, 100, 2000)]
    assert nominal_rate(Fraction(stated), [Fraction(round(time * 10**6), 10**6) for time in times]) == rate
    assert grid_note(times, Fraction(rate)) == []


@pytest.mark.parametrize(
    ("stated", "times", "rate"),
    [
        ("600000/79079", [n * 1001 / 30000 for n in (31, 90, 151)], 30 * NTSC),
        ("26.7566", [round(n * 600 * 1001 / 30000) / 600 for n in (20, 223, 717)], 30 * NTSC),
        ("52.3", [n / 60 for n in (7, 501, 502)], Fraction(60)),
        ("7.3", [0.8917, 2.9443, 5.2131, 7.7777], Fraction(30)),
        ("44", [0.8917, 2.9443, 5.2131, 7.7777], 48 * NTSC),
        ("151.7", [0.8917, 2.9443, 5.2131, 7.7777], Fraction(120)),
        (None, [n * 1001 / 24000 for n in (5, 500, 1003)], 24 * NTSC),
        ("1/3600", [n / 25 for n in (5, 500, 1003)], Fraction(25)),
    ],
)
def test_a_rate_that_varies_becomes_one_that_programs_have(
    stated: str | None, times: list[float], rate: Fraction
) -> None:
    told = None if stated is None else Fraction(stated)
    assert nominal_rate(told, [Fraction(str(round(time, 6))) for time in times]) == rate


def test_variable_frame_rate_goes_to_the_nearest_frame_and_says_so(tmp_path: Path) -> None:
    plain = plain_receipt(Fraction(30000, 1001), SPANS, None)
    plain["cut"]["pieces"][1]["start_seconds"] += 0.016
    text, notes = render_timeline(receipt_from_plain(plain, "test"), tmp_path / "v.mp4", tmp_path / "t", "fcpxml")
    assert "nearest frames" in notes[0]
    assert "variable frame rate" in notes[0]
    assert len(ET.fromstring(text).findall(".//asset-clip")) == 3
