"""The linear CFSum: the formula written out, scenes, what is required, weights that fit, and no torch."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.large_arrays import spans
from highlightr.core.types import Features, Scores, Shot, TimeGrid
from highlightr.features.labels import label_names
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.scorers.cfsum import lite as cfsum_lite
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.cfsum.scene_attention import (
    BORDER_FACTS,
    border_chances,
    border_facts,
    border_shapes,
    scene_average,
)
from highlightr.scorers.label_bank import LabelBank, strongest_labels
from highlightr.scorers.zeroshot.scorer import ZeroShotConfig
from tests.scorers import factories

BANKS = {"imagenet": factories.bank(1000, 1), "yamnet": factories.bank(521, 2)}


def made(config: CFSumLiteConfig | None = None, **tensors: np.ndarray) -> CFSumLiteScorer:
    chosen = config or CFSumLiteConfig()
    drawn = factories.linear_tensors(0) | tensors
    return CFSumLiteScorer(BANKS["imagenet"], BANKS["yamnet"], drawn, chosen, "the test")


def halves(grid: TimeGrid) -> list[Shot]:
    middle = grid.duration_seconds / 2
    return [Shot(0.0, middle), Shot(middle, grid.duration_seconds)]


def dense_average(values: np.ndarray, chances: np.ndarray, strength: float, reach_clips: float) -> np.ndarray:
    """`scene_average` with the matrix of weights written out."""
    costs = np.concatenate([[0.0], np.cumsum(np.minimum(-np.log(1 - chances.astype(float)), 4.0))])
    apart = np.abs(np.subtract.outer(np.arange(len(values)), np.arange(len(values))))
    weights = np.exp(-strength * np.abs(costs[:, None] - costs[None]) - apart / reach_clips)
    return (weights @ values) / weights.sum(axis=1)


class TestSceneAverage:
    """Attention that falls at borders."""

    @pytest.mark.parametrize("reach_clips", [1.5, 10.0, math.inf])
    @pytest.mark.parametrize("strength", [0.0, 0.7, 3.0])
    def test_it_equals_the_matrix_written_out(self, strength: float, reach_clips: float) -> None:
        rng = np.random.default_rng(0)
        values, chances = rng.random(40).astype(np.float32), rng.random(39).astype(np.float32) ** 3
        np.testing.assert_allclose(
            scene_average(values, chances, strength, reach_clips),
            dense_average(values, chances, strength, reach_clips),
            rtol=1e-5,
        )

    def test_a_constant_stays_and_rows_are_averaged_alone(self) -> None:
        chances = np.random.default_rng(1).random(29).astype(np.float32)
        rows = np.stack([np.full(30, 0.3, np.float32), np.arange(30, dtype=np.float32)])
        found = scene_average(rows, chances, 1.0, 5.0)
        np.testing.assert_allclose(found[0], 0.3, rtol=1e-6)
        assert np.array_equal(found[1], scene_average(rows[1], chances, 1.0, 5.0))

    def test_a_certain_border_parts_two_scenes(self) -> None:
        chances = np.zeros(9, np.float32)
        chances[4] = 1.0
        values = np.repeat([1.0, 0.0], 5).astype(np.float32)
        found = scene_average(values, chances, 3.0, math.inf)
        assert found[:5].min() > 0.99
        assert found[5:].max() < 0.01

    def test_it_reaches_no_further_than_it_is_told(self) -> None:
        values = np.zeros(60, np.float32)
        values[30] = 1.0
        found = scene_average(values, np.zeros(59, np.float32), 1.0, 4.0)
        assert int(found.argmax()) == 30
        assert found[30] > 5 * found[40] > 0
        np.testing.assert_allclose(found[26] / found[30], math.exp(-1), rtol=0.01)


class TestBorders:
    """What is known about borders, and the perceptron over it."""

    def test_facts_of_a_video_of_two_pictures(self) -> None:
        scores = np.full((20, 6), 1e-3, np.float32)
        scores[:10, 0] = scores[10:, 1] = 0.9
        grid = TimeGrid(20.0, 1.0)
        facts = border_facts(scores, grid, halves(grid))
        assert facts.shape == (19, BORDER_FACTS)
        assert np.flatnonzero(facts[:, 0]).tolist() == [9]
        assert facts[9, 1] == pytest.approx(np.log(10.0))
        alike = facts[:, 5:9]
        assert (alike[9] < -0.9).all()
        assert alike[3, 0] == pytest.approx(1.0, abs=1e-4)
        assert facts[9, -1] == facts[:, -1].min()  # it vanishes last

    def test_a_boundary_that_was_overlooked_is_one_all_the_same(self) -> None:
        scores = np.full((20, 6), 1e-3, np.float32)
        scores[:10, 0] = scores[10:, 1] = 0.9
        grid = TimeGrid(20.0, 1.0)
        np.testing.assert_array_equal(
            border_facts(scores, grid, [Shot(0.0, 20.0)]), border_facts(scores, grid, halves(grid))
        )

    def test_a_video_of_one_scene_has_no_boundary_inside(self) -> None:
        # Nothing but noise tells its clips apart, so that any two sides are unlike in it.
        noise = np.exp(0.3 * np.random.default_rng(0).standard_normal((40, 6)))
        scores = (np.array([0.9, 0.05, 0.03, 0.01, 0.005, 0.005]) * noise).astype(np.float32)
        assert not border_facts(scores, TimeGrid(40.0, 1.0), [Shot(0.0, 40.0)])[:, 0].any()

    def test_one_clip_has_no_border(self) -> None:
        grid = TimeGrid(0.5, 1.0)
        facts = border_facts(np.ones((1, 6), np.float32), grid, [Shot(0.0, 0.5)])
        assert facts.shape == (0, BORDER_FACTS)
        assert scene_average(np.array([0.4], np.float32), np.zeros(0, np.float32), 2.0, math.inf) == pytest.approx(
            [0.4]
        )

    def test_chances_are_the_perceptron_s(self) -> None:
        rng = np.random.default_rng(0)
        tensors = {name: rng.standard_normal(shape) for name, shape in border_shapes(3).items()}
        arrays = {name.removeprefix("borders."): values for name, values in tensors.items()}
        facts = rng.standard_normal((4, BORDER_FACTS))
        rows = (facts - arrays["mean"]) / arrays["scale"]
        hidden = np.maximum(rows @ arrays["hidden_weight"].T + arrays["hidden_bias"], 0)
        expected = 1 / (1 + np.exp(-(hidden @ arrays["out_weight"] + arrays["out_bias"])))
        np.testing.assert_allclose(border_chances(tensors, facts), expected, rtol=1e-5)


class TestFormula:
    """The score, recomputed."""

    def test_log_evidence_is_the_documented_sum(self) -> None:
        features, query, config = factories.features(12), factories.query(), CFSumLiteConfig()
        tensors = {name: value.astype(float) for name, value in factories.linear_tensors(0).items()}
        texts = np.concatenate([query.vector[None], tensors["common"]])
        unit = lambda rows: rows / np.linalg.norm(rows, axis=1, keepdims=True)  # noqa: E731
        said = unit((texts - tensors["text_mean"]) @ tensors["text_map"])

        def evidence(stream: str, classes: np.ndarray, pooled: np.ndarray | None) -> np.ndarray:
            bank, zero = BANKS[stream], ZeroShotConfig()
            crowd = zero.hub_correction * bank.crowding
            gains = np.exp(zero.sharpness * (texts @ bank.vectors.T - crowd))
            logs = np.log(strongest_labels(classes, zero.top_labels, zero.posterior_power) @ gains.T)
            if pooled is not None:
                seen = unit((unit(pooled) - tensors["clip_mean"]) @ tensors["clip_map"])
                logs += config.gain * seen @ said.T
            soft = np.log(np.mean(np.exp(config.common_temperature * logs[:, 1:]), 1)) / config.common_temperature
            return np.asarray(config.sharpness * (logs[:, 0] - config.common_share * soft))

        chances = made().borders(features, halves(features.grid))
        pooled = features.streams["efficientnet_lite0"].astype(float)
        seen = np.exp(evidence("imagenet", features.streams["imagenet"], pooled))
        sounds = np.exp(evidence("yamnet", features.streams["yamnet"], None))
        firm = config.scene_strength
        total = dense_average((1 - config.audio_share) * seen, chances, firm, config.visual_reach_seconds)
        total += dense_average(config.audio_share * sounds, chances, firm, config.audio_reach_seconds)
        ordinary = evidence("imagenet", tensors["ordinary_classes"], tensors["ordinary_pooled"])
        expected = np.log(total) - np.quantile(ordinary, config.ordinary_share)
        found = made().log_evidence(features, [query], halves(features.grid))[0]
        np.testing.assert_allclose(found, expected, atol=1e-3)

    def test_the_calibration_is_a_sigmoid_of_it(self) -> None:
        features, query = factories.features(9), factories.query()
        config = CFSumLiteConfig(slope=0.7, offset=-0.4)
        logits = 0.7 * made(config).log_evidence(features, [query], ())[0] - 0.4
        np.testing.assert_allclose(made(config).score(features, query, ()).values, 1 / (1 + np.exp(-logits)), rtol=1e-4)

    def test_several_queries_at_once_are_each_alone(self) -> None:
        features = factories.features(15)
        asked = [factories.query(seed=1), factories.query(seed=2)]
        both = made().log_evidence(features, asked, ())
        for row, query in zip(both, asked, strict=True):
            np.testing.assert_allclose(row, made().log_evidence(features, [query], ())[0], atol=1e-5)

    def test_what_ordinary_footage_gets_is_worked_out_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        scorer, common = made(), CFSumLiteScorer._common
        worked: list[int] = []

        def counted(self: CFSumLiteScorer, rows: np.ndarray) -> np.ndarray:
            worked.append(len(rows))
            return common(self, rows)

        monkeypatch.setattr(CFSumLiteScorer, "_common", counted)
        first, second = factories.query(seed=1), factories.query(seed=2)
        scorer.score(factories.features(9), first, ())
        found = scorer.score(factories.features(15), second, ())
        assert worked.count(scorer.config.ordinary_clips) == 1
        np.testing.assert_array_equal(found.values, made().score(factories.features(15), second, ()).values)

    def test_chunks_change_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        features, query = factories.features(50), factories.query()
        whole = made().score(features, query, ()).values
        monkeypatch.setattr(cfsum_lite, "spans", partial(spans, rows=7))
        np.testing.assert_allclose(made().score(features, query, ()).values, whole, atol=1e-5)

    def test_it_finds_the_picture_that_the_map_sends_to_the_query(self) -> None:
        rng = np.random.default_rng(3)
        clip_map = rng.standard_normal((1280, 384)).astype(np.float32)
        zeros = {"clip_mean": np.zeros(1280, np.float32), "text_mean": np.zeros(384, np.float32)}
        query = factories.query()
        pooled = rng.standard_normal((30, 1280)).astype(np.float32)
        pooled[10:20] = query.vector @ np.linalg.pinv(clip_map)
        plain = factories.features(30)
        features = Features(plain.grid, {**plain.streams, "efficientnet_lite0": pooled})
        config = CFSumLiteConfig(scene_strength=0.0, audio_share=0.0, gain=20.0)
        scorer = made(
            replace(config, scene_strength=50.0), clip_map=clip_map, text_map=np.eye(384, dtype="f4"), **zeros
        )
        always = {"borders.out_bias": np.full(1, 50.0, np.float32), "borders.out_weight": np.zeros(32, np.float32)}
        parted = made(scorer.config, clip_map=clip_map, text_map=np.eye(384, dtype="f4"), **zeros, **always)
        values = parted.score(features, query, ()).values
        assert set(np.argsort(-values)[:10].tolist()) == set(range(10, 20))

    def test_sound_is_a_part_where_there_is_sound(self) -> None:
        query = factories.query()
        assert set(made().score(factories.features(5), query, ()).parts) == {"visual", "audio"}
        silent = made().score(factories.features(5, without=("yamnet",)), query, ())
        assert set(silent.parts) == {"visual"}
        np.testing.assert_allclose(silent.parts["visual"], silent.values, rtol=1e-6)

    @pytest.mark.parametrize(
        ("none_below", "strong_from", "verdict"), [(0, 0, "strong"), (0, 1, "weak"), (1, 1, "none")]
    )
    def test_the_verdict_follows_from_the_best_clip(self, none_below: float, strong_from: float, verdict: str) -> None:
        features, query = factories.features(5), factories.query()
        config = CFSumLiteConfig(match_slope=0.5, match_offset=0.1, none_below=none_below, strong_from=strong_from)
        match = made(config).score(features, query, ()).match
        assert match is not None
        assert match.verdict == verdict
        best = made(config).log_evidence(features, [query], ()).max()
        assert match.probability == pytest.approx(1 / (1 + np.exp(-(0.5 * best + 0.1))), rel=1e-4)

    @pytest.mark.parametrize("text", ["\U0001f415", "собака", "no dog", "the end", "a dog"])
    @pytest.mark.parametrize("offset", [9.0, -9.0], ids=["strong", "none"])
    def test_a_query_that_is_not_understood_is_no_strong_match(self, text: str, offset: float) -> None:
        config = CFSumLiteConfig(match_slope=1e-6, match_offset=offset, none_below=0.34, strong_from=0.4)
        scores = made(config).score(factories.features(5), replace(factories.query(), text=text), ())
        assert scores.match is not None
        understood = not scores.notes
        assert understood == (text == "a dog")
        assert scores.match.verdict == ("none" if offset < 0 else "strong" if understood else "weak")
        if not understood:
            assert scores.match.probability < 0.4

    def test_fewer_scenes_need_less_evidence(self) -> None:
        features, query = factories.features(30), factories.query()
        plain, less = made(CFSumLiteConfig()), made(CFSumLiteConfig(match_scenes=0.5))

        def odds(scorer: CFSumLiteScorer, scenes: int) -> float:
            borders = np.zeros(40, np.float32)
            borders[: scenes - 1] = 1.0
            chance = scorer._match(0.3, borders, 0.0).probability
            return float(np.log(chance / (1 - chance)))

        taken = [odds(plain, scenes) - odds(less, scenes) for scenes in (1, 4, 8, 20, 40)]
        np.testing.assert_allclose(taken, 0.5 * np.log(np.array([4, 4, 8, 20, 20]) / 8), atol=1e-4)
        found = less.score(features, query, ())
        assert found.match is not None
        assert found.borders is not None
        best = float(less.log_evidence(features, [query], ()).max())
        assert found.match == less._match(best, found.borders, 0.0)

    def test_a_named_sound_is_listened_for_around_the_best_clip(self) -> None:
        """And changes the verdict alone: scores, and with them what is chosen, stay."""
        plain, listening = made(CFSumLiteConfig()), made(CFSumLiteConfig(match_heard=1.5))
        features, label = factories.features(30), 17
        query = replace(factories.query(), vector=BANKS["yamnet"].vectors[label])
        rows = features.streams["yamnet"] * np.where(np.arange(521) == label, 0, 0.5).astype(np.float32)

        def scored(scorer: CFSumLiteScorer, sounds: np.ndarray) -> Scores:
            return scorer.score(Features(features.grid, {**features.streams, "yamnet": sounds}), query, ())

        def odds(scores: Scores) -> float:
            assert scores.match is not None
            return math.log(scores.match.probability / (1 - scores.match.probability))

        best = int(scored(plain, rows).values.argmax())

        def gained(heard_at: int | None) -> float:
            sounds = rows.copy()
            if heard_at is not None:
                sounds[heard_at, label] = 0.31
            before, after = scored(plain, sounds), scored(listening, sounds)
            np.testing.assert_array_equal(before.values, after.values)
            assert int(before.values.argmax()) == best
            return odds(after) - odds(before)

        assert gained(None) == pytest.approx(-1.5, abs=1e-3)
        assert gained(best) == pytest.approx(1.5, abs=1e-3)
        near, far = (best + 4, best + 5) if best + 5 < 30 else (best - 4, best - 5)
        assert gained(near) == pytest.approx(1.5, abs=1e-3)
        assert gained(far) == pytest.approx(-1.5, abs=1e-3)

    def test_a_silent_soundtrack_counts_like_none(self) -> None:
        banks = {**BANKS, "yamnet": LabelBank(label_names("yamnet"), BANKS["yamnet"].vectors)}
        tensors = factories.linear_tensors(0)
        scorer = CFSumLiteScorer(banks["imagenet"], banks["yamnet"], tensors, CFSumLiteConfig(), "the test")
        silence = np.zeros((6, 521), np.float32)
        for name, score in (("Silence", 0.98), ("Inside, small room", 0.6)):
            silence[:, label_names("yamnet").index(name)] = score
        plain = factories.features(6, without=("yamnet",))
        quiet = Features(plain.grid, {**plain.streams, "yamnet": silence})
        query = factories.query()
        found, expected = scorer.score(quiet, query, ()), scorer.score(plain, query, ())
        np.testing.assert_allclose(found.values, expected.values, rtol=1e-5)
        assert not any(reason.kind == "audio" for clip in found.reasons for reason in clip)

    def test_where_scenes_begin_and_what_clips_look_like_is_told(self) -> None:
        features = factories.features(12)
        found = made().score(features, factories.query(), ())
        assert found.borders is not None
        assert found.borders.shape == (11,)
        assert found.looks is features.streams["efficientnet_lite0"]


class TestWeights:
    """A weights file fits, or is refused in one line."""

    def load(self, tensors: dict[str, np.ndarray], folder: Path) -> CFSumLiteScorer:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, folder / "w.safetensors")
        found = create_scorer("cfsum-lite", {}, ScorerContext(folder / "w.safetensors", label_bank=BANKS.__getitem__))
        assert isinstance(found, CFSumLiteScorer)
        return found

    def test_a_round_trip_in_half_precision_scores_nearly_the_same(self, tmp_path: Path) -> None:
        tensors = {name: value.astype(np.float16) for name, value in factories.linear_tensors(0).items()}
        features, query = factories.features(20), factories.query()
        found = self.load(tensors, tmp_path).score(features, query, ()).values
        np.testing.assert_allclose(found, made().score(features, query, ()).values, atol=5e-3)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"text_mean": np.zeros(5, np.float32)}, "'text_mean' is"),
            ({"more": np.zeros(5, np.float32)}, "unknown, first 'more'"),
            ({"text_mean": np.full(384, np.nan, np.float32)}, "'text_mean' holds a value that is not finite"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, changes: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
        with pytest.raises(WeightsError, match=message):
            self.load(factories.linear_tensors(0) | changes, tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"gain": 0},
        {"audio_share": 1.5},
        {"scene_strength": -1.0},
        {"none_below": -0.1},
        {"match_scenes": -1.0},
        {"match_heard": -1.0},
    ],
)
def test_settings_that_cannot_be_right_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        CFSumLiteConfig.from_mapping(change)
