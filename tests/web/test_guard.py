"""Who is refused: other names, other sites, no cookie, large bodies, floods; and what every answer forbids the page."""

from __future__ import annotations

import http.client
import json

import pytest

from highlightr.web.guard import HEADERS, LARGEST_BODY_BYTES, Access, RateLimit
from tests.web.conftest import Client

PATHS = ("/", "/api/videos", "/static/studio.js", "/media/0123456789abcdef01234567", "/api/events", "/nothing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1.evil.example:{port}"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "localhost@evil.example:{port}"}, 421),
        ({"Host": "10.0.0.7:{port}"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://127.0.0.1:{port}"}, 403),
        ({"Origin": None, "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": None, "Sec-Fetch-Site": "same-site"}, 403),
        ({"Cookie": None}, 403),
        ({"Cookie": "highlightr-{port}=wrong"}, 403),
        ({"Cookie": "highlightr-{port}="}, 403),
        ({"Cookie": "other=1; \x80bad"}, 403),
    ],
)  # fmt: skip
def test_strangers_are_refused_everywhere(
    shared: Client, path: str, headers: dict[str, str | None], status: int
) -> None:
    sent = {name: None if value is None else value.format(port=shared.port) for name, value in headers.items()}
    answer = shared.ask("GET", path, headers=sent)
    assert answer.status == status
    assert len(answer.body.splitlines()) == 1


def test_a_change_needs_an_origin_even_with_the_cookie(shared: Client) -> None:
    video = shared.video("numbers.mp4")
    for origin in (None, "http://evil.example", "null", f"http://localhost:{shared.port}"):
        body = {"start_seconds": 0, "stop_seconds": 1}
        answer = shared.ask("POST", f"/api/videos/{video}/example", body, {"Origin": origin})
        assert answer.status == 403, origin
    assert not (shared.folder / "moments.csv").exists()


def test_the_token_is_exchanged_for_a_strict_cookie(shared: Client) -> None:
    access = shared.prepared.access
    fresh = {"Cookie": None, "Origin": None, "Sec-Fetch-Site": "none"}
    assert shared.ask("GET", "/", headers=fresh).status == 403
    assert shared.ask("GET", "/?token=wrong", headers=fresh).status == 403
    assert shared.ask("GET", "/?token=", headers=fresh).status == 403
    assert shared.ask("GET", f"/api/videos?token={access.token}", headers=fresh).status == 403
    answer = shared.ask("GET", f"/?token={access.token}", headers=fresh)
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert access.token not in cookie
    assert shared.ask("GET", "/", headers={**fresh, "Cookie": cookie.partition(";")[0]}).status == 200


def test_two_studios_have_other_secrets() -> None:
    one, other = Access(1), Access(1)
    assert len({one.token, one.session, other.token, other.session}) == 4
    assert min(map(len, (one.token, one.session))) >= 40
    assert one.token not in repr(one)


@pytest.mark.parametrize("path", ["/", "/api/videos", "/static/studio.js", "/nothing"])
def test_every_answer_forbids_what_the_server_did_not_send(shared: Client, path: str) -> None:
    for answer in (shared.get(path), shared.get(path, Cookie=None)):
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
    policy = HEADERS["content-security-policy"]
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "data:" not in policy


def test_pages_hold_no_inline_script_or_style(shared: Client) -> None:
    for path in ("/", f"/v/{shared.video('numbers.mp4')}"):
        text = shared.get(path).body.decode()
        assert "<style" not in text
        assert " style=" not in text
        assert " on" not in text.replace(" one", "").replace(" only", "").replace(" once", "").split("<body")[0]
        assert text.count("<script") == text.count("<script src=") + text.count('<script type="module" src=')


def test_bodies_are_bounded_and_json(shared: Client) -> None:
    video = shared.video("numbers.mp4")
    path = f"/api/videos/{video}/curve"
    large = b'{"query": "' + b"a" * LARGEST_BODY_BYTES + b'"}'
    assert shared.ask("POST", path, large).status == 413
    assert shared.ask("POST", path, b"{}", {"Content-Type": "text/plain"}).status == 415
    assert shared.ask("POST", path, b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}).status == 415
    # Without a body: what the server does not read would reset the connection before its answer is read.
    assert shared.ask("POST", path, b"", {"Content-Length": "-1"}).status in (400, 413)
    assert shared.ask("DELETE", path).status == 405
    assert shared.ask("OPTIONS", path).status == 405
    for bad in (b"", b"[", b"[]", b"{}", b'{"query": 1}', b'{"query": "\xff"}', b"[" * 5000, b'{"query": "   "}'):
        answer = shared.ask("POST", path, bad)
        assert answer.status == 400, bad[:20]
        assert len(answer.json()["error"].splitlines()) == 1


def test_a_body_without_a_length_is_bounded_as_it_comes(shared: Client) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=60)
    blocks = (b"a" * 65536 for _ in range(40))
    headers = {**shared.own, "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    path = f"/api/videos/{shared.video('numbers.mp4')}/curve"
    try:
        connection.request("POST", path, blocks, headers, encode_chunked=True)
        status = connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):
        status = 413  # The server hung up before it had all.
    assert status == 413
    assert shared.get("/api/videos").status == 200


def test_floods_are_refused_and_pass() -> None:
    now = [0.0]
    limit = RateLimit(per_second=10, burst=20, now=lambda: now[0])
    assert sum(limit.take() for _ in range(100)) == 20
    now[0] = 1.0
    assert sum(limit.take() for _ in range(100)) == 10
    now[0] = 1000.0
    assert sum(limit.take() for _ in range(100)) == 20


def test_a_flood_gets_429(studio: Client) -> None:
    studio.prepared.studio.limit.per_second = 1
    studio.prepared.studio.limit._left = 5
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=60)
    statuses = []
    for _ in range(50):
        connection.request("GET", "/nothing", headers=studio.own)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        if response.status == 429:
            break
    assert set(statuses) == {404, 429}


@pytest.mark.parametrize(
    ("hosts", "host", "accepted"),
    [
        ((), "127.0.0.1:80", True), ((), "127.0.0.1", True), ((), "LOCALHOST:80", True), ((), "[::1]:80", True),
        ((), "localhost:81", False), ((), "192.168.1.2:80", False), ((), "", False), ((), ":80", False),
        (("studio.lan",), "studio.lan:80", True), (("studio.lan",), "other.lan:80", False),
        (("*",), "192.168.1.2:80", True), (("*",), "[fe80::1]:80", True), (("*",), "evil.example:80", False),
    ],
)  # fmt: skip
def test_names_of_the_server(hosts: tuple[str, ...], host: str, accepted: bool) -> None:
    assert Access(80, hosts).is_own_host(host) is accepted


def test_errors_name_no_folder_outside(studio: Client) -> None:
    (studio.folder / "broken.mp4").write_bytes(b"nothing")
    answer = studio.get(f"/api/videos/{studio.video('broken.mp4')}")
    assert answer.status == 404
    assert str(studio.folder) not in json.dumps(answer.json())
    assert "broken.mp4" in answer.json()["error"]
