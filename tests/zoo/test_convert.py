"""Tensors come through; anything that would run code does not."""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from highlightr.core.errors import ConfigError, OutputError, WeightsError
from highlightr.core.tensors import read_metadata
from highlightr.zoo.convert import PROVENANCE_KEY, convert, write_converted
from highlightr.zoo.manifest import WeightsEntry
from tests.zoo.server import Canary

READING = WeightsEntry(name="net", title="t", file="net.pth", licence="MIT", citation="c")


def saved(path: Path, value: object, **more: object) -> Path:
    torch.save(value, path, **more)
    return path


def state() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {"b.weight": torch.randn(4, 5, generator=generator).half(), "a.count": torch.tensor(7)}


def test_a_state_dict_comes_through_unchanged(tmp_path: Path) -> None:
    convert(saved(tmp_path / "in.pth", state()), tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert list(found) == ["a.count", "b.weight"]
    for name, tensor in state().items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("zipped", [True, False])
def test_old_and_new_files_of_torch_are_read(tmp_path: Path, zipped: bool) -> None:
    path = saved(tmp_path / "in.pth", OrderedDict(state()), _use_new_zipfile_serialization=zipped)
    convert(path, tmp_path / "out")
    assert set(load_file(tmp_path / "out")) == set(state())


@pytest.mark.parametrize("key", ["model_state", "state_dict", "model"])
def test_the_state_dict_inside_a_checkpoint_is_found(tmp_path: Path, key: str) -> None:
    path = saved(tmp_path / "in.pth", {key: state(), "epoch": 3, "arch": "r3d"})
    convert(path, tmp_path / "out")
    assert set(load_file(tmp_path / "out")) == set(state())


def test_the_manifest_says_which_prefix_names_have(tmp_path: Path) -> None:
    inner = {f"module.{name}": tensor for name, tensor in state().items()}
    path = saved(tmp_path / "in.pth", {"epoch": 3, "model": {"x": torch.ones(1)}, "state_dict": inner})
    write_converted(path, tmp_path / "out", replace(READING, strip_prefix="module."), {})
    assert set(load_file(tmp_path / "out")) == {"b.weight", "a.count"}


def test_shared_and_strided_tensors_are_stored_whole(tmp_path: Path) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    path = saved(tmp_path / "in.pth", {"a": base, "tied": base, "turned": base.T})
    convert(path, tmp_path / "out")
    found = load_file(tmp_path / "out")
    assert torch.equal(found["tied"], base)
    assert torch.equal(found["turned"], base.T)


def test_what_is_not_a_tensor_is_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.pth", {**state(), "step": 5, "sparse": torch.eye(2).to_sparse()})
    convert(path, tmp_path / "out")
    assert set(load_file(tmp_path / "out")) == set(state())


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_does_not_run(tmp_path: Path, zipped: bool) -> None:
    canary = tmp_path / "canary"
    value = {**state(), "extra": Canary(canary)}
    path = saved(tmp_path / "in.pth", value, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"refused: it needs the code of (io|_io)\.open.*only tensors are accepted"):
        convert(path, tmp_path / "out")
    assert not canary.exists()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_bare_pickle_is_refused_without_running(tmp_path: Path, protocol: int) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "in.pkl").write_bytes(pickle.dumps({"blobs": Canary(canary)}, protocol=protocol))
    with pytest.raises(WeightsError, match=r"in\.pkl is refused"):
        convert(tmp_path / "in.pkl", tmp_path / "out")
    assert not canary.exists()


def test_the_canary_is_alive(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    pickle.loads(pickle.dumps(Canary(canary))).close()
    assert canary.exists()


def test_numpy_objects_pass_only_where_the_manifest_lets_them(tmp_path: Path) -> None:
    value = {"model": state(), "rng": np.arange(3.0), "best": np.float64(0.4), "step": np.int64(9)}
    path = saved(tmp_path / "in.pth", value)
    with pytest.raises(WeightsError, match=r"needs the code of numpy"):
        convert(path, tmp_path / "out")
    write_converted(path, tmp_path / "out", replace(READING, numpy_objects=True), {})
    assert set(load_file(tmp_path / "out")) == set(state())


def test_numpy_one_names_are_understood(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"model": state(), "best": np.float64(0.4)}, buffer)
    path = tmp_path / "in.pth"
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as new:
        for item in old.infolist():
            new.writestr(item.filename, old.read(item).replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    write_converted(path, tmp_path / "out", replace(READING, numpy_objects=True), {})
    assert set(load_file(tmp_path / "out")) == set(state())


def test_numpy_objects_do_not_open_the_door(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    hidden = np.empty(1, dtype=object)
    hidden[0] = Canary(canary)
    path = saved(tmp_path / "in.pth", {"model": state(), "array": hidden})
    with pytest.raises(WeightsError, match="refused"):
        write_converted(path, tmp_path / "out", replace(READING, numpy_objects=True), {})
    assert not canary.exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04broken", b"<html></html>" * 50])
def test_garbage_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "in.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"in\.pth is refused") as caught:
        convert(tmp_path / "in.pth", tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_truncated_checkpoint_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.pth", {"w": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(WeightsError, match="refused"):
        convert(path, tmp_path / "out")


def test_a_zip_that_grows_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "in.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (40 << 20))
    with pytest.raises(WeightsError, match="would unpack to 41943040 bytes"):
        convert(path, tmp_path / "out")


@pytest.mark.parametrize("value", [[1, 2], torch.ones(2), {"lr": 0.1}, {"state_dict": {}}])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(WeightsError, match=r"instead of named tensors|holds no tensors"):
        convert(saved(tmp_path / "in.pth", value), tmp_path / "out")


def test_the_note_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.pth", state())
    first = convert(path, tmp_path / "one").sha256
    assert convert(path, tmp_path / "two").sha256 == first
    assert set(json.loads(read_metadata(tmp_path / "one")[PROVENANCE_KEY])) == {"name", "source", "source_sha256"}


def test_safetensors_files_pass_and_carry_no_foreign_note(tmp_path: Path) -> None:
    convert(saved(tmp_path / "in.pth", state()), tmp_path / "one.safetensors")
    convert(tmp_path / "one.safetensors", tmp_path / "two.safetensors")
    assert set(load_file(tmp_path / "two.safetensors")) == set(state())
    (tmp_path / "bad.safetensors").write_bytes(b"\xff" * 40)
    with pytest.raises(WeightsError, match=r"bad\.safetensors cannot be read as safetensors"):
        convert(tmp_path / "bad.safetensors", tmp_path / "three")


def test_a_target_is_not_overwritten_unasked(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.pth", state())
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"exists already.*--overwrite"):
        convert(path, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"mine"
    convert(path, tmp_path / "out", overwrite=True)
    assert load_file(tmp_path / "out")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    path = saved(tmp_path / "in.pth", state())
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        convert(path, tmp_path / "file" / "out")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "in.pth"]


def test_a_missing_source_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no checkpoint at"):
        convert(tmp_path / "absent", tmp_path / "out")
