"""Ways to shots, scores or a cut that people use, each a program: `python -m benchmarks.other_ways WAY VIDEO OUTPUT`.

In: a video, and a query for the ways that take one. Out: JSON with what the way found: `boundaries` in seconds, or
nothing, where its weights are random. PySceneDetect is imported where it is used; `pip install scenedetect` brings it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.command import one_of, run_command
from benchmarks.plain_way import laid_open, plain_features
from benchmarks.running import extractors_of, without_cache
from highlightr import Highlighter
from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, TimeGrid
from highlightr.media import probe

CLIP_MODEL = "ViT-B-32"


def scene_detection(video: Path, detector: str) -> list[Any]:
    """PySceneDetect's scenes, found by a detector of this name at its own settings.

    Raises:
        ConfigError: PySceneDetect is not installed.
    """
    try:
        import scenedetect
    except ImportError as error:
        raise ConfigError(f"PySceneDetect is not installed ({error}): run `pip install scenedetect`") from error
    scenes: list[Any] = scenedetect.detect(str(video), getattr(scenedetect, detector)())
    return scenes


def boundaries_of(scenes: list[Any]) -> list[float]:
    """Seconds at which PySceneDetect's scenes begin, after the first."""
    return [float(start.seconds) for start, _ in scenes][1:]


def _content(video: Path, output: Path, query: str) -> dict[str, Any]:
    return {"boundaries": boundaries_of(scene_detection(video, "ContentDetector"))}


def _adaptive(video: Path, output: Path, query: str) -> dict[str, Any]:
    return {"boundaries": boundaries_of(scene_detection(video, "AdaptiveDetector"))}


def _split(video: Path, output: Path, query: str) -> dict[str, Any]:
    scenes = scene_detection(video, "ContentDetector")
    from scenedetect import split_video_ffmpeg

    if status := split_video_ffmpeg(str(video), scenes, output.parent):
        raise ConfigError(f"PySceneDetect's split ended with {status}: it needs `ffmpeg` on the path")
    return {"boundaries": boundaries_of(scenes)}


def _clip_per_second(video: Path, output: Path, query: str) -> dict[str, Any]:
    """As such scripts are written: every frame decoded, one a second through open_clip, one after the other."""
    import open_clip
    import torch

    model, _, prepare = open_clip.create_model_and_transforms(CLIP_MODEL, pretrained=None)
    model.eval()
    scores = []
    with torch.inference_mode(), av.open(str(video)) as container:
        text = model.encode_text(open_clip.get_tokenizer(CLIP_MODEL)([query]))
        wanted = 0.0
        for frame in container.decode(container.streams.video[0]):
            if frame.time is not None and frame.time >= wanted:
                rows = model.encode_image(prepare(frame.to_image())[None])
                scores.append(float(torch.cosine_similarity(rows, text)))
                wanted += 1.0
    return {"seconds": len(scores)}


def _plain(video: Path, output: Path, query: str) -> dict[str, Any]:
    """The features of `lite` by the plain way, and its scorer."""
    highlighter = Highlighter.from_preset("lite", device="cpu")
    models, source = highlighter._models, probe(video)
    grid = TimeGrid(source.duration_seconds, highlighter.preset.clip_seconds)
    extractors = extractors_of(models)
    features = Features(grid, plain_features(source, grid, extractors, laid_open(extractors)))
    scores = models.score(features, query, models.encode(query), ())
    return {"seconds": len(scores.values)}


def _score(video: Path, output: Path, query: str) -> dict[str, Any]:
    """highlightr from file to scores."""
    with without_cache():
        analysis = Highlighter.from_preset("lite", device="cpu").analyse(video, query)
    shots = [after.start_seconds for _, after in pairwise(analysis.shots)]
    return {"boundaries": shots, "best_second": int(np.argmax(analysis.scores.values))}


WAYS: Mapping[str, Callable[[Path, Path, str], dict[str, Any]]] = {
    "highlightr-score": _score,
    "scenedetect-content": _content,
    "scenedetect-adaptive": _adaptive,
    "scenedetect-split": _split,
    "clip-per-second": _clip_per_second,
    "plain": _plain,
}


def main() -> None:
    """Go one way."""
    options = one_of(WAYS, __doc__, query={"default": "a cat"})
    found = WAYS[options.what](options.video, options.output, options.query)
    options.output.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    run_command(main)
