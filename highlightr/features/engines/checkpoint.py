"""Load a checkpoint into a network, or initialise the network from a seed.

In: a safetensors file of a manifest entry, checked when it was fetched, or a seed. Out: tensors in the network's own
parameters, or one line that says what does not fit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from highlightr.core.errors import WeightsError

if TYPE_CHECKING:
    import torch

State = Mapping[str, "torch.Tensor"]


def randomise(network: torch.nn.Module, seed: int) -> None:
    """Fill a network from a seed: every trained tensor of two or more axes by He's rule, biases zero.

    With default initialisation deep networks shrink their signal to denormal numbers, which makes them thirty times
    slower than they are. What is not trained (filter banks) stays.

    Source: K. He et al., Delving Deep into Rectifiers, ICCV 2015, eq. 10.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if not parameter.requires_grad:
                continue
            if parameter.ndim >= 2:
                fan_in = parameter[0].numel()
                parameter.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
            elif name.endswith("bias"):
                parameter.zero_()


def without_initialisation() -> AbstractContextManager[Any]:
    """Networks built inside keep their memory as it comes: every tensor is filled right after, and random numbers
    for a hundred million of them take seconds."""
    import torch
    from torch.overrides import TorchFunctionMode

    init = torch.nn.init
    # These three of `init` arrive whole, with the tensor by its name; others by the methods that they call. None may
    # be `trunc_normal_`, which draws until all numbers are within its bounds.
    drawing = {torch.Tensor.uniform_, torch.Tensor.normal_, init.uniform_, init.normal_, init.kaiming_uniform_}

    class Mode(TorchFunctionMode):
        def __torch_function__(
            self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
        ) -> Any:
            del types
            kwargs = kwargs or {}
            tensor: Any = args[0] if args else kwargs.get("tensor")
            # What has one axis may be left by `randomise` as it was made.
            return tensor if func in drawing and tensor.ndim >= 2 else func(*args, **kwargs)

    return Mode()


def without(*modules: str) -> Callable[[State], State]:
    """What leaves these modules, such as ``fc.``, out of a state dict: features come from before a classifier."""
    return lambda state: {name: tensor for name, tensor in state.items() if not name.startswith(modules)}


def fill(network: torch.nn.Module, checkpoint: str, state: State) -> None:
    """Load a state dict; batch counters, which old checkpoints lack and no forward reads, may be missing."""
    try:
        missing, unexpected = network.load_state_dict(state, strict=False)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise WeightsError(f"the weights {checkpoint} do not fit the network: {reason}") from error
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    for kind, names in (("lack", missing), ("have an unknown", unexpected)):
        if names:
            raise WeightsError(
                f"the weights {checkpoint} do not fit the network: they {kind} {names[0]} ({len(names)} in all); "
                f"import the right file with `highlightr models import FILE --as {checkpoint}`"
            )
