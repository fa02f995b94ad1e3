"""What answers queries in the preset lite: its file is as the manifest says, and it finds real clips, heard or not."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from highlightr.core.types import Features, TimeGrid
from highlightr.features import extract
from highlightr.media import probe
from highlightr.media.change import FRAME_CHANGE
from highlightr.model_loader import Models, load_models
from highlightr.selection import detect_shots
from highlightr.zoo import load_preset
from highlightr.zoo.manifest import entry
from highlightr.zoo.store import weights_path
from research.lite.clips import Take
from research.lite.stitching import join, whole

ASKED = {
    "vas_drum_video_02542.mp4": "someone plays the drums",
    "vas_fireworks_video_02997.mp4": "fireworks in the night sky",
    "mdn_stream-of-water.mp4": "a stream of water over rocks",
    "vas_baby_video_01951.mp4": "a baby is crying",
}


def test_the_file_is_as_the_manifest_and_the_card_say() -> None:
    listed = entry("cfsum-lite")
    path = weights_path("cfsum-lite")
    assert path.stat().st_size == listed.size_bytes < 8_000_000
    assert hashlib.sha256(path.read_bytes()).hexdigest() == listed.sha256
    card = Path(__file__).resolve().parents[2] / "models" / "cards" / "cfsum-lite.md"
    assert listed.sha256 in card.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models(load_preset("lite"), "cpu")


@pytest.fixture(scope="module")
def takes(models: Models, real_data: Path) -> list[Take]:
    found = []
    for name in ASKED:
        source = probe(real_data / "events" / name)
        grid = TimeGrid(source.duration_seconds, 1.0)
        features = extract(source, grid, models.extractors)
        shots = detect_shots(features.signals[FRAME_CHANGE], source.duration_seconds)
        found.append(Take(name, ASKED[name], features, shots))
    return found


@pytest.mark.realdata
@pytest.mark.parametrize("sound", [True, False])
def test_it_finds_four_real_clips_with_and_without_sound(models: Models, takes: list[Take], sound: bool) -> None:
    video = join(takes, whole(takes, range(len(takes))))
    streams = {name: rows for name, rows in video.features.streams.items() if sound or name != "yamnet"}
    features = Features(video.features.grid, streams)
    right = 0
    for index, take in enumerate(takes):
        query = models.encode(take.caption)
        scores = models.score(features, take.caption, query, video.shots)
        best = int(np.argmax(scores.values))
        right += int(video.owner[best] == index)
        assert scores.reasons[best], "the report needs words"
        assert ("audio" in scores.parts) == sound
    assert right == len(takes)
