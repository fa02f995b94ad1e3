"""A real browser on a real studio: headless Chromium, driven by selenium; its console is read like the server's log."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.web.conftest import Client, running

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="no chromium with its chromedriver (apt-get install chromium chromium-driver)",
)

PATIENCE_SECONDS = 60.0


@dataclass
class Page:
    """A window of the studio."""

    driver: Any
    client: Client

    def js(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def find(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def until(self, condition: Callable[[], Any], what: str = "") -> Any:
        """What the condition is in the end."""
        end = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < end:
            if value := condition():
                return value
            time.sleep(0.02)
        raise AssertionError(f"waited in vain: {what}; the page says {self.js('return document.body.innerText')!r}")

    def until_js(self, expression: str) -> Any:
        return self.until(lambda: self.js(f"return {expression}"), expression)

    def open(self, name: str = "numbers.mp4") -> None:
        """From the list to a video, as a person would."""
        self.driver.get(self.client.prepared.url)
        item = f".open[href='/v/{self.client.video(name)}']"
        self.until(lambda: self.driver.find_elements("css selector", item), item)
        self.find(item).click()
        self.until_js("window.studio && window.studio.online")

    def search(self, query: str) -> None:
        """Ask, and wait for the curve."""
        field = self.find("#query")
        field.send_keys(query)
        self.find("#ask button[type=submit]").click()
        self.until_js(f"studio.asked.some((one) => one.text === {query!r} && one.found)")

    def segments(self) -> list[tuple[float, float]]:
        return [(start, stop) for start, stop in self.js("return studio.edit.pieces")]

    def saved(self) -> None:
        """Wait until nothing is left to save."""
        self.until_js("!studio.dirty && !studio.saving && !studio.unsaved")

    def time_at(self, seconds: float) -> float:
        """Where a time of the source is, in pixels from the left of the window."""
        return float(
            self.js(
                "const box = document.getElementById('chart-box').getBoundingClientRect(), lanes = studio.lanes;"
                "return box.left + box.width * (arguments[0] - lanes.from) / (lanes.to - lanes.from)",
                seconds,
            )
        )

    def drag(self, selector: str, seconds: float, modifier: str | None = None) -> None:
        """Drag something to a time of the source."""
        from selenium.webdriver.common.action_chains import ActionChains

        element = self.find(selector)
        side = "right" if "stop" in element.get_attribute("class") else "left"  # What follows the pointer.
        across = round(self.time_at(seconds) - self.js(f"return arguments[0].getBoundingClientRect().{side}", element))
        chain = ActionChains(self.driver, duration=60)
        if modifier:
            chain.key_down(modifier)
        chain.click_and_hold(element).move_by_offset(across // 2, 0).move_by_offset(across - across // 2, 0).release()
        if modifier:
            chain.key_up(modifier)
        chain.perform()

    def keys(self, *keys: str) -> None:
        """Press keys where nothing has the focus."""
        from selenium.webdriver.common.action_chains import ActionChains

        self.js("document.activeElement.blur()")
        ActionChains(self.driver).send_keys(*keys).perform()

    def complaints(self, *expected: str) -> list[str]:
        """What the console says that is not expected."""
        entries = [
            entry["message"] for entry in self.driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")
        ]
        return [message for message in entries if not any(words in message for words in expected)]


@contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 860) -> Iterator[Any]:
    """A browser with a profile of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--autoplay-policy=no-user-gesture-required", f"--window-size={width},{height}", f"--user-data-dir={profile}",
    ):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "accept")
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(PATIENCE_SECONDS)
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def opened(videos: Path, folder: Path) -> Iterator[Page]:
    """A studio of some videos, and a browser."""
    with running(videos, folder) as client, chromium(folder / "profile") as driver:
        yield Page(driver, client)
