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
import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.command import run_command
from benchmarks.edit_figures import Watched, calibration, curve, judge, print_table, score_calibration
from benchmarks.edit_videos import (
    SAMPLE_RATE,
    Asked,
    EditPlan,
    Span,
    Stretch,
    draw_plan,
    hiss,
    loudest,
    place_events,
    read_sound,
    speak,
    write_plan,
    write_take,
    write_with_sound,
)
from benchmarks.spoken import Ears, talk_of, topics
from benchmarks.stitching import Captioned, Picture, read_captions
from highlightr import Highlighter
from highlightr.core.files import whole_file
from highlightr.core.transcript import Transcript, Utterance
from highlightr.core.types import FloatArray, Match, Query, Segment
from highlightr.features.labels import label_embeddings, label_names
from highlightr.media import probe
from highlightr.model_loader import load_models, open_text_encoder
from highlightr.scorers import Scorer
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.label_bank import LabelBank
from highlightr.scorers.speech.answer import spoken_answer
from highlightr.scorers.speech.fusion import fuse
from highlightr.selection import SelectionOptions, select_segments
from highlightr.zoo import load_preset
from research.lite.clips import Take, read_analysis, read_takes, write_analysis
from research.lite.fitting import FitSettings
from research.lite.judging import folds_of
from research.lite.study import Material, fitted

FOLDS = 5
HALVES = {"tuning": (0, 1), "report": (2, 3, 4)}
"""Folds of the captioned clips whose videos belong to each half."""

BORDER_VIDEOS = 100
"""Joined videos that a fold's borders are learned from: a third of what the shipped weights saw, for the time."""

SILENT = Picture(width=298, height=224, frames_per_second=3)
SOUNDING = Picture(width=320, height=240, frames_per_second=25)

EVENT_SECONDS = 3.0

TAKES, TAKE_SOUNDS, TAKE_SLOTS, TAKE_SECONDS = 2, 4, 6, 150.0
TAKE_SOUND_SECONDS = (2.0, 4.0, 8.0)
"""Takes of each fold, their sounds, the places where these may lie, and lengths."""

OTHER_CAPTIONS = 4
"""That a single clip is asked about."""

SAID_TOPICS = 20
"""Of a talk; so many fill three minutes."""

SENTENCES = (
    "Good morning everybody, and thank you for coming to this presentation.",
    "Today I would like to tell you about a journey along the river.",
    "We left the village before sunrise, when the fields were still white with frost.",
    "Nobody had slept well.",
    "The guide carried a map that was older than any of us.",
    "After two hours we reached the bridge, which the flood had damaged in the spring.",
    "It took a while to find another way across.",
    "In the afternoon the weather changed, and we could hear thunder behind the hills.",
    "My brother wanted to turn back.",
    "Instead we built a small shelter from branches and waited for the rain to pass.",
    "That evening we cooked beans over the fire and talked about our families.",
    "I remember the smell of the wet wood.",
    "The next day brought sunshine, and everything looked new.",
    "We counted eleven different kinds of birds before breakfast.",
    "Are there any questions so far?",
    "Let me show you the photographs that we took at the end.",
)


class Answers:
    """The methods: the pipeline's own, one that guesses, one that knows."""

    def __init__(self, scorers: Callable[[str], Scorer], encode: Callable[[str], Query]) -> None:
        self._scorers, self._encode, self._ears = scorers, encode, Ears()
        self._rng = np.random.default_rng(0)
        self._without_query = load_models(load_preset("lite"), "cpu").scorer_for(None)

    def pipeline(self, video: Watched, asked: Asked | None) -> tuple[Sequence[Segment], Match | None]:
        """What `summarize` would deliver."""
        query = None if asked is None else self._encode(asked.text)
        scorer = self._without_query if query is None else self._scorers(video.scorer)
        scores, transcript = scorer.score(video.features, query, video.shots), video.transcript
        if query is not None and transcript is not None:
            said = spoken_answer(self._ears.speech(transcript), self._ears.query(query.text))
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


class Studio:
    """Makes videos and analyses them once; refits weights once per fold."""

    def __init__(self, data: Path, features: Path, seed: int) -> None:
        self._data, self._features, self._seed = data, features, seed
        self._highlighter = Highlighter.from_preset("lite", cache=False)
        self._captioned = read_captions(data / "captioned")
        self.folds = folds_of(len(self._captioned), FOLDS, 0)
        self._encoder = open_text_encoder("minilm")
        features.mkdir(parents=True, exist_ok=True)

    def captioned(self, fold: int) -> list[Captioned]:
        """The silent clips of a fold."""
        return [self._captioned[index] for index in self.folds[fold]]

    def takes(self, fold: int) -> list[Take]:
        """The silent clips of a fold as the lite preset sees each of them."""
        return [self._material.takes[index] for index in self.folds[fold]]

    def sounding(self, half: str, folders: Sequence[str] = ("events", "events2")) -> list[Captioned]:
        """Half of the clips with sound, and of the silent footage among them."""
        clips = [clip for name in folders for clip in read_captions(self._data / name)]
        order = np.random.default_rng(99).permutation(len(clips))
        return [clips[index] for index in (order[::2] if half == "tuning" else order[1::2])]

    def watch(
        self,
        name: str,
        plan: EditPlan,
        scorer: str,
        sound: FloatArray | None = None,
        write: Callable[[EditPlan, FloatArray, Path], None] = write_with_sound,
        **truth: tuple[Span, ...],
    ) -> Watched:
        """Join and analyse, or take what an earlier run kept of the same pictures and the same sound.

        With `sound`, that is heard instead of what the clips have, and `write` makes the file.
        """
        kept = self._features / kept_name(name, plan, sound)
        if not kept.exists():
            with tempfile.TemporaryDirectory() as scratch:
                joined = Path(scratch) / "joined.mp4"
                write_plan(plan, joined) if sound is None else write(plan, sound, joined)
                analysis = self._highlighter.analyse(Path(scratch) / "joined.mp4")
            write_analysis(kept, analysis.features, analysis.shots)
        features, shots = read_analysis(kept)
        return Watched(name, features, shots, tuple(plan.spans), plan.asked, scorer, **truth)

    def scorer(self, name: str) -> Scorer:
        """The shipped scorer, or one whose weights know nothing of a fold."""
        shipped = load_models(load_preset("lite"), "cpu").scorer_for("a query")
        if name == "shipped":
            return shipped
        assert isinstance(shipped, CFSumLiteScorer)
        tensors = self._refitted(int(name.split()[1]))
        return CFSumLiteScorer(self._banks["imagenet"], self._banks["yamnet"], tensors, shipped.config, name)

    @cached_property
    def _banks(self) -> Mapping[str, LabelBank]:
        return {
            name: LabelBank(label_names(name), label_embeddings(self._encoder, name)) for name in ("imagenet", "yamnet")
        }

    @cached_property
    def _material(self) -> Material:
        takes = read_takes(self._data / "captioned", self._features / "takes")
        return Material(takes, [self.encode(take.caption) for take in takes], *self._banks.values())

    def encode(self, text: str) -> Query:
        """A query, embedded once and kept: there are more of them than of anything else."""
        file = self._features / "queries" / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.npz"
        if not file.exists():
            file.parent.mkdir(exist_ok=True)
            query = self._encoder.encode(text)
            with whole_file(file, overwrite=True) as partial:
                np.savez(partial, tokens=query.tokens, vector=query.vector)
        with np.load(file, allow_pickle=False) as kept:
            return Query(text, kept["tokens"], kept["vector"])

    def _refitted(self, fold: int) -> Mapping[str, np.ndarray]:
        file = self._features / f"without-fold-{fold}.safetensors"
        if not file.exists():
            material = self._material
            rest = sorted(set(range(len(material.takes))) - set(self.folds[fold]))
            tensors = fitted(material, rest, CFSumLiteConfig(), FitSettings(border_videos=BORDER_VIDEOS), 0)
            with whole_file(file, overwrite=True) as partial:
                save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, partial)
        return load_file(file)


def kept_name(name: str, plan: EditPlan, sound: FloatArray | None = None) -> str:
    """The file of an analysis: another one for other stretches and for another sound over them."""
    facts = repr((name, [(each.clip.path.name, each.start_seconds, each.seconds) for each in plan.stretches])).encode()
    heard = b"" if sound is None else sound.tobytes()
    return f"{name.replace(' ', '-')}-{hashlib.sha256(facts + heard).hexdigest()[:12]}.npz"


def _pick(clips: Sequence[Captioned], count: int, rng: np.random.Generator) -> list[Captioned]:
    return [clips[index] for index in rng.choice(len(clips), min(count, len(clips)), replace=False)]


def alone_silent(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Single silent clips as they are, asked about their own caption and others."""
    for fold in HALVES[half]:
        takes = studio.takes(fold)
        for take in takes:
            asked = _own_and_others(take.caption, [each.caption for each in takes], rng)
            whole = (0.0, take.features.grid.duration_seconds)
            yield Watched(take.name, take.features, take.shots, (whole,), asked, f"fold {fold}")


def alone_sounding(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Single clips with sound, likewise; no weights were fitted on them."""
    clips = studio.sounding(half)
    for clip in clips:
        asked = _own_and_others(clip.caption, [each.caption for each in clips], rng)
        whole = Stretch(clip, 0.0, probe(clip.path).duration_seconds)
        yield studio.watch(f"alone {clip.path.stem}", EditPlan((whole,), asked, SOUNDING), "shipped")


def _own_and_others(own: str, captions: Sequence[str], rng: np.random.Generator) -> tuple[Asked, ...]:
    others = [caption for caption in captions if caption != own]
    drawn = rng.choice(len(others), OTHER_CAPTIONS, replace=False)
    return (Asked(own, (0,)), *(Asked(others[index], ()) for index in drawn))


def captioned(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Silent, about four minutes."""
    for fold in HALVES[half]:
        for number in range(3):
            clips = studio.captioned(fold)
            chosen = _pick(clips, 15, rng)
            plan = draw_plan(chosen, [clip for clip in clips if clip not in chosen], SILENT, rng)
            yield studio.watch(f"captioned {fold} {number}", plan, f"fold {fold}")


def mixed(studio: Studio, half: str, rng: np.random.Generator, parts: int = 15, videos: int = 3) -> Iterator[Watched]:
    """Silent and sounding parts, three to four minutes."""
    for fold in HALVES[half]:
        for number in range(videos):
            silent, sounding = studio.captioned(fold), studio.sounding(half)
            heard = _pick(sounding, min(parts // 2, 24), rng)
            seen = _pick(silent, parts - len(heard), rng)
            chosen = [[*heard, *seen][index] for index in rng.permutation(parts)]
            elsewhere = [clip for clip in [*silent, *sounding] if clip not in chosen]
            yield studio.watch(
                f"mixed {parts} {fold} {number}", draw_plan(chosen, elsewhere, SOUNDING, rng), f"fold {fold}"
            )


def short(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Two minutes."""
    return mixed(studio, half, rng, 9, 2)


def long(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """About fifteen minutes."""
    return mixed(studio, half, rng, 72, 1)


def events2(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Two to three minutes of clips that no weights were fitted on, asked with the shipped weights."""
    clips = studio.sounding(half, ("events2",))
    for number in range(6):
        chosen = _pick(clips, 12, rng)
        others = [clip for clip in clips if clip not in chosen]
        yield studio.watch(f"events2 {half} {number}", draw_plan(chosen, others, SOUNDING, rng), "shipped")


def talk(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """A voice over footage, with queries about the footage and without one."""
    for fold in HALVES[half]:
        clips = studio.captioned(fold)
        plan = draw_plan(_pick(clips, 12, rng), clips, SILENT, rng)
        sound, sentences = speak([SENTENCES[at] for at in rng.permutation(len(SENTENCES))], plan.spans[-1][1], rng)
        there = tuple(asked for asked in plan.asked if asked.parts)[:4]
        for asked in ((), there):
            told = EditPlan(plan.stretches, asked, plan.picture)
            yield studio.watch(
                f"talk {fold}",
                told,
                f"fold {fold}",
                sound,
                sentences=tuple(sentences),
            )


def said(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Topics spoken over unrelated footage, with their transcript; asked for in other words, by name, and in vain."""
    ours = topics(half)
    for fold in HALVES[half]:
        clips = studio.captioned(fold)
        plan = draw_plan(_pick(clips, 12, rng), clips, SILENT, rng)
        chosen = rng.choice(len(ours), SAID_TOPICS, replace=False).tolist()
        texts = [(number, text) for number in chosen for text in ours[number].said]
        sound, spans = speak([text for _, text in texts], plan.spans[-1][1], rng, once=True)
        spoken = texts[: len(spans)]
        told = list(dict.fromkeys(number for number, _ in spoken))
        parts = tuple(
            (spans[places[0]][0], spans[places[-1]][1])
            for number in told
            if (places := [at for at, (owner, _) in enumerate(spoken) if owner == number])
        )
        asked = tuple(
            Asked(text, (told.index(number),) if number in told else ())
            for number, topic in enumerate(ours)
            for text in topic.queries.values()
        )
        utterances = [Utterance(*span, text) for span, (_, text) in zip(spans, spoken, strict=True)]
        video = studio.watch(
            f"said {fold}",
            EditPlan(plan.stretches, (), plan.picture),
            f"fold {fold}",
            sound,
            sentences=tuple(spans),
        )
        yield replace(video, spans=parts, asked=asked, transcript=Transcript(tuple(utterances), "made", "en"))


def take(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """One take of two and a half minutes in which four sounds are heard; they are asked for, and others in vain."""
    sounding = [clip for clip in studio.sounding(half) if probe(clip.path).audio is not None]
    for fold in HALVES[half]:
        for number in range(TAKES):
            (silent,), heard = _pick(studio.captioned(fold), 1, rng), _pick(sounding, TAKE_SOUNDS, rng)
            track, spans = hiss(TAKE_SECONDS, rng), []
            for clip, slot in zip(heard, rng.permutation(TAKE_SLOTS), strict=False):
                sound = loudest(read_sound(clip.path), float(rng.choice(TAKE_SOUND_SECONDS)))
                at = float(TAKE_SECONDS / TAKE_SLOTS * (slot + rng.uniform(0.1, 0.6)))
                first = round(at * SAMPLE_RATE)
                track[first : first + len(sound)] += sound
                spans.append((at - 1, at + len(sound) / SAMPLE_RATE + 1))
            kinds = [Stretch(clip, 0, 0).kind for clip in heard]
            others = [clip for clip in sounding if Stretch(clip, 0, 0).kind not in kinds]
            asked = [
                Asked(clip.caption, tuple(part for part, kind in enumerate(kinds) if kind == kinds[own]))
                for own, clip in enumerate(heard)
            ]
            asked += [Asked(clip.caption, ()) for clip in _pick(others, TAKE_SOUNDS, rng)]
            plan = EditPlan((Stretch(silent, 0.0, TAKE_SECONDS),), tuple(asked), SOUNDING)
            video = studio.watch(f"take {fold} {number}", plan, f"fold {fold}", track, write_take)
            yield replace(video, spans=tuple(spans))


def calm(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Events that are only heard, over calm footage, without a query."""
    for fold in HALVES[half]:
        clips = [clip for clip in _pick(studio.sounding(half), 24, rng) if probe(clip.path).audio is not None]
        plan = draw_plan(_pick(studio.captioned(fold), 20, rng), studio.captioned(fold), SILENT, rng)
        sounds = [loudest(read_sound(clip.path), EVENT_SECONDS) for clip in clips]
        track, events = place_events(sounds, plan.spans, 5, rng)
        yield studio.watch(
            f"calm {fold}",
            EditPlan(plan.stretches, (), plan.picture),
            "shipped",
            track,
            events=tuple(events),
        )


SETS: Mapping[str, Callable[[Studio, str, np.random.Generator], Iterator[Watched]]] = {
    "alone-silent": alone_silent,
    "alone-sounding": alone_sounding,
    "captioned": captioned,
    "mixed": mixed,
    "short": short,
    "long": long,
    "events2": events2,
    "talk": talk,
    "said": said,
    "take": take,
    "calm": calm,
}


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
    studio = Studio(options.data, options.features, options.seed)
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
    if options.json:
        asked = {"half": options.half, "seed": options.seed, "speech": options.speech}
        facts = {**asked, "rows": rows, "curves": curves, "chances": chances, "scores": scores}
        options.json.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _talked_over(video: Watched, half: str, rng: np.random.Generator) -> Watched:
    duration = video.features.grid.duration_seconds
    return replace(video, transcript=video.transcript or talk_of(half, duration, rng))


if __name__ == "__main__":
    run_command(main)
