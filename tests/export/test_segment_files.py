"""Names of clips and thumbnails: readable, safe, distinct; pictures that are whole or absent."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image

from highlightr import Highlighter
from highlightr.core.errors import CutError, OutputError
from highlightr.core.progress import Stages
from highlightr.core.types import Reason, Segment
from highlightr.export import summary
from highlightr.export.segment_files import folder_notes, segment_folders, segment_names, write_thumbnails
from highlightr.media import probe
from highlightr.media._cut import exact_cut
from highlightr.media.cut import CutOptions, cut_summary
from highlightr.options import SummarizeOptions
from tests.light import DEBUG_PRESET
from tests.mediamaker import CLOSED_GOP, make_video


def _segment(title: str, rank: int = 1, start: float = 38.2) -> Segment:
    return Segment(start, start + 2, 0.5, rank=rank, title=title)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Dog, bark", "01 0-38 Dog bark"),
        ("", "01 0-38"),
        ('a/b\\c:d*e?f"g<h>i|j\x00k\n', "01 0-38 a b c d e f g h i j k"),
        ("../../etc/passwd", "01 0-38 .. .. etc passwd"),
        ("собака 犬 🐕", "01 0-38 собака 犬"),
        ("$(touch x) `y` 100%", "01 0-38 (touch x) y 100"),
        ("ends in a dot.", "01 0-38 ends in a dot"),
    ],
)
def test_a_name_says_rank_time_and_title(title: str, name: str) -> None:
    assert segment_names([_segment(title)]) == [name]


def test_names_sort_by_rank_and_stay_short() -> None:
    names = segment_names([_segment("x" * 400, rank, 3700.0 * rank) for rank in range(1, 121)])
    assert names[0].startswith("001 1-01-40 xxx")
    assert sorted(names) == names
    assert len(set(names)) == 120
    assert max(len(name.encode()) for name in names) <= 120
    (long,) = segment_names([_segment("ы" * 200)])
    assert len(long.encode()) <= 120


def test_a_clip_that_exists_is_noticed_before_anything_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    highlighter = Highlighter.from_preset(tmp_path / "debug.yaml", cache=False)
    analysis = highlighter.analyse(make_video(tmp_path / "v.mp4", seconds=3.0, size=(160, 120)))
    clips = tmp_path / "clips"
    highlighter.deliver(analysis, [Segment(0.0, 1.0, rank=1)], output=tmp_path / "a.mp4", clips=clips)
    monkeypatch.setattr(summary, "cut_summary", lambda *_, **__: pytest.fail("cut"))
    with pytest.raises(OutputError, match=r"01 0-00\.mp4: exists already"):
        highlighter.deliver(analysis, [Segment(0.0, 1.0, rank=1)], output=tmp_path / "b.mp4", clips=clips)
    assert {path.name for path in tmp_path.glob("b*")} == set()


def _write_clips(video: Path, segments: list[Segment], folder: Path, *, overwrite: bool = False) -> None:
    wanted = SummarizeOptions(clips=folder, overwrite=overwrite)
    with segment_folders(probe(video), segments, wanted, ".mp4", CutOptions(), Stages()):
        pass


def test_clips_appear_all_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, calls = make_video(tmp_path / "v.mp4", seconds=4.0), []

    def fail_on_the_second(arguments: list[str], **_: Any) -> None:
        calls.append(arguments)
        Path(arguments[-1].removeprefix("file:")).write_bytes(video.read_bytes())
        if len(calls) == 2:
            raise CutError("ffmpeg failed")

    monkeypatch.setattr(exact_cut, "run_ffmpeg", fail_on_the_second)
    with pytest.raises(CutError):
        _write_clips(video, [Segment(0.0, 4.0, rank=1), Segment(0.0, 2.0, rank=2)], tmp_path / "clips")
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == [video]


def test_what_is_true_of_a_clip_alone_is_told(tmp_path: Path) -> None:
    made = make_video(tmp_path / "v.mp4", seconds=4.0)
    with av.open(str(made)) as container:
        lost = [each for each in container.demux(video=0) if each.pts and 0.7 <= each.pts * each.time_base < 1.0]
    content = bytearray(made.read_bytes())
    for packet in lost:
        content[packet.pos : packet.pos + packet.size] = bytes(packet.size)
    made.write_bytes(content)
    source, segments = probe(made), [Segment(0.0, 1.2, rank=1, title="Dog"), Segment(2.0, 4.0, rank=2)]
    summary = cut_summary(source, segments, tmp_path / "summary.mp4")
    wanted = SummarizeOptions(clips=tmp_path / "clips")
    with segment_folders(source, segments, wanted, ".mp4", CutOptions(), Stages()) as folders:
        told = folder_notes(folders, summary)
    assert len(told) == 1
    assert re.match(r"01 0-00 Dog\.mp4: \d+ of 30 pictures cannot be decoded, the first one at 0\.7 s", told[0])


def test_clips_join_a_folder_but_replace_nothing_unasked(tmp_path: Path) -> None:
    video, folder = make_video(tmp_path / "v.mp4", seconds=3.0), tmp_path / "clips"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine", encoding="utf-8")
    _write_clips(video, [Segment(0.0, 1.0)], folder)
    with pytest.raises(OutputError, match=r"01 0-00\.mp4: exists already"):
        _write_clips(video, [Segment(0.0, 1.0)], folder)
    _write_clips(video, [Segment(0.0, 0.5)], folder, overwrite=True)
    assert sorted(path.name for path in folder.iterdir()) == ["01 0-00.mp4", "mine.txt"]
    assert probe(folder / "01 0-00.mp4").duration_seconds == pytest.approx(0.5, abs=0.05)


def test_thumbnails_are_pictures(tmp_path: Path) -> None:
    source = probe(make_video(tmp_path / "v.mp4", seconds=3.0, size=(320, 180)))
    segments = [_segment("Dog", 2, 0.0), _segment("Cat", 1, 1.0)]
    (tmp_path / "t").mkdir()
    assert write_thumbnails(source, segments, tmp_path / "t") == ()
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == ["01 0-01 Cat.jpg", "02 0-00 Dog.jpg"]
    with Image.open(tmp_path / "t" / "01 0-01 Cat.jpg") as picture:
        assert picture.size == (320, 180)


def test_a_segment_without_a_picture_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(make_video(tmp_path / "v.mp4", seconds=3.0))
    monkeypatch.setattr("highlightr.export.segment_files.grab_thumbnails", lambda *_, **__: [b"", b"\xff\xd8"])
    segments = [_segment("Dog", 2, 0.0), _segment("Cat", 1, 1.0)]
    (tmp_path / "t").mkdir()
    notes = write_thumbnails(source, segments, tmp_path / "t")
    assert notes == ("No picture could be decoded for 02 0-00 Dog.",)
    assert [path.name for path in (tmp_path / "t").iterdir()] == ["01 0-01 Cat.jpg"]


def test_a_picture_shows_what_the_segment_was_chosen_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = probe(make_video(tmp_path / "v.mp4", seconds=3.0))
    asked: list[float] = []

    def grab(_source: object, times: list[float], **_: object) -> list[bytes]:
        asked.extend(times)
        return [b"\xff\xd8"] * len(times)

    monkeypatch.setattr("highlightr.export.segment_files.grab_thumbnails", grab)
    found = replace(_segment("Dog", 1, 0.0), reasons=(Reason("visual", "dog", 0.5, 1.5, 2.5),))
    (tmp_path / "t").mkdir()
    write_thumbnails(source, [found, _segment("Cat", 2, 1.0)], tmp_path / "t")
    assert asked == [1.75, 2.0]


def test_a_clip_without_a_keyframe_is_encoded_where_the_summary_is_cut_smart(tmp_path: Path) -> None:
    video, folder = make_video(tmp_path / "v.mp4", seconds=4.0, **CLOSED_GOP), tmp_path / "clips"
    wanted = SummarizeOptions(cut="smart", clips=folder)
    segments = [Segment(0.0, 1.8, rank=1), Segment(2.2, 2.48, rank=2)]
    with segment_folders(probe(video), segments, wanted, ".mp4", wanted.cut_options(), Stages()) as folders:
        pieces = [each.pieces[0] for each in folders["clips"].cuts]
    assert [each.method for each in pieces] == ["smart", "encoded"]
    assert len(list(folder.iterdir())) == 2
