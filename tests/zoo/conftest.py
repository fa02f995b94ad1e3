"""A local server, a manifest of one's own, and an empty home."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from highlightr.zoo import fetch, manifest, store
from tests.zoo.server import QUICK, Handler, Site


def _site() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {}))
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_address[1]}")
    server.RequestHandlerClass.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield site
    site.released.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site() -> Iterator[Site]:
    """A local server."""
    yield from _site()


@pytest.fixture
def other_site() -> Iterator[Site]:
    """A second one."""
    yield from _site()


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home, the network allowed, no proxies, little patience."""
    for name, value in QUICK.items():
        monkeypatch.setattr(fetch, name, value)
    for name in (
        "HIGHLIGHTR_OFFLINE",
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def use_manifest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A function that puts a manifest in place of highlightr's own and returns the folder it lies in."""

    def use(text: str) -> Path:
        folder = tmp_path / "models"
        folder.mkdir(exist_ok=True)
        (folder / manifest.MANIFEST_FILE).write_text(text, encoding="utf-8")
        monkeypatch.setattr(manifest, "model_files", lambda: folder)
        monkeypatch.setattr(store, "model_files", lambda: folder)
        manifest.load_manifest.cache_clear()
        return folder

    yield use
    manifest.load_manifest.cache_clear()
