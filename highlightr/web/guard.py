"""Who may talk to the studio: one browser on this machine, from the studio's own pages.

An ASGI layer around the application. It refuses, before anything else is looked at: a host name that is not the
server's own (DNS rebinding), requests that another site makes (Origin, Sec-Fetch-Site), everything without the cookie
that the token of the first URL is exchanged for, bodies that are large or no JSON, and floods. It adds the headers that
keep a page from loading or running anything that the server did not send.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY_BYTES = 512 << 10
"""The largest state that a page sends has a tenth of it."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_LOCAL = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Access:
    """The server's names and secrets."""

    port: int
    hosts: tuple[str, ...] = ()
    """Further names that the server may be called by; with ``*``, any address in digits."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """In the first URL."""
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    """In the cookie."""

    @property
    def cookie_name(self) -> str:
        """Cookies are shared by all ports of a host, so the name tells them apart."""
        return f"highlightr-{self.port}"

    def is_own_host(self, host: str) -> bool:
        """Whether a Host header names this server."""
        name, _, port = host.rpartition(":") if ":" in host.rpartition("]")[2] else (host, "", "80")
        if port != str(self.port):
            return False
        return name.lower() in (*_LOCAL, *self.hosts) or ("*" in self.hosts and _is_address(name))

    def knows_cookie(self, header: str) -> bool:
        """Whether a Cookie header holds the session."""
        try:
            morsel = SimpleCookie(header).get(self.cookie_name)
        except CookieError:
            return False
        return morsel is not None and _equal_in_constant_time(morsel.value, self.session)


def _equal_in_constant_time(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "replace"), other.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


@dataclass
class RateLimit:
    """A bucket of requests that fills again as time goes by."""

    per_second: float = 100.0
    burst: float = 400.0
    now: Callable[[], float] = time.monotonic
    _left: float = field(default=0.0, init=False)
    _since: float = field(default=0.0, init=False)

    def __post_init__(self) -> None:
        self._left, self._since = self.burst, self.now()

    def take(self) -> bool:
        """Whether one more request is fine."""
        now = self.now()
        self._left = min(self.burst, self._left + (now - self._since) * self.per_second)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Guard:
    """The layer."""

    def __init__(self, app: ASGIApp, access: Access, limit: RateLimit) -> None:
        self._app, self._access, self._limit = app, access, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with a refusal."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        sending = _with_headers(send)
        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, sending)
            return
        await self._app(scope, _bounded_body(receive), sending)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, access = Headers(scope=scope), self._access
        if not self._limit.take():
            return _refused(429, "too many requests; wait a moment")
        if not access.is_own_host(headers.get("host", "")):
            return _refused(421, "this is not the address that highlightr was started on")
        if scope["method"] not in ("GET", "HEAD", "POST", "PUT"):
            return _refused(405, "no such method")
        token = QueryParams(scope["query_string"]).get("token")
        if scope["path"] == "/" and scope["method"] == "GET" and token is not None:
            return self._exchange(token)
        if not self._from_own_page(scope, headers):
            return _refused(403, "requests of other sites are refused")
        if not access.knows_cookie(headers.get("cookie", "")):
            return _refused(403, "open the address with the token that `highlightr web` printed")
        return _body_refusal(scope, headers)

    def _exchange(self, token: str) -> Response:
        access = self._access
        if not _equal_in_constant_time(token, access.token):
            return _refused(
                403, "this token is not, or no longer, right; open the address that `highlightr web` printed"
            )
        answer = RedirectResponse("/", 303)
        answer.set_cookie(access.cookie_name, access.session, httponly=True, samesite="strict", path="/")
        return answer

    @staticmethod
    def _from_own_page(scope: Scope, headers: Headers) -> bool:
        """Whether the studio's own page makes this request, or a person who typed the address."""
        own = f"http://{headers.get('host', '')}"
        origin = headers.get("origin")
        changing = scope["method"] not in ("GET", "HEAD")
        if origin is not None or changing:
            return origin == own
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _body_refusal(scope: Scope, headers: Headers) -> Response | None:
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length[:18]) > LARGEST_BODY_BYTES:
        return _refused(413, "the request is too large")
    has_body = scope["method"] in ("POST", "PUT")
    if has_body and headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        return _refused(415, "only JSON is read")
    return None


def _refused(status: int, why: str) -> Response:
    if status == 403:
        return PlainTextResponse(f"highlightr: {why}\n", status)
    return JSONResponse({"error": why}, status)


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-store")
        await send(message)

    return sending


class BodyTooLargeError(Exception):
    """A body without a stated length went on for too long."""


def _bounded_body(receive: Receive) -> Receive:
    """Bodies that do not say their length are bounded as they come."""
    count = 0

    async def receiving() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > LARGEST_BODY_BYTES:
            raise BodyTooLargeError
        return message

    return receiving
