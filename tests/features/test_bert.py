"""The NumPy encoder equals torch's operations on random weights, and its error function the standard library's."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from benchmarks import torch_bert
from highlightr.features.lite.bert import BertEncoder, erf

SIZES = {"layers": 2, "width": 24, "heads": 3, "inner_width": 40, "vocabulary": 50, "positions": 16}


def _encoders() -> tuple[BertEncoder, torch_bert.BertEncoder]:
    torch.manual_seed(0)
    module = torch_bert.BertEncoder(**SIZES, norm_epsilon=1e-12).eval()
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    tensors = {name: value.numpy() for name, value in module.published().items()}
    return BertEncoder(tensors, layers=2, heads=3, norm_epsilon=1e-12), module


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (4, 16)], ids=["token", "sentence", "batch"])
def test_rows_are_those_of_torch(shape: tuple[int, int]) -> None:
    own, module = _encoders()
    ids = np.random.default_rng(0).integers(0, SIZES["vocabulary"], shape, dtype=np.int64)
    mask = np.ones_like(ids)
    mask[-1, 1 + shape[1] // 2 :] = 0
    with torch.inference_mode():
        expected = module(torch.from_numpy(ids), torch.from_numpy(mask)).numpy()
    rows = own(ids, mask)
    assert rows.dtype == np.float32
    assert rows.shape == (*shape, SIZES["width"])
    np.testing.assert_allclose(rows[mask == 1], expected[mask == 1], atol=2e-5)


def test_erf_equals_the_standard_library_s() -> None:
    values: npt.NDArray[np.float32] = np.linspace(-6, 6, 2001, dtype=np.float32)
    expected = [math.erf(value) for value in values.tolist()]
    np.testing.assert_allclose(erf(values), expected, rtol=0, atol=5e-7)
    assert erf(values).dtype == np.float32
