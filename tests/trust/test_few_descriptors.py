"""Too few file descriptors: a run does all that it was asked for, or says in one line what is the matter."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from highlightr.core.errors import CutError, shortage
from highlightr.media.ffmpeg import run_ffmpeg
from tests.light import DEBUG_PRESET
from tests.mediamaker import CLOSED_GOP, made
from tests.trust.test_not_root import REPOSITORY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
SAID = (
    "too many files are open at once (this process may open {}); raise the limit (`ulimit -n 1024`), or close programs"
)


def _limited(most: int, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """`highlightr ARGUMENTS`, which may open so many files."""
    run = f"ulimit -n {most}; exec {sys.executable} -m highlightr {' '.join(map(str, arguments))}"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(["sh", "-c", run], cwd=REPOSITORY, **pipes, **options)


@pytest.mark.parametrize("how", ["--cut exact --subtitles none", "--cut smart", "--cut copy --clips {0}/clips"])
def test_a_summary_is_made_or_the_reason_told(how: str, tmp_path: Path) -> None:
    preset = tmp_path / "debug.yaml"
    preset.write_text(DEBUG_PRESET)
    codes, cuts = [], []
    for most in (8, 10, 12, 24):
        output = tmp_path / f"{most}" / "out.mp4"
        output.parent.mkdir()
        wanted = f"--preset {preset} -o {output} --no-cache --quiet {how.format(output.parent)}"
        process = _limited(most, "summarize", made("groups.mp4", seconds=8.0, **CLOSED_GOP), wanted)
        _, said = process.communicate(timeout=120)
        codes.append(process.returncode)
        if process.returncode:
            assert said.splitlines() == [f"highlightr: {SAID.format(most)}"]
            assert list(output.parent.iterdir()) == []
        else:
            cuts.append(json.loads(output.with_suffix(".json").read_text())["cut"])
    assert codes == sorted(codes, reverse=True)
    assert {codes[0], codes[-1]} == {0, 1}
    assert all(cut == cuts[0] for cut in cuts)


@pytest.fixture
def crowded(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A studio that may open few files, and its address."""
    process = _limited(12, "web", tmp_path, "--no-browser", "--port", 0)
    assert process.stdout is not None
    yield process.stdout.readline().strip(), process
    process.terminate()
    process.communicate(timeout=30)


def test_a_studio_says_once_that_connections_wait(crowded: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = crowded
    port = int(address.split(":")[2].split("/")[0])
    others = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    assert process.stderr is not None
    assert any("too many files are open at once" in line for line in process.stderr)
    for each in others:
        each.close()
    answers = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    answers.request("GET", address[address.index("/?") :])
    assert answers.getresponse().status == 303
    answers.close()
    process.terminate()
    assert "Traceback" not in process.stderr.read()


def test_a_studio_is_closed_in_peace_while_connections_wait(crowded: tuple[str, subprocess.Popen[str]]) -> None:
    address, process = crowded
    port = int(address.split(":")[2].split("/")[0])
    slow = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    slow.request("GET", address[address.index("/?") :])
    cookie = str(slow.getresponse().headers["set-cookie"]).partition(";")[0]
    own = {"origin": f"http://127.0.0.1:{port}", "cookie": cookie, "content-type": "application/json"}
    slow.request("POST", "/api/cancel", headers={**own, "content-length": "9"})  # Without the body: it is waited for.
    others = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    assert process.stderr is not None
    assert any("too many files are open at once" in line for line in process.stderr)
    process.terminate()
    assert process.stderr.read().splitlines() == ["highlightr: ended by SIGTERM; nothing half-written was left"]
    for each in (slow, *others):
        each.close()


def test_what_ffmpeg_says_is_told_in_the_same_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'out.mp4: Too many open files' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("HIGHLIGHTR_FFMPEG", str(program))
    with pytest.raises(CutError, match="too many files are open at once"):
        run_ffmpeg(["-version"])


def test_other_errors_keep_their_words() -> None:
    error = CutError("no room")
    error.__cause__ = OSError(28, "No space left on device")
    assert (str(error), shortage(error)) == ("no room", None)
    error.__cause__.__cause__ = OSError(24, "Too many open files")
    assert str(error).startswith("too many files")
