"""The studio as a person uses it: asked, dragged, undone, written, and the written file read frame by frame."""

from __future__ import annotations

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from math import ceil
from pathlib import Path
from typing import Any

import pytest

from highlightr.media.sampling import Item
from tests import light
from tests.mediamaker import made
from tests.web.browser import Page, chromium, needs_browser
from tests.web.conftest import running
from tests.web.test_writing import numbers

pytestmark = needs_browser

RATE = 25


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def page(driver: Any, videos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Page]:
    with running(videos, tmp_path) as client:
        yield Page(driver, client)
        for window in driver.window_handles[1:]:
            driver.switch_to.window(window)
            driver.close()
        driver.switch_to.window(driver.window_handles[0])
        driver.get("about:blank")
        driver.get_log("browser")
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def frames(segments: list[tuple[float, float]]) -> list[int]:
    """The numbers of the frames that begin in segments."""
    return [n for start, stop in segments for n in range(ceil(start * RATE - 1e-6), ceil(stop * RATE - 1e-6))]


def test_ask_drag_undo_write(page: Page) -> None:
    page.open()
    page.search("a cat")
    page.until_js("document.querySelectorAll('#chart .line').length === 1")
    proposed = page.until(page.segments)
    page.search("something else")
    page.until_js("document.querySelectorAll('#chart .line').length === 2")
    assert page.segments() == proposed  # A later query changes nothing by itself.
    first = proposed[0]
    target = (first[0] + first[1]) / 2 + 0.137
    page.drag("#track .block .edge.start", target, "\ue00a")
    dragged = page.segments()
    assert dragged[0][1] == first[1]
    assert dragged[0][0] == pytest.approx(target, abs=0.03)
    page.find("#undo").click()
    assert page.segments() == proposed
    page.find("#redo").click()
    assert page.segments() == dragged
    page.find("#write-open").click()
    page.find("#write input[value=csv]").click()
    page.find("#write button[type=submit]").click()
    page.until_js("document.getElementById('alert').textContent.startsWith('Written to')")
    assert numbers(page.client.folder / "numbers.summary.mp4") == frames(dragged)
    receipt = json.loads((page.client.folder / "numbers.summary.json").read_text())
    assert len(receipt["segments"]) == len(dragged)
    assert (page.client.folder / "numbers.summary.csv").exists()
    # Written once, it is not written over unless that is asked for.
    page.find("#write-open").click()
    page.find("#write button[type=submit]").click()
    page.until_js("document.getElementById('write-error').textContent.includes('exist already')")
    page.find("#write-close").click()
    assert page.complaints("409 (Conflict)") == []


def test_a_reel_of_three_queries_as_a_timeline(page: Page) -> None:
    otio = pytest.importorskip("opentimelineio")
    page.open()
    for query in ("a cat", "a dog", "a bird"):
        page.search(query)
    page.until(page.segments)
    page.find("#lengths button[value='30']").click()
    assert page.find("#budget").get_attribute("value") == "30"
    page.find("#lengths button[value='15']").click()
    pressed = page.driver.find_elements("css selector", "#lengths [aria-pressed=true]")
    assert [each.text for each in pressed] == ["15"]
    page.find("#budget").clear()
    page.find("#budget").send_keys("9\ue004")  # Of the 12 s of the video.
    assert not page.driver.find_elements("css selector", "#lengths [aria-pressed=true]")
    page.find("#fill").click()
    page.until_js("new Set(studio.edit.segments.map((one) => one.query)).size === 3")
    page.saved()
    page.driver.refresh()
    segments = page.until(lambda: page.js("return window.studio && studio.online") and page.segments())
    assert sum(stop - start for start, stop in segments) == pytest.approx(9, abs=0.1)
    assert page.find("#budget").get_attribute("value") == "9"
    page.find("#write-open").click()
    page.find("#write input[value=otio]").click()
    page.find("#write button[type=submit]").click()
    page.until_js("document.getElementById('alert').textContent.startsWith('Written to')")
    written = page.client.folder / "numbers.summary.otio"
    assert str(written.parent.resolve()) in page.find("#alert").text
    assert written.name in page.find("#alert").text
    track = next(iter(otio.adapters.read_from_file(str(written)).video_tracks()))
    spans = [(clip.source_range.start_time.to_frames(), clip.source_range.duration.to_frames()) for clip in track]
    assert [first + n for first, count in spans for n in range(count)] == frames(segments)
    page.find(".back").click()
    page.until_js("document.body.innerText.includes('OTIO')")
    assert page.complaints() == []


def test_edges_snap_unless_a_modifier_is_held(page: Page) -> None:
    page.open()
    page.js("studio.edit.add(2, 4); studio.player.seek(8)")
    page.drag("#track .edge.stop", 7.95)
    assert page.segments() == [(2, 8)]
    page.drag("#track .edge.stop", 6.0, "\ue00a")
    ((_, loose),) = page.segments()
    assert loose == pytest.approx(6.0, abs=0.03)
    assert loose * RATE == pytest.approx(round(loose * RATE))
    page.js("studio.edit.add(9, 10)")
    page.drag("#track .edge.stop", 9.7)
    assert page.segments()[0][1] == 9  # No moment is in the summary twice.
    page.drag("#track .block:last-child .body", 10.4)
    assert page.segments()[1][1] - page.segments()[1][0] == pytest.approx(1.0)
    assert page.segments()[1][0] > 9.3
    assert page.complaints() == []


def test_by_keyboard(page: Page) -> None:
    page.open()
    page.js("studio.player.seek(3)")
    page.keys("a")
    assert page.segments() == [(3, 7)]
    page.js("studio.player.seek(5)")
    page.keys("s")
    assert page.segments() == [(3, 5), (5, 7)]
    page.js("studio.player.seek(6)")
    page.keys("o")
    assert page.segments() == [(3, 5), (5, 6)]
    page.keys("\ue017")
    assert page.segments() == [(3, 5)]
    page.js("studio.edit.select(studio.edit.segments[0].id); studio.player.seek(4)")
    page.keys("i")
    assert page.segments() == [(4, 5)]
    page.keys("\ue014", "\ue014")
    assert page.js("return studio.player.position") == pytest.approx(4.08, abs=0.002)
    page.js("document.querySelector('#track .edge.stop').focus()")
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(page.driver).send_keys("\ue014").perform()
    assert page.segments()[0][1] == pytest.approx(5.04, abs=0.002)
    assert page.js("return document.activeElement.dataset.part") == "stop"
    ActionChains(page.driver).key_down("\ue009").send_keys("zz").key_up("\ue009").perform()
    assert page.segments() == [(3, 5)]
    page.js("studio.edit.select(null); studio.player.seek(8)")
    page.keys("i")
    page.js("studio.player.seek(9)")
    page.keys("o")
    assert page.segments() == [(3, 5), (8, 9)]
    for keys, speed in (("l", 1), ("l", 2), ("k", 0), ("j", -1), ("j", -2), (" ", 0), (" ", 1), (" ", 0)):
        page.keys(keys)
        assert page.js("return studio.player.speed") == speed
    assert page.complaints() == []


def test_the_list_reorders_renames_and_marks(page: Page) -> None:
    page.open()
    page.js("studio.edit.add(1, 2); studio.edit.add(4, 6)")
    page.find("#segments li:first-child [aria-label='Play later: segment 1']").click()
    assert page.segments() == [(4, 6), (1, 2)]
    title = page.find("#segments li:first-child .title")
    title.send_keys("Tor <b>\n")
    assert page.js("return studio.edit.segments[0].title") == "Tor <b>"
    page.find("#segments li:first-child [aria-label='Mark as example: segment 1']").click()
    page.until_js("document.getElementById('alert').textContent.startsWith('Added to moments.csv')")
    assert (page.client.folder / "moments.csv").read_text().endswith("numbers.mp4,4.000,6.000,\n")
    page.saved()
    page.driver.refresh()
    page.until_js("window.studio && studio.edit.segments.length === 2")
    assert page.segments() == [(4, 6), (1, 2)]
    assert page.find("#segments .title").get_attribute("value") == "Tor <b>"
    assert page.complaints() == []


def test_plays_the_summary_segment_by_segment(page: Page) -> None:
    page.open()
    page.js("studio.edit.add(1, 1.6); studio.edit.add(8, 8.6); studio.edit.reorder(studio.edit.segments[1].id, 0)")
    page.js(
        "window.heard = []; const tell = studio.player.moved;"
        "studio.player.moved = (seconds) => { window.heard.push(seconds); tell(seconds); }"
    )
    page.find("#play-summary").click()
    page.until_js("studio.player.pieces === null && window.heard.length > 3 && studio.player.speed === 0")
    heard = page.js("return window.heard.slice(1)")  # The first is where the playhead stood.
    early, late = [one for one in heard if one >= 7.9], [one for one in heard if one < 7.9]
    assert len(early) > 3
    assert len(late) > 3
    assert max(early) < 8.75
    assert min(late) > 0.95
    assert max(late) < 1.75
    assert page.complaints() == []


def test_the_curve_comes_as_the_analysis_runs(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, push = threading.Event(), light._Means.push

    def slow(means: Any, item: Item) -> None:
        if getattr(item, "index", 0) >= 10:
            go_on.wait(60)
        push(means, item)

    monkeypatch.setattr(light._Means, "push", slow)
    page.open()
    page.find("#query").send_keys("a cat")
    page.find("#ask button[type=submit]").click()
    try:
        (line,) = page.until(lambda: page.driver.find_elements("css selector", "#chart .line"), "the beginning")
        assert "so-far" in line.get_attribute("class")
        known = page.js("return studio.asked[0].soFar.seconds")
        assert 3 <= known < 12
        box = page.js("const box = arguments[0].getBoundingClientRect(); return [box.left, box.right]", line)
        assert box == pytest.approx([page.time_at(0), page.time_at(known)], abs=3)
        assert not page.segments()
    finally:
        go_on.set()
    page.until_js("document.querySelectorAll('#chart .line:not(.so-far)').length === 1")
    assert page.js("return document.querySelectorAll('#chart .so-far').length") == 0
    assert page.complaints() == []


def test_two_windows_follow_each_other(page: Page) -> None:
    page.open()
    driver, first = page.driver, page.driver.current_window_handle
    address = driver.current_url
    driver.switch_to.new_window("tab")
    second = driver.current_window_handle
    driver.get(address)
    page.until_js("window.studio && window.studio.online")
    page.js("studio.edit.add(1, 2)")
    page.saved()
    driver.switch_to.window(first)
    page.until_js("studio.edit.segments.length === 1")
    # Both edit what they saw: the later one is told, and takes over.
    page.js("studio.news = () => {}")
    driver.switch_to.window(second)
    page.js("studio.edit.add(5, 6)")
    page.saved()
    driver.switch_to.window(first)
    page.js("studio.edit.add(8, 9)")
    page.until_js("document.getElementById('alert').textContent.includes('another window')")
    assert page.segments() == [(1, 2), (5, 6)]
    page.find("#undo").click()
    assert page.segments() == [(1, 2), (8, 9)]  # Nothing of what was edited here is lost.
    page.find("#redo").click()
    page.js("studio.edit.add(8, 9)")
    page.saved()
    state = json.loads((page.client.folder / "numbers.mp4.studio.json").read_text())
    assert [each["start_seconds"] for each in state["segments"]] == [1, 5, 8]
    assert page.complaints("409 (Conflict)") == []


def test_more_windows_than_a_browser_has_connections(page: Page) -> None:
    page.open()
    address = page.driver.current_url
    for _ in range(8):
        page.driver.switch_to.new_window("tab")
        page.driver.get(address)
        page.until_js("window.studio && window.studio.online")
    page.js("studio.edit.add(1, 2)")
    page.saved()
    page.driver.switch_to.window(page.driver.window_handles[0])
    page.until_js("studio.edit.segments.length === 1")


def test_a_page_goes_on_after_the_studio_was_started_again(driver: Any, videos: Path, tmp_path: Path) -> None:
    with running(videos, tmp_path) as client:
        page = Page(driver, client)
        page.open()
        page.search("a cat")
        page.saved()
        # As if the studio had been killed while it answered.
        page.js("studio.asked.push({ text: 'a lost one', shown: true, colour: 3, found: null, job: 7, error: '' })")
        page.js("studio.writing = 8")
    page.until_js("studio.online === false")
    page.js("studio.edit.add(1, 2)")
    page.until_js("document.getElementById('alert').textContent.includes('does not answer')")
    with running(videos, tmp_path, port=client.port) as again:
        page.js("studio.edit.add(5, 6)")
        page.until_js("document.getElementById('alert').textContent.includes('Open the address that')")
        window = driver.current_window_handle
        driver.switch_to.new_window("tab")
        driver.get(again.prepared.url)
        driver.close()
        driver.switch_to.window(window)
        page.until_js("studio.online")
        page.until_js("document.getElementById('alert').textContent.includes('while it was writing')")
        page.saved()
        page.until_js("studio.asked.every((one) => one.found && !one.job)")
        page.search("a dog")
        state = json.loads((videos / "numbers.mp4.studio.json").read_text())
        assert {(1, 2), (5, 6)} <= {(each["start_seconds"], each["stop_seconds"]) for each in state["segments"]}
        driver.get("about:blank")
    driver.get_log("browser")


def test_an_edit_that_does_not_fit_a_replaced_video_is_kept_until_the_first_change(page: Page) -> None:
    state = page.client.folder / "numbers.mp4.studio.json"
    page.open()
    page.js("studio.edit.add(8, 9); studio.edit.add(10, 11)")
    page.search("a cat")
    page.saved()
    before = state.read_text()
    shutil.copy(made("plain.mp4", seconds=5.0), page.client.folder / "numbers.mp4")
    page.open()
    page.until_js("studio.asked.every((one) => one.found)")
    assert "2 of 2 segments" in page.find("#alert").text
    assert page.segments() == []
    page.js("document.getElementById('alert').click()")
    page.saved()
    assert state.read_text() == before
    page.js("studio.edit.add(1, 2)")
    page.saved()
    assert [each["start_seconds"] for each in json.loads(state.read_text())["segments"]] == [1]


def test_a_video_that_is_deleted_meanwhile(page: Page) -> None:
    page.open()
    page.search("a cat")
    page.until(page.segments)
    (page.client.folder / "numbers.mp4").unlink()
    page.find("#query").send_keys("a dog\n")
    page.until_js("document.getElementById('alert').textContent.includes('not in the folder any more')")
    page.js("studio.edit.add(1, 2)")
    page.until_js("document.getElementById('saved').textContent === 'Not saved'")
    page.driver.get(f"http://127.0.0.1:{page.client.port}/")
    page.until_js("document.querySelectorAll('.video').length === 1")
    assert page.complaints("404 (Not Found)") == []


def test_what_is_asked_of_a_video_that_was_replaced_is_refused(page: Page) -> None:
    page.open()
    page.js("studio.edit.add(1, 2)")
    page.saved()
    still = page.find("#segments img").get_attribute("src")
    shutil.copy(made("plain.mp4", seconds=5.0), page.client.folder / "numbers.mp4")
    for act in ("studio.ask(null)", "studio.choose([{text: null}], true)", "studio.example(studio.edit.segments[0])"):
        page.js(f"document.getElementById('alert').click(); {act}")
        page.until_js("document.getElementById('alert').textContent.includes('was replaced meanwhile; reload')")
    assert not (page.client.folder / "moments.csv").exists()
    page.driver.refresh()
    page.until_js("window.studio && studio.online")
    assert page.find("#segments img").get_attribute("src") != still  # Which the browser keeps for an hour.
    assert page.complaints("409 (Conflict)") == []


def test_a_list_that_is_drawn_anew_keeps_focus_clicks_and_what_is_typed(page: Page) -> None:
    page.open()
    page.search("a cat")
    page.search("a dog")
    page.js("studio.edit.load([]); studio.edit.add(1, 2); studio.edit.add(4, 5); studio.edit.add(8, 9)")
    for selector in (".swatch", ".query-name", "#segments .tools button:nth-child(2)"):
        page.js("document.querySelector(arguments[0]).focus()", selector)
        key = page.js("return document.activeElement.dataset.key")
        page.driver.switch_to.active_element.send_keys(" ")
        assert page.js("return document.activeElement.dataset.key") == key
    assert page.js("return studio.player.playing") is False
    page.js("studio.edit.load([]); studio.edit.add(1, 2); studio.edit.add(4, 5); studio.edit.add(8, 9)")
    # The first is renamed while the page is drawn anew, and another window's change comes.
    title = page.find("#segments .title")
    title.send_keys("one two\ue012\ue012\ue012")
    page.js("studio.show()")
    page.js("const all = studio.edit.plain(); studio.edit.load([all[0], all[2], {...all[1], start_seconds: 4.4}])")
    title.send_keys("and ")
    page.find("#segments li:nth-child(2) [aria-label^=Delete]").click()
    assert page.js("return studio.edit.plain().map((one) => one.title)") == ["one and two", ""]
    assert page.segments() == [(1, 2), (4.4, 5)]
    # What is gone hands the focus on to the next.
    page.js("document.querySelector('#segments [aria-label^=Delete]').focus()")
    page.driver.switch_to.active_element.send_keys(" ")
    assert page.js("return document.activeElement.getAttribute('aria-label')") == "Delete segment 1"
    page.find("#undo").click()
    assert page.js("return document.querySelector('#segments .title').value") == "one and two"
    # A row that stays is of the segment as it is now.
    page.js("studio.edit.place({ ...studio.edit.segments[0], start: 0.4 })")
    page.find("#segments .title").send_keys("!\t")
    assert page.segments()[0] == (0.4, 2)
    page.find("#undo").click()
    assert page.js("return document.querySelector('#segments .title').value") == "one and two"
    page.js("studio.split()")
    assert page.find("#alert").is_displayed()
    page.keys("\ue00c")
    assert not page.find("#alert").is_displayed()
    assert page.complaints() == []


def test_what_is_being_written_is_told_after_a_reload(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    from highlightr.web import pages

    gate, real = threading.Event(), pages.write
    monkeypatch.setattr(pages, "write", lambda *arguments: gate.wait(30) and real(*arguments))
    page.open()
    page.js("studio.edit.add(1, 3)")
    page.find("#write-open").click()
    page.find("#write button[type=submit]").click()
    page.until_js("studio.writing")
    page.driver.refresh()
    page.until_js("window.studio && studio.writing")
    gate.set()
    page.until_js("document.getElementById('alert').textContent.startsWith('Written to')")
    assert page.complaints() == []


def test_answers_that_come_late_or_not_at_all(page: Page) -> None:
    page.open()
    # What was queued has ended, and the page was told so, before the answer that names it.
    page.js(
        "const real = window.fetch; window.lost = false; window.late = 1500; window.fetch = async (path, options) => {"
        "  if (window.lost) throw new TypeError('Failed to fetch');"
        "  const answer = await real(path, options);"
        "  if (options.method === 'POST') await new Promise((done) => setTimeout(done, window.late));"
        "  return answer; }"
    )
    page.search("a cat")
    page.until(page.segments)
    page.find("#write-open").click()
    page.js("for (let n = 0; n < 3; n += 1) document.querySelector('#write button[type=submit]').click()")
    page.until_js("document.getElementById('alert').textContent.startsWith('Written to')")
    page.until_js("!document.getElementById('write').open && !studio.writing")
    assert len([job for job in page.client.prepared.studio.jobs.plain() if job["kind"] == "write"]) == 1
    # What could not be saved is saved as soon as that is possible, and the page no longer says that it was not.
    page.js("window.lost = true; studio.edit.replaceAll([{start_seconds: 1, stop_seconds: 2}])")
    page.until_js("document.getElementById('alert').textContent.startsWith('Not saved')")
    page.js("window.lost = false")
    page.saved()
    page.until_js("document.getElementById('alert').hidden")
    state = json.loads((page.client.folder / "numbers.mp4.studio.json").read_text())
    assert [each["start_seconds"] for each in state["segments"]] == [1]
    assert page.complaints() == []


def test_what_is_not_saved_is_not_lost_to_another_window(page: Page) -> None:
    page.open()
    page.js(
        "window.real = window.fetch; window.fetch = async (path, options) => options.method === 'PUT'"
        '  ? new Response(\'{"error": "the disk is full"}\', { status: 507 }) : window.real(path, options)'
    )
    page.js("studio.edit.add(8, 9)")
    page.until_js("document.getElementById('alert').textContent.includes('the disk is full')")
    path = page.js("return `/api/videos/${studio.id}/state`")
    page.js(
        "const real = studio.news; studio.news = (news) => { real.call(studio, news); window.told = news.revisions; }"
    )
    state = {"revision": page.js("return studio.revision"), "segments": [{"start_seconds": 1, "stop_seconds": 2}]}
    assert page.client.ask("PUT", path, {"state": state}).status == 200
    page.until_js("window.told && window.told[studio.id] > studio.revision")
    assert page.segments() == [(8, 9)]
    page.js("window.fetch = window.real; studio.save()")
    page.saved()
    assert page.segments() == [(1, 2)]
    assert page.find("#saved").text == "Saved"
    page.find("#undo").click()
    assert page.segments() == [(8, 9)]
    assert page.complaints("409 (Conflict)") == []


def test_a_button_that_takes_the_place_of_another_does_its_own(page: Page) -> None:
    page.open()
    page.search("a cat")
    page.until(page.segments)
    page.js(
        "studio.edit.replaceAll([]);"
        "const one = studio.asked[0], found = { ...one.found, match: ['strong', 'yes', ''] };"
        "Object.assign(one, { found: null, error: 'the studio does not answer' }); studio.show();"
        "Object.assign(one, { found, error: '' }); studio.show()"
    )
    page.find("#queries .add-moments").click()
    page.until(page.segments)
    assert page.complaints() == []


def test_the_list_is_found_as_it_was_left(page: Page) -> None:
    for n in range(60):
        shutil.copy(page.client.folder / "numbers.mp4", page.client.folder / f"copy {n}.mp4")
    page.driver.get(page.client.prepared.url)
    page.until_js("document.querySelectorAll('.video').length === 62")
    page.find("#filter").send_keys("copy")
    page.find("#sort [value=new]").click()
    page.js("window.scrollTo(0, 900)")
    for leave in (page.driver.back, lambda: page.find(".back").click()):
        page.js("document.querySelectorAll('.open')[40].click()")
        page.until_js("window.studio && studio.online")
        leave()
        page.until_js("document.querySelectorAll('.video').length === 60 && scrollY === 900")
        assert [page.find(field).get_attribute("value") for field in ("#filter", "#sort")] == ["copy", "new"]
    assert page.complaints() == []


def test_a_hostile_state_is_named_and_stays_until_the_first_change(page: Page) -> None:
    state = page.client.folder / "numbers.mp4.studio.json"
    state.write_text('{"segments": [{"start_seconds": 3, "stop_seconds": 1}]}')
    page.open()
    assert "begin before it ends" in page.find("#alert").text
    assert "start_seconds" in state.read_text()
    page.js("studio.edit.add(1, 2)")
    page.saved()
    assert json.loads(state.read_text())["segments"][0]["stop_seconds"] == 2
    assert page.complaints() == []


@pytest.mark.parametrize("form", ["ask", "write-form"])
def test_a_click_that_comes_before_the_script_leads_nowhere(form: str, page: Page) -> None:
    page.open()
    page.js("document.getElementById('write').showModal()" if form == "write-form" else "")
    page.js(f"const form = document.getElementById('{form}'); form.replaceWith(form.cloneNode(true))")
    address = page.driver.current_url
    page.find(f"#{form} [type=submit]").click()
    assert page.driver.current_url == address
    assert page.complaints() == []


def test_fits_a_phone_and_names_everything(page: Page) -> None:
    page.open()
    page.search("a cat")
    for width in (390, 360, 768, 1280):
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        assert page.js("return document.documentElement.scrollWidth") <= width
    nameless = page.js(
        "return [...document.querySelectorAll('button, input, select, [role=slider]')].filter((one) =>"
        " !(one.getAttribute('aria-label') || one.textContent.trim() || (one.labels && one.labels.length)"
        " || one.title)).map((one) => one.outerHTML)"
    )
    assert nameless == []
    sliders = page.js(
        "return [...document.querySelectorAll('[role=slider]')].map((one) => one.getAttribute('aria-valuetext'))"
    )
    assert len(sliders) >= 3
    assert all(sliders)
    assert page.complaints() == []


PAYLOAD = "<img src=x onerror=document.title='owned'>'\"</script><script>document.title='owned'</script>{{7*7}}"


def test_names_queries_and_states_are_text(page: Page) -> None:
    hostile = PAYLOAD.replace("/", "") + ".mp4"
    folder = page.client.folder
    (folder / "numbers.mp4").rename(folder / hostile)
    segment = {"start_seconds": 1, "stop_seconds": 2, "title": PAYLOAD, "query": PAYLOAD}
    state = {"segments": [segment], "queries": [{"text": PAYLOAD}]}
    (folder / f"{hostile}.studio.json").write_text(json.dumps(state))
    page.open(hostile)
    page.until_js("studio.asked[0].found")
    assert page.js("return document.title") == f"{hostile} · highlightr"
    assert page.find("#track .body").text.endswith(PAYLOAD)
    assert page.find(".query-name").text == PAYLOAD
    assert page.js("return document.querySelectorAll('img[src=x], script:not([src])').length") == 0
    page.find("#segments [aria-label^='Mark as example']").click()
    page.until_js("document.getElementById('alert').textContent.includes('onerror')")
    page.driver.get(f"http://127.0.0.1:{page.client.port}/")
    page.until_js("document.querySelectorAll('.video').length === 2")
    assert hostile in page.find("#videos").text
    assert page.js("return document.title") != "owned"
    assert page.complaints() == []


def test_a_filter_that_no_name_fits_says_where_to_ask(page: Page) -> None:
    page.driver.get(page.client.prepared.url)
    page.until_js("document.querySelectorAll('.video').length > 0")
    assert not page.find("#unmatched").is_displayed()
    page.find("#filter").send_keys("a cat")
    page.until(page.find("#unmatched").is_displayed)
    assert not page.find("#empty").is_displayed()
    assert "Open a video to ask" in page.find("#unmatched").text
    page.find("#filter").clear()
    page.find("#filter").send_keys("NUMBERS")
    page.until_js("document.querySelectorAll('.video').length > 0")
    assert not page.find("#unmatched").is_displayed()
    assert page.complaints() == []
