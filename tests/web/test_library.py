"""What is a video of the folder, and what never is: links that lead out, pipes, names that climb."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from highlightr.batch.output_dir import SUFFIXES
from highlightr.core.errors import ConfigError, MediaError
from highlightr.web.library import Library
from tests.web.conftest import Client


def names(library: Library) -> list[str]:
    return [video.name for video in library.videos()]


def test_lists_videos_and_what_was_made_of_them(videos: Path) -> None:
    for name in ("numbers.summary.mp4", "numbers.summary.json", "numbers.summary.otio", ".hidden.mp4", "notes.txt"):
        (videos / name).write_bytes(b"x")
    (videos / "numbers.clips").mkdir()
    (videos / "numbers.clips" / "01 clip.mp4").write_bytes(b"x")
    (videos / "lone.summary.mp4").write_bytes(b"x")
    library = Library(videos)
    found = {video.name: video for video in library.videos()}
    assert sorted(found) == ["deep/two words ü.mkv", "lone.summary.mp4", "numbers.mp4"]
    assert found["numbers.mp4"].made == ("summary", "receipt", "OTIO", "clips")
    summary = found["numbers.mp4"].summary_id
    assert summary is not None
    assert library.find(summary).name == "numbers.summary.mp4"


@pytest.mark.parametrize("suffix", [*SUFFIXES.values(), ".summary.mov"])
def test_whatever_is_written_beside_a_video_is_listed(suffix: str, videos: Path) -> None:
    name = Library(videos).videos()[0].name
    (videos / name).with_suffix(suffix).touch()
    assert next(video.made for video in Library(videos).videos() if video.name == name)


def test_what_lies_elsewhere_is_no_video_of_the_folder(videos: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.copy(videos / "numbers.mp4", outside / "secret.mp4")
    (videos / "link.mp4").symlink_to(outside / "secret.mp4")
    (videos / "folder").symlink_to(outside)
    (videos / "loop.mp4").symlink_to("loop.mp4")
    (videos / "gone.mp4").symlink_to("nothing.mp4")
    (videos / "passwd.mp4").symlink_to("/etc/passwd")
    (videos / "inside.mp4").symlink_to("numbers.mp4")
    os.mkfifo(videos / "pipe.mp4")
    assert names(Library(videos)) == ["inside.mp4", "numbers.mp4", "deep/two words ü.mkv"]


def test_a_name_does_not_turn_the_direction_of_writing(videos: Path) -> None:
    (videos / "deep" / "two words ü.mkv").rename(videos / "deep" / "\u202egpj.mkv")
    assert names(Library(videos)) == ["numbers.mp4", r"deep/\u202egpj.mkv"]


def test_a_video_that_becomes_a_link_or_goes_is_not_found_any_more(videos: Path, tmp_path: Path) -> None:
    library = Library(videos)
    video = next(each for each in library.videos() if each.name == "numbers.mp4")
    outside = tmp_path / "secret.mp4"
    video.path.rename(outside)
    with pytest.raises(MediaError, match="not in the folder any more"):
        library.find(video.id)
    video.path.symlink_to(outside)
    with pytest.raises(MediaError, match="not in the folder any more"):
        library.find(video.id)


@pytest.mark.parametrize("path", ["../x", "/etc", "a/../../x", "..", "a\0b", "a\\..\\b", "x" * 501])
def test_folders_for_outputs_stay_below(videos: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="not a folder below"):
        Library(videos).folder_below(path)


def test_a_folder_that_is_a_link_out_is_refused(videos: Path, tmp_path: Path) -> None:
    (videos / "out").symlink_to(tmp_path)
    library = Library(videos)
    with pytest.raises(ConfigError, match="not a folder below"):
        library.folder_below("out")
    with pytest.raises(ConfigError, match="not a folder below"):
        library.folder_below("out/deeper")
    assert library.folder_below("new/one") == videos / "new" / "one"
    with pytest.raises(ConfigError, match="is a file"):
        library.folder_below("numbers.mp4")


@pytest.mark.parametrize(
    "identifier",
    ["..%2f..%2fetc%2fpasswd", "numbers.mp4", "0" * 24, "../../etc/passwd", "%00", "..", "0" * 5000],
)
def test_no_request_names_a_path(shared: Client, identifier: str) -> None:
    for path in (f"/media/{identifier}", f"/api/videos/{identifier}", f"/v/{identifier}"):
        answer = shared.get(path)
        assert answer.status in (400, 404, 403), (path, answer.status)
        assert b"root:" not in answer.body


@pytest.mark.parametrize("name", ["../app.py", "..%2fapp.py", "list.html.j2", "", "studio.js%00"])
def test_only_packaged_files_are_static(shared: Client, name: str) -> None:
    assert shared.get(f"/static/{name}").status == 404


def test_a_folder_that_goes_is_told_and_may_come_back(studio: Client) -> None:
    away = studio.folder.rename(studio.folder.with_name("away"))
    answer = studio.get("/api/videos")
    assert answer.status == 404
    assert "is not there any more" in answer.json()["error"]
    away.rename(studio.folder)
    assert len(studio.get("/api/videos").json()["videos"]) == 2


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(ConfigError, match="folder"):
            Library(path)
