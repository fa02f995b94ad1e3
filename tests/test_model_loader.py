"""Which of a preset's scorers runs: by whether there is a query, or the one that the caller named."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr import Highlighter
from highlightr.core.errors import ConfigError, WeightsError
from highlightr.core.transcript import Transcript, Utterance
from highlightr.features import EXTRACTORS, extractor_class
from highlightr.features.backbones.base import Backbone
from highlightr.features.cache import FeatureCache
from highlightr.model_loader import Models, load_models
from highlightr.model_loader import models as loaded
from highlightr.scorers import Scorer, create_scorer
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.debug import DebugScorer
from highlightr.scorers.registry import scorer_class
from highlightr.scorers.zeroshot.scorer import ZeroShotScorer
from highlightr.zoo.presets import Preset, load_preset, parse_preset, preset_names
from tests.mediamaker import made
from tests.scorers import factories

TWO = """
name: two
summary: a line
clip_seconds: 1.0
extractors: [motion]
text: minilm
scorers:
  cfsum: {random_seed: 1, config: {video_streams: {efficientnet_lite0: 1280}, audio_streams: {yamnet: 521},
    text_width: 384, width: 32, clip_seconds: 1.0}}
  plain: {name: debug}
use: {query: cfsum, no_query: plain}
"""


@pytest.fixture(scope="module")
def two() -> Preset:
    return parse_preset(TWO, "two.yaml")


@pytest.fixture(scope="module")
def lite() -> Models:
    return load_models(load_preset("lite"), "cpu")


def test_a_query_and_its_absence_get_their_own_scorer(lite: Models) -> None:
    assert isinstance(lite.scorer_for("a cat"), CFSumLiteScorer)
    assert isinstance(lite.scorer_for(None), ZeroShotScorer)
    assert lite.scorer_for("a dog") is lite.scorer_for("a cat")
    assert (lite.choice_for("a cat").weights, lite.choice_for(None).weights) == ("cfsum-lite", None)


def test_the_receipt_lists_the_weights_of_the_scorer_that_ran(lite: Models) -> None:
    asked = {item.name: item for item in lite.weights_for("a cat")}
    unasked = [item.name for item in lite.weights_for(None)]
    assert set(asked) - set(unasked) == {"cfsum-lite"}
    assert len(asked["cfsum-lite"].sha256) == 64
    assert "research use" in asked["cfsum-lite"].licence


def test_a_query_to_many_videos_is_embedded_once_and_the_encoder_closed(two: Preset) -> None:
    models = load_models(two, "cpu")
    first = models.encode_all(["a cat", None, "a dog"])
    encoder = models.text_encoder
    assert "_graph" not in vars(encoder)
    again = models.encode_all(["a dog", "a cat"])
    assert again == [first[2], first[0]]
    assert "_graph" not in vars(encoder), "nothing new was asked"


def test_a_scorer_is_opened_only_when_it_is_to_run(two: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    create = create_scorer

    def told(name: str, *rest: Any, **more: Any) -> Scorer:
        made.append(name)
        return create(name, *rest, **more)

    monkeypatch.setattr(loaded, "create_scorer", told)
    models = load_models(two, "cpu")
    assert made == []
    models.check_query(None)
    models.check_query("a cat")
    assert models.encode(None) is None
    assert made == []
    models.scorer_for(None)
    assert made == ["debug"]
    models.scorer_for("a cat")
    models.scorer_for("a dog")
    assert made == ["debug", "cfsum"]


def test_two_threads_open_the_text_encoder_once(two: Preset, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)
    made: list[object] = []

    def slow(*_: object, **__: object) -> object:
        made.append(object())
        time.sleep(0.05)  # Long enough that the other thread asks meanwhile.
        return made[-1]

    monkeypatch.setattr(loaded, "open_text_encoder", slow)
    models = load_models(two, "cpu")

    def ask(_: int) -> object:
        both.wait(timeout=10)
        return models.text_encoder

    with ThreadPoolExecutor(max_workers=2) as threads:
        assert set(threads.map(ask, range(2))) == set(made)
    assert len(made) == 1


def test_a_named_scorer_serves_everybody(two: Preset) -> None:
    models = load_models(two.with_scorer("plain"), "cpu")
    assert isinstance(models.scorer_for("a cat"), DebugScorer)
    with pytest.raises(ConfigError, match="scorer cfsum of preset two needs a query"):
        load_models(two.with_scorer("cfsum"), "cpu").check_query(None)


def test_a_query_that_the_scorer_cannot_use_is_said_under_its_name(two: Preset) -> None:
    models = load_models(two.with_scorer("plain"), "cpu")
    scores = models.score(factories.features(5), "a cat", None, ())
    assert "The query was ignored: plain scores without a query." in scores.notes


def test_weights_and_settings_are_checked_before_anything_is_opened(two: Preset) -> None:
    absent = TWO.replace("{name: debug}", "{name: cfsum, weights: cfsum-tvsum}")
    with pytest.raises(WeightsError, match="the weights cfsum-tvsum are missing"):
        load_models(parse_preset(absent, "two.yaml"), "cpu")
    with pytest.raises(ConfigError, match="has no key 'depth'"):
        load_models(parse_preset(TWO.replace("width: 32", "depth: 2"), "two.yaml"), "cpu")
    unused = TWO.replace("  plain:", "  unused: {name: cfsum, weights: cfsum-tvsum}\n  plain:")
    load_models(parse_preset(unused, "two.yaml"), "cpu")


def test_clips_that_a_scorer_cannot_take_are_told_before_a_video_is_read() -> None:
    with pytest.raises(ConfigError, match=r"cfsum-lite scores clips of 1\.0 s, got clips of 2\.0 s"):
        load_models(replace(load_preset("lite"), clip_seconds=2.0))


def test_an_unknown_text_encoder_is_told_before_a_query_comes(two: Preset) -> None:
    with pytest.raises(ConfigError, match="unknown text encoder 'gpt'; known: "):
        load_models(replace(two, text="gpt"))


def test_an_unknown_scorer_lists_those_of_the_preset() -> None:
    with pytest.raises(ConfigError, match="preset lite has no scorer named 'best'; it has cfsum-lite, zeroshot"):
        Highlighter.from_preset("lite", device="cpu", scorer="best")


def test_lite_answers_without_torch() -> None:
    code = (
        "import sys\nfrom highlightr.model_loader import load_models\nfrom highlightr.zoo import load_preset\n"
        "from tests.scorers import factories\n"
        "models = load_models(load_preset('lite'), 'cpu')\n"
        "for query in ('a cat', None):\n"
        "    models.check_query(query)\n"
        "    models.score(factories.features(5), query, models.encode(query), ())\n"
        "print('torch' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[1]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert found.stdout.strip() == "False"


SAID = Transcript(
    (
        Utterance(1.0, 4.0, "He walked into the bank and took the money."),
        Utterance(5.0, 9.0, "The onions go into the pan now."),
        Utterance(10.0, 12.0, "Professor Lindqvist thanked everybody."),
    ),
    "made",
    "en",
)


def test_without_a_transcript_scores_are_those_of_the_scorer() -> None:
    models, features = load_models(load_preset("lite"), "cpu"), factories.features(15)
    for query in ("a cat", '"a cat"', None):
        encoded = models.encode(query)
        plain = models.scorer_for(query).score(features, encoded, ())
        for transcript in (None, Transcript((), "made")):
            scores = models.score(features, query, encoded, (), models.listen(transcript))
            assert np.array_equal(scores.values, plain.values) and scores.reasons == plain.reasons
            assert scores.match == plain.match and sorted(scores.parts) == sorted(plain.parts)
            assert ("quotation marks were ignored" in " ".join(scores.notes)) == (query == '"a cat"')


def test_what_is_said_answers_beside_the_pictures(tmp_path: Path) -> None:
    models, features = load_models(load_preset("lite"), "cpu"), factories.features(15)
    cache = FeatureCache(tmp_path)
    speech = models.listen(SAID, cache)
    assert speech is not None and speech.understood
    again = models.listen(SAID, cache)
    assert again is not None and np.array_equal(again.vectors, speech.vectors) and len(cache.entries()) == 1
    for query, clip in (("a robbery", 2), ("frying vegetables", 6), ("lindquist", 11), ('"BANK, and took"', 3)):
        scores = models.score(features, query, models.encode(query), (), speech)
        assert scores.values[clip] == pytest.approx(scores.values.max(), abs=1e-3), query
        assert scores.reasons[clip][0].label.startswith('said: "') and scores.match.verdict == "strong"
    query = "a volcano erupts at night"
    plain = models.scorer_for(query).score(features, models.encode(query), ())
    assert np.array_equal(models.score(features, query, models.encode(query), (), speech).values, plain.values)
    absent = models.score(features, '"never said"', models.encode('"never said"'), (), speech)
    assert absent.match.verdict == "none"


def test_a_transcript_in_another_language_is_compared_by_words_and_that_is_said() -> None:
    models, features = load_models(load_preset("lite"), "cpu"), factories.features(15)
    german = Transcript((Utterance(2.0, 6.0, "Gestern kam Herr Kowalski zu spät."),), "made", "de")
    scores = models.score(features, "Kowalski", models.encode("Kowalski"), (), models.listen(german))
    assert int(np.argmax(scores.values)) in range(2, 6)
    assert any("by words, not by meaning" in note for note in scores.notes)


@pytest.mark.parametrize("name", sorted(set(EXTRACTORS) - {"open-clip"}))
def test_a_precision_reaches_every_backbone_and_nothing_else(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, Any] = {}
    monkeypatch.setattr(loaded, "open_extractor", lambda _, **options: told.update(options))
    head = f"name: one\nsummary: a line\nclip_seconds: 2.0\nextractors: [{name}]\ntext: null\n"
    preset = parse_preset(head + "scorers: {debug: {}}\nuse: {query: debug, no_query: debug}\n", "one")
    loaded._open_extractor(name, preset, "cpu", "bf16")
    assert (told.get("precision") == "bf16") == issubclass(extractor_class(name), Backbone)


OF_SOUND = {"yamnet", "logmel", "silero-vad"}


@pytest.mark.parametrize(
    ("scorer", "queries", "scores_only", "heard"),
    [
        (None, ["a cat"], False, {"yamnet", "silero-vad"}),
        (None, ["a cat"], True, {"yamnet"}),
        (None, [None], False, OF_SOUND),
        (None, [None], True, {"yamnet", "logmel"}),
        (None, ["a cat", None], True, {"yamnet", "logmel"}),
        (None, None, False, OF_SOUND),
        ("zeroshot", ["a cat"], False, {"yamnet", "silero-vad"}),
        ("zeroshot", [None], True, {"yamnet", "logmel"}),
    ],
)
def test_what_nothing_reads_is_not_heard(
    scorer: str | None, queries: list[str | None] | None, scores_only: bool, heard: set[str]
) -> None:
    preset = load_preset("lite")
    models = load_models(preset if scorer is None else preset.with_scorer(scorer), "cpu")
    found = {each.name for each in models.extractors_for("cheap", queries, scores_only=scores_only)}
    assert found & OF_SOUND == heard
    assert found - OF_SOUND == {"efficientnet_lite0", "motion"}  # What sees always runs.


@pytest.mark.parametrize("name", [each for each in preset_names() if each != "lite"])
def test_other_presets_hear_all_that_their_scorers_read(name: str) -> None:
    preset = load_preset(name)
    for query in ("a cat", None):
        choice = preset.scorers[preset.scorer_name(query)]
        contract = scorer_class(choice.name).contract_of(choice.config)
        if contract.query != "required" or query is not None:
            read = scorer_class(choice.name).reads(choice.config, asked=query is not None)
            assert set(contract.required) <= read <= {*contract.streams, *contract.signals}


def test_scores_and_segments_are_those_of_everything_that_can_be_heard(tmp_path: Path) -> None:
    highlighter, video = Highlighter.from_preset("lite", device="cpu", cache=False), made("plain.mp4", seconds=12.0)
    whole = highlighter.analyse(video, "a cat")
    (scored,) = highlighter.analyse_queries(video, ["a cat"], scores_only=True)
    np.testing.assert_array_equal(scored.scores.values, whole.scores.values)
    assert scored.scores.reasons == whole.scores.reasons
    assert scored.features.signals.keys() < whole.features.signals.keys()
    summary = highlighter.summarize(video, "a cat", output=tmp_path / "cat.mp4")
    assert summary.segments == highlighter.choose(whole)
    for refused in (lambda: highlighter.choose(scored), lambda: highlighter.ask(scored, "a dog")):
        with pytest.raises(ConfigError, match="scores_only"):
            refused()
    unasked = highlighter.ask(whole, None)
    np.testing.assert_array_equal(unasked.scores.values, highlighter.analyse(video).scores.values)
