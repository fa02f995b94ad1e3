"""What the published backbones share: where the weights come from, the device, and imports that can be missing.

In: checked safetensors files by name of their manifest entry, or a seed. Out: networks in evaluation mode on a device,
run by the backend that is fastest for them there (`highlightr.features.backbones.network`). Where a compiled network is
kept, torch is not imported.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar
from weakref import WeakSet

import numpy.typing as npt

from highlightr.core.device import Precision, check_precision
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.hashing import file_sha256
from highlightr.core.tensors import read_tensor, read_tensors
from highlightr.features.backbones.checkpoint import (
    State,
    drawing_from,
    fill,
    randomise,
    without_initialisation,
)
from highlightr.features.backbones.network import Backend, Blueprint, Rows, fastest_here
from highlightr.features.base import Extractor, TextEncoder, Weights

if TYPE_CHECKING:
    import torch

__all__ = ["Backbone", "NetworkSource", "require"]

_GPU_SHARE = 0.25
"""Of a GPU's free memory, for the inputs of one batch: convolutions take workspace, and other networks run beside."""

TextEncoderT = TypeVar("TextEncoderT", bound=TextEncoder)


class NetworkSource:
    """Opens networks on one device, from weights files or from a seed, and says how they are run there.

    Raises:
        ConfigError: both files and a seed, or neither; a device that this machine does not have; an unknown precision.
    """

    random_in_torch: ClassVar[bool] = True
    """Random weights are for trying things out: they are not worth the seconds that compiling takes, nor the room to
    keep it. Benchmarks, which want to time what ships, turn this off; nothing of theirs is kept either."""

    def __init__(
        self,
        owner: str,
        device: str,
        weights: Mapping[str, Path] | None,
        random_seed: int | None,
        precision: Precision = "fp32",
    ) -> None:
        if (weights is None) == (random_seed is None):
            raise ConfigError(f"{owner} needs either weights files or a random seed, not both and not neither")
        self._owner, self._weights, self._seed = owner, weights, random_seed
        self.device = _checked(device)
        self.precision = check_precision(precision, device)
        # Not held: rows hold this, to build their networks, and what holds itself is not freed at once.
        self._rows: WeakSet[Rows] = WeakSet()

    @property
    def random(self) -> bool:
        """Whether the numbers mean nothing."""
        return self._weights is None

    def rows(
        self,
        name: str,
        checkpoints: Iterable[str],
        build: Callable[[], torch.nn.Module],
        example: npt.NDArray[Any],
        varying: Mapping[int, str] | None = None,
        batch: int = 1,
        settings: str = "",
    ) -> Rows:
        """A network that makes one row per input, on the backend that is fastest for it here.

        Args:
            name: of the network, as in `FASTEST_ON_CPU`.
            checkpoints: the files that `build` opens.
            build: makes the module by way of `open`.
            example: (batch, ...): an input.
            varying: axes of the input, apart from the batch, that may have another length than the example's.
            batch: inputs that come at once on a CPU.
            settings: what else tells the network from others of this name.

        Raises:
            WeightsError: as for `open`.
        """
        blueprint = Blueprint(name, lambda: self._ready(build()), example, varying or {}, batch)
        backend = self.backend(name)
        weights = None if self.random or backend == "torch" else self._identity(blueprint, checkpoints, settings)
        made = Rows(blueprint, self, backend, weights)
        self._rows.add(made)
        return made

    def number(self, checkpoint: str, tensor: str, random: float) -> float:
        """One number of a file, which is read without torch; `random` with a seed.

        Raises:
            WeightsError: it is not there.
        """
        return random if self._weights is None else float(read_tensor(self.path(checkpoint), tensor))

    def backend(self, name: str) -> Backend:
        """What runs a network of `FASTEST_ON_CPU` here."""
        if self.device != "cpu" or (self.random and self.random_in_torch):
            return "torch"
        return fastest_here(name, self.precision)

    def _identity(self, blueprint: Blueprint, checkpoints: Iterable[str], settings: str) -> Weights:
        """Of a compiled network: what it is made from, and for which inputs."""
        shape = [size for axis, size in enumerate(blueprint.example.shape) if axis and axis not in blueprint.varying]
        digest = hashlib.sha256(f"{shape}{settings}".encode())
        for checkpoint in checkpoints:
            digest.update(file_sha256(self.path(checkpoint)).encode())
        return Weights(blueprint.name, digest.hexdigest(), "as its weights", "its weights")

    def open(
        self, checkpoint: str, build: Callable[[], torch.nn.Module], adapt: Callable[[State], State] | None = None
    ) -> torch.nn.Module:
        """Build a network and fill it from `checkpoint`, a name of the manifest.

        Args:
            checkpoint: which file; with a seed it tells the networks of one extractor apart.
            build: makes the module.
            adapt: from the tensors of the file to those of the module, where names or shapes differ.

        Raises:
            WeightsError: the file was not given, cannot be read, or does not fit the network.
        """
        with without_initialisation(), drawing_from(self._seed or 0):
            network = build()
        if self._seed is not None:
            randomise(network, self._seed)
        else:
            state: State = read_tensors(self.path(checkpoint), "torch")
            fill(network, checkpoint, adapt(state) if adapt else state)
        return self._ready(network)

    def _ready(self, network: torch.nn.Module) -> torch.nn.Module:
        return network.eval().requires_grad_(False).to(self.device)

    def compile(self) -> None:
        """Have torch compile every network that makes rows, in place, at its first call."""
        for rows in self._rows:
            rows.compile()

    def batch(self, most: Mapping[str, int], input_mib: float) -> int:
        """How many inputs run at once: `most` for the type of device, fewer where a GPU has less memory to spare.

        Args:
            most: ``cpu`` and ``cuda`` to a number of inputs.
            input_mib: memory that a forward takes for each of them, in single precision.
        """
        if self.device == "cpu":
            return most["cpu"]
        import torch

        free_bytes, _ = torch.cuda.mem_get_info(self.device)
        return max(1, min(most["cuda"], int(free_bytes * _GPU_SHARE / (input_mib * 2**20))))

    def tensor(self, values: npt.NDArray[Any]) -> torch.Tensor:
        """An array on the device; a GPU gets it through pinned memory, so that the copy runs beside the computation."""
        import torch

        made = torch.from_numpy(values)
        return made if self.device == "cpu" else made.pin_memory().to(self.device, non_blocking=True)

    @contextmanager
    def forward(self) -> Iterator[None]:
        """The context in which networks are called: no gradients, and autocast unless the precision is fp32."""
        import torch

        kind = self.device.partition(":")[0]
        short = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[self.precision]
        with torch.inference_mode(), torch.autocast(kind, short, enabled=self.precision != "fp32"):
            yield

    def text_encoder(self, kind: Callable[..., TextEncoderT]) -> TextEncoderT:
        """Open a text encoder on the same weights or seed and device."""
        return kind(device=self.device, weights=self._weights, random_seed=self._seed)

    def path(self, checkpoint: str) -> Path:
        """Where the file of a checkpoint is.

        Raises:
            WeightsError: it was not given.
        """
        if self._weights is None or checkpoint not in self._weights:
            raise WeightsError(f"{self._owner} was opened without the weights {checkpoint}")
        return self._weights[checkpoint]


class Backbone(Extractor):
    """An extractor on a published checkpoint.

    Args:
        clip_seconds: clip length of the grids it will be started on.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        weights: name of the manifest entry to a checked safetensors file, for each of `checkpoints`.
        random_seed: instead of weights; the streams then mean nothing and are to be marked.
        precision: ``fp32`` as published; ``bf16`` and ``fp16`` run matrix products in the short type: faster on a GPU,
            and bf16 on a CPU that has it, where OpenVINO is installed.

    Raises:
        ConfigError: both weights and a seed or neither; a device or package that is not there.
        WeightsError: weights that cannot be read or do not fit.
    """

    packages: ClassVar[tuple[str, ...]] = ("torch", "torchvision")

    def __init__(
        self,
        *,
        clip_seconds: float = 1.0,
        device: str = "cpu",
        weights: Mapping[str, Path] | None = None,
        random_seed: int | None = None,
        precision: Precision = "fp32",
    ) -> None:
        self._clip_seconds = clip_seconds
        self._source = NetworkSource(self.name, device, weights, random_seed, precision)
        self._open(self._source)

    @property
    def random_weights(self) -> bool:
        """Whether it runs on random weights."""
        return self._source.random

    def compile(self) -> None:
        """Have torch compile the networks: the first batches take a minute longer, later ones are faster on a GPU."""
        self._source.compile()

    def _open(self, source: NetworkSource) -> None:
        """Open the networks."""
        raise NotImplementedError


def require(module: str, owner: str, distribution: str) -> Any:
    """Import a package of the extra ``backbones``.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # What these packages call is about to be deprecated; the reader of our output can do nothing about it.
            warnings.simplefilter("ignore", FutureWarning)
            return import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{owner} needs the package {distribution} ({error}): run `pip install 'highlightr[backbones]'`"
        ) from error


def _checked(device: str) -> str:
    # torch's threads wait for each other in a busy loop unless this is set before they start. Beside a decoder that
    # has the cores too, a forward of Inception then takes 2.2 times the processor time.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if device == "cpu":
        return device
    import torch

    try:
        found = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"no device {device!r}; there are cpu, cuda and cuda:N") from error
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch finds no CUDA device; use cpu")
    return "cpu" if found.type == "cpu" else str(found)
