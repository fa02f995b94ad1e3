"""Inception-v3 up to its last average pooling, as torchvision has it or as TensorFlow's 2015 graph computes it.

(batch, 3, height, width) in, (batch, 2048) out. The 2015 graph leaves the padding out of its average pools, and its
last block takes a maximum; the tensors have torchvision's names.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional
from torchvision.models.inception import Inception3, InceptionA, InceptionC, InceptionE


def inception_imagenet() -> nn.Module:
    """torchvision's network, ImageNet normalisation undone inside as its weights want, classifier off.

    Source: C. Szegedy et al., Rethinking the Inception Architecture, CVPR 2016.
    """
    return _headless(Inception3(num_classes=1000, aux_logits=False, transform_input=True, init_weights=False))


def inception_2015() -> nn.Module:
    """The network of TensorFlow's ``inception-2015-12-05`` (input in [-1, 1], ``pool_3`` out).

    Source: as ported by mseitzer/pytorch-fid, whose weights fit.
    """
    network = Inception3(num_classes=1008, aux_logits=False, transform_input=False, init_weights=False)
    for name, kind in _POOLED.items():
        getattr(network, name).__class__ = kind
    return _headless(network)


def _headless(network: Inception3) -> nn.Module:
    network.fc = nn.Identity()
    return network


def _average(x: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class _BlockA(InceptionA):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return [self.branch1x1(x), self.branch5x5_2(self.branch5x5_1(x)), double, self.branch_pool(_average(x))]


class _BlockC(InceptionC):  # type: ignore[misc]
    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        single = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return [self.branch1x1(x), single, double, self.branch_pool(_average(x))]


class _BlockE(InceptionE):  # type: ignore[misc]
    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return _average(x)

    def _forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        single, double = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return [
            self.branch1x1(x),
            torch.cat([self.branch3x3_2a(single), self.branch3x3_2b(single)], dim=1),
            torch.cat([self.branch3x3dbl_3a(double), self.branch3x3dbl_3b(double)], dim=1),
            self.branch_pool(self._pool(x)),
        ]


class _LastBlock(_BlockE):
    def _pool(self, x: torch.Tensor) -> torch.Tensor:
        return functional.max_pool2d(x, 3, stride=1, padding=1)


_POOLED = {
    **dict.fromkeys(("Mixed_5b", "Mixed_5c", "Mixed_5d"), _BlockA),
    **dict.fromkeys(("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"), _BlockC),
    "Mixed_7b": _BlockE,
    "Mixed_7c": _LastBlock,
}


class Projection(nn.Module):
    """2048 to 1024 by YouTube-8M's principal components, with or without mean and whitening.

    Source: S. Abu-El-Haija et al., YouTube-8M, 2016; google/youtube-8m, feature_extractor.py.
    """

    def __init__(self, whiten: bool) -> None:
        super().__init__()
        self._whiten = whiten
        self.mean = nn.Parameter(torch.zeros(2048))
        self.eigenvalues = nn.Parameter(torch.ones(1024))
        self.eigenvectors = nn.Parameter(torch.zeros(1024, 2048))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, 2048) to (batch, 1024)."""
        if not self._whiten:
            return x @ self.eigenvectors.T
        return ((x - self.mean) @ self.eigenvectors.T) / torch.sqrt(self.eigenvalues + 1e-4)


def pca_state(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The parts of YouTube-8M's archive that `Projection` needs: the first 1024 components."""
    short = {name.removesuffix(".npy"): tensor.float() for name, tensor in state.items()}
    made = {}
    if "mean" in short:
        made["mean"] = short["mean"].reshape(-1)
    if "eigenvals" in short:
        made["eigenvalues"] = short["eigenvals"].reshape(-1)[:1024]
    if "eigenvecs" in short:
        made["eigenvectors"] = short["eigenvecs"][:1024]
    return made
