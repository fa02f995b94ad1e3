"""What is written is what was edited, frame by frame; nothing is written elsewhere, or over what is there."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import av
import pytest

from highlightr import pipeline
from highlightr.core.source import Source
from highlightr.core.transcript import Transcript, Utterance
from highlightr.transcripts import SpeechSource
from highlightr.web import server
from tests.mediamaker import made, read_number
from tests.web.conftest import Client, running


def numbers(path: Path) -> list[int]:
    """The numbers of a video's frames, in order."""
    with av.open(str(path)) as container:
        return [read_number(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def segment(start: float, stop: float, title: str = "", query: str | None = None) -> dict[str, Any]:
    return {"start_seconds": start, "stop_seconds": stop, "title": title, "query": query}


SEGMENTS = [segment(8.0, 9.0, "Later first", "b"), segment(1.0, 1.48, "", "a"), segment(2.0, 2.04)]
FRAMES = [*range(200, 225), *range(25, 37), 50]


def test_writes_what_was_edited(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    wanted = {"segments": SEGMENTS, "query": "a", "export": ["csv", "llc", "chapters", "edl"], "clips": True}
    job = studio.finished(studio.post(f"/api/videos/{video}/write", wanted).json()["job"])
    assert (job["state"], job["error"]) == ("done", "")
    assert job["result"]["seconds"] == pytest.approx(1.52)
    assert numbers(studio.folder / "numbers.summary.mp4") == FRAMES
    receipt = json.loads((studio.folder / "numbers.summary.json").read_text())
    assert [(each["start_seconds"], each["stop_seconds"]) for each in receipt["segments"]] == [
        (8, 9),
        (1, 1.48),
        (2, 2.04),
    ]
    assert receipt["segments"][0]["title"] == "Later first"
    assert receipt["query"] == "a"
    assert any("by hand in the studio" in note and "b, a" in note for note in receipt["notes"])
    clips = sorted((studio.folder / "numbers.clips").iterdir())
    assert sorted(map(tuple, map(numbers, clips))) == sorted([tuple(range(200, 225)), tuple(range(25, 37)), (50,)])
    for suffix in ("html", "csv", "llc", "chapters.txt", "edl"):
        assert (studio.folder / f"numbers.summary.{suffix}").stat().st_size
    listed = next(each for each in studio.get("/api/videos").json()["videos"] if each["id"] == video)
    assert {"summary", "receipt", "report", "clips", "EDL"} <= set(listed["made"])


def test_a_video_that_was_replaced_meanwhile_is_not_cut(studio: Client) -> None:
    video = next(each for each in studio.get("/api/videos").json()["videos"] if each["name"] == "numbers.mp4")
    path, wanted = f"/api/videos/{video['id']}/write", {"segments": SEGMENTS[:1], "version": video["version"]}
    shutil.copy(made("plain.mp4", seconds=9.5), studio.folder / "numbers.mp4")
    answer = studio.post(path, wanted)
    assert answer.status == 409
    assert "numbers.mp4 was replaced meanwhile; reload this page" in answer.json()["error"]
    assert not list(studio.folder.glob("*.summary.*"))
    now = studio.get(f"/api/videos/{video['id']}").json()["version"]
    assert studio.post(path, {**wanted, "version": now}).status == 202


def test_a_video_that_is_replaced_while_its_summary_waits_is_not_cut(studio: Client) -> None:
    row = next(each for each in studio.get("/api/videos").json()["videos"] if each["name"] == "numbers.mp4")
    began, go = threading.Event(), threading.Event()

    def slow(_: object) -> dict[str, object]:
        began.set()
        go.wait(60)
        return {}

    studio.prepared.studio.jobs.add("analyse", "other", "slow", slow)
    assert began.wait(60)
    wanted = {"segments": SEGMENTS[:1], "version": row["version"]}
    job = studio.post(f"/api/videos/{row['id']}/write", wanted).json()["job"]
    shutil.copy(made("plain.mp4", seconds=9.5), studio.folder / "numbers.mp4")
    go.set()
    ended = studio.finished(job)
    assert (ended["state"], "was replaced meanwhile" in ended["error"]) == ("failed", True)
    assert not list(studio.folder.glob("*.summary.*"))


def test_subtitles_that_come_or_change_are_read_at_the_next_query(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    beside = studio.folder / "numbers.srt"

    def said() -> list[str]:
        return [text for _, _, text in studio.curve(video, None)["lanes"]["transcript"]]

    assert said() == []
    for words in ("The first words.", "Other words were better."):
        beside.write_text(f"1\n00:00:01,000 --> 00:00:03,000\n{words}\n")
        assert said() == [words]
    job = studio.post(f"/api/videos/{video}/write", {"segments": SEGMENTS[:1]}).json()["job"]
    assert studio.finished(job)["state"] == "done"
    beside.unlink()
    assert said() == []


def test_into_a_folder_below_and_never_over_what_is_there(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    path, wanted = f"/api/videos/{video}/write", {"segments": SEGMENTS[:1], "folder": "out/deep er"}
    assert studio.finished(studio.post(path, wanted).json()["job"])["state"] == "done"
    target = studio.folder / "out" / "deep er" / "numbers.summary.mp4"
    assert numbers(target) == FRAMES[:25]
    again = studio.post(path, wanted)
    assert again.status == 409
    assert "exist already" in again.json()["error"]
    replaced = studio.post(path, {**wanted, "segments": SEGMENTS[1:2], "overwrite": True})
    assert studio.finished(replaced.json()["job"])["state"] == "done"
    assert numbers(target) == FRAMES[25:37]


@pytest.mark.parametrize(
    "change",
    [
        {"folder": "../out"}, {"folder": "/tmp"}, {"folder": "link"}, {"folder": "link/deeper"}, {"folder": 3},
        {"folder": "numbers.mp4"}, {"segments": []}, {"segments": [segment(0, 1)] * 501}, {"export": ["exe"]},
        {"segments": [segment(3, 2)]}, {"cut": "maybe"}, {"subtitles": "loud"}, {"subtitles": "burn", "cut": "copy"},
    ],
    ids=str,
)  # fmt: skip
def test_requests_that_cannot_be(studio: Client, tmp_path: Path, change: dict[str, Any]) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (studio.folder / "link").symlink_to(outside)
    before = sorted(studio.folder.rglob("*"))
    answer = studio.post(f"/api/videos/{studio.video('numbers.mp4')}/write", {"segments": SEGMENTS, **change})
    assert answer.status == 400, answer.body
    assert len(answer.json()["error"].splitlines()) == 1
    assert sorted(studio.folder.rglob("*")) == before
    assert not list(outside.iterdir())


@pytest.mark.parametrize(
    "name", ["numbers.summary.mp4", "numbers.summary.json", "numbers.summary.srt", "numbers.clips"]
)
def test_outputs_that_are_links_are_refused(studio: Client, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (studio.folder / name).symlink_to(outside)
    wanted = {"segments": SEGMENTS, "clips": True, "overwrite": True}
    answer = studio.post(f"/api/videos/{studio.video('numbers.mp4')}/write", wanted)
    assert answer.status == 400
    assert not list(outside.iterdir())


def test_segments_outside_the_video_fail_without_a_file(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    answer = studio.post(f"/api/videos/{video}/write", {"segments": [segment(50, 60)]})
    job = studio.finished(answer.json()["job"])
    assert job["state"] == "failed"
    assert "within the video" in job["error"]
    assert not list(studio.folder.glob("*.summary.*"))


def test_queries_curves_and_proposals(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    path = f"/api/videos/{video}/propose"
    assert studio.post(path, {"queries": ["a"]}).status == 400
    found = studio.curve(video, " a  cat ")
    assert found["query"] == "a cat"
    assert len(found["scores"]) == 12
    assert found["curve"].startswith("M0.0 ")
    assert found["lanes"]["shots"] == sorted(found["lanes"]["shots"])
    studio.curve(video, None)
    segments = studio.post(path, {"queries": ["a cat", None], "seconds": 5}).json()["segments"]
    assert segments
    assert sum(each["stop_seconds"] - each["start_seconds"] for each in segments) <= 5.001
    filled = studio.post(path, {"queries": ["a cat", None], "seconds": 5, "fill": True}).json()["segments"]
    assert 4 <= sum(each["stop_seconds"] - each["start_seconds"] for each in filled) <= 5.001
    edges = [edge for each in filled for edge in (each["start_seconds"], each["stop_seconds"])]
    assert edges == sorted(edges)
    more = studio.post(path, {"queries": [None], "seconds": 4, "taken": [segment(0, 6)]}).json()["segments"]
    assert more
    assert all(each["start_seconds"] >= 6 for each in more)
    assert studio.post(path, {"queries": [None], "taken": [segment(0, 12)]}).json()["segments"] == []
    assert studio.post(path, {"queries": []}).status == 400
    assert studio.post(path, {"queries": [None], "seconds": -1}).status == 400


SUBTITLES = "1\n00:00:08,200 --> 00:00:08,600\nLater.\n\n2\n00:00:01,000 --> 00:00:01,400\nFirst.\n"


def test_what_is_said_is_written_as_summarize_does(studio: Client) -> None:
    (studio.folder / "numbers.srt").write_text(SUBTITLES)
    path, wanted = f"/api/videos/{studio.video('numbers.mp4')}/write", {"segments": SEGMENTS, "query": "a"}
    assert studio.finished(studio.post(path, wanted).json()["job"])["state"] == "done"
    lines = (studio.folder / "numbers.summary.srt").read_text().split()
    assert [word for word in lines if word.endswith(".")] == ["Later.", "First."]
    assert lines[lines.index("Later.") - 3] == "00:00:00,200"
    again = studio.post(path, wanted)
    assert again.status == 409
    assert "numbers.summary.srt" in again.json()["error"]
    without = {**wanted, "folder": "without", "subtitles": "none"}
    assert studio.finished(studio.post(path, without).json()["job"])["state"] == "done"
    with av.open(str(studio.folder / "numbers.summary.mp4")) as soft:
        assert len(soft.streams.subtitles) == 1
    with av.open(str(studio.folder / "without" / "numbers.summary.mp4")) as none:
        assert not none.streams.subtitles
    assert not list((studio.folder / "without").glob("*.srt"))


def test_a_recogniser_listens_where_nothing_is_written(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Transcript((Utterance(8.2, 8.6, "Later."),), "faster-whisper tiny.en", "en")
    models: list[str | None] = []

    def hear(source: Source, file: Path | None, model: str | None, device: str) -> SpeechSource:
        models.append(model)
        return SpeechSource(said)

    monkeypatch.setattr(pipeline, "find_speech", hear)
    for place in (pipeline, server):
        monkeypatch.setattr(place, "check_speech_model", lambda name: None)
    with running(videos, tmp_path, transcribe="tiny.en") as studio:
        job = studio.post(f"/api/videos/{studio.video('numbers.mp4')}/write", {"segments": SEGMENTS}).json()["job"]
        assert studio.finished(job)["error"] == ""
    assert models == ["tiny.en"]
    receipt = json.loads((videos / "numbers.summary.json").read_text())
    assert receipt["options"]["transcribe"] == "tiny.en"
    assert "Later." in (videos / "numbers.summary.srt").read_text()


def test_what_is_said_is_a_lane_and_a_link_out_is_refused(studio: Client, tmp_path: Path) -> None:
    video = studio.video("numbers.mp4")
    subtitles = "1\n00:00:01,000 --> 00:00:02,500\nHello <b>there</b>.\n"
    (studio.folder / "numbers.srt").write_text(subtitles)
    said = studio.curve(video, "a")["lanes"]["transcript"]
    assert [(start, stop) for start, stop, _ in said] == [(1.0, 2.5)]
    assert "there" in said[0][2]
    (studio.folder / "numbers.srt").unlink()
    (tmp_path / "secret.srt").write_text(subtitles)
    (studio.folder / "numbers.srt").symlink_to(tmp_path / "secret.srt")
    for path, body in (("curve", {"query": "b"}), ("write", {"segments": SEGMENTS, "query": "c"})):
        answer = studio.post(f"/api/videos/{video}/{path}", body)
        error = answer.json()["error"] if answer.status == 400 else studio.finished(answer.json()["job"])["error"]
        assert "numbers.srt is a link that leads out" in error
