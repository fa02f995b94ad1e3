"""A small data set that can be learned, in the layout of charades, and an encoder for its queries."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from highlightr.core.config import from_plain
from highlightr.core.types import Query
from highlightr.features.base import TextEncoder
from highlightr.training.batches import Queries
from highlightr.training.config import TrainConfig
from tests.training.files import lines, save

WIDTH, TEXT_WIDTH, TOPICS = 12, 8, 4


class FakeText(TextEncoder):
    """Three tokens that tell the topic."""

    name: ClassVar[str] = "fake"
    width: ClassVar[int] = TEXT_WIDTH
    checkpoints: ClassVar[tuple[str, ...]] = ()
    sha256 = "0" * 64

    def __init__(self) -> None:
        self.calls = 0

    def encode(self, text: str) -> Query:
        self.calls += 1
        vector = np.eye(TEXT_WIDTH, dtype=np.float32)[int(text.split()[-1])]
        return Query(text, np.stack([vector, 2 * vector, vector]), vector)


def queries() -> Queries:
    return Queries(FakeText())


def moments_folder(root: Path, videos: int = 16, clips: int = 12) -> Path:
    """In each video two topics are shown, one after the other; each query asks for one of them."""
    rng = np.random.default_rng(5)
    records = []
    for video in range(videos):
        cut = int(rng.integers(4, clips - 3))
        topics = rng.permutation(TOPICS)[:2]
        pictures = rng.standard_normal((clips, WIDTH)) * 0.3
        pictures[:cut, topics[0]] += 2
        pictures[cut:, topics[1]] += 2
        times = np.arange(clips, dtype=np.float32)
        save(root / f"features/v{video}.npz", pictures.astype(np.float32), "image_embeddings", frame_timestamps=times)
        for half, window in enumerate(([0.0, float(cut)], [float(cut), float(clips)])):
            query = f"topic {topics[half]}"
            record = {"qid": 2 * video + half, "vid": f"v{video}", "query": query, "duration": clips, "window": window}
            records.append(record)
    lines(root / "moments.jsonl", records)
    return root


SCORER = {
    "video_streams": {"clip": WIDTH},
    "audio_streams": {},
    "text_width": TEXT_WIDTH,
    "modalities": ["video", "text"],
    "width": 16,
    "heads": 2,
    "dropout": 0.1,
    "clip_seconds": 1.0,
    "longest_clips": 16,
}
REGULARISED = {"variant": "regularised", "output": "logits", "similarity_width": 8, "refinement_layers": 1}


def config(**changes: object) -> TrainConfig:
    plain = {
        "name": "small",
        "summary": "for tests",
        "data": {"name": "charades", "test_share": 0.25, "validation_share": 0.25},
        "scorer": {"name": "cfsum", "config": {**SCORER, **REGULARISED}},
        "protocol": "moments",
        "monitor": "map",
        "objective": {"bce": 1.0, "listwise": 1.0, "contrastive": 0.5},
        "optimiser": {"name": "adamw", "learning_rate": 5e-3, "weight_decay": 1e-4, "schedule": "one-cycle"},
        "augment": {"speed": 0.5, "token_drop": 0.2, "noise": 0.1},
        "epochs": 3,
        "batch_size": 8,
        "gradient_clip": 1.0,
        "average": 0.9,
    }
    return from_plain(TrainConfig, plain, "test").changed(changes)
