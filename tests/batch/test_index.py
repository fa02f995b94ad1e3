"""The index page: everything escaped, nothing from outside, links that lead to the files."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from highlightr.batch import Job, JobResult
from highlightr.batch.index import card, render_index
from highlightr.batch.output_dir import JobRecord
from tests.export.test_report import PAYLOAD, Page

OUTPUTS = {name: f"a b/{PAYLOAD}/summary.{suffix}" for name, suffix in (("video", "mp4"), ("report", "html"))}


def entry(
    poster: str = "",
    curve: tuple[int, ...] = (0, 50, 100),
    bands: tuple[tuple[float, float], ...] = ((0.5, 0.25),),
    **changes: object,
) -> dict[str, Any]:
    usual = {"folder": "a", "title": "a.mp4", "state": "done", "segments": 1, "outputs": OUTPUTS}
    line = {**usual, "video_seconds": 60.0, "summary_seconds": 9.0, **changes}
    return card(line, JobRecord("k", JobResult(Job("a.mp4", None, "a"), "done"), {}, curve, bands), poster)


def test_a_card_shows_picture_curve_and_links() -> None:
    page = Page(render_index([entry(query="a cat", poster=".highlightr/a b.jpg", notes=["A weak match."])]))
    assert [(image["src"], image["loading"]) for image in page.all("img")] == [("./.highlightr/a%20b.jpg", "lazy")]
    assert [path["d"] for path in page.all("path")] == ["M0 40L50 40L150 20L250 0L300 0"]
    assert [(rect["x"], rect["width"]) for rect in page.all("rect")] == [("150.0", "75.0")]
    links = [unquote(str(link["href"])) for link in page.all("a")]
    assert links == [f"./{OUTPUTS['report']}", f"./{OUTPUTS['video']}", f"./{OUTPUTS['report']}"]
    assert "a cat" in page.texts["q"]
    assert "A weak match." in page.texts["p"]


def test_failures_are_listed_with_their_reason() -> None:
    text = render_index([entry(), card({"title": "b.mp4", "state": "failed", "error": "it is broken"})])
    assert "1 failed" in text
    assert "it is broken" in text
    assert "0:09 kept of 1:00" in text
    short = render_index([entry(video_seconds=0.4, summary_seconds=0.04)])
    assert "0:00.04 kept of 0:00.4" in short
    assert "1 segment, 0:00.04 of 0:00.4" in short


def test_a_card_says_whether_the_query_was_found_and_what_is_best() -> None:
    text = render_index(
        [entry(query="a cat", match={"verdict": "weak", "probability": 0.4}, best_title="Tabby, meow"), entry()]
    )
    page = Page(text)
    assert [p.get("title") for p in page.all("p") if str(p.get("class")).startswith("match")] == [
        "It may be in the video. Probability 40 %."
    ]
    assert "Weak match · 40 %" in page.texts["p"]
    assert "Tabby, meow" in page.texts["p"]
    assert [option["value"] for option in page.all("option")][:3] == ["", "weak", "unasked"]


def test_what_was_not_found_is_listed_apart() -> None:
    absent = card(
        {
            "title": "b.mp4",
            "query": "a zebra",
            "state": "no_match",
            "notes": ["nothing in this video seems to be a zebra"],
        }
    )
    text = render_index([entry(), absent])
    assert "1 without a match" in text
    assert "nothing in this video seems to be a zebra" in text
    assert "1 summary" in text
    assert "failed" not in Page(text).texts["a"]


def test_nothing_in_names_or_queries_becomes_markup() -> None:
    hostile = entry(title=PAYLOAD, query=PAYLOAD, notes=[PAYLOAD])
    text = render_index([hostile, card({"title": PAYLOAD, "query": PAYLOAD, "state": "failed", "error": PAYLOAD})])
    page = Page(text)
    assert page.all("script") == [{}], "the page's own"
    assert page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert text.count("&lt;/script&gt;") >= 5


def test_nothing_comes_from_outside() -> None:
    text = render_index([entry(poster="x.jpg")])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; img-src 'self' file:; media-src 'self' file:; style-src 'sha256-")
    assert "script-src 'sha256-" in policy[1]
    assert "unsafe" not in policy[1]
    assert not re.search(r'(?:src|href|data-play)="(?!\./|#)', text)
    assert "://" not in text


def test_a_page_of_nothing_is_a_page() -> None:
    assert "0 summaries" in render_index([])
    assert "1,000 summaries" in render_index([entry()] * 1000)
    assert Page(render_index([entry(curve=(), bands=(), outputs={})])).all("a") == [{"class": "picture"}]


def test_the_studio_is_told_of_the_folders_with_most_videos() -> None:
    folders = ["/a", "/b c", "/b c", "/it's", "/it's", "/it's", "/d", "/bad\x1b[2J", ""]
    page = Page(
        render_index([entry(video=f"{folder}/a.mp4" if folder else "https://b.org/a.mp4") for folder in folders])
    )
    assert page.texts["code"] == [f"highlightr web {path}" for path in ("'/it'\"'\"'s'", "'/b c'", "/a")]
    assert "and 1 more folder" in page.texts["p"]
    assert "studio" not in render_index([entry()]).partition("<body>")[2].partition("<script>")[0]


def test_a_card_says_which_options_were_its_own() -> None:
    page = Page(render_index([entry(options={"duration_seconds": 20.0, "max_clips": 3})]))
    assert "duration (seconds) 20, max clips 3" in page.texts["p"]
