"""From an mp4 through feature files to scores, for every preset, on random weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import Features, Scores, Shot, Signal, TimeGrid
from highlightr.export.feature_files.extract import ExtractOptions, VideoResult, extract_to_files
from highlightr.features.registry import EXTRACTORS, extractor_class
from highlightr.model_loader import label_bank, open_text_encoder
from highlightr.scorers import ScorerContext, create_scorer, scorer_class
from highlightr.zoo import load_preset, preset_names, weights_path
from highlightr.zoo.manifest import entry

from .conftest import write_video
from .small_i3d import SmallI3D

SECONDS = 20


def read(result: VideoResult, clip_seconds: float) -> Features:
    """The written files as what a scorer takes."""
    streams, signals = {}, {}
    for name, path in result.written.items():
        arrays = dict(np.load(path, allow_pickle=False))
        if "features" in arrays:
            streams[name] = arrays["features"]
        else:
            signals[name] = Signal(arrays["times_seconds"], arrays["values"])
    return Features(TimeGrid(result.duration_seconds, clip_seconds), streams, signals)


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_names_what_its_scorer_needs(name: str) -> None:
    """Streams of the right widths under the right names, whether or not the weights are here."""
    preset = load_preset(name)
    made: dict[str, int] = {}
    for each in preset.extractors:
        found = extractor_class(each)
        made |= {**found.streams, **found.signals}
    for scorer in preset.scorers.values():
        contract = scorer_class(scorer.name).contract_of(scorer.config)
        needed = {**contract.streams, **contract.signals}
        for stream in contract.required:
            assert made.get(stream) == needed[stream], stream


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", preset_names())
def test_every_preset_runs_from_mp4_to_scores(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRACTORS, "i3d", f"{SmallI3D.__module__}:SmallI3D")
    preset = load_preset(name)
    video = write_video(tmp_path / "video.mp4", seconds=SECONDS)
    options = ExtractOptions(clip_seconds=preset.clip_seconds, device="cpu", random_seed=0)
    (result,) = extract_to_files([video], preset.extractors, tmp_path / "features", options)
    assert result.error is None
    features = read(result, preset.clip_seconds)
    encoder = None if preset.text is None else open_text_encoder(preset.text, random_seed=0)
    query = None if encoder is None else encoder.encode("a flash of light")
    for choice in preset.scorers.values():
        # Weights that have to be fetched or trained are drawn; those that come with highlightr are used.
        own = weights_path(choice.weights) if choice.weights and entry(choice.weights).bundled else None
        bank = None if encoder is None else partial(label_bank, encoder)
        scale = None if encoder is None else lambda: encoder.logit_scale
        context = ScorerContext(own, None if own else 0, label_bank=bank, logit_scale=scale)
        scorer = create_scorer(choice.name, choice.config, context)
        scores = scorer.score(features, query, [Shot(0.0, features.grid.duration_seconds)])
        check(scores, features.grid.num_clips, round(SECONDS / preset.clip_seconds))


def check(scores: Scores, num_clips: int, expected: int) -> None:
    assert scores.values.shape == (num_clips,) == (expected,)
    assert np.isfinite(scores.values).all()
