"""Media files that try to make their reader open something else, and witnesses that tell whether it did.

In: a target (a local file or an address). Out: a file that points at it in the way its format allows. `Watch` sees
every opening of a file (Linux inotify), `Listener` every request; neither depends on what the reader says.
"""

from __future__ import annotations

import ctypes
import http.server
import os
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20

PLAYLISTS: Mapping[str, str] = {
    "list.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
    "master.m3u8": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{target}\n",
    "renamed.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{target}\n#EXT-X-ENDLIST\n",
    "list.ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "unsafe.ffconcat": "ffconcat version 1.0\nfile '{target}'\noption safe 0\noption protocol_whitelist file,http\n",
    "list.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" mediaPresentationDuration="PT4S"><Period>'
    '<AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{target}</BaseURL>'
    "</Representation></AdaptationSet></Period></MPD>\n",
    "list.pls": "[playlist]\nFile1={target}\nNumberOfEntries=1\n",
    "list.asx": "[Reference]\nRef1={target}\n",
    "list.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\n",
    "list.idx": "# VobSub index file, v7 (do not modify this line!)\nsize: 720x576\nid: en, index: 0\n"
    "timestamp: 00:00:01:000, filepos: 000000000\n",
    "movie.xml": '<?xml version="1.0"?><smil><body><video src="{target}"/></body></smil>\n',
}
"""Name to text; ``{target}`` is what it points at. ``list.idx`` points at ``list.sub`` by its own name."""


def write_playlist(folder: Path, name: str, target: str) -> Path:
    """One of `PLAYLISTS`, pointing at the target."""
    path = folder / name
    path.write_text(PLAYLISTS[name].replace("{target}", target), encoding="utf-8")
    return path


def boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int]]:
    """The boxes of an ISO base media file: (type, first byte, byte after the last), headers included."""
    stop = len(data) if stop is None else stop
    while start + 8 <= stop:
        size, kind = struct.unpack_from(">I4s", data, start)
        end = start + size if size >= 8 else stop
        yield kind, start, min(end, stop)
        start = end


_PARENTS = (b"moov", b"trak", b"mdia", b"minf", b"dinf")


def _replaced(data: bytes, make: Callable[[], bytes], start: int, stop: int) -> bytes:
    """The boxes of a span with every ``dref`` replaced, and their parents' sizes with them."""
    parts = []
    for kind, begin, end in boxes(data, start, stop):
        if kind == b"dref":
            parts.append(make())
        elif kind in _PARENTS:
            inside = _replaced(data, make, begin + 8, end)
            parts.append(struct.pack(">I4s", len(inside) + 8, kind) + inside)
        else:
            parts.append(data[begin:end])
    return b"".join(parts)


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _reference(entry: bytes) -> bytes:
    return _box(b"dref", struct.pack(">II", 0, 1) + entry)


def with_url(movie: bytes, address: str) -> bytes:
    """A QuickTime movie whose tracks say that their samples lie at an address (ISO 14496-12, 8.7.2)."""
    entry = _box(b"url ", struct.pack(">I", 0) + address.encode() + b"\0")
    return _replaced(movie, lambda: _reference(entry), 0, len(movie))


def with_alias(movie: bytes, target: Path) -> bytes:
    """A QuickTime movie whose tracks say that their samples lie in a local file, as a Macintosh alias.

    Source: libavformat/mov.c, mov_read_dref: volume, file name, levels to climb, then tagged paths (2: absolute).
    """
    name, absolute = target.name.encode(), str(target).encode()
    record = bytearray(struct.pack(">I", 0) + bytes(10))
    record += bytes([4]) + b"disk".ljust(27, b"\0") + bytes(12)
    record += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16)
    record += struct.pack(">hh", 1, 1) + bytes(16)
    for kind, text in ((2, absolute), (18, name)):
        record += struct.pack(">hh", kind, len(text)) + text + b"\0" * (len(text) % 2)
    record += struct.pack(">hh", -1, 0)
    entry = _box(b"alis", bytes(record).ljust(200, b"\0"))
    return _replaced(movie, lambda: _reference(entry), 0, len(movie))


class Watch:
    """Whether anybody opened or read a file since it was made; Linux only."""

    def __init__(self, path: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(os.O_NONBLOCK)
        if self._handle < 0 or libc.inotify_add_watch(self._handle, os.fsencode(path), _IN_OPEN | _IN_ACCESS) < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def opened(self) -> bool:
        """Whether it was opened or read; then forgets it."""
        try:
            return bool(os.read(self._handle, 4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Stop looking."""
        os.close(self._handle)


class Listener:
    """A local web server that offers a video and remembers every connection and request."""

    def __init__(self, video: bytes) -> None:
        self.seen: list[str] = []
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                seen.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(video)))
                self.end_headers()
                self.wfile.write(video)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/secret.mp4"


@contextmanager
def listening(video: bytes) -> Iterator[Listener]:
    """A `Listener` that serves until the end of the block."""
    listener = Listener(video)
    thread = threading.Thread(target=listener.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.server.shutdown()
        listener.server.server_close()
        thread.join()
