"""Talks whose words and times are known, and what is asked of them: for `edit_quality`, and to fit and judge the answer
of a transcript by itself.

    python -m benchmarks.spoken [--half report] [--fit]

Topics are made (`spoken_topics.toml`). Each is asked for in other words (`asked`), some by a name, a number or a rare
word (`named`); what is not in a talk are topics of the same half that it leaves out. Printed, in percent: queries whose
best utterance is right, absent ones that are noted, true ones that are noted falsely. `--fit` fits the weights of
`scorers.speech.answer` on the tuning half by logistic regression.
"""

from __future__ import annotations

import argparse
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.command import run_command
from highlightr.core.transcript import Transcript, Utterance
from highlightr.features.lite.minilm import MiniLM
from highlightr.model_loader import open_text_encoder
from highlightr.scorers.speech import answer as answering
from highlightr.scorers.speech.answer import Speech, SpeechQuery, spoken_answer
from highlightr.scorers.speech.words import aim_at_pictures, words_of
from research.logistic import logistic_weights

TOPICS = Path(__file__).with_name("spoken_topics.toml")

SECONDS_PER_WORD = 0.4
PAUSE_SECONDS = (0.4, 1.0)
TALK_TOPICS = 14
PENALTY = 1e-4


@dataclass(frozen=True)
class Topic:
    """What is said about one thing, and how it is asked for."""

    kind: str
    said: tuple[str, ...]
    asked: str
    named: str | None = None

    @property
    def queries(self) -> dict[str, str]:
        """By how they ask."""
        return {"asked": self.asked} | ({} if self.named is None else {"named": self.named})


@cache
def topics(half: str) -> tuple[Topic, ...]:
    """Two of every four topics, as short ones and long ones take turns in the file."""
    entries = tomllib.loads(TOPICS.read_text(encoding="utf-8"))["topic"]
    made = [Topic(each["kind"], tuple(each["said"]), each["asked"], each.get("named")) for each in entries]
    return tuple(topic for number, topic in enumerate(made) if (number // 2) % 2 == (half == "report"))


@dataclass(frozen=True)
class Talk:
    """Topics one after the other, each utterance with its topic."""

    transcript: Transcript
    owners: tuple[int, ...]
    """Of each utterance, the topic's number in its half."""


def draw_talk(half: str, rng: np.random.Generator, count: int = TALK_TOPICS) -> Talk:
    """Some topics in any order, spoken at an even pace."""
    owners, utterances, at = [], [], 0.5
    for number in rng.choice(len(topics(half)), count, replace=False).tolist():
        for text in topics(half)[number].said:
            stop = at + SECONDS_PER_WORD * len(text.split())
            utterances.append(Utterance(at, stop, text))
            owners.append(number)
            at = stop + rng.uniform(*PAUSE_SECONDS)
    return Talk(Transcript(tuple(utterances), "made", "en"), tuple(owners))


def talk_of(half: str, seconds: float, rng: np.random.Generator) -> Transcript:
    """What is said in a video of this length by somebody who talks of other things all the time."""
    utterances = draw_talk(half, rng, len(topics(half))).transcript.utterances
    return Transcript(tuple(each for each in utterances if each.stop_seconds < seconds), "made", "en")


class SpeechEncoder:
    """Embeds every text once."""

    def __init__(self) -> None:
        encoder = open_text_encoder("minilm")
        assert isinstance(encoder, MiniLM)
        self._encoder = encoder
        self._vectors: dict[str, np.ndarray] = {}

    def speech(self, transcript: Transcript) -> Speech:
        """What `Models.listen` makes."""
        return Speech(transcript, np.stack([self._vector(each.text) for each in transcript.utterances]))

    def query(self, text: str) -> SpeechQuery:
        """What `Models.score` asks with."""
        words, vector = words_of(text), self._vector(text)
        rarities = dict(zip(words, self._encoder.rarities(words).tolist(), strict=True))
        return SpeechQuery(text, vector, rarities, aim=aim_at_pictures(vector))

    def _vector(self, text: str) -> np.ndarray:
        if text not in self._vectors:
            self._vectors[text] = self._encoder.vectors([text])[0]
        return self._vectors[text]


@dataclass(frozen=True)
class Trial:
    """One query put to one talk."""

    talk: Talk
    speech: Speech
    query: SpeechQuery
    topic: int
    how: str

    @property
    def is_there(self) -> bool:
        """Whether the talk holds the topic."""
        return self.topic in self.talk.owners


def trials(half: str, talks: int, encoder: SpeechEncoder, rng: np.random.Generator) -> Iterator[Trial]:
    """Every query of the half put to some talks."""
    for _ in range(talks):
        talk = draw_talk(half, rng)
        speech = encoder.speech(talk.transcript)
        for number, topic in enumerate(topics(half)):
            for how, text in topic.queries.items():
                yield Trial(talk, speech, encoder.query(text), number, how)


def judge(asked: Sequence[Trial]) -> Mapping[str, float]:
    """Percentages."""
    found, absent, falsely, chances = [], [], [], []
    for trial in asked:
        answered = spoken_answer(trial.speech, trial.query)
        chances.append(answered.match.probability)
        noted = answered.match.verdict == "none"
        if trial.is_there:
            found.append(trial.talk.owners[int(np.argmax(answered.chances))] == trial.topic)
            falsely.append(noted)
        else:
            absent.append(noted)
    there = np.array([trial.is_there for trial in asked])
    at_ten = np.percentile(np.array(chances)[there], 10)
    noted_at_ten = np.mean(np.array(chances)[~there] < at_ten)
    shares = {"found": np.mean(found), "absent": np.mean(absent), "falsely": np.mean(falsely)}
    row = {name: 100 * float(share) for name, share in shares.items()}
    return row | {"absent at 10 % falsely": 100 * float(noted_at_ten), "below": float(at_ten)}


def evidence(trial: Trial) -> np.ndarray:
    """(utterances, 3): meaning, meaning with neighbours, telling words."""
    speech, query = trial.speech, trial.query
    around = answering.with_neighbours(speech) @ query.vector
    return np.stack([speech.vectors @ query.vector, around, answering.telling_words(speech, query)], axis=1)


def fit(asked: Sequence[Trial]) -> np.ndarray:
    """(4,) weights and offset: the best utterance of a true query's topic against the best of all others."""
    weights = np.array([answering.MEANING, answering.CONTEXT, answering.WORDS, answering.OFFSET])
    for _ in range(4):
        rows, labels = [], []
        for trial in asked:
            facts = np.column_stack([evidence(trial), np.ones(len(trial.talk.owners))])
            own = np.array(trial.talk.owners) == trial.topic
            odds = facts @ weights
            for chosen, label in ((own, 1.0), (~own, 0.0)):
                if chosen.any():
                    rows.append(facts[np.flatnonzero(chosen)[int(np.argmax(odds[chosen]))]])
                    labels.append(label)
        weights = _balanced(np.array(rows), np.array(labels))
    return weights


def _balanced(rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights where both classes count alike."""
    shares = np.where(labels > 0, 0.5 / labels.mean(), 0.5 / (1 - labels.mean())) / len(labels)
    return logistic_weights(rows, labels, shares, PENALTY)


def main() -> None:
    """Draw, fit or judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("tuning", "report"), default="report")
    parser.add_argument("--talks", type=int, default=8)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    asked = list(trials(options.half, options.talks, SpeechEncoder(), np.random.default_rng(0)))
    if options.fit:
        print("MEANING, CONTEXT, WORDS, OFFSET =", ", ".join(f"{value:.1f}" for value in fit(asked)))
    for how in ("asked", "named"):
        row = judge([each for each in asked if each.how == how])
        print(how, {name: round(value, 2) for name, value in row.items()})


if __name__ == "__main__":
    run_command(main)
