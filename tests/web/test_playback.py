"""A video plays by ranges, from the file that was checked, also while it is removed or replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.web.playback import LONGEST_RANGE_BYTES, requested_range
from tests.web.conftest import Client


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None), ("bytes=0-", (0, 100)), ("bytes=0-0", (0, 1)), ("bytes=10-19", (10, 20)),
        ("bytes=90-500", (90, 100)), ("bytes=-10", (90, 100)), ("bytes=-500", (0, 100)), ("bytes=-", None),
        ("items=0-1", None), ("bytes=0-1,5-6", None), ("bytes=a-b", None), ("bytes=٣-٤", None),
    ],
)  # fmt: skip
def test_ranges(header: str | None, expected: tuple[int, int] | None) -> None:
    assert requested_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=20-10", "bytes=-0", "bytes=999999999999999999-"])
def test_ranges_outside_the_file(header: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        requested_range(header, 100)


def test_plays_whole_and_in_parts(shared: Client) -> None:
    content = (shared.folder / "numbers.mp4").read_bytes()
    path = f"/media/{shared.video('numbers.mp4')}"
    whole = shared.get(path)
    assert (whole.status, whole.body) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["accept-ranges"] == "bytes"
    part = shared.get(path, Range="bytes=1000-40000")
    assert (part.status, part.body) == (206, content[1000:40001])
    assert part.headers["content-range"] == f"bytes 1000-40000/{len(content)}"
    outside = shared.get(path, Range=f"bytes={len(content)}-")
    assert (outside.status, outside.headers["content-range"]) == (416, f"bytes */{len(content)}")


def test_a_deleted_video_is_one_line_everywhere(studio: Client) -> None:
    video = studio.video("numbers.mp4")
    studio.curve(video, None)
    (studio.folder / "numbers.mp4").unlink()
    segment = {"start_seconds": 0.0, "stop_seconds": 1.0}
    answers = [
        studio.get(f"/media/{video}"),
        studio.get(f"/api/videos/{video}"),
        studio.get(f"/v/{video}"),
        studio.get(f"/api/videos/{video}/frame?at=1"),
        studio.post(f"/api/videos/{video}/curve", {"query": "a"}),
        studio.post(f"/api/videos/{video}/propose", {"queries": ["a"]}),
        studio.post(f"/api/videos/{video}/example", segment),
        studio.post(f"/api/videos/{video}/write", {"segments": [segment]}),
        studio.ask("PUT", f"/api/videos/{video}/state", {"state": {}}),
    ]
    for answer in answers:
        assert answer.status == 404
        assert b"not in the folder any more" in answer.body
        assert len(answer.body.splitlines()) == 1
    assert len(studio.get("/api/videos").json()["videos"]) == 1


def test_stills(shared: Client, tmp_path: Path) -> None:
    video = shared.video("numbers.mp4")
    answer = shared.get(f"/api/videos/{video}/frame?at=3&width=160")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.body[:2] == b"\xff\xd8"
    assert shared.get(f"/api/videos/{video}/frame").status == 200
    assert shared.get(f"/api/videos/{video}/frame?at=99999&width=9999").status == 200
    for bad in ("at=-1", "at=nan", "at=inf", "at=x", "width=0", "width=1e9", "at=1&width=-5"):
        assert shared.get(f"/api/videos/{video}/frame?{bad}").status == 400


def test_a_range_is_answered_in_pieces_that_hold_no_connection(studio: Client) -> None:
    content = bytes(range(256)) * (10 << 10)
    (studio.folder / "large.mp4").write_bytes(content)
    path, found = f"/media/{studio.video('large.mp4')}", b""
    while len(found) < len(content):
        answer = studio.get(path, Range=f"bytes={len(found)}-")
        stop = min(len(found) + LONGEST_RANGE_BYTES, len(content))
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes {len(found)}-{stop - 1}/{len(content)}"
        assert len(answer.body) == int(answer.headers["content-length"]) == stop - len(found)
        found += answer.body
    assert found == content
    assert studio.get(path).body == content, "what is asked for as a whole is sent as a whole"
