"""Clicks, drags and keys at random, on everything there is, without an error in the console or the server's log."""

from __future__ import annotations

import logging
import random
from contextlib import suppress
from pathlib import Path

import pytest

from tests.web.browser import Page, needs_browser, opened

pytestmark = needs_browser

KEYS = [
    *"jklsaiopz+- ",
    "\ue012",
    "\ue013",
    "\ue014",
    "\ue015",
    "\ue017",
    "\ue003",
    "\ue004",
    "\ue00c",
    "\ue010",
    "\ue011",
]
"""Letters, space; arrows, Delete, Backspace, Tab, Escape, End, Home."""

WORDS = ("a cat", "people dancing", "<script>", "ü 日本", "", "  ")
QUERIES = "button, input, select, .edge, .body, #chart-box, #lanes, .poster, a.watch"

EXPECTED = ("409 (Conflict)", "429 (Too Many Requests)")
"""Answers that a page shows as a line: files exist already, another window saved."""


class Monkey:
    """One random act after the other."""

    def __init__(self, page: Page, seed: int) -> None:
        self.page, self.random = page, random.Random(seed)

    def act(self) -> None:
        from selenium.common.exceptions import WebDriverException

        act = self.random.choices([self.click, self.drag, self.key, self.type, self.leave], [45, 25, 20, 8, 2])[0]
        with suppress(WebDriverException):  # What was aimed at has gone, or is covered.
            act()

    def _point(self) -> tuple[int, int]:
        """Somewhere in the window, mostly on something."""
        width, height = self.page.js("return [innerWidth, innerHeight]")
        if self.random.random() < 0.2:
            return self.random.randrange(width), self.random.randrange(height)
        boxes = self.page.js(
            f"return [...document.querySelectorAll('{QUERIES}')].map((one) => one.getBoundingClientRect())"
            ".filter((box) => box.width && box.bottom > 0 && box.top < innerHeight && box.right > 0)"
            ".map((box) => [box.left, box.top, box.width, box.height])"
        )
        if not boxes:
            return width // 2, height // 2
        left, top, wide, high = self.random.choice(boxes)
        x, y = left + self.random.random() * wide, top + self.random.random() * high
        return min(max(int(x), 0), width - 1), min(max(int(y), 0), height - 1)

    def click(self) -> None:
        chain = self._chain()
        chain.pointer_action.move_to_location(*self._point()).click()
        chain.perform()

    def drag(self) -> None:
        chain, (x, y) = self._chain(), self._point()
        chain.pointer_action.move_to_location(x, y).pointer_down()
        for _ in range(self.random.randrange(1, 5)):
            other = self._point()
            chain.pointer_action.move_to_location(other[0], y if self.random.random() < 0.7 else other[1])
        chain.pointer_action.pointer_up()
        chain.perform()

    def key(self) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.page.driver)
        modifier = self.random.choice((None, None, None, "\ue008", "\ue009"))
        key = self.random.choice(KEYS)
        if modifier == "\ue009":
            key = self.random.choice("zy")
        if modifier:
            chain.key_down(modifier)
        chain.send_keys(key)
        if modifier:
            chain.key_up(modifier)
        chain.perform()

    def type(self) -> None:
        fields = self.page.driver.find_elements("css selector", "#query, #budget, .title, input[name=folder]")
        if fields:
            field = self.random.choice(fields)
            field.clear()
            field.send_keys(self.random.choice(WORDS) + self.random.choice(("", "\n", "12", "\ue004")))

    def leave(self) -> None:
        self.random.choice((self.page.driver.refresh, self.page.driver.back, self.page.driver.forward))()

    def _chain(self):
        from selenium.webdriver.common.actions.action_builder import ActionBuilder

        return ActionBuilder(self.page.driver, duration=20)


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("count", [200, pytest.param(18_000, marks=pytest.mark.slow)])
def test_random_clicking_leads_to_no_error(
    count: int, videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    seed = 20260101
    with opened(videos, tmp_path) as page:
        page.open()
        page.search("a cat")
        monkey = Monkey(page, seed)
        for acts in range(1, count + 1):
            monkey.act()
            if acts % 25 == 0:
                assert page.complaints(*EXPECTED) == [], f"after {acts} acts with the seed {seed}"
                if not page.driver.current_url.startswith("http://127.0.0.1") or acts % 200 == 0:
                    page.open()
                    (page.client.folder / "numbers.mp4.studio.json").unlink(missing_ok=True)
                    page.driver.refresh()
        assert page.complaints(*EXPECTED) == []
    assert not [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
