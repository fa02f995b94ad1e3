"""Where the home folder is; files appear whole or not at all; what killed processes left is removed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from highlightr.core.errors import ConfigError, MediaError, OutputError
from highlightr.core.files import remove_abandoned, staging_folder, whole_file, whole_folder, write_whole
from highlightr.core.folders import home_folder, make_folder
from highlightr.core.locks import file_lock
from highlightr.core.outputs import unwritable
from highlightr.core.reading import read_at_most, read_limited


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_own_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "own"))
    assert home_folder() == tmp_path / "own"


def test_cache_variable_comes_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HIGHLIGHTR_HOME", "")
    assert home_folder() == tmp_path / "xdg" / "highlightr"


def test_default_lies_under_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HIGHLIGHTR_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path / ".cache" / "highlightr"


def test_a_user_without_a_home_keeps_nothing_unless_the_root_folder_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "HIGHLIGHTR_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("os.getuid", lambda: 4_000_000_007)  # No user has this number.
    assert home_folder() == Path("/.cache/highlightr")


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HIGHLIGHTR_HOME"])
def test_a_home_of_nobody_is_refused(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HIGHLIGHTR_HOME", raising=False)
    monkeypatch.setenv(variable, "~no-such-user/cache")
    with pytest.raises(ConfigError, match=f"{variable} is '~no-such-user/cache': no such user"):
        home_folder()


def test_relative_and_tilde_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HIGHLIGHTR_HOME", "here")
    assert home_folder() == tmp_path / "here"
    monkeypatch.setenv("HIGHLIGHTR_HOME", "~/there")
    assert home_folder() == tmp_path / "there"


def test_a_file_appears_whole(tmp_path: Path) -> None:
    final = tmp_path / "final.txt"
    with whole_file(final, overwrite=False) as partial:
        partial.write_text("whole", encoding="utf-8")
        assert partial.parent.parent == tmp_path
        assert not final.exists()
    assert final.read_text(encoding="utf-8") == "whole"
    assert names_in(tmp_path) == ["final.txt"]


def test_a_file_that_fails_does_not_appear(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "final.txt", overwrite=False) as partial:
        partial.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert names_in(tmp_path) == []


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    final = tmp_path / "final.txt"
    with pytest.raises(OutputError, match="appeared meanwhile"), whole_file(final, overwrite=False) as partial:
        partial.write_text("ours", encoding="utf-8")
        final.write_text("theirs", encoding="utf-8")
    assert final.read_text(encoding="utf-8") == "theirs"


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "clips").touch()
    with pytest.raises(OutputError, match="not a directory"), whole_folder(tmp_path / "clips", overwrite=True):
        pass


def test_a_folder_to_make_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(OutputError, match=r"out: cannot be written \(not a directory\); choose another place"):
        make_folder(tmp_path / "out")


def test_a_folder_that_is_there_is_filled_from_inside(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    with whole_folder(tmp_path / "clips", overwrite=False) as filling:  # Around it may be another file system.
        assert filling.is_relative_to(tmp_path / "clips")
        (filling / "clip").touch()
    assert names_in(tmp_path / "clips") == ["clip"]


def test_text_and_bytes_are_written_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    write_whole(path, "ä", b"\xff")
    assert path.read_bytes() == b"\xc3\xa4\xff"
    assert names_in(path.parent) == ["file"]


def test_a_longest_name_can_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / ("x" * 250 + ".json"), "{}")
    with whole_file(tmp_path / ("y." + "z" * 253), overwrite=True) as partial:
        partial.touch()
    assert len(names_in(tmp_path)) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(mask: int, tmp_path: Path) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", "x")
        with whole_folder(tmp_path / "folder", overwrite=False) as filling:
            (filling / "clip").touch()
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~mask


def test_the_home_folder_is_made_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "above" / "home"
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(home))
    make_folder(home / "features" / "deep")
    assert home.stat().st_mode & 0o777 == 0o700
    home.chmod(0o755)  # The user's own choice stays.
    make_folder(home / "other")
    assert home.stat().st_mode & 0o777 == 0o755


def test_planted_links_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious", encoding="utf-8")
    (tmp_path / "out").mkdir()
    for name in (f".index.html.{os.getpid()}.part", ".index.html.part", "index.html"):
        (tmp_path / "out" / name).symlink_to(victim)
    write_whole(tmp_path / "out" / "index.html", "ours")
    assert victim.read_text(encoding="utf-8") == "precious"
    assert (tmp_path / "out" / "index.html").read_text(encoding="utf-8") == "ours"
    assert not (tmp_path / "out" / "index.html").is_symlink()


def test_a_staging_folder_has_another_name_each_time(tmp_path: Path) -> None:
    with staging_folder(tmp_path) as first, staging_folder(tmp_path) as second:
        assert first != second
        assert first.stat().st_mode & 0o777 == 0o700


HOLDER = """
import sys, time
from pathlib import Path
from highlightr.core.files import staging_folder
with staging_folder(Path(sys.argv[1])) as staging:
    (staging / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_left_is_swept_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        remove_abandoned(tmp_path)
        assert len(names_in(tmp_path)) == 1, "its writer lives"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    write_whole(tmp_path / "next", "whole")
    assert names_in(tmp_path) == ["next"], "the next writer sweeps"


def test_folders_that_are_not_ours_stay(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").touch()
    (tmp_path / ".highlightr-x.partial").symlink_to(elsewhere)
    (tmp_path / ".highlightr-y.partial").touch()
    (tmp_path / ".highlightr-notes").mkdir()
    remove_abandoned(tmp_path)
    assert names_in(elsewhere) == ["precious"]
    assert len(names_in(tmp_path)) == 4


def test_a_lock_is_held_once(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "one"
    with file_lock(path) as first, file_lock(path) as second:
        assert (first, second) == (True, False)
    with file_lock(path) as again:
        assert again


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for act in (make_folder, lambda path: write_whole(path, "x"), lambda path: file_lock(path).__enter__()):
        with pytest.raises(OutputError, match=r"file.*: cannot be written \(.*\); choose another place"):
            act(tmp_path / "file" / "below")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.ENOSPC, "free some space, or choose another place"),
        (errno.EDQUOT, "free some space, or choose another place"),
        (errno.ENOENT, "make its folder again, or choose another place"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EACCES, "choose another place"),
        (errno.EROFS, "choose another place"),
    ],
)
def test_what_to_do_depends_on_what_writing_failed_of(number: int, advice: str) -> None:
    words = os.strerror(number)
    assert str(unwritable(Path("a"), OSError(number, words))) == f"a: cannot be written ({words}); {advice}"


def test_no_more_is_read_than_may_be(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_at_most(path, 5) == b"12345"
    assert read_at_most(path, 4) is None
    with pytest.raises(FileNotFoundError):
        read_at_most(tmp_path / "gone", 5)


def test_a_reader_refuses_a_file_in_its_own_class(tmp_path: Path) -> None:
    path = tmp_path / "long.srt"
    path.write_bytes(bytes(2**20 + 1))
    with pytest.raises(MediaError, match=r"long\.srt: larger than 1 MiB"):
        read_limited(path, 2**20, MediaError)
    with pytest.raises(ConfigError, match=r"gone: cannot be read \(No such file"):
        read_limited(tmp_path / "gone", 2**20)
    assert len(read_limited(path, 2**20 + 1)) == 2**20 + 1


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no endless file here")
def test_a_file_that_says_it_is_empty_is_bounded_too() -> None:
    assert read_at_most(Path("/dev/zero"), 1000) is None


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_network_folder_without_locks(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_whole(tmp_path / "a.txt", "whole")
    assert names_in(tmp_path) == ["a.txt"]
    lock = tmp_path / "lock"
    with file_lock(lock) as first, file_lock(lock) as second:
        assert (first, second) == (True, False)
    with file_lock(lock) as again:
        assert again


def test_errors_name_what_was_asked_for_and_not_where_it_is_written_first(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as raised, whole_file(tmp_path / "a.mp4", overwrite=False) as partial:
        raise OutputError(f"{partial}: cannot be written")
    assert str(raised.value) == f"{tmp_path / 'a.mp4'}: cannot be written"
    with pytest.raises(OutputError) as raised, whole_folder(tmp_path / "moments", overwrite=False) as partial:
        raise OutputError(f"{partial / '1.mp4'}: cannot be written")
    assert str(raised.value) == f"{tmp_path / 'moments' / '1.mp4'}: cannot be written"
    with (
        pytest.raises(OutputError) as raised,
        staging_folder(tmp_path) as staging,
        whole_file(staging / "a.mp4", overwrite=False) as partial,
    ):
        raise OutputError(f"{partial.parent}: cannot be written")
    assert str(raised.value) == f"{tmp_path}: cannot be written"
