"""A server that misbehaves on demand, and what it serves; a pickle that tells when it was read."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

QUICK = {"TIMEOUT_SECONDS": 0.5, "WINDOW_SECONDS": 0.3, "WINDOW_BYTES": 1000, "ATTEMPTS": 3, "BACKOFF_SECONDS": 0.0}
"""Patience of `highlightr.zoo.fetch` with which a silent server costs a test half a second."""


@dataclass
class Route:
    """What one address answers. `faults` are used up one per request; after them the server behaves."""

    body: bytes
    etag: str | None = '"one"'
    last_modified: str | None = None
    ranges: bool = True
    """Whether Range is obeyed."""
    honest: bool = True
    """Whether If-Range is obeyed."""
    length: bool = True
    """Whether Content-Length is sent."""
    faults: list[Callable[[Handler, Route], bool]] = field(default_factory=list)
    """A fault returns True if it answered in full."""


@dataclass
class Site:
    """The server as a test sees it."""

    address: str
    routes: dict[str, Route] = field(default_factory=dict)
    requests: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    """(path, Range, If-Range) in order of arrival."""
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that stalled answers let go."""

    def serve(self, path: str, body: bytes, *faults: Callable[[Handler, Route], bool], **more: object) -> str:
        """Add a route and return its address."""
        self.routes[path] = Route(body, faults=list(faults), **more)  # type: ignore[arg-type]
        return self.address + path


class Handler(BaseHTTPRequestHandler):
    """Answers from the site's routes."""

    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.close_connection = True
        asked, condition = self.headers.get("Range"), self.headers.get("If-Range")
        self.site.requests.append((self.path, asked, condition))
        self.site.headers.append(dict(self.headers))
        route = self.site.routes.get(self.path)
        if route is None:
            self.send_error(404)
        elif not (route.faults and route.faults.pop(0)(self, route)):
            self.answer(route)

    def answer(self, route: Route, sent: int | None = None) -> None:
        """Send the route's body, or only `sent` bytes of it under the full Content-Length."""
        start, found = 0, re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        current = self.headers.get("If-Range") in (None, route.etag, route.last_modified)
        if found and route.ranges and (current or not route.honest):
            start = int(found[1])
        if start > len(route.body):
            self.send_response(416)
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(route.body) - 1}/{len(route.body)}")
        for name, value in (("ETag", route.etag), ("Last-Modified", route.last_modified)):
            if value:
                self.send_header(name, value)
        if route.length:
            self.send_header("Content-Length", str(len(route.body) - start))
        self.end_headers()
        self.wfile.write(route.body[start : None if sent is None else start + sent])
        self.wfile.flush()


def dies_after(num_bytes: int) -> Callable[[Handler, Route], bool]:
    """The connection ends in the middle of the body."""

    def fault(handler: Handler, route: Route) -> bool:
        handler.answer(route, num_bytes)
        return True

    return fault


def stalls_after(num_bytes: int) -> Callable[[Handler, Route], bool]:
    """The line stays open and nothing more comes."""

    def fault(handler: Handler, route: Route) -> bool:
        handler.answer(route, num_bytes)
        handler.site.released.wait(300)
        return True

    return fault


def trickles(handler: Handler, route: Route) -> bool:
    """A byte now and then, for ever."""
    handler.answer(route, 0)
    for byte in route.body:
        if handler.site.released.wait(0.05):
            break
        try:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
        except OSError:
            break
    return True


def answers(status: int, **headers: str) -> Callable[[Handler, Route], bool]:
    """An answer without the file."""

    def fault(handler: Handler, route: Route) -> bool:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return True

    return fault


def becomes(body: bytes, etag: str) -> Callable[[Handler, Route], bool]:
    """From now on there is another file under this address."""

    def fault(handler: Handler, route: Route) -> bool:
        route.body, route.etag = body, etag
        return False

    return fault


def entry_text(name: str, url: str, **more: object) -> str:
    """One table of a manifest. Values are written as TOML understands them."""
    values = {"title": "t", "licence": "MIT", "citation": "c", "url": url, "file": f"{name}.pth", **more}
    lines = [f"{key} = {_toml(value)}" for key, value in values.items()]
    return "\n".join([f"[weights.{name}]", *lines, ""])


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return str(value) if isinstance(value, int) else f"'{value}'"


def checkpoint(seed: int = 0, **more: object) -> bytes:
    """A PyTorch checkpoint of about 40 kB."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    state = {"layer.weight": torch.randn(100, 100, generator=generator), "layer.bias": torch.ones(3)}
    buffer = io.BytesIO()
    torch.save({"state_dict": state, **more} if more else state, buffer)
    return buffer.getvalue()


class Canary:
    """Writes a file when it is unpickled the ordinary way."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")
