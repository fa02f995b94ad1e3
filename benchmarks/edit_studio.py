"""Makes the videos of `edit_quality` and analyses each once; refits the scorer's weights without a fold's clips.

In: plans of videos, and a folder that keeps what was analysed, embedded and fitted. Out: `Watched` videos, scorers.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.edit_figures import Watched
from benchmarks.edit_videos import (
    EditPlan,
    Span,
    write_plan,
    write_with_sound,
)
from benchmarks.stitching import Captioned, read_captions
from highlightr import Highlighter
from highlightr.core.files import whole_file
from highlightr.core.types import FloatArray, Query
from highlightr.model_loader import label_bank, load_models, open_text_encoder
from highlightr.scorers import Scorer
from highlightr.scorers.cfsum.config import CFSumLiteConfig
from highlightr.scorers.cfsum.lite import CFSumLiteScorer
from highlightr.scorers.label_bank import LabelBank
from highlightr.zoo import load_preset
from research.lite.clips import Take, read_analysis, read_takes, write_analysis
from research.lite.fitting import FitSettings
from research.lite.judging import folds_of
from research.lite.study import Material, fitted

FOLDS = 5

BORDER_VIDEOS = 100
"""Joined videos that a fold's borders are learned from: a third of what the shipped weights saw, for the time."""


class Studio:
    """Makes videos and analyses them once; refits weights once per fold."""

    def __init__(self, data: Path, features: Path) -> None:
        self._data, self._features = data, features
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
                analysis = self._highlighter.analyse(joined)
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
        return {name: label_bank(self._encoder, name) for name in ("imagenet", "yamnet")}

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
