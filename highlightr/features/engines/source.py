"""Where the networks of one extractor come from and where they run: weights files or a seed, a device, a precision.

In: checked safetensors files by name of their manifest entry, or a seed. Out: torch modules with their weights, and
which backend is fastest for a network. Where a compiled network is kept, torch is not imported.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from weakref import WeakSet

from highlightr.core.device import Precision, autocast, check_device, check_precision
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.hashing import file_sha256
from highlightr.core.tensors import read_tensor, read_tensors
from highlightr.features.base import TextEncoder, given_file
from highlightr.features.engines.checkpoint import State, fill, randomise, without_initialisation
from highlightr.features.engines.onnx import Array, Backend

if TYPE_CHECKING:
    import torch

    from highlightr.features.engines.network import Network

_GPU_SHARE = 0.25
"""Of a GPU's free memory, for the inputs of one batch: convolutions take workspace, and other networks run beside."""

FASTEST_ON_CPU: Mapping[str, tuple[Backend, ...]] = {
    "clip-vit-b-32": ("onnxruntime",),
    "clip-vit-b-32-quickgelu": ("onnxruntime",),
    "cnn14": ("openvino", "onnxruntime"),
    "cnn14-16k": ("openvino", "onnxruntime"),
    "i3d-flow": ("openvino", "onnxruntime"),
    "i3d-r50": ("openvino", "onnxruntime"),
    "i3d-rgb": ("openvino", "onnxruntime"),
    "i3d-rgb-piergiaj": ("openvino", "onnxruntime"),
    "inception-imagenet": ("onnxruntime",),
    "inception-yt8m": ("onnxruntime",),
    "r3d34": ("openvino", "torch"),
    "r3d34-davihd": ("openvino", "torch"),
    "r3d34-kinetics700": ("openvino", "torch"),
    "raft-frames": ("openvino",),
    "raft-pairs": ("openvino",),
    "slowfast": ("openvino", "onnxruntime"),
}
"""The fastest first; one that is not installed is passed over. Measured by benchmarks/backends.py, one network of each
architecture; docs/performance.md has the figures. What was not measured runs in torch."""


_NOT_IN_SHORT = ("raft-frames", "raft-pairs")
"""Networks that OpenVINO must not run in bfloat16: it would round places in a picture to parts of a pixel."""


def fastest_here(name: str, precision: Precision = "fp32") -> Backend:
    """What runs a network on this machine's CPU; in bfloat16 OpenVINO, if it is installed and may."""
    if precision != "fp32":
        openvino = name in FASTEST_ON_CPU and name not in _NOT_IN_SHORT and find_spec("openvino") is not None
        return "openvino" if openvino else "torch"
    installed = (each for each in FASTEST_ON_CPU.get(name, ()) if each == "torch" or find_spec(each) is not None)
    return next(installed, "torch")


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
        self._owner, self._weights, self.seed = owner, weights, random_seed
        # torch's threads wait for each other in a busy loop unless this is set before they start. Beside a decoder that
        # has the cores too, a forward of Inception then takes 2.2 times the processor time.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        self.device = check_device(device)
        self.precision = check_precision(precision, device)
        # Not held: networks hold this, and what holds itself is not freed at once.
        self.networks: WeakSet[Network] = WeakSet()

    @property
    def random(self) -> bool:
        """Whether the numbers mean nothing."""
        return self._weights is None

    def number(self, checkpoint: str, tensor: str, random: float) -> float:
        """One number of a file, read without torch; `random` with a seed; a `WeightsError` where it is not there."""
        return random if self._weights is None else float(read_tensor(self.path(checkpoint), tensor))

    def backend(self, name: str) -> Backend:
        """What runs a network of `FASTEST_ON_CPU` here."""
        if self.device != "cpu" or (self.random and self.random_in_torch):
            return "torch"
        return fastest_here(name, self.precision)

    def digest(self, inputs: str, checkpoints: Iterable[str]) -> str:
        """Of what a compiled network depends on: its weights, and the inputs that it is made for."""
        digest = hashlib.sha256(inputs.encode())
        for checkpoint in checkpoints:
            path = self.path(checkpoint)
            try:
                digest.update(file_sha256(path).encode())
            except OSError as error:
                raise WeightsError(f"cannot read the weights at {path}: {error}; pull or import them again") from error
        return digest.hexdigest()

    def open(
        self, checkpoint: str, build: Callable[[], torch.nn.Module], adapt: Callable[[State], State] | None = None
    ) -> torch.nn.Module:
        """Build a network and fill it from `checkpoint`; `adapt` renames or reshapes the tensors of its file.

        Raises:
            WeightsError: the file was not given, cannot be read, or does not fit the network.
        """
        import torch

        # What networks draw while they are built, such as CLIP's class embedding, comes from the seed too.
        with without_initialisation(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed or 0)
            network = build()
        if self.seed is not None:
            randomise(network, self.seed)
        else:
            state: State = read_tensors(self.path(checkpoint), "torch")
            fill(network, checkpoint, adapt(state) if adapt else state)
        return self.ready(network)

    def ready(self, network: torch.nn.Module) -> torch.nn.Module:
        """A module as it is run: on the device, without dropout or gradients."""
        return network.eval().requires_grad_(False).to(self.device)

    def compile(self) -> None:
        """Have torch compile every network, in place, at its first call."""
        for network in self.networks:
            network.compile()

    def batch(self, most: Mapping[str, int], input_mib: float) -> int:
        """How many inputs run at once: `most` for the type of device, fewer where a GPU has less memory to spare.

        `input_mib` is what a forward takes for each of them, in single precision.
        """
        if self.device == "cpu":
            return most["cpu"]
        import torch

        free_bytes, _ = torch.cuda.mem_get_info(self.device)
        return max(1, min(most["cuda"], int(free_bytes * _GPU_SHARE / (input_mib * 2**20))))

    def tensor(self, values: Array) -> torch.Tensor:
        """An array on the device; a GPU gets it through pinned memory, so that the copy runs beside the computation."""
        import torch

        made = torch.from_numpy(values)
        return made if self.device == "cpu" else made.pin_memory().to(self.device, non_blocking=True)

    @contextmanager
    def forward(self) -> Iterator[None]:
        """The context in which networks are called: no gradients, and autocast unless the precision is fp32."""
        import torch

        with torch.inference_mode(), autocast(self.device, self.precision):
            yield

    def text_encoder(self, kind: Callable[..., TextEncoder], **options: str) -> TextEncoder:
        """Open a text encoder on the same weights or seed and device."""
        return kind(device=self.device, weights=self._weights, random_seed=self.seed, **options)

    def path(self, checkpoint: str) -> Path:
        """Where the file of a checkpoint is; a `WeightsError` where it was not given."""
        return given_file(self._owner, self._weights, checkpoint)
