"""Fixtures of the tests of trust: a fast whole product, and witnesses of what it opens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from highlightr.pipeline import Highlighter
from tests.light import light_highlighter
from tests.mediamaker import made
from tests.trust.baits import Listener, listening


@pytest.fixture(scope="session")
def light(tmp_path_factory: pytest.TempPathFactory) -> Highlighter:
    """The whole product without a model."""
    return light_highlighter(tmp_path_factory.mktemp("light"))


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A local server with a video that nobody may ask for."""
    with listening(made("secret.mp4", seconds=1.0, size=(96, 64), sound=False).read_bytes()) as serving:
        yield serving


Disk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Make, or resize, the one small disk of a test."""
    folder = tmp_path / "disk"
    mounted: list[int] = []

    def sized(kilobytes: int) -> Path:
        folder.mkdir(exist_ok=True)
        options = f"size={kilobytes}k" + (",remount" if mounted else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        if done.returncode != 0:
            pytest.skip("no small disk can be mounted: not the superuser, or not allowed to")
        mounted.append(kilobytes)
        return folder

    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only the superuser of Linux mounts a small disk")
    yield sized
    if mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)
