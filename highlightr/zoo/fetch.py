"""One file from one address, in as many attempts as it takes, each going on where the last one broke off.

A partial file is `PART`; `PART.json` beside it says which version of the file it is a part of (ETag or Last-Modified).
Only the same version is continued (RFC 9110, If-Range); anything else starts over. The content is not judged here.
"""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from highlightr.core.config import read_json_or_none
from highlightr.core.errors import WeightsError
from highlightr.core.outputs import writing_to
from highlightr.core.progress import ProgressHook, silent
from highlightr.zoo.records import write_json
from highlightr.zoo.transport import Changed, TryAgain, open_url

CHUNK_BYTES = 1 << 18

TIMEOUT_SECONDS = 30.0
"""Silence on the connection that ends an attempt."""

WINDOW_SECONDS, WINDOW_BYTES = 60.0, 16 << 10
"""Time, and what must arrive in it at least."""

ATTEMPTS, BACKOFF_SECONDS = 4, 1.0
"""Per address, and the wait before the second, which is doubled before each later one."""

_LENGTH = re.compile(r"\d{1,18}")
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True)
class _Version:
    """What the server said about the file when its first byte arrived."""

    url: str
    validator: str
    """Strong ETag, else Last-Modified, else empty: then the part cannot be continued."""
    total_bytes: int | None


def download(
    url: str,
    part: Path,
    *,
    size_bytes: int = 0,
    limit_bytes: int,
    progress: ProgressHook | None = None,
    public_only: bool = False,
) -> bool:
    """Fetch `url` into `part`, which may hold the beginning already; `progress` counts bytes in the stage `download`.

    `size_bytes` is the published size (0: unknown), `limit_bytes` a bound that no answer may pass. Returns whether
    the file was put together from more than one answer. With `public_only`, hosts that are not on the public internet
    are refused.

    Raises:
        WeightsError: the address does not give the file; what was received stays in `part` where it can be continued.
        OutputError: `part` cannot be written.
    """
    reasons = []
    for attempt in range(ATTEMPTS):
        try:
            return _attempt(url, part, (size_bytes, limit_bytes), progress or silent, public_only) > 0
        except TryAgain as error:
            reasons.append(str(error))
            if isinstance(error, Changed):
                discard(part)
            if attempt + 1 < ATTEMPTS:
                time.sleep(max(error.wait_seconds, BACKOFF_SECONDS * 2**attempt))
    raise WeightsError(f"gave up after {ATTEMPTS} attempts: {'; '.join(dict.fromkeys(reasons))}")


def discard(part: Path) -> None:
    """Forget a partial file."""
    part.unlink(missing_ok=True)
    _beside(part).unlink(missing_ok=True)


def _attempt(url: str, part: Path, sizes: tuple[int, int], hook: ProgressHook, public_only: bool) -> int:
    """One request; returns the offset at which its answer began."""
    offset, known = _held(url, part)
    if known and known.total_bytes == offset > 0:
        return offset
    headers = {"User-Agent": "highlightr", "Accept-Encoding": "identity"}
    if known and offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": known.validator}
    with open_url(url, headers, TIMEOUT_SECONDS, public_only=public_only) as response:
        start, version = _answer(url, response, offset, known)
        _check_size(version.total_bytes, *sizes)
        if start == 0:
            discard(part)
        write_json(_beside(part), asdict(version))
        received = _copy(response, part, start, version.total_bytes, sizes[1], hook)
    if version.total_bytes is not None and received != version.total_bytes:
        raise TryAgain(f"the connection ended after {received} of {version.total_bytes} bytes")
    _check_size(received, *sizes)
    return start


def _held(url: str, part: Path) -> tuple[int, _Version | None]:
    """Bytes that may be continued, and the version that they belong to; (0, None) to start over."""
    known = read_json_or_none(_beside(part), _Version)
    if known is None or known.url != url or not known.validator or not part.exists():
        return 0, None
    offset = part.stat().st_size
    return (offset, known) if offset <= (known.total_bytes or offset) else (0, None)


def _answer(url: str, response: http.client.HTTPResponse, offset: int, known: _Version | None) -> tuple[int, _Version]:
    """Where the body begins in the file, and of which version it is."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WeightsError("the server sends it compressed although it was asked not to")
    tag = response.headers.get("ETag", "")
    # A weak tag does not promise the same bytes, so RFC 9110 13.1.5 forbids it in If-Range.
    validator = tag if tag.startswith('"') else response.headers.get("Last-Modified", "")
    if response.status == 200:
        length = response.headers.get("Content-Length", "")
        return 0, _Version(url, validator, int(length) if _LENGTH.fullmatch(length) else None)
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    total = int(found[3]) if found and found[3] != "*" else None
    if known is None or not found or int(found[1]) != offset:
        raise Changed("the server answered with a part that was not asked for")
    if validator not in ("", known.validator) or len({total, known.total_bytes} - {None}) > 1:
        raise Changed("the file changed while it was fetched")
    return offset, known


def _check_size(found: int | None, size_bytes: int, limit_bytes: int) -> None:
    if found is None:
        return
    if size_bytes and found != size_bytes:
        raise WeightsError(f"the server offers {found} bytes instead of {size_bytes}: not the file that is meant")
    if found > limit_bytes:
        raise WeightsError(f"the server offers {found} bytes, more than the {limit_bytes} allowed")


def _copy(
    response: http.client.HTTPResponse, part: Path, start: int, total: int | None, limit: int, hook: ProgressHook
) -> int:
    """Append the body to the part; returns the part's size."""
    moving, received = _moving(), start
    with part.open("ab") as file:
        while chunk := _read(response):
            received += len(chunk)
            if received > limit:
                discard(part)
                raise WeightsError(f"the server sent more than the {limit} bytes allowed")
            with writing_to(part):
                file.write(chunk)
                file.flush()  # What has arrived is kept, even if this process is killed while it waits for more.
            moving(len(chunk))
            hook("download", float(received), float(total or 0))
    return received


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise TryAgain(f"the connection broke ({error or type(error).__name__})") from error


def _moving() -> Callable[[int], None]:
    """A check to call with each chunk's size: it raises when a server keeps the line open but sends next to nothing."""
    window_start, window_bytes = time.monotonic(), 0

    def check(num_bytes: int) -> None:
        nonlocal window_start, window_bytes
        window_bytes += num_bytes
        if time.monotonic() - window_start < WINDOW_SECONDS:
            return
        if window_bytes < WINDOW_BYTES:
            raise TryAgain(f"only {window_bytes} bytes came in {WINDOW_SECONDS:g} s")
        window_start, window_bytes = time.monotonic(), 0

    return check


def _beside(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")
