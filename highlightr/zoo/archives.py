"""Tensors from published archives, read in memory: nothing is ever unpacked to disk.

An archive whose members leave its folder, are links or devices, or together exceed a bound is refused as a whole.
NumPy files are read without pickles; of a TensorFlow GraphDef only the constants are taken.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from highlightr.core.errors import WeightsError

MAX_ARCHIVE_BYTES = 256 << 20
"""All members of one archive, unpacked, their headers included; the largest in the manifest has 100 MB."""
MAX_ARCHIVE_MEMBERS = 1000


def read_members(path: Path, wanted: tuple[str, ...]) -> dict[str, bytes]:
    """Contents of the `wanted` members of a tar archive, compressed or not.

    Raises:
        WeightsError: not an archive, a member that is unsafe or missing, or more than the bounds allow.
    """
    found: dict[str, bytes] = {}
    try:
        # Unpacked with a bound first: tarfile itself would read headers of any length.
        with tarfile.open(fileobj=io.BytesIO(_unpacked(path)), mode="r:") as archive:
            for member in _checked(archive, path):
                name = member.name.removeprefix("./")
                if name in wanted and (file := archive.extractfile(member)):
                    found[name] = file.read()
    except (tarfile.TarError, EOFError, zlib.error, OSError, ValueError) as error:
        raise WeightsError(f"{path.name} cannot be read as an archive: {error}") from error
    if missing := [name for name in wanted if name not in found]:
        raise WeightsError(f"{path.name} lacks {', '.join(missing)}")
    return found


def _unpacked(path: Path) -> bytes:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if packed else path.open("rb") as stream:
        content = stream.read(MAX_ARCHIVE_BYTES + 1)
    _check_bounds(path, len(content))
    return content


def _check_bounds(path: Path, size: int, count: int = 0) -> None:
    if size > MAX_ARCHIVE_BYTES or count > MAX_ARCHIVE_MEMBERS:
        raise WeightsError(f"{path.name} unpacks to more than {MAX_ARCHIVE_BYTES} bytes or {MAX_ARCHIVE_MEMBERS} files")


def _checked(archive: tarfile.TarFile, path: Path) -> Iterator[tarfile.TarInfo]:
    total = 0
    for count, member in enumerate(archive, start=1):
        total += member.size
        _check_bounds(path, total, count)
        if not (member.isreg() or member.isdir()):
            raise WeightsError(
                f"{path.name} holds {member.name!r}, which is a link or a device; archives may hold files only"
            )
        try:
            tarfile.data_filter(member, "/nowhere")
        except tarfile.FilterError as error:
            raise WeightsError(f"{path.name} holds {member.name!r}, which lies outside the archive") from error
        yield member


def read_npy_archive(path: Path, members: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Arrays of the `.npy` members, named without the suffix.

    Raises:
        WeightsError: see `read_members`; also a member that is not a plain array.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, content in read_members(path, members).items():
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except (ValueError, EOFError, OSError, MemoryError, OverflowError) as error:
            raise WeightsError(f"{name} in {path.name} is not a plain array: {error}") from error
        arrays[name.removesuffix(".npy")] = array
    return arrays


def read_graphdef_archive(path: Path, members: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Float constants of the TensorFlow graphs among `members`.

    Raises:
        WeightsError: see `read_members`; also a graph that cannot be parsed or holds no constants.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, content in read_members(path, members).items():
        try:
            arrays |= graphdef_constants(content)
        except (ValueError, IndexError) as error:
            raise WeightsError(f"{name} in {path.name} is not a TensorFlow graph: {error}") from error
    if not arrays:
        raise WeightsError(f"{path.name} holds no float constants")
    return arrays


_DT_FLOAT = 1


def graphdef_constants(content: bytes) -> dict[str, NDArray[Any]]:
    """Name to array of all float32 `Const` nodes of a serialised GraphDef.

    Source: tensorflow/core/framework graph.proto, node_def.proto, attr_value.proto, tensor.proto. Field numbers:
    GraphDef.node 1; NodeDef.name 1, op 2, attr 5 (key 1, value 2); AttrValue.tensor 8; TensorProto.dtype 1,
    tensor_shape 2 (dim 2, size 1), tensor_content 4, float_val 5.

    Raises:
        ValueError: bytes that are not such a message.
        IndexError: bytes that end too soon.
    """
    constants: dict[str, NDArray[Any]] = {}
    left = len(content) + _FILLED_BYTES
    for node in _all(content, 1):
        if _bytes(node, 2) != b"Const":
            continue
        attributes = {_bytes(each, 1): _bytes(each, 2) for each in _all(node, 5)}
        tensor = _bytes(attributes.get(b"value", b""), 8)
        if _number(tensor, 1) == _DT_FLOAT:
            constants[_bytes(node, 1).decode("utf-8")] = values = _tensor(tensor, left)
            left -= values.nbytes
    return constants


_FILLED_BYTES = 16 << 20
"""What constants of one repeated value may take beside what the file holds."""


def _tensor(message: bytes, most_bytes: int) -> NDArray[Any]:
    shape = tuple(_number(dim, 1) for dim in _all(_bytes(message, 2), 2))
    values = np.frombuffer(_bytes(message, 4) or _bytes(message, 5), dtype="<f4")
    size = int(np.prod(shape, dtype=object)) if shape else 1
    # Protocol: a single value stands for a tensor filled with it.
    if values.size == 1:
        if 4 * size > most_bytes:
            raise ValueError(f"its constants claim more than the {most_bytes} bytes that are left")
        values = np.broadcast_to(values, (size,))
    return values.reshape(shape).copy()


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field number, value) pairs in the protobuf wire format."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        length, at = _varint(message, at) if wire == 2 else ({1: 8, 5: 4}.get(wire, -1), at)
        if length < 0 or at + length > len(message):
            raise ValueError(f"a field of {length} bytes at byte {at} does not fit")
        yield key >> 3, message[at : at + length]
        at += length


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 64:
        byte = message[at]
        at, value, shift = at + 1, value | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError(f"an endless number at byte {at}")


def _all(message: bytes, field: int) -> Iterator[bytes]:
    return (value for number, value in _fields(message) if number == field and isinstance(value, bytes))


def _bytes(message: bytes, field: int) -> bytes:
    return next(_all(message, field), b"")


def _number(message: bytes, field: int) -> int:
    return next((value for number, value in _fields(message) if number == field and isinstance(value, int)), 0)


def as_torch(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """The arrays as tensors of their own memory; float64 stays float64."""
    import torch

    return {name: torch.from_numpy(np.array(array, order="C")) for name, array in arrays.items()}
