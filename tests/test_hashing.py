"""Content hashes: equal to hashlib's, and sampled where a file is large."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from highlightr import hashing
from highlightr.errors import MediaError
from highlightr.hashing import SAMPLED, WHOLE, content_hash


def test_a_small_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"abc")
    assert content_hash(path) == (WHOLE, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")


def test_a_large_file_is_sampled_from_first_to_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "LARGEST_WHOLE_BYTES", 100)
    monkeypatch.setattr(hashing, "SAMPLE_BYTES", 4)
    monkeypatch.setattr(hashing, "SAMPLE_COUNT", 3)
    content = bytes(range(101))
    path = tmp_path / "a.mp4"
    path.write_bytes(content)
    expected = (101).to_bytes(8, "little") + content[:4] + content[48:52] + content[97:]
    assert content_hash(path) == (SAMPLED, hashlib.sha256(expected).hexdigest())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"cannot read .*gone\.mp4: No such file"):
        content_hash(tmp_path / "gone.mp4")
