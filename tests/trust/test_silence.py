"""No run speaks to anyone, nor leaves anything behind, by itself: not by the libraries that it uses, either."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mediamaker import made

REPORTING = ("ORT_DISABLE_TELEMETRY", "RAY_USAGE_STATS_ENABLED", "XDG_CACHE_HOME")


def test_a_run_leaves_nothing_in_the_home_nor_among_temporary_files(tmp_path: Path) -> None:
    """ONNX Runtime, which reports how it is used, would keep an identity of the machine, and of the session."""
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in REPORTING}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "HIGHLIGHTR_HOME": str(tmp_path / "kept")}
    arguments = ["score", str(made("scored.mp4", seconds=3.0)), "--query", "a cat", "--json", "--no-cache"]
    subprocess.run([sys.executable, "-m", "highlightr", *arguments], env=environment, check=True, capture_output=True)
    assert [path for folder in (home, temporary) for path in folder.rglob("*")] == []


@pytest.mark.parametrize("name", REPORTING[:2])
def test_what_the_user_set_stays(name: str) -> None:
    told = [sys.executable, "-c", f"import os, highlightr; print(os.environ['{name}'])"]
    environment = {**os.environ, name: "of the user"}
    assert subprocess.run(told, env=environment, check=True, capture_output=True).stdout.strip() == b"of the user"
