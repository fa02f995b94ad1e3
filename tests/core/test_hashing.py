"""Content hashes: equal to hashlib's, and sampled where a file is large."""

from __future__ import annotations

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from highlightr.core import hashing
from highlightr.core.errors import MediaError
from highlightr.core.hashing import SAMPLED, WHOLE, code_digest, content_hash


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


def test_two_threads_read_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"abc")
    both, digest, reads = threading.Barrier(2), hashlib.file_digest, []

    def slow(file: Any, kind: str) -> Any:
        reads.append(kind)
        time.sleep(0.05)  # Long enough that the other thread asks meanwhile.
        return digest(file, kind)

    def ask(_: int) -> tuple[str, str]:
        both.wait(timeout=10)
        return content_hash(path)

    monkeypatch.setattr(hashlib, "file_digest", slow)
    with ThreadPoolExecutor(max_workers=2) as threads:
        assert len(set(threads.map(ask, range(2)))) == 1
    assert len(reads) == 1


def test_the_digest_of_code_changes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashing, "__file__", str(tmp_path / "core" / "hashing.py"))
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.py").write_text("a = 1")
    before = code_digest("one"), code_digest("one", "other")
    (tmp_path / "other" / "a.py").write_text("a = 2")
    hashing._folder_digest.cache_clear()
    after = code_digest("one"), code_digest("one", "other")
    hashing._folder_digest.cache_clear()
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert {len(each) for each in (*before, *after)} == {64}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"cannot read .*gone\.mp4: No such file"):
        content_hash(tmp_path / "gone.mp4")
