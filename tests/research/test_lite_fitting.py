"""The fits of the linear CFSum against closed forms, and the study on takes that it can learn from."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from highlightr.core.types import Features, Query, Shot, TimeGrid
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.label_bank import LabelBank
from research.lite.clips import Take
from research.lite.fitting import (
    FitSettings,
    fit_borders,
    fit_calibration,
    fit_linear,
    fit_tensors,
    ordinary_footage,
    sentence_centroids,
)
from research.lite.judging import Answer
from research.lite.stitching import Part, join
from research.lite.study import FALSELY, Material, calibrate, reliability, study

POOLED, TEXT = 40, 16
CONFIG = CFSumLiteConfig(pooled_width=POOLED, text_width=TEXT, common_sentences=4, ordinary_clips=8, border_units=4)
QUICK = FitSettings(border_videos=20, border_steps=150)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def material(count: int, seed: int = 0) -> Material:
    """Takes whose pictures are a noisy linear map of their sentences; classes are told by the take's number."""
    rng = np.random.default_rng(seed)
    vectors, mixing = unit(rng.standard_normal((count, TEXT))), rng.standard_normal((TEXT, POOLED))
    takes, queries = [], []
    for index in range(count):
        clips = int(rng.integers(5, 9))
        pooled = vectors[index] @ mixing + 0.5 * rng.standard_normal((clips, POOLED))
        scores = rng.random(1000) ** 8 * rng.uniform(0.5, 1.5, (clips, 1000))  # Clips of a take look alike.
        scores[:, index % 1000] += 2
        streams = {
            "efficientnet_lite0": pooled.astype("f4"),
            "imagenet": (scores / scores.sum(1, keepdims=True)).astype("f4"),
        }
        grid = TimeGrid(float(clips), 1.0)
        takes.append(Take(f"{index}", f"{index}", Features(grid, streams), (Shot(0.0, float(clips)),)))
        queries.append(Query(f"{index}", vectors[index][None], vectors[index]))
    banks = [LabelBank(tuple(map(str, range(n))), unit(rng.standard_normal((n, TEXT)))) for n in (1000, 521)]
    return Material(takes, queries, *banks)


def test_the_map_is_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    pooled, vectors = rng.standard_normal((30, 8)), unit(rng.standard_normal((30, TEXT)))
    found = fit_linear(pooled, vectors, FitSettings(ridge=0.7, evening=0.0))
    seen, said = pooled - pooled.mean(0), vectors - vectors.mean(0)
    primal = np.linalg.solve(seen.T @ seen + 0.7 * np.eye(8), seen.T @ said)
    np.testing.assert_allclose(found["clip_map"], primal, atol=1e-5)
    np.testing.assert_allclose(found["text_map"], np.eye(TEXT), atol=1e-5)


def test_evening_makes_the_variances_of_the_text_space_more_alike() -> None:
    rng = np.random.default_rng(0)
    vectors = unit(rng.standard_normal((400, TEXT)) * np.linspace(0.1, 2, TEXT))
    pooled = rng.standard_normal((400, 8))

    def spread(evening: float) -> float:
        found = fit_linear(pooled, vectors, FitSettings(evening=evening))
        variances = np.linalg.eigvalsh(np.cov(((vectors - found["text_mean"]) @ found["text_map"]).T))
        return float(variances.max() / variances.min())

    assert spread(1.0) < spread(0.25) < spread(0.0)


def test_centroids_are_unit_vectors_among_the_sentences() -> None:
    rng = np.random.default_rng(0)
    groups = unit(rng.standard_normal((5, TEXT)))
    vectors = unit(groups[rng.integers(0, 5, 200)] + 0.05 * rng.standard_normal((200, TEXT)))
    found = sentence_centroids(vectors, 20, 20, seed=1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert (found @ groups.T).max(axis=0).min() > 0.98
    assert sentence_centroids(vectors[:3], 8, 5, seed=1).shape == (8, TEXT)


def test_calibration_recovers_the_sigmoid_that_made_the_labels() -> None:
    rng = np.random.default_rng(0)
    values = rng.standard_normal(20_000)
    labels = (rng.random(20_000) < 1 / (1 + np.exp(-(1.5 * values - 0.7)))).astype(float)
    slope, offset = fit_calibration(values, labels)
    assert slope == pytest.approx(1.5, abs=0.1)
    assert offset == pytest.approx(-0.7, abs=0.1)
    for row in reliability(values, labels, slope, offset):
        assert row["observed"] == pytest.approx(row["score"], abs=0.06)


def test_no_answer_is_said_below_what_few_of_the_answered_stay_below() -> None:
    rng = np.random.default_rng(0)
    found = [Answer(np.array([0.0, 2.0]) + rng.normal(), np.array([0.0, 1.0])) for _ in range(40)]
    shown, excess = np.tile([1.0, 0.0], 2000), np.repeat(np.log([0.5, 1.0, 2.0, 4.0]), 1000)
    luck = np.stack([3 * shown + 0.5 * excess + rng.normal(0, 1, 4000), excess, shown], axis=1)
    calibration = calibrate(found, luck)
    odds = calibration.match_slope * luck[:, 0] + calibration.match_offset - calibration.match_scenes * excess
    chances = 1 / (1 + np.exp(-odds))
    assert (chances[shown == 1] < calibration.none_below).mean() == pytest.approx(FALSELY / 100, abs=0.01)
    assert calibration.absent_noted == pytest.approx(100 * (chances[shown == 0] < calibration.none_below).mean())
    assert calibration.match_slope == pytest.approx(3, abs=0.4)  # Two normal distributions, three deviations apart.
    assert calibration.match_scenes == pytest.approx(3 * 0.5, abs=0.3)
    luck[:, 0] -= excess
    assert calibrate(found, luck).match_scenes == 0  # More scenes do not speak for a query.


def test_ordinary_footage_is_means_of_like_takes() -> None:
    takes = material(30).takes
    found = ordinary_footage(takes, replace(CONFIG, ordinary_clips=6), 20, seed=0)
    means = np.stack([take.features.streams["efficientnet_lite0"].mean(axis=0) for take in takes])
    assert found["ordinary_pooled"].shape == (6, POOLED)
    assert found["ordinary_pooled"].max() <= means.max()
    np.testing.assert_allclose(found["ordinary_classes"].sum(axis=1), 1, rtol=1e-5)
    assert ordinary_footage(takes[:3], CONFIG, 5, seed=0)["ordinary_pooled"].shape == (CONFIG.ordinary_clips, POOLED)


def test_borders_between_takes_are_told_from_borders_inside() -> None:
    takes = material(30).takes
    borders = fit_borders(takes, 4, QUICK, seed=0)
    video = join(takes, [Part(i, 0, takes[i].features.grid.num_clips) for i in range(6)])
    from highlightr.scorers.cfsum.scene_attention import border_chances, border_facts

    facts = border_facts(video.features.streams["imagenet"], video.features.grid, video.shots)
    chances = border_chances(borders, facts)
    real = video.owner[1:] != video.owner[:-1]
    assert chances[real].min() > 0.5 > chances[~real].max()


def test_the_same_seed_gives_the_same_tensors_and_they_fit() -> None:
    found = material(20)
    first, second = (fit_tensors(found.takes, found.queries, CONFIG, QUICK, 3) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert {name: value.shape for name, value in first.items()} == dict(CFSumLiteScorer.tensor_shapes(CONFIG))
    CFSumLiteScorer(found.imagenet, found.audioset, first, CONFIG, "the fit")


def test_the_study_finds_what_can_be_learned_and_what_it_is_made_of() -> None:
    lines: list[str] = []
    result = study(material(48), CONFIG, QUICK, folds=2, seed=0, told=lines.append)
    rows = result.rows
    assert rows["cfsum-lite"].hit_at_1 > 60 > rows["zeroshot"].hit_at_1
    assert rows["cfsum-lite"].mean_ap > rows["without the linear path"].mean_ap + 20
    assert rows["random"].queries == rows["cfsum-lite"].queries == 48
    assert len(lines) == 2
    assert result.calibration is not None
    assert sum(row["clips"] for row in result.calibration.bins) > 0


def test_a_scorer_of_the_fit_answers_a_joined_video() -> None:
    found = material(24)
    tensors = fit_tensors(found.takes, found.queries, CONFIG, QUICK, 0)
    scorer = CFSumLiteScorer(found.imagenet, found.audioset, tensors, CONFIG, "the fit")
    video = join(found.takes, [Part(i, 0, found.takes[i].features.grid.num_clips) for i in range(5)])
    values = scorer.log_evidence(video.features, [found.queries[2]], video.shots)[0]
    assert video.owner[values.argmax()] == 2
