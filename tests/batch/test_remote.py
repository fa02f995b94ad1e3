"""Videos at addresses: fetched within limits, never from anywhere else, gone afterwards."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from highlightr.batch import BatchOptions, plan_jobs, remote, run_batch
from highlightr.batch.remote import fetched
from highlightr.core.errors import ConfigError, MediaError
from highlightr.core.progress import silent
from highlightr.zoo import transport
from tests.batch.conftest import leftovers, results
from tests.mediamaker import made

CONTENT = bytes(range(256)) * 100


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/v.mp4":
            self.send_response(200)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)
        elif self.path.startswith("/film.mp4"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(made("tiny.mp4", seconds=2.0, size=(160, 120)).read_bytes())
        elif self.path == "/endless.mp4":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONTENT * 10)
        elif self.path.startswith("/gone.mp4"):
            self.send_error(404)
        else:
            self.send_response(302)
            self.send_header("Location", self.path[1:])
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    serving = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{serving.server_address[1]}"
    serving.shutdown()
    serving.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_file_is_there_while_it_is_needed(server: str, tmp_path: Path) -> None:
    told: list[tuple[str, float, float]] = []
    target = tmp_path / "fetched" / "v.mp4"
    with fetched(f"{server}/v.mp4", target, len(CONTENT), lambda *what: told.append(what), allow_private=True) as path:
        assert path.read_bytes() == CONTENT
    assert told[-1] == ("fetch", len(CONTENT), len(CONTENT))
    assert not target.parent.exists()


def test_a_batch_fetches_once_and_leaves_no_copy(server: str, tmp_path: Path, options: Any) -> None:
    address = f"{server}/film.mp4?key=secret"
    jobs = plan_jobs([address], tmp_path / "out", allow_remote=True, query=None)
    for state in ("done", "kept"):
        (outcome,) = run_batch(jobs, tmp_path / "out", BatchOptions(**options, allow_private=True)).outcomes
        assert outcome.state == state, outcome.error
    (line,) = results(tmp_path / "out")
    assert line["video"] == f"{server}/film.mp4"
    assert line["folder"] == "film"
    assert [path.name for path in tmp_path.rglob("film.mp4") if path.is_file()] == []
    assert leftovers(tmp_path / "out") == []
    small = BatchOptions(**options, remote_limit_bytes=1000, overwrite=True, allow_private=True)
    (failed,) = run_batch(jobs, tmp_path / "out", small).failed
    assert "more than the 1000" in str(failed.error)
    assert "secret" not in str(failed.error)


@pytest.mark.parametrize("path", ["v.mp4", "endless.mp4"], ids=["announced", "not announced"])
def test_more_than_the_limit_is_refused(path: str, server: str, tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match="more than the 1000"),
        fetched(f"{server}/{path}", tmp_path / "f" / "v.mp4", 1000, silent, allow_private=True),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:text/plain,x"])
def test_a_redirect_cannot_lead_to_local_files(target: str, server: str, tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match=r"cannot be fetched: .*(redirects to|is not allowed)"),
        fetched(f"{server}/{target}", tmp_path / "f" / "v.mp4", 10**6, silent, allow_private=True),
    ):
        pass


def test_a_file_that_is_not_there_is_said_without_secrets(server: str, tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match="404") as error,
        fetched(f"{server}/gone.mp4?signature=secret", tmp_path / "f" / "v.mp4", 10**6, silent, allow_private=True),
    ):
        pass
    assert "secret" not in str(error.value)


def test_stores_are_read_through_fsspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fsspec.open("memory://bucket/v.mp4", "wb") as file:
        file.write(CONTENT)
    with fetched("memory://bucket/v.mp4", tmp_path / "f" / "v.mp4", len(CONTENT), silent) as path:
        assert path.read_bytes() == CONTENT
    with (
        pytest.raises(MediaError, match="more than the 1000"),
        fetched("memory://bucket/v.mp4", tmp_path / "f" / "v.mp4", 1000, silent),
    ):
        pass
    with pytest.raises(MediaError, match="cannot be fetched"), fetched("memory://gone.mp4", path, 9, silent):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_store_without_its_package_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*arguments: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "open", absent)
    with (
        pytest.raises(ConfigError, match=r"Install s3fs.*highlightr\[remote\]"),
        fetched("s3://bucket/v.mp4", tmp_path / "f" / "v.mp4", 1000, silent),
    ):
        pass


def test_only_known_schemes_are_fetched_at_all() -> None:
    assert remote.SCHEMES == ("https", "http", "s3", "gs")


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "0x7f000001"]
)
def test_this_machine_is_not_asked_unless_that_is_allowed(host: str, server: str, tmp_path: Path) -> None:
    address = f"http://{host}:{server.rpartition(':')[2]}/v.mp4"
    with (
        pytest.raises(MediaError, match=r"not on the public internet; add --allow-private|is no address|gave up"),
        fetched(address, tmp_path / "f" / "v.mp4", 10**6, silent),
    ):
        pass


def test_a_redirect_into_a_private_network_is_refused(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first host is taken for a public one; where it leads to is not."""
    judged: list[str] = []

    def first_only(text: str) -> bool:
        judged.append(text)
        return len(judged) <= 2  # Before it is asked, and as it is connected to.

    monkeypatch.setattr(transport, "is_public", first_only)
    with (
        pytest.raises(MediaError, match="not on the public internet"),
        fetched(f"{server}/http://127.0.0.1:9/x", tmp_path / "f" / "v.mp4", 10**6, silent),
    ):
        pass
    assert len(judged) == 3


def test_a_name_that_answers_otherwise_the_second_time_gains_nothing(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])

    def resolve(host: str, port: object, **_: object) -> list[tuple[object, ...]]:
        return [(2, 1, 6, "", (next(answers), 80))]

    monkeypatch.setattr(transport.socket, "getaddrinfo", resolve)
    with (
        pytest.raises(MediaError, match=r"rebinding\.example is at 127\.0\.0\.1, which is not on the public internet"),
        fetched("http://rebinding.example/v.mp4", tmp_path / "f" / "v.mp4", 10**6, silent),
    ):
        pass


@pytest.mark.parametrize(
    "target",
    [
        "http://[oops/",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:port/x",
        f"http://{'a' * 80}.b/x",
        "http://xn--%ff/",
        "http:///x",
    ],
)
def test_a_bad_host_in_a_redirect_is_that_jobs_failure(target: str, server: str, tmp_path: Path) -> None:
    with (
        pytest.raises(MediaError, match="cannot be fetched"),
        fetched(f"{server}/{target}", tmp_path / "f" / "v.mp4", 10**6, silent, allow_private=True),
    ):
        pass


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("127.0.0.53", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("::7f00:1", False),
        ("not an address", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert transport.is_public(address) is public
