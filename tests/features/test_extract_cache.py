"""Extraction through the cache: the same features, and nothing decoded or opened that is kept already."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from highlightr.core.source import Source
from highlightr.core.types import Features, TimeGrid
from highlightr.features import Extractor, extract
from highlightr.features.cache import FeatureCache
from highlightr.media import probe
from highlightr.model_loader import open_extractor
from tests.mediamaker import make_video

NAMES = ("yamnet", "logmel", "motion")


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("video") / "a.mp4", seconds=3)


@pytest.fixture
def cache(tmp_path: Path) -> FeatureCache:
    return FeatureCache(tmp_path / "features", 2**30)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The extractors of every decode pass that was made."""
    made: list[list[str]] = []
    module = import_module("highlightr.features.extract")
    decoded = module._decoded

    def counted(source: Source, grid: TimeGrid, extractors: Any, *how: Any) -> Any:
        made.append([each.name for each in extractors])
        return decoded(source, grid, extractors, *how)

    monkeypatch.setattr(module, "_decoded", counted)
    return made


def opened(*names: str, **options: Any) -> list[Extractor]:
    return [open_extractor(name, clip_seconds=1.0, **options) for name in names]


def run(video: Path, cache: FeatureCache | None, extractors: list[Extractor]) -> Features:
    source = probe(video)
    return extract(source, TimeGrid(source.duration_seconds, 1.0), extractors, cache=cache)


def same(one: Features, other: Features) -> bool:
    assert set(one.streams) == set(other.streams)
    assert set(one.signals) == set(other.signals)
    streams = all(np.array_equal(values, other.streams[name]) for name, values in one.streams.items())
    return streams and all(
        np.array_equal(signal.values, other.signals[name].values) for name, signal in one.signals.items()
    )


def test_a_second_run_decodes_nothing_opens_nothing_and_gives_the_same(
    video: Path, cache: FeatureCache, passes: list[list[str]]
) -> None:
    plain = run(video, None, opened(*NAMES))
    first = run(video, cache, opened(*NAMES))

    again = opened(*NAMES)
    second = run(video, cache, again)
    assert not any(each._loaded for each in again)
    assert passes == [list(NAMES), list(NAMES)]
    assert same(plain, first)
    assert same(first, second)


def test_one_more_extractor_costs_only_its_own_work(video: Path, cache: FeatureCache, passes: list[list[str]]) -> None:
    run(video, cache, opened("motion"))
    found = run(video, cache, opened(*NAMES))
    assert passes == [["motion"], ["yamnet", "logmel"]]
    assert same(found, run(video, None, opened(*NAMES)))


def test_other_options_are_other_features(video: Path, cache: FeatureCache, passes: list[list[str]]) -> None:
    run(video, cache, opened("logmel"))
    found = run(video, cache, opened("logmel", keep_signal=True))
    assert len(passes) == 2
    assert "logmel" in found.signals


def test_a_copy_under_another_name_is_the_same_video(
    video: Path, cache: FeatureCache, passes: list[list[str]], tmp_path: Path
) -> None:
    run(video, cache, opened("motion"))
    copy = tmp_path / "b.mp4"
    copy.write_bytes(video.read_bytes())
    run(copy, cache, opened("motion"))
    assert len(passes) == 1


def test_changed_content_under_the_same_name_is_another_video(
    video: Path, cache: FeatureCache, passes: list[list[str]], tmp_path: Path
) -> None:
    path = tmp_path / "b.mp4"
    path.write_bytes(video.read_bytes())
    run(path, cache, opened("motion"))
    make_video(path, seconds=2)
    run(path, cache, opened("motion"))
    assert len(passes) == 2


def test_a_damaged_entry_is_rebuilt(video: Path, cache: FeatureCache, passes: list[list[str]]) -> None:
    first = run(video, cache, opened("motion"))
    (entry,) = cache.entries()
    entry.path.write_bytes(entry.path.read_bytes()[:-40])
    assert same(run(video, cache, opened("motion")), first)
    assert len(passes) == 2
    assert same(run(video, cache, opened("motion")), first)
    assert len(passes) == 2


@pytest.mark.parametrize(
    ("names", "told"), [(("motion",), {"video": 3, "unread": 40}), (("yamnet",), {"audio": 2, "unread": 40})]
)
def test_what_could_not_be_used_is_told_by_the_cache_too(
    names: tuple[str, ...],
    told: dict[str, int],
    video: Path,
    cache: FeatureCache,
    passes: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = import_module("highlightr.features.extract")
    decode = module.decode

    def damaged(*arguments: Any, lost: Any, **how: Any) -> Any:
        yield from decode(*arguments, **how)
        lost("video", 3)
        lost("audio", 2)
        lost("unread", 40)

    monkeypatch.setattr(module, "decode", damaged)
    assert run(video, cache, opened("motion", "yamnet")).losses == {"video": 3, "audio": 2, "unread": 40}
    assert run(video, cache, opened(*names)).losses == told
    assert len(passes) == 1


def test_without_sound_what_hears_is_neither_run_nor_missed(
    cache: FeatureCache, passes: list[list[str]], tmp_path: Path
) -> None:
    silent = make_video(tmp_path / "silent.mp4", seconds=2, sound=False)
    first = run(silent, cache, opened(*NAMES))
    second = run(silent, cache, opened(*NAMES))
    assert passes == [["motion"]]
    assert "yamnet" not in first.streams
    assert same(first, second)


def test_features_of_a_long_video_lie_in_files_and_are_the_same(
    video: Path, cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = run(video, None, opened(*NAMES))
    monkeypatch.setattr("highlightr.core.large_arrays.LARGEST_IN_MEMORY_BYTES", 0)
    monkeypatch.setenv("HIGHLIGHTR_HOME", str(cache.folder))
    made, kept = run(video, cache, opened(*NAMES)), run(video, cache, opened(*NAMES))
    for features in (made, kept):
        assert same(plain, features)
        assert features.streams["yamnet"].base is not None
