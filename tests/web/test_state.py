"""States survive, never lose what another window saved, and hostile ones are refused in one line."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from highlightr.core.errors import ConfigError
from highlightr.web.library import Library, Video
from highlightr.web.state import AskedQuery, EditedSegment, StaleStateError, StateStore, StudioState
from tests.web.conftest import Client

STATE = StudioState(
    queries=(AskedQuery("a cat"), AskedQuery(None, shown=False)),
    active=1,
    segments=(EditedSegment(3.0, 4.5, "Katze \u2028 ü", "a cat"), EditedSegment(0.0, 1.0)),
    budget_seconds=30.0,
)


@pytest.fixture
def store(videos: Path) -> tuple[StateStore, Video]:
    library = Library(videos)
    return StateStore(library), next(each for each in library.videos() if each.name == "numbers.mp4")


def test_survives_a_restart(store: tuple[StateStore, Video], videos: Path) -> None:
    states, video = store
    assert states.read(video) == StudioState()
    saved = states.save(video, STATE)
    assert saved == replace(STATE, revision=1)
    assert StateStore(Library(videos)).read(video) == saved
    assert video.state_path.name == "numbers.mp4.studio.json"
    assert [path.name for path in videos.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("letter", ["n", "é", "日"])
@pytest.mark.parametrize("length", [241, 242, 255])
def test_a_name_of_any_length_keeps_its_state(letter: str, length: int, tmp_path: Path) -> None:
    stem = letter * ((length - 5) // len(letter.encode()))
    names = [f"{stem}{last}.mp4" for last in "ab"]
    for name in names:
        (tmp_path / name).write_bytes(b"video")
    library = Library(tmp_path)
    states, videos = StateStore(library), library.videos()
    first, second = (states.save(video, replace(STATE, active=number)) for number, video in enumerate(videos))
    assert [states.read(video) for video in videos] == [first, second]
    assert [video.made for video in library.videos()] == [("edit",), ("edit",)]


def test_what_another_window_saved_is_not_lost(store: tuple[StateStore, Video]) -> None:
    states, video = store
    first = states.save(video, STATE)
    with pytest.raises(StaleStateError) as caught:
        states.save(video, StudioState())
    assert caught.value.current == first
    assert states.read(video) == first


def test_what_a_page_has_outlives_its_file(store: tuple[StateStore, Video]) -> None:
    states, video = store
    page = states.save(video, states.save(video, STATE))
    video.state_path.unlink()
    saved = states.save(video, page)
    assert (saved, states.read(video)) == (replace(page, revision=3), saved)
    with pytest.raises(StaleStateError):
        states.save(video, page)


HOSTILE: dict[str, Any] = {
    "no json": b"{",
    "not text": b"\xff\xfe\x00",
    "a list": [],
    "deep": b"[" * 100_000,
    "another version": {"schema_version": 2},
    "a number": {"segments": 3},
    "nan": b'{"segments": [{"start_seconds": NaN, "stop_seconds": 1}]}',
    "infinite": b'{"segments": [{"start_seconds": 0, "stop_seconds": 1e999}]}',
    "backwards": {"segments": [{"start_seconds": 2, "stop_seconds": 1}]},
    "negative": {"segments": [{"start_seconds": -2, "stop_seconds": 1}]},
    "far": {"segments": [{"start_seconds": 0, "stop_seconds": 1e9}]},
    "a text for a time": {"segments": [{"start_seconds": "0", "stop_seconds": 1}]},
    "too many": {"segments": [{"start_seconds": 0, "stop_seconds": 1}] * 501},
    "too many queries": {"queries": [{"text": "a"}] * 13},
    "a long query": {"queries": [{"text": "a" * 301}]},
    "a long title": {"segments": [{"start_seconds": 0, "stop_seconds": 1, "title": "a" * 301}]},
    "a budget of nothing": {"budget_seconds": 0},
    "a negative revision": {"revision": -1},
    "half a letter": b'{"queries": [{"text": "\\ud800"}]}',
    "large": b" " * (1 << 20) + b"{}",
    "empty": b"",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_in_one_line(store: tuple[StateStore, Video], what: str) -> None:
    states, video = store
    content = HOSTILE[what]
    video.state_path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    before = video.state_path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        states.read(video)
    assert "numbers.mp4.studio.json" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    with pytest.raises(ConfigError):
        states.save(video, STATE)
    assert video.state_path.read_bytes() == before  # It is the user's until they say otherwise.
    assert states.save(video, STATE, replace_damaged=True).revision == 1


def test_a_state_of_a_newer_version_is_told_as_such(store: tuple[StateStore, Video]) -> None:
    states, video = store
    video.state_path.write_text('{"schema_version": 2, "segments": {"new": 1}}')
    with pytest.raises(ConfigError, match=r"newer highlightr \(schema_version 2\)"):
        states.read(video)


def test_after_the_last_revision_comes_the_first(store: tuple[StateStore, Video]) -> None:
    states, video = store
    states.save(video, replace(STATE, revision=2**53 - 2))
    last = states.read(video)
    assert (last.revision, states.save(video, last).revision, states.read(video).revision) == (2**53 - 1, 0, 0)


def test_links_pipes_and_folders_are_refused(store: tuple[StateStore, Video], tmp_path: Path) -> None:
    states, video = store
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    video.state_path.symlink_to(secret)
    with pytest.raises(ConfigError, match="leads out of the folder"):
        states.read(video)
    states.save(video, STATE, replace_damaged=True)
    assert secret.read_text() == "{}"
    assert not video.state_path.is_symlink()
    video.state_path.unlink()
    os.mkfifo(video.state_path)
    with pytest.raises(ConfigError, match="not a file"):
        states.read(video)
    video.state_path.unlink()
    video.state_path.mkdir()
    with pytest.raises(ConfigError):
        states.read(video)


def test_pages_keep_and_read_states(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    path = f"/api/videos/{video}/state"
    empty = studio.get(f"/api/videos/{video}").json()["state"]
    assert set(empty) == {"schema_version", "revision", "queries", "active", "segments", "budget_seconds"}
    plain = {"segments": [{"start_seconds": 1, "stop_seconds": 2, "title": "<b>", "query": None}], "budget_seconds": 5}
    assert studio.ask("PUT", path, {"state": plain}).json() == {"revision": 1}
    about = studio.get(f"/api/videos/{video}").json()
    assert about["state"]["segments"] == plain["segments"]
    stale = studio.ask("PUT", path, {"state": {}})
    assert stale.status == 409
    assert stale.json()["state"]["revision"] == 1
    (studio.folder / "numbers.mp4.studio.json").write_text("{")
    refused = studio.get(f"/api/videos/{video}").json()
    assert refused["refused"].startswith("numbers.mp4.studio.json: not JSON")
    assert refused["state"]["segments"] == []
    assert studio.ask("PUT", path, {"state": {"revision": 1}}).status == 400
    assert studio.ask("PUT", path, {"state": {"revision": 1}, "replace_damaged": True}).status == 200
