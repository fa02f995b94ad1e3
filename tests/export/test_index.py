"""The index page: everything escaped, nothing from outside, links that lead to the files."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from highlightr.core.errors import OutputError
from highlightr.core.types import Match
from highlightr.export.index import IndexEntry, render_index, write_index
from tests.export.test_report import PAYLOAD, Page

OUTPUTS = {name: f"a b/{PAYLOAD}/summary.{suffix}" for name, suffix in (("video", "mp4"), ("report", "html"))}


def entry(**changes: object) -> IndexEntry:
    usual = {"name": "a.mp4", "video_seconds": 60.0, "summary_seconds": 9.0, "segments": 1, "outputs": OUTPUTS}
    return IndexEntry(**{**usual, "curve": (0, 50, 100), "bands": ((0.5, 0.25),), **changes})  # type: ignore[arg-type]


def test_a_card_shows_picture_curve_and_links() -> None:
    page = Page(render_index([entry(query="a cat", poster=b"\xff\xd8jpeg", notes=["A weak match."])]))
    picture = base64.b64encode(b"\xff\xd8jpeg").decode()
    assert [image["src"] for image in page.all("img")] == [f"data:image/jpeg;base64,{picture}"]
    assert [path["d"] for path in page.all("path")] == ["M0.0 40.0L50.0 40.0L150.0 20.0L250.0 0.0L300.0 0.0"]
    assert [(rect["x"], rect["width"]) for rect in page.all("rect")] == [("150.0", "75.0")]
    links = [unquote(str(link["href"])) for link in page.all("a")]
    assert links == [f"./{OUTPUTS['report']}", f"./{OUTPUTS['video']}", f"./{OUTPUTS['report']}"]
    assert "a cat" in page.texts["q"]
    assert "A weak match." in page.texts["p"]


def test_failures_are_listed_with_their_reason() -> None:
    text = render_index([entry(), IndexEntry("b.mp4", error="it is broken")])
    assert "1 failed" in text
    assert "it is broken" in text
    assert "0:09 kept of 1:00" in text


def test_a_card_says_whether_the_query_was_found_and_what_is_best() -> None:
    text = render_index([entry(query="a cat", match=Match("weak", 0.4), best_title="Tabby, meow"), entry()])
    page = Page(text)
    assert [p.get("title") for p in page.all("p") if str(p.get("class")).startswith("match")] == [
        "The video may show what was asked for. Probability 40 %."
    ]
    assert "Tabby, meow · 1 segment" in text


def test_what_was_not_found_is_listed_apart() -> None:
    absent = IndexEntry("b.mp4", query="a zebra", no_match=True, notes=["nothing in this video seems to be a zebra"])
    text = render_index([entry(), absent])
    assert "1 without a match" in text
    assert "nothing in this video seems to be a zebra" in text
    assert "1 summary" in text
    assert "failed" not in Page(text).texts["a"]


def test_nothing_in_names_or_queries_becomes_markup() -> None:
    hostile = entry(name=PAYLOAD, query=PAYLOAD, notes=[PAYLOAD])
    text = render_index([hostile, IndexEntry(PAYLOAD, query=PAYLOAD, error=PAYLOAD)])
    page = Page(text)
    assert page.all("script") == page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert text.count("&lt;/script&gt;") >= 5


def test_nothing_comes_from_outside() -> None:
    text = render_index([entry(poster=b"x")])
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "script-src" not in policy[1]
    assert not re.search(r'(?:src|href)="(?!data:|\./|#)', text)


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    write_index(tmp_path / "index.html", [entry()])
    assert (tmp_path / "index.html").read_text() == render_index([entry()])
    with pytest.raises(OutputError, match="cannot be written"):
        write_index(tmp_path / "index.html" / "index.html", [])


def test_a_page_of_nothing_is_a_page() -> None:
    assert "0 summaries" in render_index([])
    assert Page(render_index([entry(curve=(), bands=(), outputs={})])).all("a") == [{"class": "picture"}]
