"""The command: its first line, its warnings and refusals, its end; news as they come."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from highlightr.core.folders import model_files
from highlightr.web import server
from tests.mediamaker import make_video
from tests.web.conftest import Client, running


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "highlightr", "web", *arguments]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def refused(*arguments: str) -> str:
    with command(*arguments) as process:
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert output == ""
    assert len(errors.splitlines()) == 1
    return errors


def test_the_address_is_the_first_line_and_ctrl_c_closes(videos: Path) -> None:
    with command(str(videos), "--no-browser", "--port", "0") as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/\?token=[\w-]{40,}\n", line)
        assert match, line
        connection = http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=60)
        connection.request("GET", "/api/events")
        assert connection.getresponse().status == 403
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest == ""
    assert "Traceback" not in errors


EARLY = """
import asyncio, os, signal, sys, uvicorn
from highlightr.cli.start import main

async def serve(self, *arguments, **named):
    asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
    await asyncio.sleep(0.1)
    await plain(self, *arguments, **named)

plain, uvicorn.Server.serve = uvicorn.Server.serve, serve
sys.argv = ["highlightr", "web", sys.argv[1], "--no-browser", "--port", "0"]
main()
"""


def test_a_signal_while_it_starts_closes_it_without_a_word(videos: Path) -> None:
    """In a callback of the loop, before uvicorn takes signals over."""
    done = subprocess.run([sys.executable, "-c", EARLY, str(videos)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


def test_closes_while_a_page_listens(studio: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    connection.request("GET", "/api/events", headers=studio.own)
    response = connection.getresponse()
    assert response.headers["content-type"].startswith("text/event-stream")
    assert json.loads(response.readline().decode().removeprefix("data: ")) == {"jobs": [], "revisions": {}}
    assert response.readline() == b"\n"
    studio.curve(studio.video("numbers.mp4"), "a cat")
    told = json.loads(response.readline().decode().removeprefix("data: "))
    assert told["jobs"][0]["title"] == "a cat"
    began = time.monotonic()
    studio.prepared.server.should_exit = True
    while response.readline():
        pass
    assert time.monotonic() - began < 30


def test_a_connection_that_says_nothing_ends_and_one_that_listens_stays(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
    with running(videos, tmp_path) as studio:
        listening = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
        listening.request("GET", "/api/events", headers=studio.own)
        news = listening.getresponse()
        assert news.readline().startswith(b"data: ")
        for said in (b"", b"GET / HTTP/1.1\r\nHost: ", b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP"):
            with socket.create_connection(("127.0.0.1", studio.port), timeout=60) as silent:
                silent.sendall(said)
                heard = b""
                while block := silent.recv(4096):
                    heard += block
                assert heard.count(b"HTTP/1.1 421") == said.count(b"\r\n\r\n")
        assert news.readline() == b"\n"
        studio.curve(studio.video("numbers.mp4"), "a cat")
        assert news.readline().startswith(b"data: ")


def test_a_port_that_is_taken(videos: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "choose another --port" in refused(str(videos), "--no-browser", "--port", str(port))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "no folder at nowhere"),
        ((".", "--host", "no.such.host.invalid"), "cannot listen on"),
        ((".", "--preset", "none"), "none"),
        ((".", "--scorer", "nope"), "no scorer named 'nope'"),
        ((".", "--model", "A/b"), "--model goes with --preset clip"),
        ((".", "--preset", "text.yaml"), "unknown text encoder 'nosuch'"),
        ((".", "--preset", "extractors.yaml"), "unknown extractor 'nosuch'"),
        ((".", "--port", "99999"), "port"),
        ((".", "--transcribe", "none"), "transcribe"),
    ],
)
def test_refusals_are_one_line(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite = (model_files() / "lite.yaml").read_text()
    (tmp_path / "text.yaml").write_text(lite.replace("text: minilm", "text: nosuch"))
    (tmp_path / "extractors.yaml").write_text(lite.replace("yamnet", "nosuch"))
    monkeypatch.chdir(tmp_path)
    assert words in refused(*arguments, "--no-browser")


def test_listening_for_others_is_warned_of(videos: Path) -> None:
    with command(str(videos), "--no-browser", "--port", "0", "--host", "0.0.0.0") as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "--host 0.0.0.0 lets other machines reach the studio" in " ".join(errors.split())


def test_only_this_machine_is_listened_to_by_default(shared: Client) -> None:
    assert shared.prepared.listening.getsockname()[0] == "127.0.0.1"


def test_closing_while_a_summary_is_written_leaves_nothing_half_written(videos: Path, tmp_path: Path) -> None:
    # FFV1 is encoded again as a whole, so the cut takes seconds.
    make_video(videos / "long.mkv", seconds=20.0, size=(640, 480), codec="ffv1", options=())
    with running(videos, tmp_path) as client:
        whole = {"segments": [{"start_seconds": 0, "stop_seconds": 19}]}
        answer = client.post(f"/api/videos/{client.video('long.mkv')}/write", whole)
        assert answer.status == 202
        jobs = client.prepared.studio.jobs
        while jobs.plain()[0]["stage"] != "cut" or jobs.plain()[0]["completed"] == 0:
            assert jobs.plain()[0]["state"] in ("queued", "running")
            time.sleep(0.005)
    assert jobs.plain()[0]["state"] == "cancelled"
    assert sorted(path.name for path in videos.iterdir()) == ["deep", "long.mkv", "numbers.mp4"]


def test_an_ipv6_address_in_capitals_names_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers write it in small letters."""
    monkeypatch.setattr(server, "_listen", lambda host, port: SimpleNamespace(getsockname=lambda: (host, 7861)))
    prepared = server.prepare(tmp_path, lambda hook: None, "FE80::1")  # type: ignore[arg-type, return-value]
    prepared.studio.jobs.close()
    assert prepared.access.is_own_host("[fe80::1]:7861")
    assert not prepared.access.is_own_host("[fe80::2]:7861")
