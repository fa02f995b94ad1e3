"""The training-free scorer: evidence, pooling and salience on inputs small enough to work out by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, FloatArray, Query, Shot, TimeGrid
from highlightr.scorers.label_bank import LabelBank, LabelMatch, MatchConfig, strongest_labels
from highlightr.scorers.notes import NOT_ENGLISH, WEAK_MATCH
from highlightr.scorers.smoothing import (
    average_over,
    join_steps,
    moving_average,
    scene_indices,
    shot_index,
)
from highlightr.scorers.zeroshot.salience import PART_WEIGHTS, SALIENT_SOUNDS, salient_sounds, standing_out
from highlightr.scorers.zeroshot.scorer import ZeroShotConfig, ZeroShotScorer

SEEN = ("cat", "car", "tree", "cup")
HEARD = ("Speech", "Bark", "Cheering", "Engine")
WIDTH = 8


def bank(names: tuple[str, ...], first: int = 0) -> LabelBank:
    """Every label on its own axis, from axis `first` on."""
    return LabelBank(names, np.eye(WIDTH, dtype=np.float32)[first : first + len(names)])


def scorer(**settings: float) -> ZeroShotScorer:
    return ZeroShotScorer(bank(SEEN), bank(HEARD, 4), ZeroShotConfig(**settings))  # type: ignore[arg-type]


def query(axis: int, text: str = "a cat") -> Query:
    vector = np.eye(WIDTH, dtype=np.float32)[axis]
    return Query(text, vector[None], vector)


def features(**streams: FloatArray) -> Features:
    clips = len(next(iter(streams.values())))
    return Features(TimeGrid(float(clips), 1.0), {name: value.astype(np.float32) for name, value in streams.items()})


def one_hot(labels: list[int], width: int = 4) -> FloatArray:
    return np.eye(width, dtype=np.float32)[labels] * 0.97 + 0.01


TWO_SHOTS = (Shot(0, 20), Shot(20, 40))
CAT_THEN_CAR = one_hot([0] * 20 + [1] * 20)


def test_the_clips_that_show_what_is_asked_for_score_highest() -> None:
    found = scorer().score(features(imagenet=CAT_THEN_CAR), query(1), TWO_SHOTS)
    assert found.values[20:].min() > 0.8
    assert found.values[:20].max() < found.values[20:].min() - 0.4
    assert found.reasons[30][0].label == "car"
    assert found.reasons[30][0].kind == "visual"
    assert found.notes == ()


def test_a_query_that_nothing_resembles_says_so_and_scores_low() -> None:
    found = scorer().score(features(imagenet=CAT_THEN_CAR), query(3), TWO_SHOTS)
    assert WEAK_MATCH in found.notes
    assert found.values.max() < 0.1


def test_a_query_without_latin_letters_is_told_about_english() -> None:
    cat = features(imagenet=CAT_THEN_CAR)
    assert NOT_ENGLISH in scorer().score(cat, query(1, "кошка"), TWO_SHOTS).notes
    assert NOT_ENGLISH not in scorer().score(cat, query(1, "a café"), TWO_SHOTS).notes


def test_sound_finds_what_pictures_do_not_show() -> None:
    pictures, sounds = one_hot([2] * 40), one_hot([0] * 20 + [1] * 20)
    both = scorer().score(features(imagenet=pictures, yamnet=sounds), query(5), TWO_SHOTS)
    assert both.values[30] > both.values[5] + 0.3
    assert both.reasons[30][0].kind == "audio"
    assert both.reasons[30][0].label == "Bark"
    assert both.parts["audio"][30] > both.parts["visual"][30]


def test_a_silent_video_scores_as_if_sound_did_not_exist() -> None:
    silent = features(imagenet=CAT_THEN_CAR)
    shares = [scorer(audio_share=share).score(silent, query(1), TWO_SHOTS) for share in (0.0, 0.8)]
    np.testing.assert_allclose(shares[0].values, shares[1].values, atol=1e-6)
    assert set(shares[0].parts) == {"visual"}


def test_evidence_matches_its_formula() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((14, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = LabelBank(tuple("abcdefghijklmn"), vectors.astype(np.float32))
    scores, asked = rng.random((5, 14)), query(2)
    found = LabelMatch(labels, MatchConfig(3, 0.5, 7.0, 0.3)).evidence(scores.astype(np.float32), asked)
    for clip in range(5):
        kept = np.argsort(-scores[clip])[:3]
        shares = np.sqrt(scores[clip, kept]) / np.sqrt(scores[clip, kept]).sum()
        expected = 0.0
        for label, share in zip(kept, shares, strict=True):
            others = sorted((vectors[label] @ vectors[other] for other in range(14) if other != label), reverse=True)
            expected += share * np.exp(7.0 * (vectors[label] @ asked.vector - 0.3 * np.mean(others[:10])))
        assert found.values[clip] == pytest.approx(expected, rel=1e-4)


def test_only_the_strongest_labels_are_kept() -> None:
    shares = strongest_labels(np.array([[0.04, 0.64, 0.16, 0.0], [0, 0, 0, 0]], dtype=np.float32), 2, 0.5)
    np.testing.assert_allclose(shares, [[0, 2 / 3, 1 / 3, 0], [0, 0, 0, 0]], atol=1e-6)


def test_long_videos_are_scored_in_pieces_without_a_seam() -> None:
    scores = np.random.default_rng(1).random((9000, 4)).astype(np.float32)
    match = LabelMatch(bank(SEEN), MatchConfig(4, 1.0, 8.0, 0.0))
    whole, piece = match.evidence(scores, query(1)), match.evidence(scores[4000:4200], query(1))
    np.testing.assert_array_equal(whole.values[4000:4200], piece.values)
    np.testing.assert_array_equal(whole.labels[4000:4200], piece.labels)


def test_shots_hold_the_clips_whose_centre_lies_in_them() -> None:
    index = shot_index(TimeGrid(4.0, 1.0), [Shot(0, 1.4), Shot(1.4, 3.6), Shot(3.6, 4.0)])
    np.testing.assert_array_equal(index, [0, 1, 1, 1])
    np.testing.assert_allclose(average_over(np.array([1, 2, 3, 7], dtype=np.float32), index), [1, 4, 4, 4])


def test_moving_average_uses_what_exists_at_the_ends() -> None:
    np.testing.assert_allclose(moving_average(np.array([3, 0, 0, 6], dtype=np.float32), 3), [1.5, 1, 2, 3])
    np.testing.assert_allclose(moving_average(np.array([5], dtype=np.float32), 9), [5])


def test_neighbours_most_alike_are_joined_first() -> None:
    steps = join_steps(np.array([[0.0], [0.1], [5.0], [5.2], [5.2]]))
    np.testing.assert_array_equal(steps, [1, 3, 2, 0])


def test_joining_agrees_with_trying_every_border() -> None:
    looks = np.random.default_rng(4).standard_normal((30, 5))
    borders, order = list(range(29)), []

    def spread(edges: list[int]) -> float:
        cuts = [0, *(edge + 1 for edge in edges), 30]
        pieces = [looks[a:b] for a, b in pairwise(cuts)]
        return sum(float(((piece - piece.mean(axis=0)) ** 2).sum()) for piece in pieces)

    while borders:
        gone = min(borders, key=lambda border: spread([other for other in borders if other != border]))
        borders.remove(gone)
        order.append(gone)
    np.testing.assert_array_equal(np.argsort(join_steps(looks)), order)


def test_scenes_part_where_the_pictures_change() -> None:
    rng = np.random.default_rng(2)
    scores = one_hot([0] * 13 + [1] * 7 + [2] * 20) + rng.random((40, 4)) * 0.01
    (scenes,) = scene_indices(scores.astype(np.float32), 1.0, [13.3])
    np.testing.assert_array_equal(np.flatnonzero(np.diff(scenes)), [12, 19])


@pytest.mark.parametrize("clips", [1, 2, 5, 2049])
def test_any_length_has_scenes(clips: int) -> None:
    (scenes,) = scene_indices(np.ones((clips, 3), dtype=np.float32), 1.0, [8.0])
    assert scenes.shape == (clips,)
    assert (np.diff(scenes) >= 0).all()


def quiet(clips: int = 60) -> dict[str, FloatArray]:
    return {
        "yamnet": np.tile(np.array([[0.9, 0, 0, 0]], dtype=np.float32), (clips, 1)),
        "audio_dynamics": np.full((clips, 4), -40.0, dtype=np.float32),
        "motion": np.zeros((clips, 2), dtype=np.float32),
        "novelty": np.zeros((clips, 1), dtype=np.float32),
    }


@pytest.mark.parametrize("stream", ["yamnet", "audio_dynamics", "motion", "novelty"])
def test_without_a_query_an_event_in_quiet_stands_out(stream: str) -> None:
    streams = quiet()
    streams[stream][41:43] = {"yamnet": [0, 0, 0.9, 0], "audio_dynamics": -10, "motion": 1, "novelty": 0.5}[stream]
    found = scorer().score(features(**streams), None, [Shot(0, 60)])
    assert 40 <= int(found.values.argmax()) <= 43
    part = {"yamnet": "sounds", "audio_dynamics": "dynamics"}.get(stream, stream)
    assert found.values.max() > np.median(found.values) + 0.15 * PART_WEIGHTS[part]


def noise(clips: int = 60) -> dict[str, FloatArray]:
    """A camera that stands still, and its hiss: in one clip it could be told for a bark."""
    rng = np.random.default_rng(7)
    streams = quiet(clips)
    streams["yamnet"] = np.tile(np.array([[0.05, 0.05, 0.02, 0.01]], dtype=np.float32), (clips, 1))
    streams["yamnet"][30, 1] = 0.11
    streams["audio_dynamics"] += rng.standard_normal((clips, 4)).astype(np.float32)
    return streams


@pytest.mark.parametrize("stream", ["motion", "novelty"])
def test_what_moves_stands_out_beside_a_recorders_noise(stream: str) -> None:
    streams = noise()
    streams[stream][41:44] = 0.03
    found = scorer().score(features(**streams), None, [Shot(0, 60)])
    assert 40 <= int(found.values.argmax()) <= 44
    assert {reason.kind for reason in found.reasons[42]} == {stream}


def test_gusts_are_no_sudden_sound() -> None:
    streams = noise()
    streams["audio_dynamics"][10:14] += 12
    streams["audio_dynamics"][50:52] += 12
    streams["yamnet"][51, 1] = 0.9
    found = scorer().score(features(**streams), None, [Shot(0, 60)])
    assert 49 <= int(found.values.argmax()) <= 52
    assert [reason.label for reason in found.reasons[50]] == ["sudden sound"], "the bark is clearest in the next clip"
    assert found.values[11] == pytest.approx(np.median(found.values), abs=0.01)
    assert not any(reason.kind == "dynamics" for reasons in found.reasons[:49] for reason in reasons)


def test_without_a_query_nothing_happening_is_constant() -> None:
    found = scorer().score(features(**quiet()), None, [Shot(0, 60)])
    assert np.ptp(found.values) < 1e-6
    assert not any(found.reasons), "what is as usual is no reason"


def test_faint_noise_is_not_blown_up() -> None:
    streams = quiet()
    streams["motion"] += np.random.default_rng(3).random((60, 2)).astype(np.float32) * 0.01
    assert np.ptp(scorer().score(features(**streams), None, [Shot(0, 60)]).values) < 0.02


@pytest.mark.parametrize("missing", [("yamnet", "audio_dynamics"), ("motion", "novelty"), ()])
def test_salience_parts_add_up_whatever_is_there(missing: tuple[str, ...]) -> None:
    streams = {name: values for name, values in quiet().items() if name not in missing}
    found = scorer().score(features(**streams), None, [Shot(0, 60)])
    np.testing.assert_allclose(np.sum(list(found.parts.values()), axis=0), found.values, atol=1e-6)
    assert len(found.parts) == 4 - len(missing)


def test_weights_of_the_parts_add_up_to_one() -> None:
    assert sum(PART_WEIGHTS.values()) == pytest.approx(1)
    assert all(0 < weight <= 1 for weight in SALIENT_SOUNDS.values())


def test_standing_out_is_half_at_the_median_and_full_at_the_top() -> None:
    levels = standing_out(np.arange(101, dtype=np.float32), 1.0)
    assert levels[50] == pytest.approx(0.5)
    assert levels[95] == pytest.approx(1.0)
    assert levels[0] == 0


def test_salient_sounds_count_by_their_weight() -> None:
    found = salient_sounds(np.array([[0.9, 0.5, 0.2, 0.9]], dtype=np.float32), HEARD)
    assert found.values[0] == pytest.approx(0.5 * SALIENT_SOUNDS["Bark"])
    assert found.names[found.labels[0, 0]] == "Bark"


@pytest.mark.parametrize("streams", [{"motion": np.zeros((3, 2))}, {"imagenet": np.ones((3, 5))}])
def test_features_that_cannot_answer_a_query_are_refused(streams: dict[str, FloatArray]) -> None:
    with pytest.raises(ConfigError, match=r"needs the stream 'imagenet'|names 4 classes, but the stream has 5"):
        scorer().score(features(**streams), query(0), [Shot(0, 3)])


def test_a_query_of_another_encoder_is_refused() -> None:
    vector = np.ones(3, dtype=np.float32)
    with pytest.raises(ConfigError, match=r"must be \(8,\) like the labels'"):
        scorer().score(features(imagenet=CAT_THEN_CAR), Query("x", vector[None], vector), TWO_SHOTS)


def test_without_a_query_pictures_alone_are_not_enough() -> None:
    with pytest.raises(ConfigError, match="give it sound or motion"):
        scorer().score(features(imagenet=CAT_THEN_CAR), None, TWO_SHOTS)


def test_a_bank_needs_a_vector_per_name() -> None:
    with pytest.raises(ConfigError, match="one vector per name"):
        LabelBank(("a", "b"), np.ones((3, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"match_width": 0}, "match_width must lie between 0.001 and 1000, got 0"),
        ({"smooth_clips": -3}, "smooth_clips must be at least 1, got -3"),
        ({"top_labels": 0}, "top_labels must be at least 1, got 0"),
        ({"scene_seconds": [8, 0]}, "scene_seconds must be numbers of at least 0.01"),
        ({"shot_weight": -2.5}, "shot_weight must lie between 0 and 1000"),
        ({"match_width": float("nan")}, "match_width must lie between 0.001 and 1000, got nan"),
        ({"clip_exponent": 2}, "clip_exponent must lie between 0 and 1"),
        ({"posterior_power": -400}, "posterior_power must lie between 0 and 80"),
        ({"hub_correction": -1}, "hub_correction must lie between 0 and 1"),
    ],
)
def test_settings_that_no_score_can_be_made_of_are_refused_when_it_is_opened(setting: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ZeroShotConfig.from_mapping(setting)
