"""From how many labelled queries on the full CFSum of the config `own` is worth trying beside a linear map.

    python -m benchmarks.own_labels --data ../shared/data/charades_clip [--labels 15 60 240] [--seeds 3]

A fifth of the videos is held out. Both learn from the same few queries of the others, drawn by video: the full CFSum
with the config's settings on CLIP's features, and a ridge map from the mean picture of a moment to its sentence, with a
penalty chosen by folds inside. Printed is the mAP over the clips of each held-out query, beside random scores and the
position prior. The lite preset's linear scorer starts from a map that ships: it needs fewer labels than the one here.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.command import run_command
from highlightr.core.numeric import unit_rows
from highlightr.core.types import FloatArray
from highlightr.datasets import Dataset, Example, open_dataset
from highlightr.evaluation.protocols import baseline_rows, find_protocol
from highlightr.evaluation.ranking import average_precision
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.neural import load_weights
from highlightr.training.batches import Queries, SampleStore
from highlightr.training.config import load_config
from highlightr.training.learners import create_learner
from highlightr.training.loop import BEST, fit
from highlightr.training.own_fits import ridge_map
from highlightr.training.predict import predict
from highlightr.training.splits import unscored_cases

PENALTIES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
INNER_FOLDS = 5
STREAM = "clip"


def few(dataset: Dataset, labels: int, seed: int) -> Dataset:
    """Whole videos until there are that many queries; the last one's surplus is left out."""
    order = np.random.default_rng(seed).permutation(np.array(dataset.videos)).tolist()
    items = sorted(dataset.items, key=lambda item: order.index(item.video))
    kept = {item.key for item in items[:labels]}
    return dataset.subset(lambda item: item.key in kept)


def positive(example: Example) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(num_clips,) the clips inside the labelled moment."""
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = example.item.ratings[: example.num_clips, 0] > 0
    return found


def precision(examples: Sequence[Example], score: Callable[[Example], FloatArray]) -> float:
    """Mean over examples of the average precision over clips, in percent."""
    found = [average_precision(positive(each), score(each)) for each in examples if positive(each).any()]
    return 100 * float(np.mean(found))


def linear(examples: Sequence[Example], queries: Queries, penalty: float) -> Callable[[Example], FloatArray]:
    """Cosine-like score of a clip's mapped picture and the sentence."""
    usable = [each for each in examples if positive(each).any()]
    looks = np.stack([unit_rows(each.streams[STREAM])[positive(each)].mean(axis=0) for each in usable])
    said = np.stack([queries.of(each).vector for each in usable])
    look_mean, said_mean = looks.mean(axis=0), said.mean(axis=0)
    map_ = ridge_map(looks - look_mean, said - said_mean, penalty)

    def score(example: Example) -> FloatArray:
        rows = (unit_rows(example.streams[STREAM]) - look_mean) @ map_
        return np.asarray(unit_rows(rows) @ (queries.of(example).vector - said_mean))

    return score


def fitted_linear(examples: Sequence[Example], queries: Queries) -> Callable[[Example], FloatArray]:
    """The map with the penalty that ranks videos held out among these best."""
    videos = sorted({each.item.video for each in examples})
    fold_of = {video: i % INNER_FOLDS for i, video in enumerate(videos)}

    def inside(penalty: float) -> float:
        figures = []
        for fold in range(min(INNER_FOLDS, len(videos))):
            rest = [each for each in examples if fold_of[each.item.video] != fold]
            held = [each for each in examples if fold_of[each.item.video] == fold]
            figures.append(precision(held, linear(rest, queries, penalty)))
        return float(np.mean(figures))

    return linear(examples, queries, max(reversed(PENALTIES), key=inside))


def full(learned: Dataset, held: Dataset, queries: Queries, seed: int) -> float:
    """The figure of the full CFSum, trained as the config `own` says."""
    changes = {
        "scorer.config.video_streams": {STREAM: learned.widths[STREAM]},
        "scorer.config.audio_streams": {},
        "scorer.config.modalities": ["video", "text"],
        "seed": seed,
    }
    config = load_config("own").changed(changes)
    learner = create_learner(config.scorer.name, config.scorer.config, config.seed)
    with TemporaryDirectory() as folder:
        fit(learner, config, SampleStore(learned, learner, queries), None, Path(folder), "cpu", None)
        load_weights(learner.network, Path(folder) / BEST, config.scorer.name)
    learner.network.eval()
    cases = predict(learner, SampleStore(held, learner, queries))
    found = [average_precision(case.ratings[:, 0] > 0, case.scores) for case in cases if (case.ratings > 0).any()]
    return 100 * float(np.mean(found))


def main() -> None:
    """Measure and print one line per number of labels."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--labels", type=int, nargs="+", default=[15, 30, 60, 120, 240, 480])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    dataset = open_dataset("charades", arguments.data)
    rest, held = dataset.split_by_video(0.2, 0)
    queries = Queries(open_text_encoder("minilm"))
    examples = list(held)
    for row in baseline_rows(find_protocol("moments"), unscored_cases(held), seeds=5):
        print(f"{row.name}: {row.metrics['map']:.1f}", flush=True)
    print(f"{len(held)} held-out queries; mAP, mean and deviation over {arguments.seeds} draws of the labels")
    for labels in arguments.labels:
        draws = [few(rest, labels, seed) for seed in range(arguments.seeds)]
        lines = [precision(examples, fitted_linear(list(draw), queries)) for draw in draws]
        fulls = [full(draw, held, queries, seed) for seed, draw in enumerate(draws)]
        print(f"{labels} labels: linear {_said(lines)}, full {_said(fulls)}", flush=True)


def _said(figures: Sequence[float]) -> str:
    return f"{np.mean(figures):.1f} ± {np.std(figures, ddof=1) if len(figures) > 1 else 0:.1f}"


if __name__ == "__main__":
    run_command(main)
