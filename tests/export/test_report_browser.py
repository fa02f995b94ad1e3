"""What is said, in a report that a real browser shows: searched, and clicked to seek."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from tests.light import light_highlighter
from tests.mediamaker import made
from tests.web.browser import PATIENCE_SECONDS, chromium, needs_browser

pytestmark = needs_browser

LINES = ("The tax office called.", "Nobody answered.", "A call came back: <b>tax</b>.")
SUBTITLES = "".join(
    f"{number + 1}\n00:00:0{3 * number},000 --> 00:00:0{3 * number + 2},000\n{text}\n\n"
    for number, text in enumerate(LINES)
)


def until(driver: Any, expression: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not driver.execute_script(f"return {expression}"):
        assert time.monotonic() < end, expression
        time.sleep(0.02)


def shown(driver: Any) -> list[str]:
    script = "return [...document.querySelectorAll('#lines li:not([hidden]) span')].map((line) => line.textContent)"
    return list(driver.execute_script(script))


def test_what_is_said_is_searched_and_clicked(tmp_path: Path) -> None:
    shutil.copy(made("numbers.mp4", seconds=12.0), tmp_path / "talk.mp4")
    (tmp_path / "talk.srt").write_text(SUBTITLES)
    summary = light_highlighter(tmp_path).summarize(tmp_path / "talk.mp4", duration=4)
    with chromium(tmp_path / "profile") as driver:
        driver.get(summary.outputs["report"].as_uri())
        said = shown(driver)
        assert [line.split()[0] for line in said] == ["The", "Nobody", "A"]
        field = driver.find_element("id", "find")
        field.send_keys(" TAX")
        assert shown(driver) == [said[0], said[2]]
        assert driver.find_element("id", "found").text == "2 of 3"
        field.clear()
        field.send_keys("nowhere")
        assert shown(driver) == []
        field.clear()
        field.send_keys("answered")
        driver.find_element("css selector", "#lines li:not([hidden]) button").click()
        until(driver, "document.querySelector('[aria-current=true]')?.textContent.includes('Nobody')")
        # The line begins at 3 s of the source, whichever of the two videos is shown.
        until(driver, "Number(document.getElementById('timeline').getAttribute('aria-valuenow')) >= 3")
        until(driver, "document.getElementById('video').currentTime > 0")
        field.clear()
        assert [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
