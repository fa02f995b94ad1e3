"""Where features lie on disk, and how an array becomes a file.

Four layouts: ``npz`` (Moment-DETR and QVHighlights: a folder per feature, ``VIDEO.npz`` with ``features``), ``npy``
(UMT: ``video/VIDEO_rgb.npy``, ``video/VIDEO_opt.npy``, ``audio/VIDEO.npy``), ``h5`` (Mr.HiSum: a file per feature, a
group per video with ``features``) and ``safetensors``. Signals keep their times: ``values`` and ``times_seconds``.
What is said has ``stops_seconds`` and ``texts`` too (see `utterance_files`).
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.generic]]

FORMATS = ("npz", "npy", "h5", "safetensors")

_NPZ_FOLDERS = {"cnn14": "pann_features"}
"""Where QVHighlights' releases do not name the folder after the stream."""

_UMT = {"i3d_rgb": "video/{video}_rgb", "i3d_flow": "video/{video}_opt", "cnn14": "audio/{video}"}
"""UMT's names; its visual feature is the two files side by side, RGB first."""


def data_path(out: Path, kind: str, stream: str, video: str, *, signal: bool = False) -> Path:
    """The file of one stream of one video, in one of `FORMATS`.

    A signal has two arrays, so it is ``npz`` where ``npy`` was asked for.
    """
    if kind == "h5":
        return out / f"{stream}.h5"
    if signal:
        return out / stream / f"{video}{'.safetensors' if kind == 'safetensors' else '.npz'}"
    if kind == "npy":
        return out / f"{_UMT.get(stream, stream + '/{video}').replace('{video}', video)}.npy"
    folder = _NPZ_FOLDERS.get(stream, f"{stream}_features") if kind == "npz" else stream
    return out / folder / f"{video}.{kind}"


def metadata_path(path: Path) -> Path:
    """The JSON that lies beside a data file: ``x.npz.json`` for ``x.npz``."""
    return path.with_name(f"{path.name}.json")


def array_bytes(path: Path, arrays: Arrays) -> bytes:
    """Arrays as the content of an ``npz``, ``npy`` or ``safetensors`` file, by the suffix of `path`."""
    if path.suffix == ".safetensors":
        from safetensors.numpy import save

        content: bytes = save({name: np.ascontiguousarray(values) for name, values in arrays.items()})
        return content
    buffer = io.BytesIO()
    if path.suffix == ".npy":
        (values,) = arrays.values()
        np.save(buffer, values, allow_pickle=False)
    else:
        np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
