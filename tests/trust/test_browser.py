"""Reports of hostile videos, opened in a real browser: names, queries and tags are shown, and nothing of them runs."""

from __future__ import annotations

import html
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from highlightr.batch import BatchOptions, plan_jobs, run_batch
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.pipeline import Highlighter
from tests.light import light_preset
from tests.mediamaker import made

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium to open the reports in")

RUNS = "document.title='owned'"
PAYLOADS = (
    f'"><script>{RUNS}</script>',
    f'<img src=x onerror="{RUNS}">',
    f"</script></style></title><svg onload={RUNS}>",
    f"';{RUNS};//",
    f"javascript:{RUNS}",
    "{{ 7 * 7 }}${7*7}",
)


class _Title(HTMLParser):
    """The document's title after everything ran."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title, self._inside = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "title" and not self.title

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.title += data

    def handle_endtag(self, tag: str) -> None:
        self._inside = False


def _opened(page: Path, profile: Path) -> tuple[str, str]:
    """The title and the whole document as the browser has them in the end."""
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--dump-dom", page.as_uri()]
    document = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200).stdout
    return _Title(document).title, document


def _hostile_video(folder: Path, name: str) -> Path:
    """A video whose name and whose tags are payloads."""
    tags = [("title", PAYLOADS[0]), ("artist", PAYLOADS[1]), ("comment", PAYLOADS[2]), ("description", PAYLOADS[3])]
    words = [word for key, value in tags for word in ("-metadata", f"{key}={value}", "-metadata:s:v", f"{key}={value}")]
    path = folder / name
    plain = made("plain.mkv", seconds=2.0, size=(96, 64))
    run_ffmpeg(["-i", f"file:{plain}", "-c", "copy", *words, f"file:{path}"])
    return path


def test_the_payloads_run_where_nobody_escapes_them(tmp_path: Path) -> None:
    """Without this, the tests below would prove nothing."""
    for number, payload in enumerate(PAYLOADS[:3]):
        page = tmp_path / f"{number}.html"
        page.write_text(f'<!doctype html><title>mine</title><p title="{payload}">{payload}', encoding="utf-8")
        assert _opened(page, tmp_path / "profile")[0] == "owned"
        page.write_text(f"<!doctype html><title>mine</title><p>{html.escape(payload)}", encoding="utf-8")
        assert _opened(page, tmp_path / "profile")[0] == "mine"


NAMES = (
    f"<img src=x onerror={RUNS}>.mkv",
    f'"><script>{RUNS}<script>.mkv'.replace("/", ""),
    f"'-({RUNS})-'.mkv",
    "a&lt;b&#x3c;c%3Cscript%3E.mkv",
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_hostile_video_in_the_report(name: str, light: Highlighter, tmp_path: Path) -> None:
    query = " ".join(PAYLOADS)
    summary = light.summarize(_hostile_video(tmp_path, name), query=query, clips=tmp_path / PAYLOADS[5])
    title, document = _opened(summary.outputs["report"], tmp_path / "profile")
    assert title == f"{name} · highlightr"
    assert html.escape(PAYLOADS[1], quote=False) in document.replace("&quot;", '"')  # It is shown, as text.
    assert "49" not in title
    assert 'aria-valuetext="0:00.0, score' in document  # Our own script ran.


def test_hostile_videos_in_the_index_of_a_batch(tmp_path: Path) -> None:
    folder, output = tmp_path / "films", tmp_path / "out"
    folder.mkdir()
    for name in NAMES:
        _hostile_video(folder, name)
    # A worker is a process of its own, which knows only what is shipped.
    preset = light_preset(tmp_path)
    shipped = preset.read_text("utf-8").replace("looks, listens, ", "").replace("text: reads", "text: null")
    preset.write_text(shipped, encoding="utf-8")
    run_batch(plan_jobs([str(folder)], output), output, BatchOptions(preset=str(preset), workers=1, cache=False))
    title, document = _opened(output / "index.html", tmp_path / "profile")
    assert title != "owned"
    assert "highlightr" in title
    for name in NAMES:
        assert html.escape(Path(name).stem, quote=False) in document.replace("&quot;", '"')
