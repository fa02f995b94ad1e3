"""Where may be written, and that files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from functools import partial
from pathlib import Path
from typing import Literal

import av
import pytest

from highlightr.core.errors import ConfigError, CutError, OutputError
from highlightr.core.outputs import check_folder_output, check_output
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import check_suffix, probe
from highlightr.media._cut.copy_cut import _failed
from highlightr.media.cut import CutOptions, cut_clips, cut_summary
from tests.mediamaker import made


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "video.mp4"
    path.write_bytes(made("plain.mp4").read_bytes())
    return probe(path)


def test_a_new_file_is_fine(source: Source, tmp_path: Path) -> None:
    check_output(tmp_path / "new.mp4", source.path, overwrite=False)
    assert names_in(tmp_path) == ["video.mp4"]


def test_an_existing_file_needs_overwrite(source: Source, tmp_path: Path) -> None:
    (tmp_path / "old.mp4").touch()
    with pytest.raises(OutputError, match=r"old\.mp4: exists already; choose another output or --overwrite"):
        check_output(tmp_path / "old.mp4", source.path, overwrite=False)
    check_output(tmp_path / "old.mp4", source.path, overwrite=True)


@pytest.mark.parametrize("way", ["itself", "symlink", "hardlink", "dots"])
def test_the_source_is_never_overwritten(way: str, source: Source, tmp_path: Path) -> None:
    output = tmp_path / "link.mp4"
    if way == "symlink":
        output.symlink_to(source.path)
    elif way == "hardlink":
        output.hardlink_to(source.path)
    else:
        output = source.path if way == "itself" else tmp_path / "x" / ".." / "video.mp4"
        (tmp_path / "x").mkdir()
    before = source.path.read_bytes()
    with pytest.raises(OutputError, match="the source video itself"):
        cut_summary(source, [Segment(0, 1, 0.5)], output, overwrite=True)
    assert source.path.read_bytes() == before


@pytest.mark.parametrize("how", ["exact", "smart", "copy"])
def test_a_folder_that_went_away_is_not_one_that_is_full(
    how: Literal["exact", "smart", "copy"], source: Source, tmp_path: Path
) -> None:
    with pytest.raises(CutError, match=r"gone: cannot be written \(No such file.*; make its folder again"):
        cut_clips(source, [Segment(0, 1, 0.5)], [tmp_path / "gone" / "a.mp4"], CutOptions(cut=how))


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, r"cannot be written \(.*\); free some space"),
        (errno.ENOENT, r"cannot be written \(.*\); make its folder again"),
        (errno.EACCES, r"cannot be written \(.*\); choose another place"),
        (errno.EINVAL, r"its h264 and aac streams cannot be copied into \.mp4 \(.*\); use \.mkv or leave out --copy"),
    ],
)
def test_what_to_do_where_copying_fails(number: int, advice: str, source: Source) -> None:
    with pytest.raises((av.FFmpegError, OSError)) as raised:
        av.error.err_check(-number)
    assert re.search(advice, str(_failed(source, Path("a.mp4"), raised.value)))


def test_too_long_a_name(source: Source, tmp_path: Path) -> None:
    long = tmp_path / f"{'a' * 252}.mp4"
    for check in (partial(check_output, source=source.path, overwrite=False), check_folder_output):
        with pytest.raises(
            OutputError, match=r"a\.mp4: cannot be written \(File name too long\); choose a shorter name"
        ):
            check(long)


def test_a_directory(source: Source, tmp_path: Path) -> None:
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError, match="a directory; name a file"):
        check_output(tmp_path / "folder.mp4", source.path, overwrite=True)


def test_a_pipe(source: Source, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(OutputError, match="a device or a pipe; name a file"):
        check_output(tmp_path / "pipe.mp4", source.path, overwrite=True)


def test_a_link_that_leads_nowhere_is_there_all_the_same(source: Source, tmp_path: Path) -> None:
    (tmp_path / "link.mp4").symlink_to("gone.mp4")
    with pytest.raises(OutputError, match=r"link\.mp4: exists already"):
        check_output(tmp_path / "link.mp4", source.path, overwrite=False)
    check_output(tmp_path / "link.mp4", source.path, overwrite=True)


def test_a_missing_folder(source: Source, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such folder; create it first"):
        check_output(tmp_path / "gone" / "new.mp4", source.path, overwrite=False)


def test_a_folder_that_cannot_be_written(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(OutputError, match="no permission to write here"):
        check_output(tmp_path / "new.mp4", source.path, overwrite=False)


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV", "a.mkv", "a.m4v"])
def test_known_suffixes(name: str) -> None:
    assert check_suffix(Path(name)) in {"mp4", "mov", "matroska"}


@pytest.mark.parametrize("name", ["a.avi", "a", "a.mp4.txt"])
def test_other_suffixes(name: str, source: Source, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write a video with (the|no) suffix.*; use \.mp4"):
        cut_summary(source, [Segment(0, 1, 0.5)], tmp_path / name)


def test_raw_pictures_that_a_container_would_show_as_others_are_not_copied(tmp_path: Path) -> None:
    """QuickTime takes what it has no name for as RGB."""
    source = probe(made("raw.mkv", codec="rawvideo", options=(), seconds=1.0))
    with pytest.raises(CutError, match=r"\.mov cannot hold raw pictures of yuv420p; use \.mkv or leave out --copy"):
        cut_summary(source, [Segment(0, 0.6, 0.5)], tmp_path / "cut.mov", CutOptions(cut="copy"))
    assert names_in(tmp_path) == []
