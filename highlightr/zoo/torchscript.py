"""Tensors from a TorchScript archive without running any of its code.

Such an archive is a zip of a pickle (the tree of modules), raw storages and source code. The code is not read; in the
pickle only tensors, plain containers and inert stand-ins for the modules exist, and any other name is refused.
"""

from __future__ import annotations

import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

from highlightr.core.errors import WeightsError
from highlightr.core.torch_files import check_checkpoint

_STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "DoubleStorage": "float64",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}


def read_torchscript(path: Path) -> dict[str, Any]:
    """Dotted name to tensor, as `state_dict` of the scripted module would name them.

    Raises:
        WeightsError: not such an archive, or one that names anything but tensors and its own modules.
    """
    try:
        check_checkpoint(path)
        with zipfile.ZipFile(path) as archive:
            record = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(record) as file:
                tree = _Reader(file, archive, record.removesuffix("data.pkl")).load()
            return _tensors(tree)
    except WeightsError:
        raise
    except pickle.UnpicklingError as error:
        raise WeightsError(f"{path.name} is refused: {error}") from error
    except Exception as error:
        # Hostile bytes may make it fail in any way; a StopIteration means that there is no data.pkl.
        reason = str(error) or type(error).__name__
        raise WeightsError(f"{path.name} cannot be read as a TorchScript archive: {reason}") from error


class _Module:
    """Stands in for a scripted module: it keeps the attributes and does nothing."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = dict(state) if isinstance(state, dict) else {}


class _Reader(pickle.Unpickler):
    def __init__(self, file: Any, archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file)
        self._archive, self._root = archive, root
        self._storages: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("__torch__"):
            return _Module
        if module == "torch._utils" and name in ("_rebuild_tensor_v2", "_rebuild_tensor"):
            return lambda storage, offset, size, stride, *_: storage.as_strided(size, stride, offset)
        if module == "torch.jit._pickle":
            return lambda value, *_: value
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if module == "torch" and name in _STORAGES:
            return _STORAGES[name]
        raise pickle.UnpicklingError(f"it needs {module}.{name}, which is neither a tensor nor a module of its own")

    def persistent_load(self, pid: Any) -> Any:
        import torch

        kind, dtype, key, _location, _numel = pid
        if kind != "storage" or dtype not in _STORAGES.values():
            raise pickle.UnpicklingError(f"it holds an unknown object {kind!r}")
        if key not in self._storages:  # A file may name one again and again; it is read once.
            content = bytearray(self._archive.read(f"{self._root}data/{key}"))
            kind = getattr(torch, dtype)
            self._storages[key] = torch.frombuffer(content, dtype=kind) if content else torch.empty(0, dtype=kind)
        return self._storages[key]


_MAX_VISITS, _MAX_DEPTH = 100_000, 64
"""Of modules and attributes; one that holds itself, or a few that hold each other often, have no end."""


def _tensors(tree: Any) -> dict[str, Any]:
    """Every tensor below the outermost module, in the order of the file."""
    import torch

    found: dict[str, Any] = {}
    waiting, visits = [("", tree)], 0
    while waiting:
        name, value = waiting.pop()
        visits += 1
        if visits > _MAX_VISITS or name.count(".") > _MAX_DEPTH:
            raise pickle.UnpicklingError(
                f"it has more than {_MAX_VISITS} modules, or more than {_MAX_DEPTH} in each other"
            )
        if isinstance(value, _Module):
            inner = [(f"{name}.{key}" if name else str(key), each) for key, each in value.attributes.items()]
            waiting += reversed(inner)
        elif isinstance(value, torch.Tensor):
            found[name] = value
    return found
