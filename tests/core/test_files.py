"""Which variable decides where the home folder is."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.core.files import home_folder


def test_own_variable_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(tmp_path / "own"))
    assert home_folder() == tmp_path / "own"


def test_cache_variable_comes_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HIGHLIGHTR_HOME", "")
    assert home_folder() == tmp_path / "xdg" / "highlightr"


def test_default_lies_under_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("HIGHLIGHTR_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert home_folder() == tmp_path / ".cache" / "highlightr"


def test_relative_and_tilde_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HIGHLIGHTR_HOME", "here")
    assert home_folder() == tmp_path / "here"
    monkeypatch.setenv("HIGHLIGHTR_HOME", "~/there")
    assert home_folder() == tmp_path / "there"
