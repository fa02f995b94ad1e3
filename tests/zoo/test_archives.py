"""Archives are read in memory; what could reach outside, or grow without bound, is refused."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.errors import WeightsError
from highlightr.zoo import convert
from highlightr.zoo.convert import read_members, read_npy_archive
from tests.zoo.server import Canary


def packed(path: Path, members: dict[str, bytes], *others: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
        for item in others:
            archive.addfile(item)
    return path


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    item = tarfile.TarInfo(name)
    item.type, item.linkname = kind, target
    return item


def test_arrays_are_read_and_nothing_is_written(tmp_path: Path) -> None:
    mean, vectors = np.arange(4.0), np.eye(3, dtype=np.float32)
    path = packed(tmp_path / "a.tgz", {"./mean.npy": npy(mean), "vectors.npy": npy(vectors), "README": b"x"})
    found = read_npy_archive(path, ("mean.npy", "vectors.npy"))
    np.testing.assert_array_equal(found["mean"], mean)
    np.testing.assert_array_equal(found["vectors"], vectors)
    assert [each.name for each in tmp_path.iterdir()] == ["a.tgz"]


@pytest.mark.parametrize("name", ["../escaped.npy", "a/../../escaped.npy"])
def test_a_member_outside_refuses_the_whole_archive(tmp_path: Path, name: str) -> None:
    path = packed(tmp_path / "a.tgz", {"mean.npy": npy(np.ones(1)), name: b"x"})
    with pytest.raises(WeightsError, match="lies outside the archive"):
        read_members(path, ("mean.npy",))
    assert [each.name for each in tmp_path.iterdir()] == ["a.tgz"]


def test_an_absolute_member_is_never_the_one_that_is_wanted(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.tgz", {"/mean.npy": b"x", "/etc/mean.npy": b"x"})
    with pytest.raises(WeightsError, match=r"lacks mean\.npy"):
        read_members(path, ("mean.npy",))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    path = packed(tmp_path / "a.tgz", {"other": b"x"}, special("mean.npy", kind, "/etc/passwd"))
    with pytest.raises(WeightsError, match=r"'mean\.npy', which is a link or a device"):
        read_members(path, ("mean.npy",))


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MAX_ARCHIVE_BYTES", 1000)
    path = packed(tmp_path / "a.tgz", {"mean.npy": b"\0" * 600, "more": b"\0" * 600})
    with pytest.raises(WeightsError, match="unpacks to more than 1000 bytes"):
        read_members(path, ("mean.npy",))


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convert, "MAX_ARCHIVE_MEMBERS", 2)
    path = packed(tmp_path / "a.tgz", {"a": b"", "b": b"", "c": b""})
    with pytest.raises(WeightsError, match="or 2 files"):
        read_members(path, ("a",))


def test_a_missing_member_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"a\.tgz lacks mean\.npy"):
        read_members(packed(tmp_path / "a.tgz", {"other": b""}), ("mean.npy",))


@pytest.mark.parametrize("cut", [0, 1, 20, 2000])
def test_damage_is_refused(tmp_path: Path, cut: int) -> None:
    path = packed(tmp_path / "a.tgz", {"mean.npy": npy(np.random.default_rng(0).normal(size=500))})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(WeightsError, match=r"a\.tgz"):
        read_members(path, ("mean.npy",))


def test_a_pickle_inside_npy_is_refused(tmp_path: Path) -> None:
    hidden = np.empty(1, dtype=object)
    hidden[0] = Canary(tmp_path / "canary")
    path = packed(tmp_path / "a.tgz", {"mean.npy": npy(hidden)})
    with pytest.raises(WeightsError, match=r"mean\.npy in a\.tgz is not a plain array"):
        read_npy_archive(path, ("mean.npy",))
    assert not (tmp_path / "canary").exists()
