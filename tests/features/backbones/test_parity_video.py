"""The video networks against the libraries' own forward, or an independent one, on shared random weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models.optical_flow import raft_large
from torchvision.models.video.resnet import BasicBlock, Conv3DSimple, VideoResNet

from highlightr.core.errors import WeightsError
from highlightr.core.types import FloatArray, TimeGrid
from highlightr.features import Extractor, create_extractor, extractor_class
from highlightr.features.backbones.flow import OpticalFlow
from highlightr.features.backbones.i3d_net import _Pool, _Unit
from highlightr.features.backbones.wrappers import CodedFlow
from highlightr.features.engines.checkpoint import without_initialisation
from highlightr.features.engines.source import FASTEST_ON_CPU, NetworkSource
from highlightr.media.sampling import Frame

from . import i3d_reference
from .tiny import SMALL_FLOW, changed

Pixels = npt.NDArray[np.uint8]


def frames(count: int, side: int) -> Pixels:
    """(count, side, side, 3): a moving texture."""
    texture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return np.stack([np.roll(texture, (index, 2 * index), axis=(0, 1)) for index in range(count)])


def row(extractor: Extractor, pictures: Pixels, seconds: float) -> Mapping[str, FloatArray]:
    """What the extractor makes of one clip."""
    extraction = extractor.start(TimeGrid(seconds, seconds))
    for index, picture in enumerate(pictures):
        extraction.push(Frame(index, index * seconds / len(pictures), picture))
    return {name: values[0] for name, values in extraction.finish().streams.items()}


def as_input(pictures: Pixels) -> torch.Tensor:
    """(1, 3, frames, side, side) in [0, 255]."""
    return torch.from_numpy(pictures).permute(3, 0, 1, 2)[None].float()


def close(ours: FloatArray, theirs: torch.Tensor) -> None:
    """1e-4 relative to the size of the features."""
    expected = theirs.detach().numpy().ravel()
    assert np.abs(ours.ravel() - expected).max() <= 1e-4 * np.abs(expected).max()


def at_side(name: str, side: int, **options: Any) -> Extractor:
    """The published extractor, but for the size of its pictures."""
    return changed(name, protocol=replace(extractor_class(name).protocol, short_side=side, crop=side), **options)  # type: ignore[attr-defined]


def weights_of(tmp_path: Path, checkpoint: str, state: Mapping[str, torch.Tensor]) -> dict[str, Path]:
    path = tmp_path / "weights.safetensors"
    save_file(dict(state), path)
    return {checkpoint: path}


@torch.inference_mode()
def test_slowfast_equals_pytorchvideo() -> None:
    """The library's own head pools the whole of both pathways, which at 224 pixels are 7 wide, then joins."""
    from pytorchvideo.models.hub import slowfast_r50

    extractor: Any = at_side("slowfast", 64, clip_seconds=2.0, random_seed=0)
    with without_initialisation():
        library = slowfast_r50(pretrained=False, head_pool_kernel_sizes=((8, 2, 2), (32, 2, 2))).eval()
    library.load_state_dict(extractor._network.module.network.network.state_dict())
    pictures = frames(60, 64)
    fast = (as_input(pictures)[:, :, torch.linspace(0, 63, 32).clamp(0, 59).long()] / 255 - 0.45) / 0.225
    pathways: Any = [fast[:, :, torch.linspace(0, 31, 8).long()], fast]
    for block in library.blocks[:6]:
        pathways = block(pathways)
    close(row(extractor, pictures, 2.0)["slowfast"], pathways)


@torch.inference_mode()
def test_i3d_r50_equals_pytorchvideo() -> None:
    from pytorchvideo.models.hub import i3d_r50

    extractor: Any = at_side("i3d-r50", 64, clip_seconds=2.0, random_seed=0)
    with without_initialisation():
        library: Any = i3d_r50(pretrained=False, head_pool_kernel_size=(4, 2, 2)).eval()
    library.load_state_dict(extractor._network.module.network.network.state_dict())
    library.blocks[-1].proj, library.blocks[-1].activation = nn.Identity(), None
    pictures = frames(60, 64)
    inputs = (as_input(pictures)[:, :, [0, 9, 18, 27, 36, 45, 54, 59]] / 255 - 0.45) / 0.225
    close(row(extractor, pictures, 2.0)["i3d_r50"], library(inputs))


class Stem(nn.Sequential):
    """kenshohara's first layers, where torchvision has others."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(3, 64, 7, stride=(1, 2, 2), padding=3, bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(),
            nn.MaxPool3d(3, stride=2, padding=1),
        )


class ShortcutA(nn.Module):
    """kenshohara's `downsample_basic_block`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = nn.functional.avg_pool3d(x, kernel_size=1, stride=2)
        zeros = torch.zeros(out.size(0), self.width - out.size(1), *out.shape[2:])
        return torch.cat([out, zeros], dim=1)


def resnet34(shortcut: str) -> VideoResNet:
    """torchvision's video ResNet with the blocks, stem and shortcuts of R3D-34."""
    network = VideoResNet(BasicBlock, [Conv3DSimple] * 4, [3, 4, 6, 3], Stem)
    network.fc = nn.Identity()
    if shortcut == "A":
        for layer, width in zip((network.layer2, network.layer3, network.layer4), (128, 256, 512), strict=True):
            layer[0].downsample = ShortcutA(width)
    return network.eval()


def kenshohara_state(network: VideoResNet) -> dict[str, torch.Tensor]:
    """torchvision's names to kenshohara's: a unit's two modules have names of their own there."""
    places = {"stem.0.": "conv1.", "stem.1.": "bn1.", ".conv1.0.": ".conv1.", ".conv1.1.": ".bn1."}
    places |= {".conv2.0.": ".conv2.", ".conv2.1.": ".bn2."}
    state = {}
    for name, tensor in network.state_dict().items():
        for theirs, ours in places.items():
            name = name.replace(theirs, ours)
        state[name] = tensor
    return state | {"fc.weight": torch.zeros(400, 512), "fc.bias": torch.zeros(400)}


R3D34 = {
    "r3d34": ("A", "r3d34-kinetics400", (114.7748, 107.7354, 99.475), (1.0, 1.0, 1.0)),
    "r3d34-kinetics700": (
        "B", "r3d34-kinetics700", (110.7975, 103.3005, 96.2625), (70.584, 69.1815, 69.7935)
    ),
}  # fmt: skip


@torch.inference_mode()
@pytest.mark.parametrize("name", sorted(R3D34))
def test_r3d34_equals_torchvision_with_its_stem_and_shortcuts(tmp_path: Path, name: str) -> None:
    shortcut, checkpoint, mean, deviation = R3D34[name]
    library = resnet34(shortcut)
    extractor = at_side(name, 56, weights=weights_of(tmp_path, checkpoint, kenshohara_state(library)))
    pictures = frames(25, 56)
    centred = (as_input(pictures) - torch.tensor(mean).view(1, 3, 1, 1, 1)) / torch.tensor(deviation).view(
        1, 3, 1, 1, 1
    )
    # A clip of 25 frames is two windows of 16.
    both = torch.cat([centred[:, :, :16], centred[:, :, 9:]])
    close(row(extractor, pictures, 1.0)[name.replace("-", "_")], library(both).mean(dim=0))


@torch.inference_mode()
@pytest.mark.parametrize(("count", "side"), [(16, 80), pytest.param(25, 224, marks=pytest.mark.slow)])
@pytest.mark.parametrize("port", ["hassony2", "piergiaj"])
def test_i3d_equals_both_ports(tmp_path: Path, port: str, count: int, side: int) -> None:
    """Odd lengths and sides are where the ports' padding differs, small variances where their epsilons do."""
    make, forward = {
        "hassony2": (i3d_reference.hassony2_state, i3d_reference.hassony2),
        "piergiaj": (i3d_reference.piergiaj_state, i3d_reference.piergiaj),
    }[port]
    state = make(3, seed=0)
    assert len(state) == 344
    name, stream = ("i3d-rgb", "i3d_rgb") if port == "hassony2" else ("i3d-rgb-piergiaj", "i3d_rgb_piergiaj")
    seconds = count / 25
    extractor = at_side(name, side, weights=weights_of(tmp_path, name, state), clip_seconds=seconds)
    pictures = frames(count, side)
    close(row(extractor, pictures, seconds)[stream], forward(state, 2 * as_input(pictures) / 255 - 1))


@torch.inference_mode()
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("port", ["hassony2", "piergiaj"])
@pytest.mark.parametrize("count", [11, 16, 25])
def test_i3d_pads_what_a_video_s_length_needs_also_when_traced_with_another(port: Any, count: int) -> None:
    """The compiled network is traced with 16 frames, and clips have any number."""
    unit = _Unit(1, 2, (7, 7, 7), (2, 2, 2), port).eval()
    pool = _Pool((3, 3, 3), (2, 2, 2), port).eval()
    for module, channels in ((unit, 1), (pool, 2)):
        traced = torch.jit.trace(module, torch.rand(1, channels, 16, 9, 9))
        given = torch.rand(1, channels, count, 9, 9)
        torch.testing.assert_close(traced(given), module(given))


@torch.inference_mode()
def test_i3d_flow_equals_raft_and_i3d(tmp_path: Path) -> None:
    raft: Any = raft_large(weights=None).eval()
    state = i3d_reference.hassony2_state(2, seed=1)
    paths = {"raft-large": tmp_path / "raft.safetensors", "i3d-flow": tmp_path / "i3d.safetensors"}
    save_file(raft.state_dict(), paths["raft-large"])
    save_file(state, paths["i3d-flow"])
    sampling = replace(SMALL_FLOW, frames_per_second=11, crop=64, span=11)
    extractor: Any = changed("i3d-flow", weights=paths, protocol=sampling, flow_updates=2)
    # A side of 130 is no multiple of 8, so it is padded by 3 on each side, and the flow is cut back.
    pictures = frames(11, 130)
    scaled = 2 * as_input(pictures[:4])[0].transpose(0, 1) / 255 - 1
    padded = nn.functional.pad(scaled, (3, 3, 3, 3), mode="replicate")
    flow = raft(padded[:-1], padded[1:], num_flow_updates=2)[-1][..., 3:-3, 3:-3]
    ours = extractor._flow(pictures)
    close(ours[:3], flow)
    # Rounding turns the last bit of a flow into a whole step, so steps are compared, then the network on equal input.
    cropped = torch.from_numpy(ours[None, ..., 33:97, 33:97])
    coded = 2 * (128 + 255 / 40 * flow[..., 33:97, 33:97].clamp(-20, 20)).round() / 255 - 1
    steps = (CodedFlow.coded(cropped[:, :3])[0] - coded.transpose(0, 1)).abs() * 255 / 2
    assert (steps > 0.5).float().mean() < 1e-3
    theirs = extractor._flow_network.module.network(CodedFlow.coded(cropped))
    close(row(extractor, pictures, 1.0)["i3d_flow"], theirs)


@torch.inference_mode()
@pytest.mark.parametrize("engine", [pytest.param("onnxruntime", marks=pytest.mark.slow), "openvino"])
def test_compiled_flow_is_that_of_torch_at_any_size(engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled once, for frames of one size; landscape, portrait and odd sides go through it."""
    pytest.importorskip(engine)
    exact = OpticalFlow(NetworkSource("test", "cpu", None, 0), "raft-large", 2)
    monkeypatch.setattr(NetworkSource, "random_in_torch", False)
    for part in ("raft-frames", "raft-pairs"):
        monkeypatch.setitem(FASTEST_ON_CPU, part, (engine,))
    compiled = OpticalFlow(NetworkSource("test", "cpu", None, 0), "raft-large", 2)
    assert (exact._pairs.backend, compiled._pairs.backend) == ("torch", engine)
    for height, width, count in ((128, 128, 2), (130, 171, 3), (171, 128, 2)):
        pictures = np.random.default_rng(0).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
        flow = exact(pictures)
        assert flow.shape == (count - 1, 2, height, width)
        assert np.abs(flow).mean() > 0.01
        np.testing.assert_allclose(compiled(pictures), flow, atol=1e-3 * np.abs(flow).max())


def test_the_flow_of_a_pair_does_not_depend_on_the_others() -> None:
    flow = OpticalFlow(NetworkSource("test", "cpu", None, 0), "raft-large", 1)
    pictures = frames(4, 128)
    np.testing.assert_allclose(flow(pictures)[1:2], flow(pictures[1:3]), atol=1e-5)


def test_the_flow_of_a_shift_is_coded_in_pixels() -> None:
    flow = torch.full((1, 1, 2, 4, 4), 10.0)
    flow[:, :, 1] = -99.0
    coded = CodedFlow.coded(flow)
    assert coded.shape == (1, 2, 1, 4, 4)
    np.testing.assert_allclose(coded[0, 0], 2 * 192 / 255 - 1, rtol=1e-6)
    np.testing.assert_allclose(coded[0, 1], 2 * 0 / 255 - 1, atol=1e-6)


def test_flow_of_frames_that_stay_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    flow = OpticalFlow(NetworkSource("test", "cpu", None, 0), "raft-large", 1)
    first, second = frames(2, 128)
    counts: list[int] = []
    run = flow._flow
    monkeypatch.setattr(flow, "_flow", lambda given: (counts.append(len(given)), run(given))[1])
    expected = [
        flow(np.stack(pair))[0] for pair in ((first, first), (first, second), (second, second), (second, first))
    ]
    counts.clear()
    made = flow(np.stack([first, first, first, second, second, second, second, first]))
    assert counts == [5]
    np.testing.assert_allclose(made, [expected[pair] for pair in (0, 0, 1, 2, 2, 2, 3)], atol=1e-4)
    assert np.abs(expected[1] - expected[3]).max() > 1e-2


def test_i3d_makes_both_streams_as_the_two_alone() -> None:
    sampling = replace(SMALL_FLOW, frames_per_second=11, span=11)
    pictures = frames(11, 128)
    options: dict[str, Any] = {"random_seed": 3, "protocol": sampling, "flow_updates": 1}
    both = row(changed("i3d", **options), pictures, 1.0)
    for name, stream in (("i3d-rgb", "i3d_rgb"), ("i3d-flow", "i3d_flow")):
        np.testing.assert_allclose(both[stream], row(changed(name, **options), pictures, 1.0)[stream], rtol=1e-5)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    state = {"conv1.weight": torch.zeros(3)}
    with pytest.raises(WeightsError, match="the weights i3d-rgb do not fit the network: they lack"):
        create_extractor("i3d-rgb", weights=weights_of(tmp_path, "i3d-rgb", state))
    wrong = i3d_reference.hassony2_state(2, seed=0)
    with pytest.raises(WeightsError, match=r"the weights i3d-rgb do not fit the network: .*size mismatch"):
        create_extractor("i3d-rgb", weights=weights_of(tmp_path, "i3d-rgb", wrong))


def test_a_file_that_is_no_safetensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"not tensors")
    with pytest.raises(WeightsError, match=r"weights\.safetensors cannot be read as safetensors"):
        create_extractor("r3d34", weights={"r3d34-kinetics400": path})
    with pytest.raises(WeightsError, match="r3d34 was opened without the weights r3d34-kinetics400"):
        create_extractor("r3d34", weights={})
