"""A name that would move the cursor, clear the screen or turn the direction of writing does none of it."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import pytest

from tests.cli.run import Run
from tests.light import DEBUG_PRESET
from tests.mediamaker import made

NAME = "a\x1b[2J\r\u202egpm\x9b1m.mp4"
ACTIVE = "\x1b\r\u202e\x9b"


@pytest.fixture
def video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    (tmp_path / "in").mkdir()
    return Path(shutil.copy(made("tiny.mp4", seconds=3.0, size=(160, 120)), tmp_path / "in" / NAME))


@pytest.mark.parametrize(
    "arguments",
    [
        ("summarize", "in/" + NAME, "--preset", "debug.yaml", "--overwrite"),
        ("summarize", "in/" + NAME, "--preset", "debug.yaml", "--overwrite", "--json"),
        ("summarize", "in/" + NAME, "--preset", "debug.yaml"),
        ("summarize", "gone" + NAME),
        ("score", "in/" + NAME, "--preset", "debug.yaml", "--json"),
        ("extract", "in/" + NAME, "--features", "motion", "--out", "features"),
        ("presets", "--" + NAME),
        ("summarize", "in/" + NAME, "--preset", NAME),
        ("models", "path", NAME),
    ],
    ids=lambda arguments: f"{arguments[0]} {arguments[-1]}"[:30],
)
def test_commands_show_names_as_text(arguments: tuple[str, ...], video: Path, run: Run) -> None:
    outcome = run(*arguments)
    for text in (outcome.out, outcome.err):
        assert not set(ACTIVE) & set(text), repr(text)
    if arguments[-1] == "--json":
        json.loads(outcome.out)


def test_a_batch_shows_names_as_text(video: Path, run: Run) -> None:
    (video.parent / f"broken{NAME}").write_bytes(b"nothing")
    for more in ((), ("--json",), ("--quiet",)):
        outcome = run("batch", "in", "out", "--preset", "debug.yaml", "--no-cache", *more)
        assert not set(ACTIVE) & set(outcome.out + outcome.err), repr(outcome.out + outcome.err)
    for path in Path("out").rglob("*.json*"):
        if path.is_file():
            assert not set(ACTIVE) & set(path.read_text()), path
    pages = sorted(Path("out").rglob("*.html"))
    assert len(pages) > 1
    for page in pages:
        assert not set(ACTIVE) & set(page.read_text()), page


def test_the_log_shows_names_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    from highlightr.cli.terminal import show_log

    logger = logging.getLogger("highlightr")
    handlers = logger.handlers
    try:
        show_log(quiet=False, debug=False)
        logging.getLogger("highlightr.media").warning("%s: the sound cannot be read", NAME)
    finally:
        logger.handlers = handlers
    said = capsys.readouterr().err
    assert "sound cannot be read" in said
    assert not set(ACTIVE) & set(said)
