"""A trained network's scores for the examples of a data set, as cases that a protocol can judge.

In: a store of examples and a network. Out: one `Case` per example with scores in [0, 1], as `Scorer.score` gives them.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from highlightr.core.types import FloatArray
from highlightr.evaluation import Case
from highlightr.training.batches import SampleStore, in_order
from highlightr.training.learners import Learner

_BATCH = 64


def predict(learner: Learner, network: nn.Module, store: SampleStore) -> list[Case]:
    """Score every example, in the order of the store.

    Examples that fit at once go through in batches; longer ones through the scorer's windows. The network's mode and
    the scorer's network are left as they were.
    """
    scores: dict[int, FloatArray] = {}
    trained, before = network.training, learner.scorer.network
    network.eval()
    try:
        with torch.no_grad():
            scores |= _batched(learner, network, store)
        learner.scorer.network = network
        for index in set(range(len(store))) - set(scores):
            example, query = store.example(index)
            scores[index] = learner.scorer.score(example.features(), query, ()).values
    finally:
        network.train(trained)
        learner.scorer.network = before
    return [Case.of(item, scores[i]) for i, item in enumerate(store.items)]


def _batched(learner: Learner, network: nn.Module, store: SampleStore) -> dict[int, FloatArray]:
    device = next(network.parameters()).device
    found: dict[int, FloatArray] = {}
    for indices, batch in in_order(store, learner, _BATCH):
        unit = learner.run(network, batch.to(device)).unit.float().clamp(0, 1).cpu().numpy()
        lengths = batch.clip_lengths.tolist()
        found |= {index: np.array(unit[row, : lengths[row]]) for row, index in enumerate(indices)}
    return found
