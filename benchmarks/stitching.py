"""Videos with known answers: captioned clips joined end to end, analysed by the real pipeline.

In: a folder of clips with `captions.csv` (file, caption). Out: `Stitched` videos whose caption k is answered by
`[start_seconds, stop_seconds)` of part k, and for each what the pipeline finds in it. Features are kept between runs
in a folder of the caller's choice, keyed by the clips; they hold no more than the extractors' output.
"""

from __future__ import annotations

import csv
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from highlightr.core.errors import ConfigError
from highlightr.core.files import whole_file
from highlightr.core.types import Features, FloatArray, Query, Shot, TimeGrid
from highlightr.datasets.items import moment_labels
from highlightr.evaluation.ranking import average_precision, expected_hit_at_1
from highlightr.features import Extractor, extract
from highlightr.features.labels import LABELLED_STREAMS
from highlightr.media import probe
from highlightr.media.ffmpeg import run_ffmpeg
from highlightr.model_loader import label_bank, open_extractor, open_text_encoder
from highlightr.scorers import Scorer
from highlightr.scorers.zeroshot.scorer import ZeroShotConfig, ZeroShotScorer
from highlightr.selection import detect_shots

EXTRACTORS = ("efficientnet_lite0", "yamnet", "logmel", "motion")
CLIP_SECONDS = 1.0
KEPT_STREAMS = ("efficientnet_lite0", "imagenet", "yamnet", "audio_dynamics", "motion", "novelty")


@dataclass(frozen=True)
class Captioned:
    """One clip and the sentence that describes it."""

    path: Path
    caption: str


@dataclass(frozen=True)
class Stitched:
    """A video made of captioned clips, as the pipeline sees it."""

    features: Features
    shots: tuple[Shot, ...]
    spans: tuple[tuple[float, float], ...]
    """Per part ``[start_seconds, stop_seconds)``."""
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """What the stitched files look like."""

    width: int
    height: int
    frames_per_second: int


def read_captions(folder: Path) -> list[Captioned]:
    """Clips and captions in the order of the table; a `ConfigError` where there is none with these columns."""
    path = folder / "captions.csv"
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return [Captioned(folder / row["file"], row["caption"]) for row in csv.DictReader(lines)]
    except (OSError, KeyError, csv.Error) as error:
        raise ConfigError(f"{path} is not a table with the columns file and caption ({error!r})") from error


def deal(clips: Sequence[Captioned], per_video: int, seed: int) -> list[list[Captioned]]:
    """Shuffle the clips and deal them into videos; a rest too small for a video is left out."""
    order = np.random.default_rng(seed).permutation(len(clips))
    groups = [order[first : first + per_video] for first in range(0, len(order), per_video)]
    return [[clips[index] for index in group] for group in groups if len(group) == per_video]


def stitch(
    clips: Sequence[Captioned],
    output: Path,
    picture: Picture,
    stretches: Sequence[tuple[float, float]] | None = None,
    codec: Sequence[str] = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "18"),
) -> tuple[tuple[float, float], ...]:
    """Write the clips one after the other into `output`; parts without sound are silent.

    Args:
        clips: what is joined.
        output: the file.
        picture: what it looks like.
        stretches: (start, seconds) of each clip that is taken; by default the clip as long as it is.
        codec: how the pictures are encoded.

    Returns:
        Where each part lies: its pictures and its sound are cut or padded to its length.
    """
    sources = [probe(clip.path) for clip in clips]
    taken = stretches or [(0.0, source.duration_seconds) for source in sources]
    arguments, chains = [], []
    heard = any(source.audio is not None for source in sources)
    for index, source in enumerate(sources):
        arguments += ["-i", str(source.path)]
        start, seconds = taken[index]
        span = f"start={start:.6f}:duration={seconds:.6f}"
        chains.append(
            f"[{index}:v:0]scale={picture.width}:{picture.height},setsar=1,fps={picture.frames_per_second},"
            f"tpad=stop=-1:stop_mode=clone,trim={span},setpts=PTS-STARTPTS,format=yuv420p[v{index}]"
        )
        if heard:
            sound = f"[{index}:a:0]aformat=sample_rates=44100:channel_layouts=mono,apad"
            sound = sound if source.audio is not None else "anullsrc=r=44100:cl=mono"
            chains.append(f"{sound},atrim={span},asetpts=PTS-STARTPTS[a{index}]")
    inputs = "".join(f"[v{index}][a{index}]" if heard else f"[v{index}]" for index in range(len(clips)))
    outputs = "[v][a]" if heard else "[v]"
    chains.append(f"{inputs}concat=n={len(clips)}:v=1:a={int(heard)}{outputs}")
    maps = ["-map", "[v]", *(["-map", "[a]", "-c:a", "aac"] if heard else [])]
    run_ffmpeg([*arguments, "-filter_complex", ";".join(chains), *maps, *codec, "-y", str(output)])
    edges = np.concatenate([[0.0], np.cumsum([seconds for _, seconds in taken])])
    return tuple((float(start), float(stop)) for start, stop in pairwise(edges))


class Pipeline:
    """The stages of the `lite` preset from a file to features and shots, and its scorer."""

    def __init__(self) -> None:
        self.encoder = open_text_encoder("minilm")
        self.extractors: list[Extractor] = [open_extractor(name, clip_seconds=CLIP_SECONDS) for name in EXTRACTORS]
        self.banks = {name: label_bank(self.encoder, name) for name in LABELLED_STREAMS}

    def scorer(self, config: ZeroShotConfig | None = None) -> ZeroShotScorer:
        """A scorer of the preset's labels."""
        return ZeroShotScorer(self.banks["imagenet"], self.banks["yamnet"], config)

    def analyse(self, path: Path, *, skip_calm: bool = False) -> tuple[Features, tuple[Shot, ...]]:
        """Decode, extract, find shots."""
        source = probe(path)
        grid = TimeGrid(source.duration_seconds, CLIP_SECONDS)
        features = extract(source, grid, self.extractors, skip_calm=skip_calm)
        return features, detect_shots(features.signals["frame_change"], source.duration_seconds)

    def stitch_all(
        self, groups: Sequence[Sequence[Captioned]], picture: Picture, folder: Path | None
    ) -> list[Stitched]:
        """A video for each group; `None` keeps nothing for a later run."""
        with tempfile.TemporaryDirectory() as scratch:
            kept = folder or Path(scratch)
            kept.mkdir(parents=True, exist_ok=True)
            return [self.stitched(group, picture, kept) for group in groups]

    def stitched(self, clips: Sequence[Captioned], picture: Picture, folder: Path) -> Stitched:
        """Stitch the clips and analyse the result, or take what an earlier run kept in `folder`."""
        facts = (picture, [clip.path.name for clip in clips], KEPT_STREAMS)
        key = hashlib.sha256(repr(facts).encode()).hexdigest()[:16]
        kept = folder / f"{key}.npz"
        if not kept.exists():
            video = folder / f"{key}.mp4"
            spans = stitch(clips, video, picture)
            _keep(kept, *self.analyse(video), spans)
            video.unlink()
        return _recall(kept, tuple(clip.caption for clip in clips))


def _keep(path: Path, features: Features, shots: Sequence[Shot], spans: Sequence[tuple[float, float]]) -> None:
    streams = {name: values for name, values in features.streams.items() if name in KEPT_STREAMS}
    edges = np.array([(shot.start_seconds, shot.stop_seconds) for shot in shots])
    with whole_file(path, overwrite=True) as partial:
        np.savez(partial, duration=features.grid.duration_seconds, shots=edges, spans=np.array(spans), **streams)


def _recall(path: Path, captions: tuple[str, ...]) -> Stitched:
    with np.load(path, allow_pickle=False) as kept:
        grid = TimeGrid(float(kept["duration"]), CLIP_SECONDS)
        streams = {name: kept[name] for name in KEPT_STREAMS if name in kept.files}
        shots = tuple(Shot(float(start), float(stop)) for start, stop in kept["shots"])
        spans = tuple((float(start), float(stop)) for start, stop in kept["spans"])
    return Stitched(Features(grid, streams), shots, spans, captions)


Score = Callable[[Stitched, int], FloatArray]
"""Scores (num_clips,) of a video for its caption of that index."""


def measure(videos: Sequence[Stitched], score: Score) -> dict[str, float]:
    """HIT@1 (the best clip's centre lies in the right part) and mAP over clips, in percent, mean over captions.

    ``mAP`` ranks equal scores in order of time; ``mAP, tied`` counts them as one step, as scikit-learn does. Scores
    that are constant over shots gain some points from the second alone: compare the first.
    """
    hits, precisions, tied = [], [], []
    for video, index, labels in _cases(videos):
        values = score(video, index)
        hits.append(expected_hit_at_1(labels, values))
        ranks = np.argsort(np.argsort(-values, kind="stable"))
        precisions.append(average_precision(labels, -ranks))
        tied.append(average_precision(labels, values))
    figures = {"HIT@1": hits, "mAP": precisions, "mAP, tied": tied}
    return {name: 100 * float(np.mean(column)) for name, column in figures.items()}


def _cases(videos: Sequence[Stitched]) -> Iterator[tuple[Stitched, int, FloatArray]]:
    for video in videos:
        for index, span in enumerate(video.spans):
            yield video, index, moment_labels(video.features.grid, [span]).astype(np.float32)


def yardsticks(videos: Sequence[Stitched], seed: int) -> dict[str, dict[str, float]]:
    """Rows of a scorer that guesses and of one that knows."""
    rng = np.random.default_rng(seed)
    truth = {(id(video), index): labels for video, index, labels in _cases(videos)}
    return {
        "random": measure(videos, lambda video, _: rng.random(video.features.grid.num_clips).astype(np.float32)),
        "oracle": measure(videos, lambda video, index: truth[id(video), index]),
    }


def answer(scorer: Scorer, queries: Mapping[str, Query], without: Sequence[str] = ()) -> Score:
    """Scores of a scorer for the caption as the query, with some streams taken away."""

    def score(video: Stitched, index: int) -> FloatArray:
        streams = {name: values for name, values in video.features.streams.items() if name not in without}
        features = Features(video.features.grid, streams)
        return scorer.score(features, queries[video.captions[index]], video.shots).values

    return score


def table(rows: Mapping[str, Mapping[str, float]]) -> str:
    """A plain text table, one row per method."""
    columns = list(next(iter(rows.values())))
    width = max(len(name) for name in rows)
    lines = [" ".join([f"{'':{width}}", *(f"{column:>10}" for column in columns)])]
    lines += [" ".join([f"{name:{width}}", *(f"{row[c]:10.1f}" for c in columns)]) for name, row in rows.items()]
    return "\n".join(lines)
