"""Playing a video from the disk: one range of bytes at a time, from a file that was opened and checked first.

In: a video and a Range header. Out: a response. The file is opened before the answer begins: one that is removed
meanwhile plays to its end.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator, Mapping
from io import BufferedReader

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

from highlightr.core.errors import MediaError
from highlightr.web.library import Library, Video

BLOCK_BYTES = 256 << 10

LONGEST_RANGE_BYTES = 1 << 20
"""Of an answer to a range, after which a player asks for more. A player that has enough for now would otherwise hold a
connection, of which a browser opens six to a server for all its windows together."""

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_TYPES: Mapping[str, str] = {
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".ogv": "video/ogg",
    ".avi": "video/x-msvideo",
    ".ts": "video/mp2t",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
}
"""Of all others a browser is told ``video/mp4``, and tries by itself; what is served is never a page."""


def requested_range(header: str | None, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last, `None` for the whole file; a `ValueError` for a range outside the file."""
    match = None if header is None else _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None  # Several ranges, or another unit: the whole file is a right answer.
    first, last = match.groups()
    start, stop = (max(size - int(last), 0), size) if not first else (int(first), min(int(last or size) + 1, size))
    if start >= stop:
        raise ValueError(header)
    return start, stop


def play(library: Library, video: Video, range_header: str | None) -> Response:
    """The answer to a player; a `MediaError` where the video is not there any more."""
    try:
        real = video.path.resolve(strict=True)
        if not real.is_relative_to(library.root):  # It is a link that leads out of the folder by now.
            raise FileNotFoundError(video.path)
        descriptor = os.open(real, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise MediaError("this video is not in the folder any more") from error
    file = os.fdopen(descriptor, "rb")
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        file.close()
        raise MediaError("this is not a file any more")
    headers = {"accept-ranges": "bytes", "content-type": _TYPES.get(video.path.suffix.lower(), "video/mp4")}
    try:
        wanted = requested_range(range_header, status.st_size)
    except ValueError:
        file.close()
        return Response(status_code=416, headers={"content-range": f"bytes */{status.st_size}"})
    start, stop = wanted or (0, status.st_size)
    if wanted:
        stop = min(stop, start + LONGEST_RANGE_BYTES)
        headers["content-range"] = f"bytes {start}-{stop - 1}/{status.st_size}"
    headers["content-length"] = str(stop - start)
    return StreamingResponse(_blocks(file, start, stop), 206 if wanted else 200, headers)


async def _blocks(file: BufferedReader, start: int, stop: int) -> AsyncIterator[bytes]:
    try:
        await anyio.to_thread.run_sync(file.seek, start)
        while start < stop:
            block = await anyio.to_thread.run_sync(file.read, min(BLOCK_BYTES, stop - start))
            if not block:
                # It was cut short meanwhile. What was promised is sent, or the connection would look broken.
                block = b"\0" * min(BLOCK_BYTES, stop - start)
            start += len(block)
            yield block
    finally:
        file.close()
