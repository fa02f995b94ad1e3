"""A scripted module's tensors, without its code."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from highlightr.core.errors import WeightsError
from highlightr.zoo.convert import convert
from highlightr.zoo.torchscript import read_torchscript
from tests.zoo.server import Canary


class Net(nn.Module):
    """Nested modules, a buffer, a half-precision parameter and a view into a larger storage."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
        self.scale = nn.Parameter(torch.randn(5).half())
        self.register_buffer("view", torch.arange(10)[3:7])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


@pytest.fixture
def scripted(tmp_path: Path) -> tuple[Path, Net]:
    net = Net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(net).save(str(tmp_path / "net.pt"))
    return tmp_path / "net.pt", net


def test_tensors_are_those_of_the_state_dict(scripted: tuple[Path, Net]) -> None:
    path, net = scripted
    found = read_torchscript(path)
    assert set(found) == set(net.state_dict())
    for name, tensor in net.state_dict().items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


def test_convert_recognises_it(scripted: tuple[Path, Net], tmp_path: Path) -> None:
    path, net = scripted
    convert(path, tmp_path / "out")
    assert set(load_file(tmp_path / "out")) == set(net.state_dict())


def archive_of(path: Path, value: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", value)
        archive.writestr("net/constants.pkl", b"")
    return path


def test_code_does_not_run(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "net.pt", pickle.dumps(Canary(tmp_path / "canary")))
    with pytest.raises(WeightsError, match=r"refused: it needs (io|_io)\.open"):
        read_torchscript(path)
    assert not (tmp_path / "canary").exists()


def test_a_tensor_may_not_reach_beyond_its_storage(scripted: tuple[Path, Net], tmp_path: Path) -> None:
    path, _ = scripted
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "cut.pt", "w") as new:
        for item in old.infolist():
            content = old.read(item)
            new.writestr(item.filename, content[:1] if "/data/" in item.filename else content)
    with pytest.raises(WeightsError, match=r"cannot be read as a TorchScript archive"):
        read_torchscript(tmp_path / "cut.pt")


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps(3)])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.pt").write_bytes(content)
    with pytest.raises(WeightsError, match=r"net\.pt (is refused|cannot be read)"):
        read_torchscript(tmp_path / "net.pt")


def test_an_archive_without_a_tree_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as archive:
        archive.writestr("net/constants.pkl", b"")
    with pytest.raises(WeightsError, match="cannot be read"):
        read_torchscript(tmp_path / "net.pt")
