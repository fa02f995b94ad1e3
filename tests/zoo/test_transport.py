"""Where a server may lead a request, and where not."""

from __future__ import annotations

import http.client
import urllib.request
from email.message import Message
from pathlib import Path

import pytest

from highlightr.core.errors import WeightsError
from highlightr.zoo.transport import MAX_REDIRECTS, _Redirects, open_url
from tests.zoo.server import Site, answers


def get(url: str) -> bytes:
    with open_url(url, {"Range": "bytes=0-"}, 2.0) as response:
        return response.read()


def test_follows_to_another_host_and_keeps_the_range(site: Site, other_site: Site) -> None:
    target = other_site.serve("/b", b"there").replace("127.0.0.1", "localhost")
    assert get(site.serve("/a", b"", answers(302, Location=target))) == b"there"
    assert other_site.requests[0][1] == "bytes=0-"


@pytest.mark.parametrize("scheme", ["file", "ftp", "data", "gopher"])
def test_does_not_follow_to_other_schemes(site: Site, tmp_path: Path, scheme: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret", encoding="utf-8")
    location = {"file": secret.as_uri(), "data": "data:,secret"}.get(scheme, f"{scheme}://127.0.0.1/x")
    with pytest.raises(WeightsError, match=r"not allowed|not an http\(s\) address"):
        get(site.serve("/a", b"", answers(302, Location=location)))


def test_does_not_follow_from_https_down_to_http() -> None:
    request = urllib.request.Request("https://a.example/x")
    with pytest.raises(WeightsError, match="from https to unencrypted http"):
        _Redirects().redirect_request(
            request,
            None,
            302,
            "",
            http.client.HTTPMessage(),
            "http://b.example/x",  # type: ignore[arg-type]
        )


def test_a_chain_of_redirects_has_an_end(site: Site) -> None:
    for index in range(MAX_REDIRECTS + 1):
        site.serve(f"/{index}", b"", answers(302, Location=f"/{index + 1}"))
    site.serve(f"/{MAX_REDIRECTS + 1}", b"end")
    with pytest.raises(WeightsError, match="redirect"):
        get(site.address + "/0")
    assert len(site.requests) == MAX_REDIRECTS + 1


@pytest.mark.parametrize("url", ["file:///etc/hosts", "ftp://127.0.0.1/x", "data:,x"])
def test_only_http_is_opened(url: str) -> None:
    with pytest.raises(WeightsError, match="not an http"):
        open_url(url, {}, 1.0)


def test_the_proxy_of_the_environment_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", site.address)
    monkeypatch.setenv("no_proxy", "")
    site.serve("http://weights.invalid/a", b"through the proxy")
    assert get("http://weights.invalid/a") == b"through the proxy"


def test_no_proxy_is_honoured(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert get(site.serve("/a", b"direct")) == b"direct"


def test_the_wait_a_server_asks_for_is_bounded() -> None:
    from highlightr.zoo.transport import MAX_WAIT_SECONDS, _asked_wait

    headers = Message()
    headers["Retry-After"] = "9" * 400
    assert _asked_wait(headers) == MAX_WAIT_SECONDS
