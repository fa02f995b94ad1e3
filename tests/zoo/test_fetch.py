"""One address, and everything that a server can do wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.core.errors import WeightsError
from highlightr.zoo.fetch import download
from tests.zoo.server import Site, answers, becomes, dies_after, stalls_after, trickles

BODY = bytes(range(256)) * 400
OTHER = bytes(reversed(BODY))
LIMIT = 1 << 20


def fetch(url: str, part: Path, limit: int = LIMIT, size: int = 0) -> bool:
    return download(url, part, size_bytes=size, limit_bytes=limit)


def test_a_well_behaved_server(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[str, float, float]] = []
    url, part = site.serve("/a", BODY), tmp_path / "part"
    assert not download(url, part, limit_bytes=LIMIT, progress=lambda *step: seen.append(step))
    assert part.read_bytes() == BODY
    assert seen[-1] == ("download", len(BODY), len(BODY))
    assert site.headers[0]["Accept-Encoding"] == "identity"


def test_goes_on_where_the_connection_died(site: Site, tmp_path: Path) -> None:
    url, part = site.serve("/a", BODY, dies_after(1000), dies_after(2000)), tmp_path / "part"
    assert fetch(url, part)
    assert part.read_bytes() == BODY
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=1000-", "bytes=3000-"]
    assert [condition for _, _, condition in site.requests] == [None, '"one"', '"one"']


def test_goes_on_in_a_later_call(site: Site, tmp_path: Path) -> None:
    url, part = site.serve("/a", BODY, *[dies_after(500)] * 3), tmp_path / "part"
    with pytest.raises(WeightsError, match=r"gave up after 3 attempts: .*ended after"):
        fetch(url, part)
    assert part.read_bytes() == BODY[:1500]
    assert fetch(url, part)
    assert part.read_bytes() == BODY
    assert site.requests[-1][1] == "bytes=1500-"


def test_a_whole_part_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    url, part = site.serve("/a", BODY), tmp_path / "part"
    fetch(url, part)
    fetch(url, part)
    assert len(site.requests) == 1


@pytest.mark.parametrize("fault", [stalls_after(700), trickles])
def test_gives_up_on_a_silent_line_and_recovers(site: Site, tmp_path: Path, fault: object) -> None:
    url, part = site.serve("/a", BODY, fault), tmp_path / "part"  # type: ignore[arg-type]
    fetch(url, part)
    assert part.read_bytes() == BODY
    assert len(site.requests) == 2


def test_a_line_that_stays_silent_is_an_error(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, *[stalls_after(0)] * 3)
    with pytest.raises(WeightsError, match=r"gave up after 3 attempts.*timed out"):
        fetch(url, tmp_path / "part")


def test_starts_over_when_the_file_changed_midway(site: Site, tmp_path: Path) -> None:
    url, part = site.serve("/a", BODY, dies_after(900), becomes(OTHER, '"two"')), tmp_path / "part"
    assert not fetch(url, part)
    assert part.read_bytes() == OTHER


def test_starts_over_when_the_server_ignores_if_range(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, dies_after(900), becomes(OTHER, '"two"'), honest=False)
    fetch(url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == OTHER
    assert [asked for _, asked, _ in site.requests] == [None, "bytes=900-", None]


def test_starts_over_when_the_file_became_shorter(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, dies_after(900), becomes(b"short", '"two"'), honest=False)
    fetch(url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == b"short"


def test_starts_over_when_the_server_ignores_range(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, dies_after(900), ranges=False)
    assert not fetch(url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_does_not_continue_without_a_strong_validator(site: Site, tmp_path: Path, etag: str | None) -> None:
    url = site.serve("/a", BODY, dies_after(900), etag=etag)
    fetch(url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    assert site.requests[1][1:] == (None, None)


def test_continues_by_date_when_the_tag_is_weak(site: Site, tmp_path: Path) -> None:
    date = "Tue, 02 Jan 2024 00:00:00 GMT"
    url = site.serve("/a", BODY, dies_after(900), etag='W/"weak"', last_modified=date)
    fetch(url, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY
    assert site.requests[1][1:] == ("bytes=900-", date)


def test_a_part_of_another_address_is_not_continued(site: Site, tmp_path: Path) -> None:
    first = site.serve("/a", BODY, *[dies_after(100)] * 3)
    second = site.serve("/b", OTHER)
    with pytest.raises(WeightsError):
        fetch(first, tmp_path / "part")
    fetch(second, tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == OTHER


def test_a_damaged_note_beside_the_part_means_starting_over(site: Site, tmp_path: Path) -> None:
    url, part = site.serve("/a", BODY, *[dies_after(100)] * 3), tmp_path / "part"
    with pytest.raises(WeightsError):
        fetch(url, part)
    (tmp_path / "part.json").write_text("{", encoding="utf-8")
    fetch(url, part)
    assert part.read_bytes() == BODY


def test_without_a_length_the_end_of_the_connection_is_the_end(site: Site, tmp_path: Path) -> None:
    fetch(site.serve("/a", BODY, length=False), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_a_size_other_than_published_is_refused_before_the_body(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY)
    with pytest.raises(WeightsError, match=f"offers {len(BODY)} bytes instead of 12"):
        fetch(url, tmp_path / "part", size=12)
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("length", [True, False])
def test_more_than_the_limit_is_refused(site: Site, tmp_path: Path, length: bool) -> None:
    url = site.serve("/a", BODY, length=length)
    with pytest.raises(WeightsError, match="more than the 1000"):
        fetch(url, tmp_path / "part", limit=1000)
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_refusal_is_not_asked_again(site: Site, tmp_path: Path, status: int) -> None:
    with pytest.raises(WeightsError, match=f"HTTP status {status}"):
        fetch(site.serve("/a", BODY, *[answers(status)] * 3), tmp_path / "part")
    assert len(site.requests) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path, status: int) -> None:
    fetch(site.serve("/a", BODY, answers(status, Retry_After="0")), tmp_path / "part")
    assert (tmp_path / "part").read_bytes() == BODY


def test_compressed_answers_are_refused(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, answers(200, Content_Encoding="gzip"))
    with pytest.raises(WeightsError, match="compressed"):
        fetch(url, tmp_path / "part")


def test_a_part_nobody_asked_for_is_refused(site: Site, tmp_path: Path) -> None:
    url = site.serve("/a", BODY, *[answers(206, Content_Range="bytes 5-9/10")] * 3)
    with pytest.raises(WeightsError, match="was not asked for"):
        fetch(url, tmp_path / "part")


def test_nothing_listens(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gave up after 3 attempts: no connection"):
        fetch("http://127.0.0.1:1/a", tmp_path / "part")
