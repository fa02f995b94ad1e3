"""Presets: every shipped one loads, and a broken one says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from highlightr.cli.presets import weights_of
from highlightr.core.errors import ConfigError
from highlightr.zoo.manifest import load_manifest
from highlightr.zoo.presets import DEFAULT_PRESET, load_preset, parse_preset, preset_names

GOOD = """
name: mine
summary: a line
clip_seconds: 2.0
extractors: [motion]
text: null
scorer: {name: debug, config: {}, weights: null, random_seed: 3}
measured: null
"""


@pytest.mark.parametrize("name", preset_names())
def test_every_shipped_preset_loads_under_its_own_name(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.summary.strip() == preset.summary
    assert "motion" in preset.extractors, "the shot detector needs it"


def test_the_default_comes_first() -> None:
    assert preset_names()[0] == DEFAULT_PRESET == "lite"


def test_a_file_of_the_users_is_a_preset(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD)
    preset = load_preset(path)
    assert (preset.clip_seconds, preset.scorers[preset.use.query].random_seed, preset.extractors) == (
        2.0,
        3,
        ("motion",),
    )


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"no preset named 'light'; there are lite, "):
        load_preset("light")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("clip_seconds: 2.0", "clip_seconds: -1"), "clip_seconds must lie between 0.1 and 3600, got -1"),
        (("clip_seconds: 2.0", "clip_seconds: 1.0e-9"), "clip_seconds must lie between 0.1 and 3600, got 1e-09"),
        (("clip_seconds: 2.0", "clip_seconds: 1.0e+308"), "clip_seconds must lie between 0.1 and 3600, got 1e.308"),
        (("extractors: [motion]", "extractors: []"), "extractors must name at least one"),
        (("name: mine", "nam: mine"), "has no key 'nam'; it knows name,"),
        (("{name: debug,", "{name: debug, colour: red,"), "has no key 'colour'; it knows name, config"),
        (("name: mine", "name: [unclosed"), "is not valid YAML"),
        (("random_seed: 3", "random_seed: -3"), r"random_seed must lie between 0 and 1e\+09, got -3"),
        (("random_seed: 3", f"random_seed: {10**30}"), r"random_seed must lie between 0 and 1e\+09"),
    ],
)
def test_a_broken_preset_says_what_is_wrong(change: tuple[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_preset(GOOD.replace(*change), "mine.yaml")


SEVERAL = GOOD.replace(
    "scorer: {name: debug, config: {}, weights: null, random_seed: 3}",
    "scorers: {debug: {random_seed: 3}, calm: {name: zeroshot}, other: {name: debug}}\n"
    "use: {query: debug, no_query: calm}",
)


def test_a_preset_may_use_one_scorer_for_queries_and_another_without() -> None:
    preset = parse_preset(SEVERAL, "mine.yaml")
    assert (preset.scorer_name("a cat"), preset.scorer_name(None)) == ("debug", "calm")
    assert preset.in_use == ("debug", "calm")
    assert [choice.name for choice in preset.scorers.values()] == ["debug", "zeroshot", "debug"]


def test_one_scorer_can_be_chosen_for_all() -> None:
    preset = parse_preset(SEVERAL, "mine.yaml").with_scorer("calm")
    assert preset.in_use == ("calm",)
    assert (preset.scorer_name("a cat"), preset.scorers["calm"].name) == ("calm", "zeroshot")
    with pytest.raises(ConfigError, match="preset mine has no scorer named 'best'; it has debug, calm, other"):
        preset.with_scorer("best")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("no_query: calm", "no_query: gone"), "use names the scorer 'gone'; there are debug, calm, other"),
        (("no_query: calm", "without: calm"), "has no key 'without'"),
        ((", no_query: calm", ""), "use: no_query is missing"),
        (("calm: {name: zeroshot}", "calm: {config: [1]}"), r"mine.yaml: scorers.*: expected `object`, got `array`"),
        (("scorers:", "scorer: {name: debug}\nscorers:"), "mine.yaml names scorer, and scorers or use as well"),
    ],
)
def test_scorers_and_uses_that_do_not_fit_are_named(change: tuple[str, str], message: str) -> None:
    assert change[0] in SEVERAL
    with pytest.raises(ConfigError, match=message):
        parse_preset(SEVERAL.replace(*change), "mine.yaml")


def test_a_preset_is_read_without_running_code() -> None:
    with pytest.raises(ConfigError, match="is not valid YAML"):
        parse_preset("!!python/object/apply:os.getcwd []", "evil.yaml")


@pytest.mark.parametrize("name", preset_names())
def test_all_weights_of_a_shipped_preset_are_in_the_manifest(name: str) -> None:
    known = {item.name for item in load_manifest().values()}
    assert set(weights_of(load_preset(name))) <= known
