"""A trained network's scores for the examples of a data set, as cases that a protocol can judge.

In: a store of examples and a learner. Out: one `Case` per example with scores in [0, 1], as `Scorer.score` gives them.
"""

from __future__ import annotations

import numpy as np
import torch

from highlightr.core.types import FloatArray
from highlightr.evaluation import Case
from highlightr.training.batches import SampleStore, in_order
from highlightr.training.learners import Learner

_BATCH = 64


def predict(learner: Learner, store: SampleStore) -> list[Case]:
    """Score every example on the device that the network is on, in the order of the store.

    Examples that fit at once go through in batches; longer ones through the scorer's windows. The network's mode is
    left as it was.
    """
    trained = learner.network.training
    learner.network.eval()
    try:
        with torch.no_grad():
            scores = _batched(learner, store)
        for index in set(range(len(store))) - set(scores):
            example, query = store.example(index)
            scores[index] = learner.scorer.score(example.features(), query, ()).values
    finally:
        learner.network.train(trained)
    return [Case.of(item, scores[i]) for i, item in enumerate(store.items)]


def _batched(learner: Learner, store: SampleStore) -> dict[int, FloatArray]:
    found: dict[int, FloatArray] = {}
    for indices, batch in in_order(store, learner, _BATCH):
        unit = learner.run(batch.to(learner.scorer.device)).unit.float().clamp(0, 1).cpu().numpy()
        lengths = batch.clip_lengths.tolist()
        found |= {index: np.array(unit[row, : lengths[row]]) for row, index in enumerate(indices)}
    return found
