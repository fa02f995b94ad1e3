"""How many pools of memory threads share, as the C library itself tells, and that what was freed goes back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")

ARENAS = """
import ctypes, sys, threading
from highlightr.core.allocator import share_arenas
share_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
together = threading.Barrier(6)
def take():
    libc.malloc(1000)
    together.wait()
threads = [threading.Thread(target=take) for _ in range(6)]
[each.start() for each in threads]
[each.join() for each in threads]
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""

FREED = """
import ctypes
from pathlib import Path
from highlightr.core.allocator import return_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.mallopt(-3, 2**20)  # Blocks below a MiB come from an arena.
blocks = [libc.malloc(100_000) for _ in range(1000)]
for block in blocks:
    ctypes.memset(block, 1, 100_000)
for block in blocks[:-1]:  # The last one keeps the end of the arena in use.
    libc.free(block)
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * 4096
before = resident()
return_freed_memory()
print(before - resident())
"""


def run(code: str, *arguments: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, env={**kept, **environment}, timeout=60
    ).stdout


@pytest.mark.parametrize(("environment", "most"), [({}, 2), ({"MALLOC_ARENA_MAX": "1"}, 1)])
def test_threads_share_two_arenas_or_as_many_as_the_user_says(
    tmp_path: Path, environment: dict[str, str], most: int
) -> None:
    run(ARENAS, str(tmp_path / "info.xml"), **environment)
    assert (tmp_path / "info.xml").read_text().count("<heap nr=") == most


def test_what_was_freed_in_the_middle_of_an_arena_goes_back() -> None:
    assert int(run(FREED)) > 80_000_000
