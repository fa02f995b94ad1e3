"""Shared fixtures: where the real clips lie, and an isolated home for caches."""

from __future__ import annotations

import ctypes
import faulthandler
import gc
import importlib.util
import logging
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import settings

from tests.cli.run import Run, run_cli
from tests.mediamaker import remove_made

_STATUS = pytest.StashKey[int]()

if "PYTEST_XDIST_WORKER" in os.environ:
    # Tests that run side by side share the cores, which threads that wait by spinning would take from the others.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Every run tries the same examples, however long they take; `--hypothesis-profile=random` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("random", derandomize=False, deadline=None)
settings.load_profile("same")

_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None

REPOSITORY = Path(__file__).resolve().parents[1]


def real_data_folder() -> Path:
    """HIGHLIGHTR_TEST_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("HIGHLIGHTR_TEST_DATA", REPOSITORY.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real clips; tests that need it skip, visibly, where it is absent."""
    folder = real_data_folder()
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder}; set HIGHLIGHTR_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo video of `examples/make_demo.py`, made small; `demo.shots.json` with the truth lies beside it."""
    spec = importlib.util.spec_from_file_location("make_demo", REPOSITORY / "examples" / "make_demo.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    sys.modules["make_demo"] = maker
    spec.loader.exec_module(maker)
    video = tmp_path_factory.mktemp("demo") / "demo.mp4"
    maker.make_demo(video, size=(400, 224))
    return video


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home of the tests' own: compiled models are made once a session, nothing of the user's is touched."""
    folder = Path(os.environ.get("HIGHLIGHTR_TEST_HOME") or tmp_path_factory.mktemp("home"))
    before = os.environ.get("HIGHLIGHTR_HOME")
    os.environ["HIGHLIGHTR_HOME"] = str(folder)
    yield folder
    if before is None:
        del os.environ["HIGHLIGHTR_HOME"]
    else:
        os.environ["HIGHLIGHTR_HOME"] = before


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line inside the test process: exit code, stdout and stderr of `run("summarize", video)`."""
    return partial(run_cli, capsys, monkeypatch)


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """The command line sets up the log for its process; here that process goes on with other tests."""
    logger = logging.getLogger("highlightr")
    handlers, level = list(logger.handlers), logger.level
    yield
    logger.handlers = handlers
    logger.setLevel(level)


@pytest.fixture(scope="module", autouse=True)
def _no_networks_left() -> Iterator[None]:
    """What a module's tests opened goes with it: networks in cycles are few objects, but gigabytes."""
    yield
    gc.collect()
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)  # Else what was freed stays with this process.


def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Keep what the tests came to."""
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End the process here, once everything has been reported.

    The native libraries of a dozen packages are taken down in an order of chance after this, and have crashed there.
    """
    if hasattr(config, "workerinput") or _STATUS not in config.stash:
        return
    remove_made()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(config.stash[_STATUS])


@pytest.fixture(autouse=True, scope="module")
def _a_crash_says_where(request: pytest.FixtureRequest) -> None:
    """Lightning sets every signal back to what Python knows of it, and with that takes `faulthandler` out of force."""
    if faulthandler.is_enabled():
        faulthandler.disable()
        faulthandler.enable(request.config.stash[fault_handler_stderr_fd_key])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Say how a process of xdist ended: a signal is told by its negative number."""
    if error:
        print(f"\n[{node.gateway.id}] ended with status {node.gateway._io.popen.wait(10)}", file=sys.stderr)
