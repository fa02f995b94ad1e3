"""What every scorer promises, held to by all; and what scorers are made of and described as."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.types import Features, Query, Scores, Shot, Signal, TimeGrid
from highlightr.scorers import SCORERS, Scorer, ScorerContext, create_scorer, describe, scorer_class
from highlightr.scorers.cfsum.scorer import CFSumScorer
from highlightr.scorers.davihd.scorer import DAViHDScorer, pool_mel, pool_mel_authors
from highlightr.scorers.notes import QUERY_IGNORED, RANDOM_WEIGHTS
from highlightr.zoo.presets import load_preset
from tests.scorers import factories

PRESETS = {
    "cfsum-qvhighlights": ({"slowfast": 2304, "clip": 512, "cnn14": 2048}, {}, 2.0, 13_008_131),
    "cfsum-tvsum": ({"i3d_rgb": 1024, "i3d_flow": 1024, "cnn14": 2048}, {}, 2.0, 12_613_379),
    "cfsum-youtube": ({"i3d_rgb": 1024, "i3d_flow": 1024, "cnn14": 2048}, {}, 2.0, 9_986_051),
    "davihd-tvsum": ({"r3d34_davihd": 512, "cnn14_16k": 2048}, {"davihd_mel": 128}, 1.0, 188_905_353),
    "davihd-mrhisum": ({"inception-yt8m": 1024, "cnn14_16k": 2048}, {"davihd_mel": 128}, 1.0, 207_527_817),
    "cfsum-debug": ({"efficientnet_lite0": 1280, "yamnet": 521}, {}, 1.0, 306_613),
    "davihd-debug": ({"efficientnet_lite0": 1280, "yamnet": 521}, {"davihd_mel": 128}, 1.0, 428_445),
}


@pytest.mark.parametrize("name", factories.SCORERS)
class TestContract:
    """One class over every scorer."""

    def score(self, name: str, features: Features, query: Query | None) -> Scores:
        shots = [Shot(0.0, features.grid.duration_seconds / 2)]
        shots.append(Shot(shots[0].stop_seconds, features.grid.duration_seconds))
        return factories.scorer(name).score(features, query, shots)

    @pytest.mark.parametrize("seconds", [0.2, 3.5, 300.7])
    def test_one_score_per_clip_in_range(self, name: str, seconds: float) -> None:
        features = factories.features(seconds)
        found = self.score(name, features, factories.query())
        low, high = factories.scorer(name).contract.score_range
        assert found.grid == features.grid
        assert found.values.shape == (features.grid.num_clips,)
        assert found.values.dtype == np.float32
        assert found.values.min() >= low
        assert found.values.max() <= high

    def test_parts_add_up_to_the_score(self, name: str) -> None:
        found = self.score(name, factories.features(300), factories.query())
        assert found.parts
        np.testing.assert_allclose(np.clip(sum(found.parts.values()), 0, 1), found.values, atol=1e-5)

    def test_reasons_are_shares_with_words(self, name: str) -> None:
        found = self.score(name, factories.features(30), factories.query())
        assert len(found.reasons) == 30
        for reason in (reason for clip in found.reasons for reason in clip):
            assert reason.kind in ("visual", "audio", "motion", "novelty", "text")
            assert reason.label
            assert 0 <= reason.weight <= 1

    def test_the_same_input_gives_the_same_scores(self, name: str) -> None:
        features = factories.features(40)
        first, second = (self.score(name, features, factories.query()) for _ in range(2))
        assert np.array_equal(first.values, second.values)
        drawn = [factories.scorer(name, seed).score(features, factories.query(), ()).values for seed in (0, 1)]
        # The first two draw nothing; to the last these features answer nothing.
        assert np.array_equal(*drawn) == (name in ("zeroshot", "cosine", "cfsum-linear"))

    def test_inputs_are_left_as_they_were(self, name: str) -> None:
        features, query = factories.features(200), factories.query()
        before = {key: value.copy() for key, value in features.streams.items()}
        mel, tokens = features.signals["davihd_mel"].values.copy(), query.tokens.copy()
        self.score(name, features, query)
        assert all(np.array_equal(features.streams[key], value) for key, value in before.items())
        assert np.array_equal(features.signals["davihd_mel"].values, mel)
        assert np.array_equal(query.tokens, tokens)

    def test_the_query_is_used_as_the_contract_says(self, name: str) -> None:
        use = factories.scorer(name).contract.query
        features = factories.features(40)
        first = self.score(name, features, factories.query("one", seed=1))
        second = self.score(name, features, factories.query("two", seed=2))
        assert np.array_equal(first.values, second.values) == (use == "ignored")
        if use == "required":
            with pytest.raises(ConfigError, match="query"):
                self.score(name, features, None)
        else:
            assert self.score(name, features, None).values.shape == (40,)

    def test_what_is_required_is_required(self, name: str) -> None:
        contract = factories.scorer(name).contract
        for key in contract.required:
            with pytest.raises(ConfigError, match=f"cannot do without '{key}'"):
                self.score(name, factories.features(10, without=(key,)), factories.query())

    def test_what_is_not_required_may_be_absent(self, name: str) -> None:
        contract = factories.scorer(name).contract
        for key in {"yamnet", "davihd_mel"} - set(contract.required):
            found = self.score(name, factories.features(10, without=(key,)), factories.query())
            assert found.values.shape == (10,)

    def test_random_weights_say_so(self, name: str) -> None:
        notes = self.score(name, factories.features(10), factories.query()).notes
        assert (RANDOM_WEIGHTS in notes) == (name not in ("zeroshot", "cosine", "cfsum-lite", "cfsum-linear"))

    def test_the_contract_is_known_without_making_the_scorer(self, name: str) -> None:
        assert scorer_class(name).contract_of(factories.settings(name)) == factories.scorer(name).contract

    def test_it_describes_itself_in_plain_types(self, name: str) -> None:
        report = describe(name, factories.settings(name))
        assert json.loads(json.dumps(report)) == report
        assert report["total"] == sum(report["parameters"].values())
        if name == "cfsum-lite":
            assert report["total"] == sum(value.size for value in factories.linear_tensors(0).values())
            return
        if name == "cfsum-linear":
            assert report["total"] == 2 * (1280 + 521) + 1
            return
        network = getattr(factories.scorer(name), "network", None)
        assert report["total"] == (sum(p.numel() for p in network.parameters()) if network else 0)


def test_the_registry_and_the_tests_know_the_same_scorers() -> None:
    assert set(SCORERS) == set(factories.SCORERS)
    assert all(issubclass(scorer_class(name), Scorer) for name in SCORERS)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_name_scorers_that_can_be_made(name: str) -> None:
    preset = load_preset(name)
    (scorer,) = preset.scorers.values()
    report = describe(scorer.name, scorer.config)
    streams, signals, clip_seconds, total = PRESETS[name]
    assert report["streams"] == streams
    assert report["signals"] == signals
    assert report["clip_seconds"] == preset.clip_seconds == clip_seconds
    assert report["total"] == total
    assert report["longest_clips"] >= 75
    assert "motion" in preset.extractors
    assert (preset.text is not None) == (report["text_width"] is not None)
    assert (scorer.weights is None) == (scorer.random_seed is not None) == name.endswith("debug")
    assert ("davihd-mel" in preset.extractors) == bool(signals)


def test_torch_is_not_loaded_to_know_a_scorer() -> None:
    code = (
        "import sys, highlightr.scorers as s; s.scorer_class('davihd').contract_of({}); print('torch' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_an_ignored_query_is_said() -> None:
    scorer, features = factories.scorer("davihd"), factories.features(10)
    assert scorer.score(features, factories.query(), ()).notes == (RANDOM_WEIGHTS, QUERY_IGNORED.format("davihd"))
    assert scorer.score(features, None, ()).notes == (RANDOM_WEIGHTS,)
    assert QUERY_IGNORED.format("davihd") == "The query was ignored: davihd scores without a query."
    assert RANDOM_WEIGHTS == "Random weights: the scores mean nothing."


def test_cfsum_without_text_needs_no_query_and_says_what_it_ignored() -> None:
    made = create_scorer(
        "cfsum", {**factories.settings("cfsum"), "modalities": ["video", "audio"]}, ScorerContext(random_seed=0)
    )
    features = factories.features(10)
    assert made.score(features, None, ()).notes == (RANDOM_WEIGHTS,)
    found = made.score(features, factories.query(), ())
    assert found.notes[1] == "The query was ignored: cfsum scores without a query."
    assert set(found.parts) == {"video-audio", "audio-video", "bias"}


def test_cfsum_says_that_a_video_had_no_sound() -> None:
    found = factories.scorer("cfsum").score(factories.features(10, without=("yamnet",)), factories.query(), ())
    assert "no sound" in found.notes[1]
    assert set(found.parts) == {"video-text", "bias"}


def test_cfsum_shows_the_words_that_clips_attended_to() -> None:
    features = factories.features(10)
    made = factories.scorer("cfsum")
    said = {reason.label for clip in made.score(features, factories.query("a red kite"), ()).reasons for reason in clip}
    assert said & {"a", "red", "kite", "start of the query", "end of the query"}
    longer = made.score(features, factories.query("a red kite", tokens=8), ()).reasons
    assert any("of 8 of the query" in reason.label for clip in longer for reason in clip)


@pytest.mark.parametrize("name", ["cfsum", "cfsum-lite", "davihd"])
def test_what_does_not_fit_the_contract_is_refused(name: str) -> None:
    made, good = factories.scorer(name), factories.features(10)
    narrow = {**good.streams, "yamnet": good.streams["yamnet"][:, :100]}
    with pytest.raises(ConfigError, match="takes 'yamnet' 521 wide, got 100"):
        made.score(Features(good.grid, narrow, good.signals), factories.query(), ())
    grid = TimeGrid(20.0, 2.0)
    with pytest.raises(ConfigError, match=r"clips of 1\.0 s, got clips of 2\.0 s"):
        made.score(Features(grid, good.streams, good.signals), factories.query(), ())
    broken = {**good.streams, "efficientnet_lite0": np.full((10, 1280), np.nan, np.float32)}
    with pytest.raises(ConfigError, match="not finite"):
        made.score(Features(good.grid, broken, good.signals), factories.query(), ())


def test_a_query_of_another_encoder_is_refused() -> None:
    rows = np.ones((3, 512), np.float32)
    for name in ("cfsum", "cfsum-lite"):
        with pytest.raises(ConfigError, match="query tokens 384 wide, got 512"):
            factories.scorer(name).score(factories.features(5), Query("x", rows, rows[0]), ())


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "best",
            {},
            "no scorer named 'best'; there are zeroshot, cosine, cfsum, cfsum-lite, cfsum-linear, davihd",
        ),
        ("cfsum", {}, "exactly one of them; neither was given"),
        ("cfsum", {"random_seed": 0, "weights": Path("x")}, "exactly one of them; both were given"),
        ("cfsum", {"random_seed": 0, "config": {"depth": 2}}, "no key 'depth'"),
        ("cfsum", {"random_seed": 0, "config": {"width": "wide"}}, "width must be int"),
        ("zeroshot", {}, "needs the label bank"),
        ("cfsum-lite", {}, "runs on trained weights, and none were given"),
        ("cfsum-lite", {"weights": Path("x")}, "needs the label bank"),
        ("zeroshot", {"weights": Path("x")}, "runs without weights"),
        ("cosine", {}, "needs the label bank"),
        ("cosine", {"label_bank": lambda stream: factories.bank(3, 0)}, "needs a text encoder that was trained with"),
        ("cosine", {"config": {"audio_share": 2.0}}, "audio_share must lie between 0 and 1, got 2.0"),
        ("debug", {"config": {"depth": 2}}, "has no key 'depth'; it knows none"),
    ],
)
def test_a_scorer_that_cannot_be_made_says_why(name: str, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config: dict[str, object] = arguments.pop("config", {})  # type: ignore[assignment]
        create_scorer(name, config, ScorerContext(**arguments))  # type: ignore[arg-type]


class TestWeights:
    """Trained weights come from safetensors that fit, or not at all."""

    def saved(self, folder: Path, **changes: torch.Tensor) -> Path:
        path = folder / "weights.safetensors"
        state = {key: value.clone() for key, value in self.made().network.state_dict().items()}
        save_file({**state, **changes}, path)
        return path

    def made(self) -> CFSumScorer:
        made = factories.scorer("cfsum", seed=3)
        assert isinstance(made, CFSumScorer)
        return made

    def load(self, path: Path) -> Scorer:
        return create_scorer("cfsum", factories.settings("cfsum"), ScorerContext(path))

    def test_a_round_trip_scores_the_same_and_is_not_marked(self, tmp_path: Path) -> None:
        features, query = factories.features(20), factories.query()
        found = self.load(self.saved(tmp_path)).score(features, query, ())
        assert np.array_equal(found.values, self.made().score(features, query, ()).values)
        assert found.notes == ()

    def test_half_precision_files_are_widened(self, tmp_path: Path) -> None:
        path = tmp_path / "half.safetensors"
        save_file({key: value.half() for key, value in self.made().network.state_dict().items()}, path)
        features, query = factories.features(20), factories.query()
        exact = self.made().score(features, query, ()).values
        np.testing.assert_allclose(self.load(path).score(features, query, ()).values, exact, atol=1e-3)

    def test_what_does_not_fit_is_one_clear_line(self, tmp_path: Path) -> None:
        for changes, message in (
            (
                {"head.weight": torch.zeros(1, 32)},
                r"'head.weight' is \(1, 32\) where the configuration makes \(1, 64\)",
            ),
            ({"more": torch.zeros(1)}, "1 tensors are unknown, first 'more'"),
            ({"head.bias": torch.tensor([torch.nan])}, "not finite"),
        ):
            with pytest.raises(WeightsError, match=message) as caught:
                self.load(self.saved(tmp_path, **changes))
            assert "\n" not in str(caught.value)
        save_file({"head.weight": torch.zeros(1, 64)}, tmp_path / "few.safetensors")
        with pytest.raises(WeightsError, match="tensors are missing, first"):
            self.load(tmp_path / "few.safetensors")

    def test_other_files_are_refused(self, tmp_path: Path) -> None:
        torch.save({"head.weight": torch.zeros(1)}, tmp_path / "model.pt")
        for path in (tmp_path / "model.pt", tmp_path / "absent.safetensors"):
            with pytest.raises(WeightsError, match="cannot be read as safetensors"):
                self.load(path)


class TestLogMelPooling:
    """One log-mel row per clip."""

    def signal(self, seconds: float) -> Signal:
        times = np.arange(int(seconds * 62.5)) / 62.5
        return Signal(times, np.repeat(times[:, None], 128, axis=1).astype(np.float32))

    def test_the_grid_pools_what_lies_within_a_clip_an_hour_in(self) -> None:
        found = pool_mel(self.signal(3600), TimeGrid(3600.0, 1.0))
        middles = np.arange(3600) + 0.5
        assert np.abs(found[:, 0] - middles).max() < 0.02
        assert found.dtype == np.float32

    def test_the_authors_pooling_drifts_as_documented(self) -> None:
        found = pool_mel_authors(self.signal(3600), TimeGrid(3600.0, 1.0))
        assert found.shape == (3600, 128)
        assert 3600 - 0.5 - found[-1, 0] == pytest.approx(28.8, abs=0.05)
        np.testing.assert_allclose(found[5, 0], np.mean(np.arange(310, 372) / 62.5), rtol=1e-6)

    def test_clips_without_rows_are_silence_on_the_grid_and_zero_for_the_authors(self) -> None:
        grid = TimeGrid(5.0, 1.0)
        assert pool_mel(self.signal(2), grid)[3, 0] == pytest.approx(np.log(1e-8))
        assert pool_mel_authors(self.signal(2), grid)[3, 0] == 0

    def test_the_choice_reaches_the_network(self) -> None:
        features = factories.features(200)
        scores = [
            create_scorer(
                "davihd", {**factories.settings("davihd"), "mel_pooling": pooling}, ScorerContext(random_seed=0)
            )
            .score(features, None, ())
            .values
            for pooling in ("grid", "authors-62")
        ]
        assert not np.array_equal(*scores)

    def test_another_spectrogram_is_refused(self) -> None:
        made, good = factories.scorer("davihd"), factories.features(5)
        assert isinstance(made, DAViHDScorer)
        narrow = Signal(good.signals["davihd_mel"].times_seconds, good.signals["davihd_mel"].values[:, :64])
        with pytest.raises(ConfigError, match="'davihd_mel' 128 wide, got 64"):
            made.score(Features(good.grid, good.streams, {"davihd_mel": narrow}), None, ())
