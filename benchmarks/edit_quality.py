"""Is the summary what a person would keep? Real clips joined to videos with known parts, through the whole pipeline.

    python -m benchmarks.edit_quality --data ../shared/data --features DIR [--half report] [--sets mixed talk] \
        [--speech] [--json OUT] [--beside EARLIER.json]

Per set, in percent, at the default options: *right* (share of the delivered seconds inside what was asked for: median
and mean over queries), *kept* (share of the wanted seconds delivered, at most the budget), *edges* (moments with at
most 0.5 s of another part), *absent* (noted among queries for what is not there), *falsely* (noted among true ones),
*area* (under the curve of the match's probability), *inside* (edges inside a sentence), and how many segments of what
mean length. `several` are queries with two or three right parts. Settings are chosen on `--half tuning` and reported
on the other. Captioned clips are asked with weights refitted without the clips of the video (folds of lite_training);
`events2` alone runs on the shipped weights. `said` is a talk with a transcript. `--speech` gives every other video the
transcript of a talk that has nothing to do with it. `--beside` prints an earlier run's rows.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.command import run_command
from benchmarks.edit_figures import Watched, calibration, curve, judge, print_table, score_calibration
from benchmarks.edit_sets import HALVES, SETS
from benchmarks.edit_studio import Studio
from benchmarks.edit_videos import Asked
from benchmarks.running import write_json
from benchmarks.spoken import SpeechEncoder, talk_of
from highlightr.core.types import Match, Query, Segment
from highlightr.model_loader import load_models
from highlightr.scorers import Scorer
from highlightr.scorers.speech.answer import spoken_answer
from highlightr.scorers.speech.fusion import fuse
from highlightr.selection import SelectionOptions, select_segments
from highlightr.zoo import load_preset


class Answers:
    """The methods: the pipeline's own, one that guesses, one that knows."""

    def __init__(self, scorers: Callable[[str], Scorer], encode: Callable[[str], Query]) -> None:
        self._scorers, self._encode, self._speech = scorers, encode, SpeechEncoder()
        self._rng = np.random.default_rng(0)
        self._without_query = load_models(load_preset("lite"), "cpu").scorer_for(None)

    def pipeline(self, video: Watched, asked: Asked | None) -> tuple[Sequence[Segment], Match | None]:
        """What `summarize` would deliver."""
        query = None if asked is None else self._encode(asked.text)
        scorer = self._without_query if query is None else self._scorers(video.scorer)
        scores, transcript = scorer.score(video.features, query, video.shots), video.transcript
        if query is not None and transcript is not None:
            said = spoken_answer(self._speech.speech(transcript), self._speech.query(query.text))
            scores = fuse(scores, said, transcript, video.shots)
        options, answering = SelectionOptions(), asked is not None
        segments = select_segments(
            scores, video.shots, options, video.features, answering=answering, transcript=transcript
        )
        return segments, scores.match

    def random(self, video: Watched, asked: Asked | None) -> tuple[Sequence[Segment], Match | None]:
        """Spans of five seconds anywhere until the budget is spent; a verdict by lot."""
        del asked
        duration = video.features.grid.duration_seconds
        count = max(1, int(SelectionOptions().budget_seconds(duration) / 5))
        starts = sorted(self._rng.choice(max(1, int(duration / 5)), count, replace=False) * 5.0)
        chance = float(self._rng.random())
        return [Segment(start, start + 5.0, 0.5) for start in starts], Match("none" if chance < 0.1 else "weak", chance)

    def oracle(self, video: Watched, asked: Asked | None) -> tuple[Sequence[Segment], Match | None]:
        """The right parts, the earliest first, until the budget is spent; events with a second around them."""
        wanted = [(start - 1, stop + 1) for start, stop in video.events] or [video.spans[0]]
        if asked is not None:
            wanted = [video.spans[part] for part in asked.parts]
        rest, segments = SelectionOptions().budget_seconds(video.features.grid.duration_seconds), []
        for start, stop in wanted:
            if rest > 0.1:
                segments.append(Segment(start, min(stop, start + rest), 1.0))
                rest -= segments[-1].seconds
        return segments, Match("strong", 1.0) if wanted else Match("none", 0.0)


def main() -> None:
    """Parse, join, analyse, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--features", type=Path, required=True, help="analysed videos are kept here between runs")
    parser.add_argument("--half", choices=tuple(HALVES), default="report")
    parser.add_argument("--sets", nargs="+", choices=tuple(SETS), default=list(SETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speech", action="store_true", help="add a transcript of unrelated speech")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--beside", type=Path, help="print the rows of an earlier run too")
    options = parser.parse_args()
    studio = Studio(options.data, options.features)
    answers = Answers(cache(studio.scorer), studio.encode)
    rows: dict[str, dict[str, float]] = {}
    curves, chances, scores = {}, {}, {}
    for name in options.sets:
        videos = list(SETS[name](studio, options.half, np.random.default_rng(options.seed)))
        if options.speech:
            rng = np.random.default_rng(options.seed)
            videos = [_talked_over(video, options.half, rng) for video in videos]
        methods = {"random": answers.random, "oracle": answers.oracle, "highlightr": answers.pipeline}
        for method, answer in methods.items():
            figures = judge(videos, answer)
            rows[f"{name}, {method}"] = figures.row()
        curves[name], chances[name], scores[name] = curve(figures), calibration(figures), score_calibration(figures)
        print(f"{name}: {len(videos)} videos, {len(figures.there)} true queries, {len(figures.absent)} absent")
    if options.beside:
        earlier = json.loads(options.beside.read_text(encoding="utf-8"))["rows"]
        rows |= {f"{name}, earlier": row for name, row in earlier.items() if name.endswith("highlightr")}
    print_table(rows)
    asked = {"half": options.half, "seed": options.seed, "speech": options.speech}
    write_json(options.json, {**asked, "rows": rows, "curves": curves, "chances": chances, "scores": scores})


def _talked_over(video: Watched, half: str, rng: np.random.Generator) -> Watched:
    duration = video.features.grid.duration_seconds
    return replace(video, transcript=video.transcript or talk_of(half, duration, rng))


if __name__ == "__main__":
    run_command(main)
