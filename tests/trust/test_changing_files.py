"""A file that changes while it is read never gets another file's scores, and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from highlightr.core import hashing
from highlightr.core.errors import MediaError
from highlightr.core.hashing import FileIdentity, content_key
from highlightr.features.cache import FeatureCache
from highlightr.media import cut
from highlightr.media.probe import probe
from highlightr.pipeline import Highlighter
from tests.mediamaker import made

ONE, OTHER = {"seconds": 8.0, "size": (96, 64)}, {"seconds": 8.0, "size": (96, 80)}

Change = Callable[[Path], None]


def overwrite(path: Path) -> None:
    """In place: the same inode."""
    path.write_bytes(made("plain.mp4", **OTHER).read_bytes())


def replace(path: Path) -> None:
    """By another file that has the same size and the same time of writing."""
    status, size = path.stat(), path.stat().st_size
    beside = path.with_name("beside")
    content = made("plain.mp4", **OTHER).read_bytes()
    beside.write_bytes(content[:size].ljust(size, b"\0"))
    os.utime(beside, ns=(status.st_atime_ns, status.st_mtime_ns))
    beside.replace(path)


def overwrite_and_set_back(path: Path) -> None:
    """In place, and then its time of writing is set back."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[-20:] = b"x" * 20
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def grow(path: Path) -> None:
    """As a recording that is still written."""
    with path.open("ab") as file:
        file.write(b"more")


def shorten(path: Path) -> None:
    """To a video without sound."""
    path.write_bytes(made("plain.mp4", seconds=2.0, size=(96, 64), sound=False).read_bytes())


CHANGES = [overwrite, replace, overwrite_and_set_back, grow, Path.unlink]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    (tmp_path / "films").mkdir()
    return Path(shutil.copy(made("plain.mp4", **ONE), tmp_path / "films" / "video.mp4"))


def run(video: Path, cache: FeatureCache, light: Highlighter, stage: str, change: Change) -> None:
    """Summarise, while the file is changed at the end of a stage."""
    changed: list[str] = []

    def hook(name: str, completed: float, total: float) -> None:
        if name == stage and completed >= total and not changed:
            changed.append(name)
            change(video)

    highlighter = Highlighter(light.preset, light._models, cache, hook)
    with pytest.raises(MediaError, match=r"changed while it was read; run it again|no such file any more"):
        highlighter.summarize(video)
    assert changed


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("stage", ["probe", "extract", "cut"])
def test_a_change_is_a_clear_failure_that_leaves_nothing(
    stage: str, change: Change, light: Highlighter, video: Path, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache")
    run(video, cache, light, stage, change)
    assert {path.name for path in video.parent.iterdir()} <= {"video.mp4"}
    if stage == "probe":
        assert cache.entries() == [], "features of the other file under this one's hash"


def test_another_name_and_other_permissions_are_no_change(light: Highlighter, video: Path) -> None:
    def link_and_close(stage: str, completed: float, total: float) -> None:
        if stage == "extract" and completed >= total:
            video.with_name("other-name.mp4").unlink(missing_ok=True)
            video.with_name("other-name.mp4").hardlink_to(video)
            video.chmod(0o600)

    summary = Highlighter(light.preset, light._models, None, link_and_close).summarize(video)
    assert summary.outputs["video"].is_file()


def test_a_large_file_overwritten_between_samples_is_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LARGEST_WHOLE_BYTES", 100)
    monkeypatch.setattr(hashing, "SAMPLE_BYTES", 4)
    monkeypatch.setattr(hashing, "SAMPLE_COUNT", 3)
    path = tmp_path / "a.mp4"
    path.write_bytes(bytes(200))
    os.utime(path, ns=(10**18, 10**18))
    before, identity = content_key(path), FileIdentity.of(path)
    with path.open("r+b") as file:
        file.seek(50)
        file.write(b"edited")
    after = content_key(path)
    assert before["hash"] == after["hash"], "no sample saw it"
    assert before != after
    with pytest.raises(MediaError, match="changed"):
        identity.check(path)


@pytest.mark.parametrize("change", [overwrite, shorten, Path.unlink], ids=lambda change: change.__name__)
def test_a_change_before_a_summary_is_delivered_is_told_before_any_work(
    change: Change, video: Path, light: Highlighter, monkeypatch: pytest.MonkeyPatch
) -> None:
    highlighter = Highlighter(light.preset, light._models, None, lambda *_: None)
    analysis = highlighter.analyse(video)
    chosen = highlighter.choose(analysis)
    change(video)
    monkeypatch.setattr(cut, "_write", lambda _: pytest.fail("was cut"))
    with pytest.raises(MediaError, match=r"changed while it was read; run it again|no such file any more"):
        highlighter.deliver(analysis, chosen)
    assert [path.name for path in video.parent.iterdir()] == ([video.name] if video.exists() else [])


def test_a_change_takes_the_place_of_the_error_that_it_led_to(video: Path) -> None:
    with pytest.raises(MediaError, match="changed"), probe(video).unchanged():
        grow(video)
        raise ValueError("cannot be decoded")
