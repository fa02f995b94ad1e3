"""Sealed files come back whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.core.errors import OutputError
from highlightr.core.sealed import read_sealed, write_sealed


@pytest.mark.parametrize("payload", [b"", b"x", bytes(range(256)) * 100])
def test_what_is_sealed_comes_back(tmp_path: Path, payload: bytes) -> None:
    path = tmp_path / "deep" / "file.sealed"
    write_sealed(path, payload)
    assert read_sealed(path) == payload
    assert [entry.name for entry in path.parent.iterdir()] == ["file.sealed"]


@pytest.mark.parametrize("position", [0, 50, -1])
def test_one_changed_bit_is_noticed(tmp_path: Path, position: int) -> None:
    path = tmp_path / "file.sealed"
    write_sealed(path, b"p" * 100)
    damaged = bytearray(path.read_bytes())
    damaged[position] ^= 1
    path.write_bytes(damaged)
    assert read_sealed(path) is None


@pytest.mark.parametrize("kept", [0, 10, 131])
def test_a_cut_off_file_is_noticed(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "file.sealed"
    write_sealed(path, b"p" * 100)
    path.write_bytes(path.read_bytes()[:kept])
    assert read_sealed(path) is None


def test_an_absent_file_and_a_folder_are_none(tmp_path: Path) -> None:
    assert read_sealed(tmp_path / "absent") is None
    assert read_sealed(tmp_path) is None


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file.sealed"
    write_sealed(path, b"old")

    def refuse(self: Path, target: Path) -> None:
        raise OSError("no")

    with monkeypatch.context() as patch, pytest.raises(OutputError, match="no"):
        patch.setattr(Path, "replace", refuse)
        write_sealed(path, b"new")
    assert read_sealed(path) == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.sealed"]
