"""A DAViHD of small width for videos without a query, fitted on crops of drawn videos.

In: `Eventful` videos. Out: the network of `highlightr.scorers.davihd` and its value per clip, (num_clips,) in (0, 1).
Movement, sound classes and the spectrogram are what it sees: what pictures show would tell it which data set a clip
came from, and nothing about what happens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from highlightr.scorers.configs import DAViHDConfig
from highlightr.scorers.davihd_scorer import pool_logmel
from highlightr.timeline import Features, FloatArray
from highlightr.training.lite.eventful import Eventful

if TYPE_CHECKING:
    import torch

    from highlightr.scorers.davihd import DAViHD

__all__ = ["SMALL", "SMALL_HEARING", "FitSettings", "fit_davihd", "network_inputs", "score_davihd"]

SMALL = DAViHDConfig(
    visual_streams={"motion": 2},
    audio_streams={"yamnet": 521},
    visual_width=32,
    audio_width=64,
    hidden_width=64,
    dynamics_heads=4,
    dynamics_layers=1,
    dynamics_channels=(8, 16, 16, 32, 32, 32),
    dropout=0.3,
)
"""Fewer than 0.4 million parameters; the paper's has 189 million."""

SMALL_HEARING = replace(SMALL, pathways=("semantic", "dynamics"), audio_streams={"audio_dynamics": 4})
"""Sound alone, and how it moves instead of what it is: there are too few moments to learn what sounds mean."""

_FAINTEST = 1e-3
"""Added to class scores before their log: fainter sounds are not told apart."""

_LEVELS = ((-30.0, 5.0, 1.0, 5.0), (15.0, 8.0, 1.0, 5.0))
"""Usual middle and spread of the columns of `audio_dynamics`, in dB."""


@dataclass(frozen=True)
class FitSettings:
    """What is not learned."""

    steps: int = 100
    batch: int = 12
    crop_clips: int = 64
    """Every example is a random stretch of this many clips; shorter videos are left out."""
    rate: float = 1e-3
    weight_decay: float = 0.05
    semantic_noise: float = 0.3
    """Gaussian noise on what enters the semantic pathway."""
    level_noise: float = 0.5
    """Deviation of a gain that shifts a whole crop's log-mel, in nepers of power: 0.5 is 2 dB."""


def network_inputs(features: Features, config: DAViHDConfig) -> dict[str, FloatArray]:
    """Pathway to its rows (num_clips, width): movement as it is, sounds by `_heard`, log-mel pooled to clips."""
    return {name: _rows(name, features, config) for name in config.pathways}


def _rows(pathway: str, features: Features, config: DAViHDConfig) -> FloatArray:
    if pathway == "visual":
        return np.concatenate([features.streams[name] for name in config.visual_streams], axis=1)
    if pathway == "semantic":
        return np.concatenate([_heard(name, features) for name in config.audio_streams], axis=1)
    return pool_logmel(features.signals["logmel"], features.grid)


def _heard(name: str, features: Features) -> FloatArray:
    rows = features.streams[name]
    if name == "audio_dynamics":
        middle, spread = np.array(_LEVELS, dtype=np.float32)
        return np.asarray((rows - middle) / spread, dtype=np.float32)
    return np.asarray(np.log(rows + _FAINTEST), dtype=np.float32)


def fit_davihd(videos: Sequence[Eventful], config: DAViHDConfig, settings: FitSettings, seed: int) -> DAViHD:
    """Train on random crops with binary cross-entropy; the same videos and seed give the same network.

    Raises:
        ValueError: no video is as long as a crop.

    Source: DAViHD's gradient clipping and network; its 200 epochs at 1e-5 are for thousands of videos, so a short
    one-cycle schedule takes their place, and cross-entropy that of squared error, because labels are 0 or 1.
    """
    import torch

    from highlightr.scorers.davihd import DAViHD

    long_enough = [each for each in videos if len(each.labels) >= settings.crop_clips]
    if not long_enough:
        raise ValueError(f"none of {len(videos)} videos has {settings.crop_clips} clips")
    examples = [(network_inputs(video.features, config), video.labels) for video in long_enough]
    rng = np.random.default_rng(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DAViHD(config).train()
        optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps + 1, pct_start=0.1)
        for _ in range(settings.steps):
            inputs, labels = _batch(examples, settings, settings.batch, rng)
            scores = _forward(network, inputs).clamp(1e-5, 1 - 1e-5)
            loss = torch.nn.functional.binary_cross_entropy(scores, labels)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 0.5)
            optimiser.step()
            schedule.step()
        _settle(network, _batch(examples, settings, 8 * settings.batch, rng)[0])
    return network.eval()


def _forward(network: DAViHD, inputs: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """(B, N) scores from pathways (B, N, width)."""
    return network(inputs.get("visual"), inputs.get("semantic"), inputs.get("dynamics")).scores  # type: ignore[no-any-return]


def _settle(network: DAViHD, inputs: Mapping[str, torch.Tensor]) -> None:
    """Take the statistics of BatchNorm once more from the final weights: its momentum of 0.99 keeps one batch only."""
    import torch

    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        _forward(network, inputs)


def _batch(
    examples: Sequence[tuple[Mapping[str, FloatArray], FloatArray]],
    settings: FitSettings,
    count: int,
    rng: np.random.Generator,
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Random crops: pathway to (count, crop_clips, width), and labels (count, crop_clips)."""
    import torch

    crops: dict[str, list[FloatArray]] = {name: [] for name in examples[0][0]}
    labels = []
    for index in rng.integers(0, len(examples), count):
        inputs, wanted = examples[index]
        start = int(rng.integers(0, len(wanted) - settings.crop_clips + 1))
        for name, rows in inputs.items():
            crops[name].append(_noisy(name, rows[start : start + settings.crop_clips], settings, rng))
        labels.append(wanted[start : start + settings.crop_clips])
    return {name: torch.from_numpy(np.stack(rows)) for name, rows in crops.items()}, torch.from_numpy(np.stack(labels))


def _noisy(pathway: str, rows: FloatArray, settings: FitSettings, rng: np.random.Generator) -> FloatArray:
    if pathway == "semantic":
        return rows + np.float32(settings.semantic_noise) * rng.standard_normal(rows.shape, dtype=np.float32)
    return rows + np.float32(rng.normal(0, settings.level_noise)) if pathway == "dynamics" else rows


def score_davihd(network: DAViHD, features: Features) -> FloatArray:
    """(num_clips,) in (0, 1)."""
    import torch

    inputs = network_inputs(features, network.config)
    with torch.no_grad():
        rows = {name: torch.from_numpy(np.ascontiguousarray(part))[None] for name, part in inputs.items()}
        scores: FloatArray = _forward(network, rows)[0].numpy()
    return scores
