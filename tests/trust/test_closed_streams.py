"""Services, and Windows without a console, start programs whose standard streams are closed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from highlightr.media.probe import probe
from tests.light import DEBUG_PRESET
from tests.mediamaker import made

pytestmark = pytest.mark.skipif(shutil.which("sh") is None, reason="no shell that closes streams")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_summary_is_made_whatever_is_closed(closed: str, tmp_path: Path) -> None:
    (tmp_path / "debug.yaml").write_text(DEBUG_PRESET)
    video = made("tiny.mp4", seconds=3.0, size=(160, 120))
    command = [
        sys.executable,
        "-m",
        "highlightr",
        "summarize",
        str(video),
        "--output",
        "a.mp4",
        "--preset",
        "debug.yaml",
    ]
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command], cwd=tmp_path)
    assert done.returncode == 0
    assert probe(tmp_path / "a.mp4").duration_seconds == pytest.approx(3.0, abs=0.1)
    assert {each.name for each in tmp_path.iterdir()} == {"debug.yaml", "a.mp4", "a.json", "a.html"}


def test_an_error_is_told_by_the_exit_code_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "highlightr", "summarize", "gone.mp4"]
    done = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *command], cwd=tmp_path, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, b"")
