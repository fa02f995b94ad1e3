"""The index page in a real browser: sorted, filtered, played on hover, its command copied; thousands of videos."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from highlightr.batch import Job, JobResult
from highlightr.batch.output_dir import JobRecord, OutputDir
from highlightr.batch.results import Results
from highlightr.core.types import Match
from tests.mediamaker import made

webdriver = pytest.importorskip("selenium.webdriver")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs chromium and its driver")

WAIT_SECONDS = 120.0


def picture(shade: int) -> str:
    buffer = io.BytesIO()
    Image.new("L", (192, 108), shade).save(buffer, "JPEG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def fill(root: Path, count: int) -> Path:
    """An output folder as a batch of so many videos leaves it; every tenth failed. The page is its answer."""
    output_dir = OutputDir(root)
    output_dir.prepare()
    results = Results(output_dir)
    for number in range(count):
        name = f"v{number}"
        job = Job(f"/my videos/{name}.mp4", f"thing {number}", name, title=f"{name}.mp4", video_folder=name)
        video = f"{name}/{name}.summary.mp4"
        probability = (number * 7 % 10) / 10
        done = JobResult(
            job,
            "done",
            video_seconds=float(count - number),
            summary_seconds=float(number),
            segments=1,
            match=Match("strong" if probability > 0.5 else "weak", probability),
            outputs={"video": video},
            key=name,
        )
        if number % 10 == 9:
            results.add(JobResult(job, "failed", error="it is broken"))
            continue
        receipt = output_dir.outputs(job)["receipt"]
        receipt.parent.mkdir()
        receipt.touch()
        output_dir.finish(job, JobRecord(name, done, {}, (0, 50, 100), ((0.2, 0.1),), picture(number % 200)))
        results.add(done)
    results.close()
    return root / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,900"):
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(WAIT_SECONDS)
    yield driver
    driver.quit()


def shown(browser: Any) -> list[str]:
    """Names of the cards that can be seen, in their order."""
    script = "return [...document.querySelectorAll('.card:not([hidden]) h2')].map((heading) => heading.textContent)"
    return list(browser.execute_script(script))


def until(browser: Any, script: str) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(browser, WAIT_SECONDS, poll_frequency=0.1).until(lambda _: browser.execute_script(script))


def choose(browser: Any, what: str, value: str) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select

    Select(browser.find_element(By.ID, what)).select_by_value(value)


def test_the_page_sorts_filters_plays_and_copies(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    page = fill(tmp_path / "out", 30)
    for name in ("v0", "v1"):
        shutil.copy(made("tiny.mp4", seconds=2.0, size=(160, 120)), page.parent / name / f"{name}.summary.mp4")
    browser.get(page.as_uri())
    assert len(shown(browser)) == 27
    choose(browser, "sort", "video")
    assert shown(browser)[:4] == ["v0.mp4", "v1.mp4", "v2.mp4", "v3.mp4"]
    choose(browser, "sort", "summary")
    assert shown(browser)[:3] == ["v28.mp4", "v27.mp4", "v26.mp4"]
    choose(browser, "sort", "probability")
    assert shown(browser)[:4] == ["v7.mp4", "v17.mp4", "v27.mp4", "v4.mp4"], "of equals the first by name"
    choose(browser, "sort", "name")
    choose(browser, "show", "failed")
    assert shown(browser) == []
    assert "3 of 30" in browser.find_element(By.ID, "count").text
    assert "it is broken" in browser.find_element(By.ID, "failed").text
    choose(browser, "show", "")
    browser.find_element(By.ID, "filter").send_keys("THING 2 v2")
    until(browser, "return document.querySelector('#count').textContent === '11 of 30'")
    assert shown(browser)[:2] == ["v2.mp4", "v20.mp4"]
    browser.find_element(By.ID, "filter").send_keys(" nothing")
    until(browser, "return !document.querySelector('.nothing').hidden")
    browser.refresh()
    browser.execute_script("document.querySelector('#filter').value = ''")
    choose(browser, "sort", "video")
    first, second = browser.find_elements(By.CSS_SELECTOR, "[data-play]")[:2]
    for picture_link in (first, second):
        ActionChains(browser).move_to_element(picture_link).perform()
        until(browser, "const video = document.querySelector('.picture video'); return video && video.currentTime > 0")
    until(browser, "return document.querySelectorAll('.picture video').length === 1")
    ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()
    until(browser, "return !document.querySelector('.picture video')")
    browser.find_element(By.CSS_SELECTOR, ".copy").click()
    until(browser, "return document.querySelector('.copy').textContent !== 'Copy'")
    assert browser.execute_script("return String(getSelection())") == "highlightr web '/my videos'"
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_without_what_was_summarised_a_hover_shows_the_picture(browser: Any, tmp_path: Path) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By

    browser.get(fill(tmp_path / "out", 2).as_uri())
    look = "new MutationObserver(() => { appeared ||= !!document.querySelector('.picture video') })"
    browser.execute_script(
        f"window.appeared = false; {look}.observe(document.body, {{ childList: true, subtree: true }})"
    )
    ActionChains(browser).move_to_element(browser.find_element(By.CSS_SELECTOR, "[data-play]")).perform()
    until(browser, "return window.appeared")
    until(browser, "return !document.querySelector('.picture video')")


@pytest.mark.slow
def test_three_thousand_videos_load_as_they_are_looked_at(browser: Any, tmp_path: Path) -> None:
    page = fill(tmp_path / "out", 3000)
    browser.get(page.as_uri())
    assert len(shown(browser)) == 2700
    loaded = "[...document.images].filter((image) => image.complete && image.naturalWidth).length"
    before = browser.execute_script(f"return {loaded}")
    assert 0 < before < 500
    browser.execute_script("scrollTo(0, document.body.scrollHeight / 2)")
    until(browser, f"return {loaded} > {before}")
    choose(browser, "sort", "summary")
    assert shown(browser)[0] == "v2998.mp4"
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert page.stat().st_size < 8_000_000
