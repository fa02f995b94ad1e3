"""What a video could be asked for, from class streams worked out by hand."""

from __future__ import annotations

import numpy as np

from highlightr.core.types import Features, TimeGrid
from highlightr.features.labels import LABELLED_STREAMS, label_names
from highlightr.scorers.label_bank import first_name
from highlightr.web.view import suggestions


def features(**clips: list[tuple[str, float]]) -> Features:
    """Per stream one class with its score in each clip."""
    streams = {}
    for stream, rows in clips.items():
        names = label_names(stream)
        streams[stream] = np.zeros((len(rows), len(names)), np.float32)
        for index, (name, score) in enumerate(rows):
            streams[stream][index, names.index(name)] = score
    return Features(TimeGrid(float(len(next(iter(clips.values())))), 1.0), streams)


def test_what_fills_most_comes_first_things_and_sounds_by_turns() -> None:
    cat = next(name for name in label_names("imagenet") if name.startswith("Egyptian cat"))
    cup = next(name for name in label_names("imagenet") if name.split(",")[0] == "espresso")
    found = suggestions(
        features(
            imagenet=[(cup, 0.9), (cat, 0.8), (cat, 0.7), (cup, 0.1)],
            yamnet=[("Dog", 0.9), ("Silence", 1.0), ("Dog", 0.1), ("Speech", 0.5)],
        )
    )
    assert found == ["Egyptian cat", "Dog", "espresso", "Speech"]


def test_a_name_is_cut_at_no_comma_in_brackets() -> None:
    """As in reasons and titles."""
    assert suggestions(features(yamnet=[("Roaring cats (lions, tigers)", 0.9)])) == ["Roaring cats (lions, tigers)"]
    names = [first_name(name) for stream in LABELLED_STREAMS for name in label_names(stream)]
    assert [name for name in names if name.count("(") != name.count(")") or not name] == []


def test_a_name_that_means_something_else_alone_gives_way_to_a_clearer_one() -> None:
    hip = next(name for name in label_names("imagenet") if name.startswith("hip,"))
    assert suggestions(features(imagenet=[(hip, 0.9)])) == ["rose hip"]
    shown = {first_name(name) for name in label_names("imagenet")}
    assert {"bottle teat", "ruler", "jeans", "Cardigan Welsh corgi", "cardigan"} <= shown
    assert not {"nipple", "rule", "jean", "ear", "Cardigan"} & shown


def test_without_classes_there_is_none() -> None:
    grid = TimeGrid(2.0, 1.0)
    assert suggestions(Features(grid, {"looks": np.zeros((2, 1), np.float32)})) == []
    assert suggestions(Features(grid, {"imagenet": np.zeros((2, 3), np.float32)})) == []
    assert suggestions(features(imagenet=[(label_names("imagenet")[0], 0.1)])) == []
