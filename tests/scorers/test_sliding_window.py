"""Windows: weights that sum to one, any length in bounded memory, phase, several queries, precision, repeatability."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from highlightr.core.errors import ConfigError
from highlightr.scorers import ScorerContext, create_scorer
from highlightr.scorers.sliding_window import apply_windows, blend_weights, window_starts
from tests.scorers import factories

TWO_HOURS = 7200

PHASE_TOLERANCE = 0.02
"""How far a score in [0, 1] may move, on average over clips, when the windows lie elsewhere: attention over a whole
window sees other neighbours then. On pure noise, the worst case, and with weights as drawn, the debug presets moved by
0.0004 (cfsum) and 0.006 (davihd)."""


@given(num_clips=st.integers(1, 700), longest=st.integers(1, 160))
def test_weights_sum_to_one_and_windows_fit(num_clips: int, longest: int) -> None:
    total = np.zeros(num_clips)
    for start, stop, weights in blend_weights(num_clips, longest):
        assert 0 <= start < stop <= num_clips
        assert stop - start == min(longest, num_clips)
        assert (weights >= 0).all()
        total[start:stop] += weights
    np.testing.assert_allclose(total, 1, atol=1e-12)


@given(num_clips=st.integers(1, 700), longest=st.integers(8, 160))
def test_a_clip_is_scored_where_it_has_context_on_both_sides(num_clips: int, longest: int) -> None:
    context = np.zeros(num_clips)
    for start, stop, weights in blend_weights(num_clips, longest):
        place = np.arange(start, stop)
        sides = np.minimum(
            np.where(start == 0, num_clips, place - start), np.where(stop == num_clips, num_clips, stop - 1 - place)
        )
        context[start:stop] += weights * sides
    assert context.min() >= min(longest // 8, num_clips) - 1


def test_blending_is_smooth() -> None:
    """Windows that disagree as much as they can: the result still moves slowly from one to the next."""
    longest = 80
    order = {start: index for index, start in enumerate(window_starts(500, longest))}
    found = apply_windows(lambda a, b: {"s": np.full((1, b - a), order[a] % 2.0)}, 500, longest)["s"][0]
    # sin² over 3/8 of the window has the slope π / (2 · 30) at its steepest.
    assert np.abs(np.diff(found)).max() < 1.2 * np.pi / (2 * 30)
    assert found.min() < 0.01
    assert found.max() > 0.99


@pytest.mark.parametrize("num_clips", [1, 5, 99, 100, 101, 730])
def test_a_constant_stays_a_constant(num_clips: int) -> None:
    found = apply_windows(lambda a, b: {"s": np.full((2, b - a), 0.37)}, num_clips, 100)["s"]
    np.testing.assert_allclose(found, np.full((2, num_clips), 0.37), atol=1e-7)


def test_a_network_that_looks_no_further_than_an_eighth_of_a_window_does_not_see_windows() -> None:
    values = np.random.default_rng(0).standard_normal(1000)

    def moving_mean(rows: np.ndarray) -> np.ndarray:
        return np.convolve(np.pad(rows, 12, mode="edge"), np.full(25, 1 / 25), mode="valid")

    whole = moving_mean(values)
    for longest in (100, 131, 400):
        found = apply_windows(lambda a, b: {"s": moving_mean(values[a:b])[None]}, 1000, longest)["s"][0]
        np.testing.assert_allclose(found, whole, atol=1e-6)


def test_what_adds_up_in_a_window_adds_up_after_blending() -> None:
    rng = np.random.default_rng(0)

    def score(start: int, stop: int) -> dict[str, np.ndarray]:
        first, second = rng.standard_normal((2, 1, stop - start))
        return {"a": first, "b": second, "sum": first + second}

    found = apply_windows(score, 333, 50)
    np.testing.assert_allclose(found["a"] + found["b"], found["sum"], atol=1e-6)


@pytest.mark.parametrize("name", ["cfsum", "davihd"])
def test_results_hardly_depend_on_where_windows_lie(name: str) -> None:
    scorer, query = factories.scorer(name), factories.query_for(name)
    whole = scorer.score(factories.features(500), query, ()).values
    for skip in (7, 50):
        shifted = scorer.score(factories.features(500, skip=skip), query, ()).values
        assert np.abs(shifted - whole[skip:]).mean() < PHASE_TOLERANCE
        assert not np.array_equal(shifted, whole[skip:])  # else the windows did not move and nothing was tested


@pytest.mark.parametrize("name", ["cfsum", "davihd"])
def test_constant_features_give_scores_as_flat_as_the_phase_allows(name: str) -> None:
    made = factories.features(600)
    streams = {key: np.repeat(value[:1], 600, axis=0) for key, value in made.streams.items()}
    signal = made.signals["davihd_mel"]
    mel = {"davihd_mel": type(signal)(signal.times_seconds, np.full_like(signal.values, -5.0))}
    found = factories.scorer(name).score(type(made)(made.grid, streams, mel), factories.query_for(name), ()).values
    assert np.abs(found - np.median(found)).mean() < PHASE_TOLERANCE  # positions within a window still show


@pytest.mark.parametrize("name", ["cfsum", pytest.param("davihd", marks=pytest.mark.slow)])
def test_two_hours_in_the_memory_of_a_window(name: str) -> None:
    scorer, query = factories.scorer(name), factories.query_for(name)
    longest = scorer.contract.longest_clips
    sizes: list[int] = []
    scorer.network.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(
            max(value.shape[1] for value in (args[0] if args else kwargs).values() if hasattr(value, "shape"))
        ),
        with_kwargs=True,
    )
    features = factories.repeated(factories.features(600, without=("imagenet",)), 12)
    assert features.grid.num_clips == TWO_HOURS
    tracemalloc.start()
    found = scorer.score(features, query, ())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.values.shape == (TWO_HOURS,)
    assert max(sizes) == longest
    inputs = sum(features.streams[name].nbytes for name in scorer.contract.streams)
    assert peak < inputs + 64 * 2**20  # one copy of the concatenated streams, and reasons


@pytest.mark.parametrize("name", ["cfsum", "davihd"])
def test_bf16_stays_near_fp32(name: str) -> None:
    features, query = factories.features(90), factories.query_for(name)
    exact = factories.scorer(name).score(features, query, ()).values
    short = create_scorer(name, factories.settings(name), ScorerContext(random_seed=0, precision="bf16")).score(
        features, query, ()
    )
    np.testing.assert_allclose(short.values, exact, atol=0.02)
    assert not np.array_equal(short.values, exact)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"device": "tpu"}, "no device 'tpu'; there are cpu, cuda and cuda:N"),
        ({"precision": "int8"}, "fp32, bf16 or fp16, got 'int8'"),
        ({"precision": "fp16"}, "fp16 needs a CUDA device"),
    ],
)
def test_a_place_to_run_that_cannot_be_had_is_refused(arguments: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_scorer("cfsum", factories.settings("cfsum"), ScorerContext(random_seed=0, **arguments))  # type: ignore[arg-type]


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("name", ["cfsum", "davihd"])
def test_a_gpu_agrees_with_the_cpu(name: str, precision: str) -> None:
    features, query = factories.features(200), factories.query_for(name)
    exact = factories.scorer(name).score(features, query, ()).values
    made = create_scorer(
        name, factories.settings(name), ScorerContext(random_seed=0, device="cuda", precision=precision)
    )  # type: ignore[arg-type]
    found = [made.score(features, query, ()).values for _ in range(2)]
    np.testing.assert_allclose(found[0], exact, atol=2e-3 if precision == "fp32" else 0.02)
    assert np.array_equal(found[0], found[1])
