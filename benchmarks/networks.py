"""The bare networks of a preset: what a video gives them, what they make of it.

In: extractors (and a scorer) that are listened to while a video runs through. Out: per network the torch module or
graph, a sample of the very inputs it was given, how many there were, and what the pipeline's own way made of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from highlightr.features.base import Extractor
from highlightr.zoo import weights_path

Array = npt.NDArray[Any]
Run = Callable[[Array], Array]
"""(batch, ...) to (batch, width)."""

Made = TypeVar("Made")

SAMPLE = 8
"""Inputs of each network that are kept, where it does not say otherwise."""


@dataclass(eq=False)
class Network:
    """One network of an extractor."""

    name: str
    own: Run
    """The pipeline's own way to run it, batch by batch."""
    module: Any = None
    """`torch.nn.Module` from (batch, ...) to (batch, width); `None` for a network that runs in its own way only."""
    graph: bytes | None = None
    """An ONNX graph, for a network that comes as one; the pipeline gives it one input at a time."""
    own_batch: int = 1
    """The pipeline's largest batch."""
    thread_seconds: float = 0.0
    """Processor time that the threads which call it spent in it; its own threads are not counted."""
    most: int = SAMPLE
    """Inputs to keep."""
    _numbers: int = 0
    _inputs: list[Array] = field(default_factory=list)
    _outputs: list[Array] = field(default_factory=list)

    def timed(self, call: Callable[[], Made]) -> Made:
        """Make one call of the pipeline's."""
        began = time.thread_time()
        made = call()
        self.thread_seconds += time.thread_time() - began
        return made

    def heard(self, given: Array, made: Array) -> None:
        """One call in the pipeline."""
        self._numbers += given.size
        self.own_batch = max(self.own_batch, len(given))
        room = self.most - sum(map(len, self._inputs))
        # The last window of a video may be shorter than the others.
        alike = not self._inputs or given.shape[1:] == self._inputs[0].shape[1:]
        if room > 0 and alike:
            self._inputs.append(np.array(given[:room]))
            self._outputs.append(np.array(made[:room]))

    @property
    def count(self) -> int:
        """How many inputs of the sample's size the video made: the last window of a video may be a short one."""
        return max(1, round(self._numbers / self._inputs[0][0].size)) if self._inputs else 0

    @property
    def sample(self) -> Array:
        """(n, ...): the first inputs."""
        return np.concatenate(self._inputs)

    @property
    def expected(self) -> Array:
        """(n, width): what the pipeline made of them."""
        return np.concatenate(self._outputs)


@contextmanager
def listening(extractors: Sequence[Extractor]) -> Iterator[list[Network]]:
    """The networks of these extractors; they fill up while a video runs through."""
    with ExitStack() as stack:
        yield [found for each in extractors if (found := _listen(each, stack)) is not None]


def _listen(extractor: Any, stack: ExitStack) -> Network | None:
    for attribute, listener in _LISTENERS.items():
        if getattr(extractor, attribute, None) is not None:
            return listener(extractor, extractor, attribute, stack)
    return None


def _shipped(extractor: Any, place: Any, attribute: str, stack: ExitStack) -> Network | None:
    """A graph that comes with highlightr, with one input; what it was made from in torch, where there is that."""
    if extractor.name not in ("efficientnet_lite0", "yamnet"):
        return None
    graph = getattr(place, attribute)
    given = "images" if extractor.name == "efficientnet_lite0" else "log_mels"
    network = Network(extractor.name, lambda batch: np.hstack(graph({given: batch})))
    if extractor.name == "yamnet":
        network.graph = weights_path("yamnet").read_bytes()
    else:
        from research.efficientnet_network import efficientnet_module

        network.module = _wrapped(efficientnet_module(), lambda net, images: _torch().cat(list(net(images)), dim=1))

    def listen(inputs: Any) -> Any:
        made = network.timed(lambda: graph(inputs))
        network.heard(inputs[given], np.hstack(made))
        return made

    stack.enter_context(patch.object(place, attribute, listen))
    return network


def _backbone(extractor: Any, place: Any, attribute: str, stack: ExitStack) -> Network:
    """A published network, whichever backend runs it."""
    rows = getattr(place, attribute)
    network = Network(extractor.name, rows)
    network.module = rows.module

    def listen(given: Array) -> Array:
        made: Array = network.timed(lambda: rows(given))
        network.heard(given, made)
        return made

    stack.enter_context(patch.object(place, attribute, listen))
    return network


def _windows(extractor: Any, place: Any, _: str, stack: ExitStack) -> Network:
    """A network whose forward is more than a module (optical flow): it runs in its own way only, a minute a window."""
    forward = extractor._forward
    network = Network(extractor.name, lambda windows: np.hstack(list(forward(windows).values())), most=1)

    def listen(windows: Array) -> Any:
        made = network.timed(lambda: forward(windows))
        network.heard(windows, np.hstack(list(made.values())))
        return made

    stack.enter_context(patch.object(place, "_forward", listen))
    return network


_LISTENERS: dict[str, Callable[[Any, Any, str, ExitStack], Network | None]] = {
    "_network": _backbone,
    "_flow": _windows,
    "_rgb": _backbone,
    "_graph": _shipped,
}
"""What an extractor calls its network by, in the order in which it is looked for."""


def text_network(encoder: Any, texts: Sequence[str]) -> Network:
    """MiniLM's network after it encoded these texts, padded: (n, 2, length) ids and mask to token means."""
    from research.sources import source_bytes, source_file
    from research.torch_bert import minilm_module

    graph, pieces = encoder._graph, encoder.pieces(texts)
    given = np.zeros((len(pieces), 2, max(map(len, pieces))), dtype=np.int64)
    for row, ids in zip(given, pieces, strict=True):
        row[0, : len(ids)], row[1, : len(ids)] = ids, 1

    def means(tokens: Any, mask: Any) -> Any:
        return (tokens * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]

    def own(batch: Array) -> Array:
        (tokens,) = graph({"ids": batch[:, 0], "mask": batch[:, 1]})
        made: Array = means(tokens, batch[:, 1].astype(np.float32))
        return made

    network = Network(encoder.name, own)
    published = minilm_module(source_file("minilm"), source_bytes("minilm"))
    network.module = _wrapped(published, lambda net, both: means(net(both[:, 0], both[:, 1]), both[:, 1].float()))
    network.heard(given, own(given))
    return network


def _torch() -> Any:
    import torch

    return torch


def _wrapped(owner: Any, call: Callable[[Any, Any], Any]) -> Any:
    """A module from tensor to tensor; copying it copies the owner and its networks too."""
    torch = _torch()
    modules = [owner] if isinstance(owner, torch.nn.Module) else vars(owner).values()

    class Wrapped(torch.nn.Module):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.owner = owner
            self.parts = torch.nn.ModuleList(each for each in modules if isinstance(each, torch.nn.Module))

        def forward(self, given: Any) -> Any:
            return call(self.owner, given)

    return Wrapped().eval()


class ScorerCalls:
    """Every call of a scorer's network during one video, to be made again."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self._calls: list[tuple[Any, Any]] = []

    def __len__(self) -> int:
        return len(self._calls)

    def heard(self, _: Any, given: Any, named: Any) -> None:
        """Hook of the network."""
        self._calls.append((given, named))

    def again(self) -> None:
        """The bare forwards."""
        with _torch().inference_mode():
            for given, named in self._calls:
                self._network(*given, **named)


@contextmanager
def listening_to_scorer(scorer: Any) -> Iterator[ScorerCalls | None]:
    """The calls of a scorer's network; `None` for a scorer without one."""
    network = getattr(scorer, "network", None)
    if network is None:
        yield None
        return
    calls = ScorerCalls(network)
    handle = network.register_forward_pre_hook(calls.heard, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()
