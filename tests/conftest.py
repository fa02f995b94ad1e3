"""Shared fixtures: where the real clips lie, and an isolated home for caches."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

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
