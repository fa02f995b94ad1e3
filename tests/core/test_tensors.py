"""Safetensors files are read by one set of functions, and what is no such file is one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from highlightr.core.errors import WeightsError
from highlightr.core.numeric import sigmoid
from highlightr.core.tensors import read_metadata, read_tensor, read_tensors, write_tensors


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "new" / "w.safetensors"
    shared = torch.arange(6.0)
    write_tensors(path, {"b": shared[:3], "a": shared.reshape(2, 3).T}, {"note": "n"})
    assert read_metadata(path) == {"note": "n"}
    assert read_tensors(path)["a"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert torch.equal(read_tensors(path, "torch")["b"], shared[:3])
    assert read_tensor(path, "b").tolist() == [0, 1, 2]


def test_weights_are_for_whom_other_files_are(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w.safetensors", {"a": torch.zeros(1)})
    (tmp_path / "other").touch()
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("content", [None, b"", b"x" * 100, b"\xff" * 16, (2**40).to_bytes(8, "little") + b"{}"])
def test_what_is_no_such_file_is_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    for read in (read_tensors, read_metadata, lambda at: read_tensor(at, "a"), lambda at: read_tensors(at, "torch")):
        with pytest.raises(WeightsError, match=r"cannot be read as safetensors \(.*\); fetch, convert"):
            read(path)  # type: ignore[operator]


def test_an_absent_tensor(tmp_path: Path) -> None:
    write_tensors(tmp_path / "w.safetensors", {"a": torch.zeros(1)})
    with pytest.raises(WeightsError, match="zz"):
        read_tensor(tmp_path / "w.safetensors", "zz")


def test_a_sigmoid_saturates() -> None:
    values = sigmoid(np.array([-1e30, -2.0, 0.0, 2.0, 1e30], np.float32))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [0, 1 / (1 + np.exp(2.0)), 0.5, 1 / (1 + np.exp(-2.0)), 1], atol=1e-7)
