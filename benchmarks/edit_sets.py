"""The sets of videos that `edit_quality` asks: joined from real clips, analysed once, each known part by part.

In: a folder of captioned clips, and where analyses are kept. Out: per set, `Watched` videos: what the pipeline sees,
and what is true about them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.edit_figures import Watched
from benchmarks.edit_studio import Studio
from benchmarks.edit_videos import (
    SAMPLE_RATE,
    Asked,
    EditPlan,
    Stretch,
    asked_for,
    draw_plan,
    hiss,
    loudest,
    place_events,
    read_sound,
    speak,
    write_take,
)
from benchmarks.spoken import topics
from benchmarks.stitching import Captioned, Picture
from highlightr.core.transcript import Transcript, Utterance
from highlightr.media import probe

HALVES = {"tuning": (0, 1), "report": (2, 3, 4)}
"""Folds of the captioned clips whose videos belong to each half."""

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
            told = replace(plan, asked=asked)
            yield studio.watch(f"talk {fold}", told, f"fold {fold}", sound, sentences=tuple(sentences))


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
        silent = replace(plan, asked=())
        video = studio.watch(f"said {fold}", silent, f"fold {fold}", sound, sentences=tuple(spans))
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
            others = [asked for clip in sounding if not (asked := asked_for(clip, heard)).parts]
            absent = rng.choice(len(others), min(TAKE_SOUNDS, len(others)), replace=False)
            asked = (*(asked_for(clip, heard) for clip in heard), *(others[index] for index in absent))
            plan = EditPlan((Stretch(silent, 0.0, TAKE_SECONDS),), asked, SOUNDING)
            video = studio.watch(f"take {fold} {number}", plan, f"fold {fold}", track, write_take)
            yield replace(video, spans=tuple(spans))


def calm(studio: Studio, half: str, rng: np.random.Generator) -> Iterator[Watched]:
    """Events that are only heard, over calm footage, without a query."""
    for fold in HALVES[half]:
        clips = [clip for clip in _pick(studio.sounding(half), 24, rng) if probe(clip.path).audio is not None]
        plan = draw_plan(_pick(studio.captioned(fold), 20, rng), studio.captioned(fold), SILENT, rng)
        sounds = [loudest(read_sound(clip.path), EVENT_SECONDS) for clip in clips]
        track, events = place_events(sounds, plan.spans, 5, rng)
        yield studio.watch(f"calm {fold}", replace(plan, asked=()), "shipped", track, events=tuple(events))


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
