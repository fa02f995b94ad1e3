"""Fit what tells queries for what is said from queries for what is seen and heard; writes the file that is shipped.

    python -m research.speech_aim [--data ../shared/data]

Logistic regression on MiniLM's vectors: captions of clips (tuning half; half of the silent ones without articles, as
people type) against the made topics of talks (tuning half) and further queries that were written for this fit. Prints
how well it parts the other halves.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save

from benchmarks.command import run_command
from benchmarks.edit_sets import HALVES
from benchmarks.edit_studio import FOLDS
from benchmarks.spoken import topics
from benchmarks.stitching import read_captions
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.speech.words import AIM_WEIGHTS
from research.lite.judging import folds_of
from research.logistic import logistic_weights

QUERIES = Path(__file__).with_name("speech_queries.txt")
"""One a line: what is asked of talks. None of them is asked in `benchmarks.spoken`."""

PENALTY = 0.001
SILENT_CAPTIONS = 240
SHARES = (0.15, 0.15, 0.2, 0.5)
"""Of captions, captions without articles, captions of clips with sound, and topics."""

_LEFT_OUT = frozenset({"a", "an", "the", "is", "are", "his", "her", "their"})


def texts(data: Path, half: str) -> list[list[str]]:
    """The four kinds, in the order of `SHARES`."""
    clips = read_captions(data / "captioned")
    folds = folds_of(len(clips), FOLDS, 0)
    silent = [clips[index].caption for fold in HALVES[half] for index in folds[fold]][:SILENT_CAPTIONS]
    sounding = [clip.caption for name in ("events", "events2") for clip in read_captions(data / name)]
    order = np.random.default_rng(99).permutation(len(sounding))[0 if half == "tuning" else 1 :: 2]
    bare = [" ".join(word for word in text.split() if word not in _LEFT_OUT) for text in silent[len(silent) // 2 :]]
    said = [text for topic in topics(half) for text in topic.queries.values()]
    said += QUERIES.read_text(encoding="utf-8").splitlines() if half == "tuning" else []
    return [silent[: len(silent) // 2], bare, [sounding[index] for index in order], said]


def fitted(kinds: Sequence[np.ndarray]) -> np.ndarray:
    """(width + 1,) weights and offset."""
    rows = np.concatenate([np.column_stack([kind, np.ones(len(kind))]) for kind in kinds])
    labels = np.concatenate([np.full(len(kind), float(number < 3)) for number, kind in enumerate(kinds)])
    share = np.concatenate([np.full(len(kind), part / len(kind)) for kind, part in zip(kinds, SHARES, strict=True)])
    penalty = np.append(np.full(rows.shape[1] - 1, PENALTY), 1e-6)
    return logistic_weights(rows, labels, share, penalty)


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=AIM_WEIGHTS)
    options = parser.parse_args()
    encoder = open_text_encoder("minilm")
    weights = fitted([encoder.vectors(kind) for kind in texts(options.data, "tuning")])
    names = ("captions", "without articles", "with sound", "topics of talks")
    for name, kind in zip(names, texts(options.data, "report"), strict=True):
        odds = encoder.vectors(kind) @ weights[:-1] + weights[-1]
        share, middle = 100 * float((odds < 0).mean()), float(np.median(odds))
        print(f"{name}: {share:.0f} % ask for what is said, median {middle:.2f}")
    made = weights.astype(np.float32)
    options.out.write_bytes(save({"weights": made[:-1].copy(), "offset": made[-1:].copy()}))


if __name__ == "__main__":
    run_command(main)
