"""Weights as the authors of DAViHD draw them: once more over the whole network, by the names of their modules.

In: a network that PyTorch has initialised. Out: the same network, other numbers.
"""

from __future__ import annotations

import math

from torch import nn

from highlightr.scorers.davihd.convert import authors_name

BIAS = 0.1
SPREAD = 0.1


def initialise_as_authors(network: nn.Module) -> None:
    """Draw again: matrices and kernels by Xavier with gain √2, vectors from U(-0.1, 0.1), biases 0.1.

    Weights of norms stay 1 where the authors' module has "norm" in its name; LayerNorms of their MLP and BatchNorms of
    their attention have not, and are drawn. Modules that only this package has follow the rule by their own names.

    Source: DAViHD, model/solver.py, ``init_weights``; all of it, the MLP's N(0, 0.02²) included, is drawn over.
    """
    for name, parameter in network.named_parameters():
        theirs = authors_name(name) or name
        if "weight" in theirs and "norm" not in theirs:
            if parameter.ndim >= 2:
                nn.init.xavier_uniform_(parameter, gain=math.sqrt(2.0))
            else:
                nn.init.uniform_(parameter, -SPREAD, SPREAD)
        elif "bias" in theirs:
            nn.init.constant_(parameter, BIAS)
