from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from highlightr.features.engines.checkpoint import without_initialisation


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(40, 40, bias=False).weight,
        lambda: nn.Conv3d(4, 8, 3, bias=False).weight,
        lambda: nn.Embedding(40, 40).weight,
        lambda: nn.MultiheadAttention(40, 4, bias=False).in_proj_weight,
        lambda: nn.init.uniform_(torch.zeros(40, 40)),
        lambda: nn.init.kaiming_normal_(torch.zeros(40, 40)),
    ],
    ids=["linear", "convolution", "embedding", "attention", "uniform", "normal"],
)
def test_numbers_that_are_overwritten_are_not_drawn(build: Callable[[], torch.Tensor]) -> None:
    torch.manual_seed(814)
    with without_initialisation():
        empty = build()
    torch.manual_seed(814)
    assert not torch.equal(empty, build())


def test_what_no_seed_overwrites_is_as_it_was_made() -> None:
    with without_initialisation():
        norm, drawn = nn.BatchNorm2d(3), nn.init.normal_(torch.full((3,), 9.0))
    assert norm.weight.tolist() == [1, 1, 1]
    assert 9.0 not in drawn
