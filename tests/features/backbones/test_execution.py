"""How backbones run on a device: precision, pinned memory and compilation, on the CPU, on a fake, and on a GPU."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torchvision.models.optical_flow import raft_large

from highlightr.core.errors import ConfigError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features.backbones.base import Backbone
from highlightr.features.backbones.raft import PairFlow
from highlightr.features.engines.source import NetworkSource

from .tiny import OPTIONS, rows, small


def made(extractor: Any) -> dict[str, FloatArray]:
    return dict(rows(extractor, TimeGrid(1.0, 1.0), 0.0, 1.0, 0.4))


def assert_near(found: dict[str, FloatArray], exact: dict[str, FloatArray], least_cosine: float) -> None:
    for stream, values in exact.items():
        norms = np.linalg.norm(values, axis=1) * np.linalg.norm(found[stream], axis=1)
        assert ((values * found[stream]).sum(axis=1) >= least_cosine * norms).all(), stream


QUICK = ("inception-yt8m", "r3d34-kinetics700")
"""One over pictures and one over clips; a CPU takes long in half precision."""


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in sorted(OPTIONS)]
)
def test_half_precision_stays_near_and_is_really_used(name: str) -> None:
    exact, short = made(small(name, 1.0)), made(small(name, 1.0, precision="bf16"))
    # Random weights amplify rounding more than trained ones do.
    assert_near(short, exact, 0.85)
    assert any(not np.array_equal(short[stream], exact[stream]) for stream in exact)
    assert all(values.dtype == np.float32 for values in short.values())


@pytest.mark.parametrize("name", ["cnn14", "cnn14-16k"])
def test_a_loud_tone_has_the_same_spectrum_in_every_precision(name: str) -> None:
    extractor: Any = small(name, 1.0)
    extractor.load()
    network = extractor._network.module.network
    tone = torch.sin(torch.arange(extractor.sample_rate) * (2 * np.pi * 1000 / extractor.sample_rate))[None]

    def spectrum() -> torch.Tensor:
        made: torch.Tensor = network.logmel_extractor(network.spectrogram_extractor(tone))
        return made

    with torch.inference_mode():
        exact = spectrum()
        with torch.autocast("cpu", torch.float16):
            assert torch.equal(spectrum(), exact)
    assert exact.isfinite().all()


def test_strong_features_correlate_in_every_precision() -> None:
    """256 products of 20 and 20 are beyond the largest number of fp16, and a sixteenth of their sum is not."""
    module = PairFlow(raft_large(weights=None), 1)
    strong = torch.full((1, 256, 16, 16), 20.0)
    with torch.inference_mode(), torch.autocast("cpu", torch.float16):
        levels = module._levels(strong, strong)
    assert all(torch.equal(level.correlations, torch.full_like(level.correlations, 6400.0)) for level in levels)


@pytest.mark.parametrize(("precision", "words"), [("int8", "fp32, bf16 or fp16"), ("fp16", "needs a CUDA device")])
def test_a_precision_that_cannot_be_had_is_refused(precision: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small("cnn14", 1.0, precision=precision)


def test_a_gpu_gets_its_inputs_through_pinned_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    source = NetworkSource("clip", "cpu", None, 0)
    asked: list[object] = []

    class Pinned:
        def to(self, device: object, *, non_blocking: bool) -> str:
            asked.append((device, non_blocking))
            return "on the device"

    source.device = "cuda"
    monkeypatch.setattr(torch, "from_numpy", lambda values: SimpleNamespace(pin_memory=Pinned))
    assert source.tensor(np.zeros(3, np.float32)) == "on the device"  # type: ignore[comparison-overlap]
    assert asked == [(source.device, True)]


@pytest.mark.parametrize(("free_mib", "batch"), [(100_000, 64), (1600, 10), (10, 1)])
def test_a_gpu_with_little_memory_gets_small_batches(
    free_mib: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = NetworkSource("clip", "cpu", None, 0)
    assert source.batch({"cpu": 8, "cuda": 64}, 40) == 8
    source.device = "cuda"
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free_mib * 2**20, 0))
    assert source.batch({"cpu": 8, "cuda": 64}, 40) == batch


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_compilation_reaches_the_network_that_is_called(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.nn.Module] = []
    called: list[torch.nn.Module] = []

    def compile_module(module: torch.nn.Module) -> None:
        compiled.append(module)
        module.register_forward_hook(lambda module, given, out: called.append(module))

    monkeypatch.setattr(torch.nn.Module, "compile", compile_module)
    extractor = small(name, 1.0)
    assert isinstance(extractor, Backbone)
    extractor.compile()
    made(extractor)
    assert compiled
    assert set(map(id, called)) & set(map(id, compiled))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_gpu_agrees_with_the_cpu(name: str, precision: str) -> None:
    exact = made(small(name, 1.0))
    assert_near(
        made(small(name, 1.0, device="cuda", precision=precision)), exact, 0.9999 if precision == "fp32" else 0.85
    )


@pytest.mark.gpu
def test_a_compiled_network_agrees_on_a_gpu() -> None:
    plain, compiled = small("cnn14", 1.0, device="cuda"), small("cnn14", 1.0, device="cuda")
    compiled.compile()  # type: ignore[attr-defined]
    assert_near(made(compiled), made(plain), 0.9999)
