"""CFSum as a scorer: features and a query in, `Scores` with the two interaction terms out.

The paper's network is trained by MSE to labels in [0, 1], so its linear output is on the labels' scale already and is
clipped to [0, 1]: a sigmoid would bend scores that are right. The regularised variant gives logits, which do go through
a sigmoid. Parts are before either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from highlightr.core.errors import NothingToScoreError
from highlightr.core.numeric import sigmoid
from highlightr.core.types import Features, FloatArray, Query, Reason, Scores, TimeGrid
from highlightr.scorers.base import Contract
from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.neural import NeuralScorer, reasons_of
from highlightr.scorers.notes import NO_SOUND

if TYPE_CHECKING:
    from torch import Tensor, nn

_KIND = {"video": "visual", "audio": "audio"}
_TOKENS_SHOWN = 2
_ATTENTION = "attention"


class CFSumScorer(NeuralScorer[CFSumConfig]):
    """Scores clips by `CFSum`; with text among its modalities it needs a query.

    `Scores.parts` are the terms of eq. 7, such as `video-text`, and `bias`: they sum to the score before
    it is brought to [0, 1].
    """

    name: ClassVar[str] = "cfsum"
    config_class = CFSumConfig

    @staticmethod
    def _contract(config: CFSumConfig) -> Contract:
        """Video is required where it is used; audio may be absent beside it."""
        video, audio = config.streams("video"), config.streams("audio")
        text = "text" in config.modalities
        return Contract(
            streams={**video, **audio},
            required=tuple(video or audio),
            query="required" if text else "ignored",
            text_width=config.text_width if text else None,
            clip_seconds=config.clip_seconds,
            longest_clips=config.longest_clips,
        )

    @staticmethod
    def make_network(config: CFSumConfig) -> nn.Module:
        """`CFSum`, or its regularised variant."""
        from highlightr.scorers.cfsum.network import CFSum
        from highlightr.scorers.cfsum.regularised import CFSumMembers, CFSumRegularised

        if config.variant == "paper":
            return CFSum(config)
        return CFSumRegularised(config) if config.members == 1 else CFSumMembers(config)

    def prepare(self, features: Features, query: Query | None = None) -> Mapping[str, FloatArray]:
        """See `NeuralScorer.prepare`."""
        self.check(features, query)
        if self.contract.query == "required":
            self.needed(query)
        found = {}
        for modality in ("video", "audio"):
            streams = self.config.streams(modality)
            present = [name for name in streams if name in features.streams]
            if present and len(present) < len(streams):
                absent = next(name for name in streams if name not in present)
                raise NothingToScoreError(
                    f"cfsum takes {modality} from {', '.join(streams)} together, and {absent!r} is absent"
                )
            if present:
                found[modality] = self._concatenate(features, streams)
        if self.config.variant == "regularised":
            found["place"] = places(features.grid)
        return found

    def _forward(self, window: Mapping[str, Tensor], query: Query | None) -> Mapping[str, Tensor]:
        inputs = dict(window)
        if query is not None and self.contract.query == "required":
            inputs["text"] = self._tensor(query.tokens)[None]
        found = self.network(inputs, explain=True)
        rows = {"scores": found.scores, **found.terms}
        for term, weights in found.attention.items():
            if term.endswith("-text"):
                # One array per token, so that each is blended over windows as scores are.
                rows |= {f"{_ATTENTION} {term} {i}": weights[:, :, i] for i in range(weights.shape[2])}
        return rows

    def _result(self, features: Features, query: Query | None, rows: Mapping[str, FloatArray]) -> Scores:
        values = np.clip(rows["scores"], 0, 1) if self.config.output == "labels" else sigmoid(rows["scores"])
        parts = {name: part for name, part in rows.items() if name != "scores" and not name.startswith(_ATTENTION)}
        named = {
            term: (_KIND[term.split("-")[0]], _words(term), part) for term, part in parts.items() if term != "bias"
        }
        reasons = reasons_of(named)
        if query is not None:
            tokens = _token_reasons(query, rows)
            reasons = tuple(own + spoken for own, spoken in zip(reasons, tokens or [()] * len(reasons), strict=True))
        audio = self.config.streams("audio")
        mute = audio and self.config.streams("video") and not set(audio) & set(features.streams)
        notes = (*self._notes(query), NO_SOUND) if mute else self._notes(query)
        return Scores(features.grid, values, parts, reasons, notes)


def places(grid: TimeGrid) -> FloatArray:
    """(num_clips, 1): the middle of each clip as a share of the video."""
    return np.asarray(grid.centers() / grid.duration_seconds, dtype=np.float32)[:, None]


def _words(term: str) -> str:
    term, _, linear = term.partition(" ")
    asking, _, asked = term.partition("-")
    names = {"video": "picture", "audio": "sound", "text": "query"}
    return f"{names[asking]} {'like' if linear else 'against'} {names[asked]}" if asked else names[asking]


def _token_reasons(query: Query, rows: Mapping[str, FloatArray]) -> list[tuple[Reason, ...]]:
    """Per clip the query's tokens that the clip attended to most, mean over terms."""
    labels = _token_labels(query)
    told = {name: part for name, part in rows.items() if name.startswith(_ATTENTION)}
    of_tokens = ([part for name, part in told.items() if name.endswith(f" {i}")] for i in range(len(labels)))
    weights = [np.mean(parts, axis=0) for parts in of_tokens if parts]
    if not weights:
        return []
    attention = np.stack(weights)  # (tokens, num_clips)
    top = np.argsort(-attention, axis=0, kind="stable")[:_TOKENS_SHOWN]
    return [
        tuple(Reason("text", labels[i], float(min(1.0, attention[i, clip]))) for i in top[:, clip])
        for clip in range(attention.shape[1])
    ]


def _token_labels(query: Query) -> list[str]:
    """The words, where tokens are one per word between a start and an end mark; else the tokens' numbers."""
    words, count = query.text.split(), len(query.tokens)
    if count == len(words) + 2:
        return ["start of the query", *words, "end of the query"]
    return [f"token {i + 1} of {count} of the query" for i in range(count)]
