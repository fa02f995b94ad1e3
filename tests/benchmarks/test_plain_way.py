"""The plain way makes the pipeline's features, and a difference is noticed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks import plain_way
from benchmarks.plain_way import compare, every_frame_streams, laid_open, plain_features
from highlightr.core.types import TimeGrid
from highlightr.features import create_extractor, extract
from highlightr.features.backbones.inception import dequantise, quantise
from highlightr.features.backbones.windows import WindowProtocol
from highlightr.media import AudioBlock, AudioRequest, decode, probe
from highlightr.media.ffmpeg import run_ffmpeg
from tests import opened
from tests.features.backbones.tiny import changed
from tests.mediamaker import CLOSED_GOP, made, variable_times


def _both(video: Path, extractors: list[Any], clip_seconds: float = 1.0) -> tuple[dict[str, Any], dict[str, Any]]:
    source = probe(video)
    grid = TimeGrid(source.duration_seconds, clip_seconds)
    own = dict(extract(source, grid, extractors).streams)
    if "motion" in own:
        own |= every_frame_streams(source, grid)
    return own, plain_features(source, grid, extractors, laid_open(extractors))


@pytest.mark.parametrize("how", [{"seconds": 3.4}, {"times": variable_times(3.0)}], ids=["constant", "variable"])
def test_lite_has_the_same_features(how: dict[str, Any]) -> None:
    extractors = [opened.extractor(name) for name in ("efficientnet_lite0", "yamnet", "logmel", "motion")]
    own, plain = _both(made("plain.mp4", **CLOSED_GOP, **how), extractors)
    assert set(own) == {"efficientnet_lite0", "imagenet", "yamnet", "audio_dynamics", "motion", "novelty"}
    for name in ("motion", "novelty"):
        np.testing.assert_allclose(plain[name], own[name], rtol=1e-3, atol=1e-4, err_msg=name)
    # The plain way runs the published weights in torch, the pipeline those that are stored in 8 bit.
    for name in ("efficientnet_lite0", "imagenet"):
        lengths = np.linalg.norm(plain[name], axis=1) * np.linalg.norm(own[name], axis=1)
        assert ((plain[name] * own[name]).sum(axis=1) / lengths).min() > 0.99, name
    np.testing.assert_allclose(plain["audio_dynamics"], own["audio_dynamics"], atol=0.05)
    np.testing.assert_allclose(plain["yamnet"], own["yamnet"], atol=1e-5)


def test_windows_and_chunks_have_the_same_features() -> None:
    sampling = WindowProtocol(frames_per_second=10, short_side=40, crop=32, span=6, frames=6)
    first_squeezed = replace(sampling, short_side=None, squeezed=True, first_only=True)
    extractors = [
        changed("r3d34", random_seed=0, protocol=sampling),
        changed("r3d34-davihd", random_seed=0, protocol=first_squeezed),
        create_extractor("cnn14-16k", random_seed=0),
    ]
    own, plain = _both(made("windows.mp4", **CLOSED_GOP, seconds=2.3), extractors)
    assert all(each["enough"] for each in compare(own, plain).values())
    for name in ("r3d34", "r3d34_davihd"):
        np.testing.assert_allclose(plain[name], own[name], rtol=1e-3, atol=1e-3 * np.abs(own[name]).max())


def test_values_of_eight_bits_are_compared_with_such() -> None:
    own, plain = _both(
        made("plain.mp4", **CLOSED_GOP, seconds=1.2), [create_extractor("inception-yt8m", random_seed=0)]
    )
    for values in (own["inception-yt8m"], plain["inception-yt8m"]):
        np.testing.assert_allclose(values, dequantise(quantise(values)), atol=1e-6)
    assert compare(own, plain)["inception-yt8m"]["enough"]


def test_other_features_are_noticed() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32)
    assert compare({"clip": rows, "motion": rows}, {"clip": rows, "motion": rows})["motion"]["enough"]
    still = np.zeros((5, 2), np.float32)
    assert compare({"novelty": still}, {"novelty": still})["novelty"]["enough"]
    found = compare({"clip": rows, "motion": rows}, {"clip": np.roll(rows, 1, axis=0), "motion": rows[::-1]})
    assert not found["clip"]["enough"]
    assert not found["motion"]["enough"]
    with pytest.raises(ValueError, match="other streams"):
        compare({"clip": rows}, {"motion": rows})
    with pytest.raises(SystemExit, match="nothing is timed"):
        plain_way.show_agreements(found)


@pytest.mark.slow
def test_a_whole_comparison(tmp_path: Path) -> None:
    plain_way.main(
        [str(made("plain.mp4", **CLOSED_GOP, seconds=3.4)), "--rounds", "2", "--json", str(tmp_path / "p.json")]
    )
    figures = json.loads((tmp_path / "p.json").read_text())
    assert len(figures["ratios"]) == len(figures["processor_ratios"]) == 2
    assert figures["ratio"] == figures["plain"]["median_seconds"] / figures["pipeline"]["median_seconds"]


@pytest.mark.parametrize("delay", [0, 0.31], ids=["at once", "late"])
def test_sound_beyond_full_scale_and_late_sound_are_the_same(delay: float, tmp_path: Path) -> None:
    # A square wave at full scale: AAC gives it back with overshoots. Of the last clip only 5 ms are there.
    pictures = ["-f", "lavfi", "-i", "testsrc=r=200:s=64x64:d=2.005"]
    square = ["-itsoffset", str(delay), "-f", "lavfi", "-i", "aevalsrc='sgn(sin(2*PI*330*t))':d=2:s=44100"]
    run_ffmpeg([*pictures, *square, "-c:a", "aac", f"file:{tmp_path / 'loud.mp4'}"])
    source = probe(tmp_path / "loud.mp4")
    with av.open(str(source.path)) as container:
        assert max(np.abs(frame.to_ndarray()).max() for frame in container.decode(audio=0)) > 1.02
    blocks = [
        item.samples for _, item in decode(source, {"sound": AudioRequest(16000)}) if isinstance(item, AudioBlock)
    ]
    np.testing.assert_array_equal(plain_way.load_sound(source, 16000), np.concatenate(blocks))
    own, plain = _both(source.path, [opened.extractor("yamnet")])
    assert own["yamnet"].shape == (3, 521)
    np.testing.assert_allclose(plain["yamnet"], own["yamnet"], atol=1e-5)
