"""Fitting the linear CFSum of the lite preset: closed-form maps, centroids of sentences, a perceptron for borders.

In: `Takes` of single clips with their sentences embedded. Out: the tensors of `CFSumLiteScorer`, by name. The same
takes and seed give the same tensors; nothing is stopped by looking at other data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray, Query
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.scene_attention import border_facts
from highlightr.training.own_fits import ridge_map
from research.lite.clips import Take
from research.lite.stitching import draw_parts, join
from research.logistic import logistic_weights


@dataclass(frozen=True)
class FitSettings:
    """What is not learned; chosen by cross-validation on the captioned clips."""

    ridge: float = 1.0
    """Penalty of the map from pictures to sentences; features have unit length."""
    evening: float = 0.25
    """Exponent that evens out the variances of the text space: 0 leaves it, 1 makes them equal."""
    evening_floor: float = 0.1
    """Variance added to all directions, as a share of the mean variance."""
    border_videos: int = 300
    """Joined videos that the borders are learned from."""
    border_steps: int = 600
    border_batch: int = 2048
    border_rate: float = 1e-2
    border_dropout: float = 0.2
    centroid_rounds: int = 20


def fit_tensors(
    takes: Sequence[Take], queries: Sequence[Query], config: CFSumLiteConfig, settings: FitSettings, seed: int
) -> dict[str, FloatArray]:
    """Everything that a weights file of `CFSumLiteScorer` holds, from takes and their embedded sentences."""
    pooled = np.stack([_mean_look(take, config.pooled_stream) for take in takes])
    vectors = np.stack([query.vector for query in queries])
    tensors = fit_linear(pooled, vectors, settings)
    tensors["common"] = sentence_centroids(vectors, config.common_sentences, settings.centroid_rounds, seed)
    tensors |= ordinary_footage(takes, config, settings.centroid_rounds, seed)
    return tensors | fit_borders(takes, config.border_units, settings, seed)


def _mean_look(take: Take, stream: str) -> FloatArray:
    return np.asarray(unit_rows(take.features.streams[stream]).mean(axis=0), dtype=np.float32)


def fit_linear(pooled: FloatArray, vectors: FloatArray, settings: FitSettings) -> dict[str, FloatArray]:
    """Ridge regression from pictures to sentences, in a text space whose variances are evened out.

    Args:
        pooled: (n, W) one row per clip.
        vectors: (n, D) unit vectors of their sentences.
        settings: the penalties.

    Returns:
        `clip_mean`, `clip_map`, `text_mean` and `text_map` of `CFSumLiteScorer.tensor_shapes`.
    """
    clip_mean, text_mean = pooled.mean(axis=0, dtype=np.float64), vectors.mean(axis=0, dtype=np.float64)
    seen, said = pooled - clip_mean, vectors - text_mean
    variances, directions = np.linalg.eigh(np.cov(said.T))
    lifted = np.maximum(variances, 0) + settings.evening_floor * variances.mean()
    evened = directions * lifted ** (-settings.evening / 2) @ directions.T
    found = {
        "clip_mean": clip_mean,
        "clip_map": ridge_map(seen, said, settings.ridge) @ evened,
        "text_mean": text_mean,
        "text_map": evened,
    }
    return {name: np.asarray(value, dtype=np.float32) for name, value in found.items()}


def sentence_centroids(vectors: FloatArray, count: int, rounds: int, seed: int) -> FloatArray:
    """(count, D) unit vectors that stand for all sentences: spherical k-means from randomly drawn ones."""
    rng = np.random.default_rng(seed)
    centres = vectors[rng.choice(len(vectors), count, replace=len(vectors) < count)]
    for _ in range(rounds):
        nearest = (vectors @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, vectors)
        centres = np.where((np.bincount(nearest, minlength=count) > 0)[:, None], unit_rows(sums), centres)
    return np.asarray(centres, dtype=np.float32)


def ordinary_footage(takes: Sequence[Take], config: CFSumLiteConfig, rounds: int, seed: int) -> dict[str, FloatArray]:
    """Means of like takes that stand for ordinary footage: k-means of what they look like.

    Returns:
        `ordinary_pooled` and `ordinary_classes` of `CFSumLiteScorer.tensor_shapes`.
    """
    pooled = np.stack([take.features.streams[config.pooled_stream].mean(axis=0) for take in takes])
    classes = np.stack([take.features.streams["imagenet"].mean(axis=0) for take in takes])
    looks = unit_rows(pooled)
    looks -= looks.mean(axis=0)
    rng, count = np.random.default_rng(seed), config.ordinary_clips
    drawn = rng.choice(len(takes), count, replace=len(takes) < count)
    centres = looks[drawn]
    for _ in range(rounds):
        nearest = ((centres**2).sum(axis=1) - 2 * looks @ centres.T).argmin(axis=1)
        members = [
            np.flatnonzero(nearest == each) if (nearest == each).any() else drawn[[each]] for each in range(count)
        ]
        centres = np.stack([looks[each].mean(axis=0) for each in members])
    return {
        "ordinary_pooled": np.stack([pooled[each].mean(axis=0) for each in members]).astype(np.float32),
        "ordinary_classes": np.stack([classes[each].mean(axis=0) for each in members]).astype(np.float32),
    }


def fit_borders(takes: Sequence[Take], units: int, settings: FitSettings, seed: int) -> dict[str, FloatArray]:
    """Learn where scenes begin from joined videos: a border is one where another take begins."""
    facts, labels = _border_examples(takes, settings.border_videos, seed)
    mean, scale = facts.mean(axis=0), facts.std(axis=0) + 1e-6
    layers = _train_borders((facts - mean) / scale, labels, units, settings, seed)
    return {f"borders.{name}": values for name, values in {"mean": mean, "scale": scale, **layers}.items()}


def _border_examples(takes: Sequence[Take], videos: int, seed: int) -> tuple[FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    facts, labels = [], []
    for _ in range(videos):
        video = join(takes, draw_parts(takes, range(len(takes)), rng))
        facts.append(border_facts(video.features.streams["imagenet"], video.features.grid, video.shots))
        labels.append(video.owner[1:] != video.owner[:-1])
    return np.concatenate(facts), np.concatenate(labels).astype(np.float32)


def _train_borders(
    rows: FloatArray, labels: FloatArray, units: int, settings: FitSettings, seed: int
) -> Mapping[str, FloatArray]:
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Linear(rows.shape[1], units), nn.ReLU(), nn.Dropout(settings.border_dropout), nn.Linear(units, 1)
        )
        inputs, targets = torch.from_numpy(rows), torch.from_numpy(labels)
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.border_rate, weight_decay=1e-2)
        fade = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, settings.border_steps)
        for _ in range(settings.border_steps):
            chosen = torch.randint(len(inputs), (settings.border_batch,))
            logits = network(inputs[chosen])[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(logits, targets[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            fade.step()
    state = {name: value.detach().numpy() for name, value in network.state_dict().items()}
    return {
        "hidden_weight": state["0.weight"],
        "hidden_bias": state["0.bias"],
        "out_weight": state["3.weight"][0],
        "out_bias": state["3.bias"],
    }


def fit_calibration(values: FloatArray, labels: FloatArray) -> tuple[float, ...]:
    """Slopes and offset of the sigmoid that makes scores read as chances: logistic regression.

    Args:
        values: (n,) or (n, k): log evidence of clips of held-out videos, and what else tells.
        labels: (n,) 1 where the clip answers the query.

    Returns:
        A slope per column, and the offset.

    Source: Platt 1999.
    """
    return tuple(logistic_weights(np.column_stack([values, np.ones(len(values))]), labels).tolist())
