"""Files that hold arrays or weights: nothing in them is run, and a header's promise is no reason to take memory."""

from __future__ import annotations

import ast
import json
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import highlightr
from highlightr.core.errors import ConfigError, HighlightrError
from highlightr.datasets.hdf5 import dataset_shape, member, open_hdf5, read_array

PACKAGE = Path(highlightr.__file__).parent


def _calls() -> Iterator[tuple[str, str, dict[str, str]]]:
    """Every call in the package: where, what, and its keywords as text."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                keywords = {word.arg or "**": ast.unparse(word.value) for word in node.keywords}
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", ast.unparse(node.func), keywords


SAFE_WITH = {
    "torch.load": ("weights_only", "True"),
    "np.load": ("allow_pickle", "False"),
    "numpy.load": ("allow_pickle", "False"),
    "np.save": ("allow_pickle", "False"),
    "np.lib.format.read_array": ("allow_pickle", "False"),
    "yaml.load": ("Loader", "_PlainLoader"),
}
"""What runs code from a file unless it is told not to."""

NEVER = {"pickle.load", "pickle.loads", "yaml.unsafe_load", "yaml.full_load", "eval", "exec", "os.system"}
NEVER |= {"os.popen", "joblib.load", "dill.load", "marshal.load", "marshal.loads", "shelve.open", "torch.jit.load"}


def test_nothing_from_a_file_can_be_run() -> None:
    calls = list(_calls())
    assert [(where, what) for where, what, _ in calls if what in NEVER or what.endswith(".extractall")] == []
    assert [where for where, _, keywords in calls if keywords.get("shell", "False") != "False"] == []
    loads = [(where, what, keywords) for where, what, keywords in calls if what in SAFE_WITH]
    assert loads
    unsafe = [where for where, what, keywords in loads if keywords.get(SAFE_WITH[what][0]) != SAFE_WITH[what][1]]
    assert unsafe == []


def _h5(path: Path, fill: Callable[..., None]) -> Path:
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        fill(file, h5py)
    return path


def _unwritten(file, h5py) -> None:
    file.create_dataset("v", (2**14, 2**13), dtype="f8", chunks=(64, 64))


def _bomb(file, h5py) -> None:
    made = file.create_dataset("v", (2**14, 2**13), dtype="f8", chunks=(2**10, 2**13), compression="gzip")
    made[: 2**10] = 0.0


@pytest.mark.parametrize("fill", [_unwritten, _bomb], ids=["unwritten", "compressed"])
def test_hdf5_that_promises_a_gigabyte_and_holds_nothing(fill: Callable[..., None], tmp_path: Path) -> None:
    path = _h5(tmp_path / "a.h5", fill)
    assert path.stat().st_size < 1 << 20
    with open_hdf5(path) as file:
        for read in (dataset_shape, read_array):
            with pytest.raises(ConfigError, match="promises 134217728 numbers and holds"):
                read(member(file, "v"), "v", 2)


def test_hdf5_that_compresses_well_is_read(tmp_path: Path) -> None:
    def fill(file, h5py) -> None:
        file.create_dataset("v", data=np.zeros((2048, 1024)), compression="gzip", chunks=(256, 1024))

    with open_hdf5(_h5(tmp_path / "a.h5", fill)) as file:
        assert read_array(member(file, "v"), "v", 2).shape == (2048, 1024)


def test_hdf5_links_and_virtual_data_are_refused(tmp_path: Path) -> None:
    secret = _h5(tmp_path / "secret.h5", lambda file, _: file.create_dataset("v", data=np.ones((2, 2))) and None)

    def fill(file, h5py) -> None:
        file["outside"] = h5py.ExternalLink(str(secret), "/v")
        file["soft"] = h5py.SoftLink("/outside")
        layout = h5py.VirtualLayout((2, 2), dtype="f8")
        layout[:] = h5py.VirtualSource(str(secret), "v", shape=(2, 2))
        file.create_virtual_dataset("virtual", layout)

    with open_hdf5(_h5(tmp_path / "a.h5", fill)) as file:
        for name in ("outside", "soft", "virtual"):
            with pytest.raises(ConfigError, match="give a file that holds its own data"):
                member(file, name)
        assert member(file, "../secret.h5") is None


def _safetensors(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


LIES = {
    "a header longer than the file": _safetensors({}, length=2**40),
    "a tensor beyond the end": _safetensors({"w": {"dtype": "F32", "shape": [2**30], "data_offsets": [0, 2**32]}}),
    "a shape that is not its bytes": _safetensors(
        {"w": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 4]}}, bytes(4)
    ),
    "overlapping tensors": _safetensors(
        {
            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        },
        bytes(12),
    ),
}


@pytest.mark.parametrize("lie", sorted(LIES))
def test_safetensors_that_lie_are_refused(lie: str, tmp_path: Path) -> None:
    from highlightr.zoo.convert import convert

    path = tmp_path / "weights.safetensors"
    path.write_bytes(LIES[lie])
    with pytest.raises(HighlightrError) as caught:
        convert(path, tmp_path / "out.safetensors")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.safetensors").exists()
