"""Which device models run on and at what precision, found without importing a deep-learning library."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from contextlib import AbstractContextManager
from typing import Literal, get_args

from highlightr.core.checks import is_word
from highlightr.core.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda")

Precision = Literal["fp32", "bf16", "fp16"]
"""``bf16`` and ``fp16`` run under autocast: matrix products in the short type, norms and softmax in float32."""

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def autocast(device: str, precision: Precision) -> AbstractContextManager[object]:
    """The context in which networks are called: matrix products in the short type, unless the precision is fp32."""
    import torch

    short = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
    return torch.autocast(device.partition(":")[0], short, enabled=precision != "fp32")


def check_precision(precision: str, device: str) -> Precision:
    """The precision, if it is known and the device can run it; a `ConfigError` if not."""
    found = next((each for each in PRECISIONS if is_word(precision, (each,))), None)
    if found is None:
        raise ConfigError(f"precision must be fp32, bf16 or fp16, got {precision!r}")
    if found == "fp16" and device == "cpu":
        raise ConfigError("fp16 needs a CUDA device; on a CPU use fp32 or bf16")
    return found


def check_device(device: str) -> str:
    """``cpu``, ``cuda`` or ``cuda:N``, if torch has it here; torch is imported for the last two only.

    Raises:
        ConfigError: another device, or CUDA where there is none.
    """
    if device == "cpu":
        return device
    if not re.fullmatch(r"cuda(:\d+)?", device):
        raise ConfigError(f"no device {device!r}; there are cpu, cuda and cuda:N")
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch finds no CUDA device; use cpu")
    return device


def core_count() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cuda_device_count() -> int:
    """Number of CUDA devices that the driver shows, 0 without a driver.

    The driver is asked directly: importing torch for the same answer takes seconds on a machine without a GPU.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda`` for a caller's choice; a `ConfigError` for an unknown one, or CUDA on a machine without."""
    if not is_word(device, DEVICES):
        raise ConfigError(f"no device {device!r}; there are {', '.join(DEVICES)}")
    if device == "cpu":
        return "cpu"
    if cuda_device_count():
        return "cuda"
    if device == "cuda":
        raise ConfigError("no CUDA device was found; use --device cpu, or look at `highlightr doctor`")
    return "cpu"
