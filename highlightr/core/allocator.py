"""The C library's allocator, set for processes in which many threads take and give back large blocks.

glibc opens a pool (arena) of its own for nearly every thread and keeps what is freed there: with a dozen decoding
threads a fifth of a run's memory, and a third where the index of a long file was read. Elsewhere nothing happens.
"""

from __future__ import annotations

import os
import sys
from typing import Any

_ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""

_ARENAS = 2
"""Runs take the same time with 1, 2, 4 and as many as glibc likes; each further one takes memory."""


def share_arenas() -> None:
    """Let all threads share two arenas, unless the user set their number; before threads start."""
    if (libc := _glibc()) is not None and "MALLOC_ARENA_MAX" not in os.environ:
        libc.mallopt(_ARENA_MAX, _ARENAS)


def return_freed_memory() -> None:
    """Give the system back what was freed; takes a few milliseconds."""
    if (libc := _glibc()) is not None:
        libc.malloc_trim(0)


def _glibc() -> Any:
    """The C library, or `None` where it is another one."""
    if sys.platform != "linux":
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None
