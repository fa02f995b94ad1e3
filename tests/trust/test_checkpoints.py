"""Checkpoints made to hurt: each is refused with one line, before it takes the memory that it claims.

Memory is bounded by a limit on the address space of the process that reads, far below what the files ask for.
"""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from highlightr.core.errors import WeightsError
from highlightr.zoo.convert import convert, read_npy_archive

MORE_BYTES = 1 << 30


def zipped(path: Path, tree: bytes, *, storage: bytes = b"\0" * 16, script: bool = False) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", tree)
        archive.writestr("net/data/0", storage)
        archive.writestr("net/version", b"3\n")
        archive.writestr("net/byteorder", b"little")
        if script:
            archive.writestr("net/constants.pkl", b"\x80\x02).")
    return path


def tensor_tree(size: str, stride: str, numel: int = 4) -> bytes:
    """A state dict of one tensor, in the opcodes that torch.save writes."""
    return (
        b"\x80\x02}(X\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
        b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuL" + str(numel).encode() + b"L\ntQK\x00(" + size.encode() + b"t("
        + stride.encode() + b"t\x89ccollections\nOrderedDict\n)RtRu."
    )  # fmt: skip


def expanded(path: Path) -> Path:
    """One number that stands for a terabyte: all strides are 0."""
    return zipped(path, tensor_tree("L1000000L\nL300000L\n", "K\x00K\x00"))


def expanded_script(path: Path) -> Path:
    tree = tensor_tree("L1000000L\nL300000L\n", "K\x00K\x00")
    module = b"\x80\x02c__torch__\nNet\n)\x81" + tree[2:-1] + b"b."
    return zipped(path, module, script=True)


def many_times_over(path: Path) -> Path:
    """A thousand tensors that are the same gigabyte."""
    base = torch.zeros(1 << 18)
    torch.save({str(index): base for index in range(1000)}, path)
    return path


def claims_more_than_its_storage(path: Path) -> Path:
    return zipped(path, tensor_tree("L900000000L\n", "K\x01", numel=900_000_000))


def numbers_far_ahead(path: Path) -> Path:
    """The unpickler would make room for two thousand million memo entries."""
    return zipped(path, b"\x80\x02}r\xff\xff\xff\x7f.")


def endless_pickle(path: Path) -> Path:
    return zipped(path, b"\x80\x02" + b"N0" * 2_000_000 + b"N.")


def module_that_holds_itself(path: Path) -> Path:
    tree = b"\x80\x02c__torch__\nNet\n)\x81q\x00}(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00ub."
    return zipped(path, tree, script=True)


def packed_script(path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/data.pkl", b"\x80\x02}.")
        archive.writestr("net/constants.pkl", b"")
        archive.writestr("net/data/0", b"\0" * (64 << 20))
    return path


def many_members(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for index in range(60_000):
            archive.writestr(f"net/data/{index}", b"")
        archive.writestr("net/data.pkl", b"\x80\x02}.")
    return path


def broken_directory(path: Path) -> Path:
    torch.save({"w": torch.ones(3)}, path)
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x03"))
    return path


def without_content(path: Path) -> Path:
    torch.save({"w": torch.ones(3, device="meta")}, path)
    return path


def quantised(path: Path) -> Path:
    torch.save({"w": torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)}, path)
    return path


def old_file_of_a_great_size(path: Path) -> Path:
    torch.save({"w": torch.ones(3)}, path, _use_new_zipfile_serialization=False)
    content = path.read_bytes()
    assert content.count(b"K\x03N") == 1
    path.write_bytes(content.replace(b"K\x03N", b"J\xff\xff\xff\x7fN"))
    return path


def empty_tensors(path: Path) -> Path:
    header = json.dumps({}).encode()
    path = path.with_suffix(".safetensors")
    path.write_bytes(struct.pack("<Q", len(header)) + header)
    return path


def endless_header(path: Path) -> Path:
    path = path.with_suffix(".safetensors")
    path.write_bytes(struct.pack("<Q", 2**40) + b"{")
    return path


HOSTILE = [
    expanded,
    expanded_script,
    many_times_over,
    claims_more_than_its_storage,
    numbers_far_ahead,
    endless_pickle,
    module_that_holds_itself,
    packed_script,
    many_members,
    broken_directory,
    without_content,
    quantised,
    old_file_of_a_great_size,
    empty_tensors,
    endless_header,
]


@pytest.mark.parametrize("make", HOSTILE, ids=lambda make: make.__name__)
def test_it_is_refused_in_one_line(make: Callable[[Path], Path], tmp_path: Path) -> None:
    path = make(tmp_path / "net.pth")
    with pytest.raises(WeightsError, match=r"net\.(pth|safetensors)") as error:
        convert(path, tmp_path / "out")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert not (tmp_path / "out").exists()


READER = f"""
import resource, sys
from pathlib import Path
import torch, safetensors.torch
from highlightr.core.errors import WeightsError
from highlightr.zoo.convert import convert
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {MORE_BYTES}, used + {MORE_BYTES}))
for name in sys.argv[1:]:
    try:
        convert(Path(name), Path(name + ".out"))
        print("accepted", name)
    except WeightsError as error:
        print("refused", name)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address spaces are limited on Linux")
def test_a_gibibyte_is_enough_to_refuse_them_all(tmp_path: Path) -> None:
    paths = [str(make(tmp_path / f"{make.__name__}.pth")) for make in HOSTILE]
    done = subprocess.run([sys.executable, "-c", READER, *paths], capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"refused {path}" for path in paths], done.stderr[-2000:]


def packed(path: Path, write: Callable[[tarfile.TarFile], None]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        write(archive)
    return path


def test_a_tar_whose_header_is_a_bomb(tmp_path: Path) -> None:
    """A pax header of half a gibibyte, which tarfile alone would read whole."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 512 << 20
    with gzip.open(tmp_path / "a.tgz", "wb", compresslevel=1) as file:
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(512):
            file.write(b"\0" * (1 << 20))
    with pytest.raises(WeightsError, match=r"a\.tgz unpacks to more than"):
        read_npy_archive(tmp_path / "a.tgz", ("x.npy",))


def test_an_array_that_claims_more_than_is_there(tmp_path: Path) -> None:
    content = io.BytesIO()
    content.write(
        b"\x93NUMPY\x01\x00v\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(118)
    )

    def write(archive: tarfile.TarFile) -> None:
        item = tarfile.TarInfo("x.npy")
        item.size = len(content.getvalue())
        archive.addfile(item, io.BytesIO(content.getvalue()))

    with pytest.raises(WeightsError, match="is not a plain array"):
        read_npy_archive(packed(tmp_path / "a.tgz", write), ("x.npy",))


def test_the_pickles_above_are_pickles() -> None:
    class Reader(pickle.Unpickler):
        def persistent_load(self, pid: object) -> object:
            return pid

        def find_class(self, module: str, name: str) -> object:
            return lambda *given: given

    found = Reader(io.BytesIO(tensor_tree("K\x02", "K\x01"))).load()
    assert found["w"][2:4] == ((2,), (1,))
