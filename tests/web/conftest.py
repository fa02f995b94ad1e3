"""A studio that answers on a port of its own, and a client that talks to it as its page does, or as others might."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from highlightr.core.progress import ProgressHook
from highlightr.pipeline import Highlighter
from highlightr.web.server import StudioServer, prepare
from tests.light import light_preset
from tests.mediamaker import made


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Talks to a studio; by default as its own page."""

    prepared: StudioServer
    folder: Path

    @property
    def port(self) -> int:
        return self.prepared.access.port

    @property
    def own(self) -> dict[str, str]:
        access = self.prepared.access
        origin = f"http://127.0.0.1:{access.port}"
        return {"Cookie": f"{access.cookie_name}={access.session}", "Origin": origin, "Sec-Fetch-Site": "same-origin"}

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None) -> Answer:
        """`None` among the headers leaves one out."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        wanted: dict[str, str | None] = {**self.own, **({} if body is None else {"Content-Type": "application/json"})}
        wanted |= headers or {}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            sent = {name: value for name, value in wanted.items() if value is not None}
            connection.request(method, path, content, sent)
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str | None) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, body: Any) -> Answer:
        return self.ask("POST", path, body)

    def video(self, name: str) -> str:
        """The identifier of a video."""
        return next(each["id"] for each in self.get("/api/videos").json()["videos"] if each["name"] == name)

    def finished(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """The job, once it has ended."""
        for _ in range(2000):
            state = next(each for each in self.prepared.studio.jobs.plain() if each["id"] == job["id"])
            if state["state"] not in ("queued", "running"):
                return state
            time.sleep(0.03)
        raise AssertionError(state)

    def curve(self, video_id: str, query: str | None) -> dict[str, Any]:
        """What is found for a query."""
        answer = self.post(f"/api/videos/{video_id}/curve", {"query": query})
        if answer.status == 202:
            assert self.finished(answer.json()["job"])["state"] == "done"
            answer = self.post(f"/api/videos/{video_id}/curve", {"query": query})
        assert answer.status == 200, answer.body
        return answer.json()


def fill(folder: Path) -> Path:
    """Two videos of numbered frames, one of them in a folder of its own."""
    (folder / "deep").mkdir(parents=True)
    shutil.copy(made("numbers.mp4", seconds=12.0), folder / "numbers.mp4")
    shutil.copy(made("plain.mkv", seconds=2.0, size=(96, 64)), folder / "deep" / "two words ü.mkv")
    return folder


@contextmanager
def running(folder: Path, preset_folder: Path, port: int = 0, **options: Any) -> Iterator[Client]:
    """A studio of a folder, without models."""
    preset = light_preset(preset_folder)

    def open_highlighter(hook: ProgressHook) -> Highlighter:
        return Highlighter.from_preset(preset, cache=False, progress=hook)

    prepared = prepare(folder, open_highlighter, port=port, **options)
    thread = threading.Thread(target=prepared.run, daemon=True)
    thread.start()
    while not prepared.server.started:
        time.sleep(0.01)
    try:
        yield Client(prepared, folder)
    finally:
        prepared.server.should_exit = True
        thread.join(30)
    assert not thread.is_alive()


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """A folder of its own for one test."""
    return fill(tmp_path / "videos")


@pytest.fixture
def studio(videos: Path, tmp_path: Path) -> Iterator[Client]:
    """A studio of its own for one test."""
    with running(videos, tmp_path) as client:
        yield client


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A studio for tests that change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with running(fill(folder / "videos"), folder) as client:
        yield client
