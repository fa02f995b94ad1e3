"""The report: one file, nothing from outside, everything escaped, right in a browser where there is one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import OutputError
from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import Match, Segment, Shot, Summary, TimeGrid
from highlightr.export.curve import columns, line_path, shot_path, time_ticks
from highlightr.export.receipt import Provenance, build_receipt
from highlightr.export.report import render_report, write_report
from highlightr.options import SummarizeOptions
from tests.export.example import example

PAYLOAD = "</script><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>'\"`{{7*7}}"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Page(HTMLParser):
    """Collects elements and the text of each."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._open = tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.setdefault(self._open, []).append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def hostile(folder: Path) -> Summary:
    name = "<img src=x onerror=alert(1)>'&%2e.mp4"
    summary = example(folder / name, label=PAYLOAD, query=PAYLOAD, note=PAYLOAD)
    receipt = build_receipt(summary, Provenance(PAYLOAD, marks=[PAYLOAD]), options={PAYLOAD: PAYLOAD})
    parts = {PAYLOAD: summary.scores.parts["visual"]}
    return replace(
        summary,
        receipt=receipt,
        preset=PAYLOAD,
        timings_seconds={PAYLOAD: 1.0},
        transcript=Transcript((Utterance(9.0, 12.0, PAYLOAD),), PAYLOAD, PAYLOAD),
        scores=replace(summary.scores, parts=parts),
    )


def test_shows_what_was_chosen_and_why(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4", note="The query matched weakly.")
    summary = replace(summary, receipt=build_receipt(summary, Provenance("zeroshot", marks=["Random weights."])))
    text = render_report(summary, [b"\xff\xd8one", b"\xff\xd8two"], tmp_path)
    for words in ("a cat", "tabby cat", "Meow", "0:09.0 \u2013 0:14.0", "Random weights.", "The query matched weakly."):
        assert words in text
    page = Page(text)
    pictures = [image["src"] for image in page.all("img")]
    assert pictures == [
        f"data:image/jpeg;base64,{base64.b64encode(p).decode()}" for p in (b"\xff\xd8one", b"\xff\xd8two")
    ]
    assert [b["data-video"] for b in page.all("button") if "data-video" in b] == ["summary", "source"]
    assert len([b for b in page.all("button") if "data-seek" in b]) == 2


def test_a_segment_of_one_frame_is_not_shown_as_empty(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4", query=None)
    text = render_report(replace(summary, segments=(Segment(9.0, 9.033, 0.5),)), [b""], tmp_path)
    for words in ("0:09.00 \u2013 0:09.03", "0:09.00 to 0:09.03", '<span class="length">0.03 s<', "<dd>0.03<small>s<"):
        assert words in text


def test_the_verdict_comes_first_and_the_summary_opens_with_a_poster(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4", note="Something else.")
    text = render_report(summary, [b"", b"\xff\xd8two"], tmp_path)
    assert text.index("Strong match") < text.index("Something else.") < text.index("<video")
    assert "Probability 99 %." in text
    (video,) = Page(text).all("video")
    assert video["src"] == "in.summary.mp4"
    assert video["poster"] == "data:image/jpeg;base64," + base64.b64encode(b"\xff\xd8two").decode()
    absent = replace(summary, scores=replace(summary.scores, match=Match("none", 0.03)))
    assert "this is the best guess. Probability 3 %." in render_report(absent, [], tmp_path)
    assert "match" not in render_report(example(tmp_path / "in.mp4", query=None), [], tmp_path).split("<main>")[1][:40]


def test_each_reason_says_where_and_each_sense_has_its_lane(tmp_path: Path) -> None:
    text = render_report(example(tmp_path / "in.mp4"), [], tmp_path)
    page = Page(text)
    assert [(r["x"], r["width"]) for r in page.all("rect") if "%" in str(r.get("x"))] == [
        ("0.0%", "70.0%"),
        ("20.0%", "80.0%"),
    ]
    assert text.count("Percentages:") == 1
    lanes = [div["class"] for div in page.all("div") if str(div.get("class")).startswith("lane ")]
    assert lanes == ["lane k-audio", "lane k-visual"]


def test_what_is_said_is_listed_beside_the_curve(tmp_path: Path) -> None:
    said = ("The tax office called.", "Nobody answered.", "\u05e9\u05dc\u05d5\u05dd.")
    lines = tuple(Utterance(5.0 * k, 5.0 * k + 4.0, text) for k, text in enumerate(said))
    summary = replace(example(tmp_path / "v.mp4"), transcript=Transcript(lines, "talk.en.srt", "en"))
    page = Page(html := render_report(summary, [], tmp_path))
    assert [each["data-said"] for each in page.all("button") if "data-said" in each] == ["0", "1", "2"]
    assert [item.get("class") for item in page.all("li")][:3] == [None, None, "kept"]  # 10 to 14 s lies in 9 to 14.
    assert page.texts["time"] == ["0:00", "0:05", "0:10"]
    assert all(f">{text}<" in html for text in said)
    assert "talk.en.srt · en" in page.texts["small"]
    assert "data-said" not in render_report(example(tmp_path / "v.mp4"), [], tmp_path).split("<script")[0]


def test_options_are_words_not_dictionaries(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4")
    wanted = SummarizeOptions.from_keywords(range="0:10-1:00", margin=1, fill=True, max_clips=3, output="x.mp4")
    text = render_report(
        replace(summary, receipt=build_receipt(summary, Provenance("zeroshot"), options=wanted.as_flat())), [], tmp_path
    )
    page = Page(text)
    for name, value in (("range", "0:10.0\u20131:00.0"), ("margin", "1, 1"), ("fill", "yes"), ("max clips", "3")):
        assert name in page.texts["dt"]
        assert value in page.texts["dd"]
    assert "x.mp4" not in page.texts["dd"]
    assert not [value for value in page.texts["dd"] if "{" in value or "[" in value]


def test_a_missing_thumbnail_leaves_a_blank(tmp_path: Path) -> None:
    page = Page(render_report(example(tmp_path / "in.mp4"), [b""], tmp_path))
    assert page.all("img") == []


def test_the_same_summary_gives_the_same_bytes(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4")
    write_report(tmp_path / "a.html", summary)
    write_report(tmp_path / "b.html", summary)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "b.html", "in.mp4"]


def test_nothing_is_loaded_from_outside(tmp_path: Path) -> None:
    page = Page(render_report(example(tmp_path / "in.mp4"), [b"x"], tmp_path))
    loaded = [value for _, attributes in page.elements for name, value in attributes.items() if name in ("src", "href")]
    assert loaded
    assert all(
        not re.match(r"(?i)[a-z][a-z0-9+.-]*:|//", value or "") or str(value).startswith("data:image/jpeg")
        for value in loaded
    )
    assert not any(tag in ("link", "iframe", "object", "embed", "form") for tag, _ in page.elements)
    assert not re.search(r"@import|url\((?!#)", "".join(page.texts["style"]))


def test_the_policy_allows_exactly_the_style_and_script_inside(tmp_path: Path) -> None:
    text = render_report(example(tmp_path / "in.mp4"), [], tmp_path)
    policy = next(m["content"] for m in Page(text).all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(style) == len(script) == 1
    for content in (*style, *script):
        assert f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    assert not re.search(r'<[^>]+\s(style|on\w+)="', text)  # Such attributes would be blocked.


def test_text_from_outside_is_text(tmp_path: Path) -> None:
    text = render_report(hostile(tmp_path), [], tmp_path)
    page = Page(text)
    assert page.all("img") == []
    assert len(page.all("script")) == 2
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert "{{7*7}}" in text
    assert page.texts["q"] == [PAYLOAD]
    assert PAYLOAD in page.texts["span"]


def test_links_are_relative_and_encoded(tmp_path: Path) -> None:
    folder = tmp_path / "out put"
    summary = replace(
        example(tmp_path / "concat:a #1?%41.mp4"),
        outputs={"video": folder / "-s.mp4", "report": folder / "r.html"},
    )
    staging = tmp_path / "staging"
    staging.mkdir()
    write_report(staging / "r.html", summary)
    page = Page((staging / "r.html").read_text(encoding="utf-8"))
    assert page.all("video")[0]["src"] == "-s.mp4"
    assert '"source":"../concat%3Aa%20%231%3F%2541.mp4"' in (staging / "r.html").read_text(encoding="utf-8")
    assert json.loads("".join(page.texts["script"][:1]))["videos"]["summary"] == "-s.mp4"


def test_an_unwritable_place_says_so(tmp_path: Path) -> None:
    summary = example(tmp_path / "in.mp4")
    with pytest.raises(OutputError, match=r"in\.mp4: cannot be written"):
        write_report(tmp_path / "in.mp4" / "r.html", summary)


def test_columns_keep_every_peak() -> None:
    values = np.zeros(36_000, np.float32)
    values[12_345] = 0.9
    reduced = columns(values)
    assert len(reduced) == 800
    assert max(reduced) == 0.9
    assert columns(np.asarray([0.1, 0.7], np.float32)) == [0.1, 0.7]


def test_the_line_spans_the_video() -> None:
    # Two clips of 2 s in 3 s: middles at 1 and 3 s, the latter beyond the end and drawn at it.
    path = line_path(np.asarray([0.0, 1.0], np.float32), TimeGrid(3.0, 2.0))
    assert path == "M0.0 100.0L333.3 100.0L1000.0 0.0L1000.0 0.0"


def test_shots_and_ticks() -> None:
    assert shot_path((Shot(0, 1), Shot(1, 4)), 4.0) == "M250.0 0V100"
    assert [label for _, label in time_ticks(60.0)] == ["0:00", "0:10", "0:20", "0:30", "0:40", "0:50"]
    assert [label for _, label in time_ticks(0.4)][:3] == ["0:00.0", "0:00.1", "0:00.2"]
    assert all(0 < len(time_ticks(seconds)) <= 8 for seconds in (0.04, 1, 59, 3600, 40_000, 900_000))


@pytest.mark.skipif(BROWSER is None, reason="no chromium to open the report in")
def test_a_browser_runs_the_reports_script_and_no_other(tmp_path: Path) -> None:
    write_report(tmp_path / "r.html", hostile(tmp_path))
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000", "--dump-dom"]
    command.append((tmp_path / "r.html").as_uri())
    dom = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    page = Page(dom)
    assert page.texts["title"][0] == "<img src=x onerror=alert(1)>'&%2e.mp4 · highlightr"
    timeline = next(d for d in page.all("div") if d.get("id") == "timeline")
    assert timeline["aria-valuetext"] == "0:09.0, score 86"  # Set by the script: it parsed its data and ran.
