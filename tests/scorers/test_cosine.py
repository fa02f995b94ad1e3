"""The cosine scorer: recomputed in float64, and what a query finds in a space made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, Query, Shot, TimeGrid
from highlightr.scorers import Scorer, ScorerContext, create_scorer
from highlightr.scorers.label_bank import LabelBank
from highlightr.scorers.notes import UNCALIBRATED
from tests.scorers import factories

WIDTH = 8
ALONE = {"image_width": WIDTH, "scene_seconds": [], "shot_weight": 0.0}


def unit(index: int) -> np.ndarray:
    return np.eye(WIDTH, dtype=np.float32)[index]


def bank(count: int) -> LabelBank:
    vectors = np.random.default_rng(count).standard_normal((count, WIDTH)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return LabelBank(tuple(f"label {index}" for index in range(count)), vectors)


BANKS = {"imagenet": bank(1000), "yamnet": bank(521)}


def scorer(**settings: object) -> Scorer:
    context = ScorerContext(label_bank=BANKS.__getitem__, logit_scale=lambda: 20.0)
    return create_scorer("cosine", {**ALONE, **settings}, context)


def query(vector: np.ndarray) -> Query:
    return Query("a query", vector[None], vector)


def features(rows: np.ndarray, **streams: np.ndarray) -> Features:
    return Features(TimeGrid(float(len(rows)), 1.0), {"clip": rows.astype(np.float32), **streams})


def test_scores_are_the_odds_of_the_query_against_ordinary_texts() -> None:
    rows = np.random.default_rng(0).standard_normal((5, WIDTH)).astype(np.float32) * 3
    found = scorer(smooth_clips=1).score(features(rows), query(unit(2)), ())
    exact = rows.astype(np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)
    ordinary = np.exp(20.0 * exact @ BANKS["imagenet"].vectors.T.astype(np.float64)).mean(axis=1)
    odds = np.exp(20.0 * exact[:, 2]) / ordinary
    np.testing.assert_allclose(found.values, odds / (1 + odds), rtol=1e-4, atol=1e-6)
    assert set(found.parts) == {"visual"}
    assert found.notes == (UNCALIBRATED,)


def test_the_picture_that_is_like_the_query_is_found_whatever_its_classes_say() -> None:
    rows = np.stack([unit(index % 2) for index in range(6)])
    rows[4] = unit(3)
    classes = np.full((6, 1000), 1e-3, np.float32)
    found = scorer(smooth_clips=1).score(features(rows, imagenet=classes), query(unit(3)), ())
    assert int(found.values.argmax()) == 4
    assert all(reason.kind == "visual" for clip in found.reasons for reason in clip)


def test_evidence_is_shared_within_a_shot() -> None:
    rows = np.stack([unit(0), unit(0), unit(3), unit(0)])
    shots = (Shot(0.0, 2.0), Shot(2.0, 4.0))
    found = scorer(shot_weight=1.0, clip_share=0.0).score(features(rows), query(unit(3)), shots)
    assert found.values[3] == pytest.approx(found.values[2])
    assert found.values[2] > found.values[0]


def test_a_sound_lies_where_its_class_does() -> None:
    rows = np.stack([unit(0)] * 3)
    sounds = np.zeros((3, 521), np.float32)
    sounds[1, 7] = 0.9
    sounds[[0, 2], 8] = 0.9
    asked = query(BANKS["yamnet"].vectors[7])
    found = scorer(smooth_clips=1).score(features(rows, yamnet=sounds), asked, ())
    assert int(found.values.argmax()) == 1
    np.testing.assert_allclose(sum(found.parts.values()), found.values, rtol=1e-5)
    assert found.reasons[1][0].label == "label 7"


@pytest.mark.parametrize("setting", [{"scene_seconds": (0.0,)}, {"smooth_clips": 0}, {"image_width": 0}])
def test_settings_that_no_score_can_be_made_of_are_refused(setting: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(setting))):
        scorer(**setting)


def test_features_of_another_model_are_refused() -> None:
    with pytest.raises(Exception, match="takes 'clip' 384 wide, got 8"):
        factories.scorer("cosine").score(features(np.ones((2, WIDTH))), factories.query(), ())
