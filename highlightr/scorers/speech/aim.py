"""Whether a query asks for what is said, or for what is seen and heard.

In: a query's vector in MiniLM's space. Out: log odds, which move each sense's match where there is a transcript:
pictures resemble most sentences a little, "quitting your job" too, and a talk holds something near to most captions.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from highlightr.core.tensors import read_tensors
from highlightr.core.types import FloatArray

WEIGHTS = Path(__file__).with_name("aim.safetensors")
"""Written by `python -m research.speech_aim`."""


def aim_at_pictures(vector: FloatArray) -> float:
    """Log odds that a query asks for what can be seen or heard; small, because their weights were held small."""
    weights, offset = _weights()
    return float(vector @ weights) + offset


@cache
def _weights() -> tuple[FloatArray, float]:
    tensors = read_tensors(WEIGHTS)
    return np.asarray(tensors["weights"], dtype=np.float32), float(tensors["offset"][0])
