"""Reading checkpoints of torch that anyone may have written: no code runs, and memory is bounded by what a file holds.

In: the path of a file that `torch.save` wrote. Out: what is in it. Looked at before torch sees it: the archive's
directory, and every pickle's length, opcodes and memo. Afterwards the sizes that tensors claim are added up.
"""

from __future__ import annotations

import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

from highlightr.core.errors import WeightsError

ADVICE = "only tensors are accepted: ask its publisher for safetensors or a plain state dict"

_SLACK_BYTES = 16 << 20
"""What small files may hold beside what follows from their size."""

_MAX_MEMBERS = 50_000
"""Of an archive; a tensor is one."""

_MAX_PICKLE_BYTES = 8 << 20
_MAX_OPCODES = 1_000_000
"""Of one pickle: some thirty per tensor."""

_LEGACY_PICKLES = 5
"""A file of before torch 1.6 begins with so many: magic number, version, machine, the object, names of storages."""


def read_torch_file(path: Path, allowed: Iterable[Any] = ()) -> Any:
    """What a checkpoint holds, on the CPU; `allowed` are classes beside torch's own that it may name.

    Raises:
        WeightsError: it is damaged, needs code to be read, or claims more than it can hold.
    """
    import torch
    from torch.serialization import safe_globals

    check_checkpoint(path)
    try:
        with warnings.catch_warnings(), safe_globals(list(allowed)):
            warnings.simplefilter("ignore")  # What it warns of, it refuses a moment later or reads all the same.
            return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Hostile bytes may make it fail in any way, and every way means the same: not accepted.
        raise WeightsError(_refusal(path, " ".join(str(error).split()) or type(error).__name__)) from error


def _refusal(path: Path, reason: str) -> str:
    if named := re.search(r"GLOBAL ([\w.]+)", reason):
        return f"{path.name} is refused: it needs the code of {named[1]} to be read; {ADVICE}"
    shown = reason.partition("Please file an issue")[0][:160]
    return f"{path.name} is refused: it is damaged, or its tensors cannot be read without code ({shown}); {ADVICE}"


def check_checkpoint(path: Path) -> None:
    """Look at an archive's directory and at the pickles, without making an object of any.

    Raises:
        WeightsError: the directory is damaged, or it would unpack to more than it can hold; a pickle is damaged or
            larger than those of tensors are.
    """
    try:
        if not zipfile.is_zipfile(path):
            with path.open("rb") as file:
                for _ in range(_LEGACY_PICKLES):
                    _check_pickle(file)
            return
        with zipfile.ZipFile(path) as archive:
            _check_directory(path, archive.infolist())
            for item in archive.infolist():
                if item.filename.rpartition("/")[2] == "data.pkl":
                    with archive.open(item) as file:
                        _check_pickle(file)
    except WeightsError:
        raise
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError) as error:
        raise WeightsError(_refusal(path, " ".join(str(error).split()) or type(error).__name__)) from error


def _check_directory(path: Path, items: list[zipfile.ZipInfo]) -> None:
    """torch.save never compresses, so an archive that grows is not its work."""
    unpacked = sum(item.file_size for item in items)
    if unpacked > 2 * path.stat().st_size + _SLACK_BYTES:
        raise WeightsError(f"{path.name} is refused: it would unpack to {unpacked} bytes")
    if len(items) > _MAX_MEMBERS:
        raise WeightsError(f"{path.name} is refused: it has {len(items)} members; {ADVICE}")


def _check_pickle(file: IO[bytes]) -> None:
    start = file.tell()
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
        if count > _MAX_OPCODES or file.tell() - start > _MAX_PICKLE_BYTES:
            raise ValueError("its pickle is larger than one of tensors is")
        # The unpickler makes room for every number up to the largest that is named.
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument or 0) > count + 256:
            raise ValueError("its pickle numbers its objects out of order")


def check_sizes(path: Path, tensors: Mapping[str, Any]) -> None:
    """Refuse tensors that cannot be written out: without memory of their own, or larger than their file.

    Raises:
        WeightsError: a quantised tensor or one without content, or more bytes in all than the file can hold.
    """
    total = 0
    for name, tensor in tensors.items():
        if tensor.is_meta or tensor.is_quantized:
            kind = "quantised" if tensor.is_quantized else "without content"
            raise WeightsError(f"{path.name} is refused: {name} is a tensor {kind}; {ADVICE}")
        total += tensor.numel() * tensor.element_size()
    if total > 2 * path.stat().st_size + _SLACK_BYTES:
        raise WeightsError(f"{path.name} is refused: its tensors claim {total} bytes, more than the file can hold")
