"""One process goes on for ever: nothing grows, and the same video becomes the same summary."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import Soak, soak


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_two_hundred_videos_leave_no_trace(tmp_path: Path) -> None:
    _flat(soak(tmp_path, 200, "lite", "a cat"))


def test_a_few_videos_leave_no_trace(tmp_path: Path, preset: str) -> None:
    _flat(soak(tmp_path, 20, preset, None))


def _flat(seen: Soak) -> None:
    assert seen.failures == []
    assert {len(found) for found in seen.digests.values()} == {1}
    assert len(set(seen.descriptors[1:])) == 1, seen.descriptors
    assert len(set(seen.threads[1:])) == 1, seen.threads
    assert seen.growth_mib < 16, seen.rss_mib
