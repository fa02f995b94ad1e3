"""Which videos are meant, and under which names their outputs will lie."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import unicodedata
from pathlib import Path

import pytest

from highlightr.batch import Job
from highlightr.batch.inputs import find_videos
from highlightr.core.errors import ConfigError


def tree(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def names(found: tuple[Job, ...]) -> list[str]:
    return [one.title for one in found]


def folders(found: tuple[Job, ...]) -> list[str]:
    return [one.folder for one in found]


def test_a_folder_is_walked_through_and_keeps_its_folders(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "b.mp4", "a.MKV", "deep/er/c.webm", "notes.txt", ".hidden.mp4", ".git/d.mp4")
    found = find_videos([str(folder)], tmp_path / "out")
    assert names(found) == ["a.MKV", "b.mp4", "deep/er/c.webm"]
    assert [one.video for one in found] == [str(folder / one.title) for one in found]


def test_the_output_folder_inside_is_left_out(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.mp4", "out/a.mp4/summary.mp4")
    assert names(find_videos([str(folder)], folder / "out")) == ["a.mp4"]
    with pytest.raises(ConfigError, match="is the output folder too"):
        find_videos([str(folder)], folder)


def test_what_highlightr_made_is_left_out(tmp_path: Path) -> None:
    made = ("a.summary.mp4", "a.summary.json", "old/.highlightr/done/1", "old/a/a.summary.mp4", "old/a/a.mp4")
    folder = tree(tmp_path / "in", "a.mp4", "film.summary.mp4", *made)
    assert names(find_videos([str(folder)], tmp_path / "out")) == ["a.mp4", "film.summary.mp4"]
    assert names(find_videos([str(folder)], tmp_path / "out", pattern="*.mp4")) == ["a.mp4", "film.summary.mp4"]


@pytest.mark.parametrize("place", ["in/a.clips", "gone/since"])
def test_a_summary_of_any_name_and_its_clips_are_not_taken_for_videos(place: str, tmp_path: Path) -> None:
    """A video of a clip's name is one, also in a folder of the same name; so is a clip that was changed."""
    clip, changed = "01 0-05 Dog.mp4", "02 0-09 Cat.mp4"
    videos = ["a.mp4", "a.clips/01 0-05 Mine.mp4", f"a.clips/{changed}", f"b/a.clips/{clip}"]
    folder = tree(tmp_path / "in", *videos, "best.mp4", f"a.clips/{clip}")
    (folder / "a.clips" / clip).write_bytes(b"what was written")
    digest = hashlib.sha256(b"what was written").hexdigest()
    for name in ("best.json", "a.json"):  # The second is a's own, by another program.
        files = [{"output": "clips", "name": each, "sha256": digest} for each in (clip, changed)]
        receipt = {"schema_version": 2, "outputs": {"video": "x/best.mp4", "clips": place}, "files": files}
        (folder / name).write_text(json.dumps(receipt if name == "best.json" else {"outputs": {"video": "a.mp4"}}))
    assert sorted(names(find_videos([str(folder)], tmp_path / "out"))) == sorted(videos)
    assert names(find_videos([str(folder / "best.mp4")], tmp_path / "out")) == ["best.mp4"]


@pytest.mark.timeout(20)
def test_what_lies_beside_a_video_under_a_receipts_name_may_be_anything(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "a.mp4", "b.mp4", "c.mp4", "d.mp4", "d.json")
    os.mkfifo(folder / "a.json")
    (folder / "b.json").mkdir()
    (folder / "c.json").symlink_to("c.json")
    assert names(find_videos([str(folder)], tmp_path / "out")) == ["a.mp4", "b.mp4", "c.mp4", "d.mp4"]


def test_what_may_be_there_later_may_be_absent_now(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert find_videos([str(tmp_path / "in")], tmp_path / "out", absent_ok=True) == ()
    with pytest.raises(ConfigError, match="no video or folder at"):
        find_videos([str(tmp_path / "gone")], tmp_path / "out", absent_ok=True)
    with pytest.raises(ConfigError, match="no videos were given"):
        find_videos([], tmp_path / "out", absent_ok=True)


def test_what_cameras_and_recorders_write_is_taken_from_a_folder(tmp_path: Path) -> None:
    videos = ["00001.MTS", "A001.mxf", "MOV0001.3gp", "VTS_01_1.VOB", "tape.dv"]
    folder = tree(tmp_path / "in", *videos, "A001.xml", "00001.CPI")
    assert names(find_videos([str(folder)], tmp_path / "out")) == videos


def test_a_pattern_chooses_files_of_any_suffix(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "cam1_x.dat", "cam2_x.dat", "deep/cam1_y.mp4")
    assert names(find_videos([str(folder)], tmp_path, pattern="cam1_*")) == ["cam1_x.dat", "deep/cam1_y.mp4"]
    with pytest.raises(ConfigError, match=r"no videos in .*would match \*\.avi"):
        find_videos([str(folder)], tmp_path, pattern="*.avi")


def test_videos_of_one_name_stay_apart_also_without_case(tmp_path: Path) -> None:
    tree(tmp_path, "x/v.mp4", "y/v.mp4", "z/V.MP4")
    inputs = [str(tmp_path / output_dir) for output_dir in ("x", "y/v.mp4", "z")]
    found = folders(find_videos(inputs, tmp_path / "out"))
    assert found[0] == "v"
    assert found[1].startswith("v~")
    assert found[2].startswith("V~")
    assert found == folders(find_videos(inputs, tmp_path / "out"))


def test_a_video_that_is_named_twice_is_one(tmp_path: Path) -> None:
    tree(tmp_path, "x/v.mp4")
    assert len(find_videos([str(tmp_path / "x"), str(tmp_path / "x" / ".." / "x" / "v.mp4")], tmp_path / "out")) == 1


def test_names_of_the_batch_itself_are_not_given_away(tmp_path: Path) -> None:
    tree(tmp_path, "in/results.jsonl", "in/index.html.mp4")
    (page,) = find_videos([str(tmp_path / "in" / "index.html.mp4")], tmp_path / "out")
    assert page.folder.startswith("index.html~")
    (found,) = find_videos([str(tmp_path / "in" / "results.jsonl")], tmp_path / "out")
    assert found.folder == "results"


def test_lists_are_relative_to_themselves_and_keep_folders(tmp_path: Path) -> None:
    tree(tmp_path, "lists/deep/v.mp4", "w.mp4", "@odd.mp4", "lists/of\u2028\x85\x0c two.mp4")
    listed = tmp_path / "lists" / "all.txt"
    listed.write_text(
        f"# a comment\ndeep/v.mp4\r\n\n{tmp_path / 'w.mp4'}\nmissing/x.mp4\r../w.mp4\nof\u2028\x85\x0c two.mp4", "utf-8"
    )
    for found in (
        find_videos([f"@{listed}"], tmp_path / "out"),
        find_videos([], tmp_path / "out", lists=[listed]),
    ):
        assert names(found) == ["deep/v.mp4", "w.mp4", "missing/x.mp4", "of\u2028\x85\x0c two.mp4"]
    (odd,) = find_videos([str(tmp_path / "@odd.mp4")], tmp_path / "out")
    assert odd.title == "@odd.mp4"


@pytest.mark.parametrize("inputs", [["gone.mp4"], ["@gone.txt"], []], ids=["video", "list", "nothing"])
def test_what_is_not_there_is_said_at_once(inputs: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"no video or folder|cannot read the list|no videos were given"):
        find_videos(inputs, tmp_path / "out")


def test_addresses_need_permission_and_get_safe_names(tmp_path: Path) -> None:
    address = "https://user:secret@example.org/a%2Fb/..%2f%2E%2Ehidden%20clip.mp4?token=1"
    with pytest.raises(ConfigError, match="--allow-remote") as refused:
        find_videos([address], tmp_path)
    assert "secret" not in str(refused.value)
    assert "token" not in str(refused.value)
    (found,) = find_videos([address], tmp_path, allow_remote=True)
    assert found == Job(address, None, "hidden clip", True, "hidden clip.mp4", "hidden clip")


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "local://etc/passwd",
        "simplecache::file:///etc/passwd",
        "zip://a.mp4::https://example.org/a.zip",
        "https://example.org/x::file:///etc/passwd",
        "ftp://example.org/a.mp4",
        "memory://a.mp4",
        "concat://a.mp4",
        "https://[oops/a.mp4",
    ],
)
def test_addresses_that_lead_elsewhere_are_refused(address: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"are fetched|chain of addresses|is not an address"):
        find_videos([address], tmp_path, allow_remote=True)


def _apart(found: list[str]) -> None:
    """No folder is another's, or lies inside it, where case and accents make no difference either."""
    keys = [unicodedata.normalize("NFC", folder).casefold() for folder in found]
    for one, other in itertools.permutations(keys, 2):
        assert one != other
        assert not other.startswith(f"{one}/")


@pytest.mark.parametrize(
    "given",
    [
        ("a.mp4", "a.mkv"),
        ("a.mp4", "a/b.mp4", "a/c.mp4"),
        ("b.mp4", "a.mp4/b.mp4", "a.mp4.mp4"),
        ("Été.mp4", "e\u0301te\u0301.mp4", "\u00c9T\u00c9.mp4"),
        ("x" * 200 + "1.mp4", "x" * 200 + "2.mp4", "é" * 120 + "1.mp4", "é" * 120 + "2.mp4"),
        ("A/v.mp4", "a/v.mp4", "a/V.mp4"),
        ("deep/a.mp4", "deep/a/b/c.mp4", "deep/a/b.mp4"),
        (".highlightr.mp4", "index.html.mp4"),
    ],
    ids=lambda given: given[0][:12],
)
def test_every_video_has_a_folder_of_its_own_in_every_run(given: tuple[str, ...], tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", *given)
    found = find_videos([str(folder)], tmp_path / "out", pattern="*")
    assert len(found) == len(given)
    _apart(folders(found))
    assert all(len(os.fsencode(part)) < 255 - 20 for one in found for part in one.folder.split("/"))
    known = {one.video: one.folder for one in found}
    tree(folder, "0.mp4", "more/new.mp4")
    again = find_videos([str(folder)], tmp_path / "out", pattern="*", known=known)
    assert {one.video: one.folder for one in again}.items() >= known.items()
    _apart(folders(again))


def test_what_earlier_runs_gave_out_is_kept_whatever_comes_first(tmp_path: Path) -> None:
    folder = tree(tmp_path / "in", "b.mkv")
    (first,) = find_videos([str(folder)], tmp_path / "out")
    tree(folder, "b.avi")
    both = find_videos([str(folder)], tmp_path / "out", known={first.video: first.folder})
    assert first.folder == "b"
    assert [one.folder == "b" for one in both] == [False, True]


@pytest.mark.parametrize("folder", ["../x", "/etc", "", ".", "a/../b", "a//b", "a\0b"])
def test_a_folder_outside_is_never_believed(folder: str, tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.mp4")
    video = str(tmp_path / "in" / "a.mp4")
    (found,) = find_videos([video], tmp_path / "out", known={video: folder})
    assert found.folder == "a"
