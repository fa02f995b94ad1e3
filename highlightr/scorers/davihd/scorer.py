"""DAViHD as a scorer: visual and audio streams and the signal `davihd_mel` in, `Scores` with both sides' shares out.

The network ends in a sigmoid, so scores lie in (0, 1) as they are. The log-mel rows are averaged into one row per clip
before the network, as its authors do, but on the exact grid unless their own pooling is asked for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from highlightr.core.types import Features, FloatArray, Query, Reason, Scores, Signal, TimeGrid
from highlightr.scorers.base import Contract
from highlightr.scorers.davihd.config import DAViHDConfig
from highlightr.scorers.neural import NeuralScorer, reasons_of

if TYPE_CHECKING:
    from torch import Tensor, nn

_SILENCE = math.log(1e-8)
"""Log-mel of digital silence, log(0 + 1e-8): what a clip without sound holds."""
_AUTHORS_ROWS = 62
"""int(16000 / 256): rows that the authors' code averages into a clip; a second holds 62.5."""


def pool_mel(signal: Signal, grid: TimeGrid) -> FloatArray:
    """Average the rows of each clip by their timestamps: (num_clips, mels) float32, silence where there are none."""
    clips = grid.clip_index(signal.times_seconds)
    counts = np.bincount(clips, minlength=grid.num_clips)
    bounds = np.concatenate(([0], np.cumsum(counts)))
    pooled = np.full((grid.num_clips, signal.values.shape[1]), _SILENCE, dtype=np.float32)
    # Rows come in order of time, so a clip's rows lie together and no sum over a whole video loses precision.
    for clip in np.flatnonzero(counts):
        pooled[clip] = signal.values[bounds[clip] : bounds[clip + 1]].mean(axis=0, dtype=np.float64)
    return pooled


def pool_mel_authors(signal: Signal, grid: TimeGrid) -> FloatArray:
    """Average 62 rows a clip, by counting; a row that is missing at the end counts as 0, as in the authors' code.

    A second has 62.5 rows, so clip i describes [0.992 i, 0.992 (i + 1)): 28.8 s early after an hour.
    """
    needed = grid.num_clips * _AUTHORS_ROWS
    rows = signal.values[:needed]
    padded = np.pad(rows, ((0, needed - len(rows)), (0, 0)))
    clips = padded.reshape(grid.num_clips, _AUTHORS_ROWS, -1)
    return np.asarray(clips.mean(axis=1, dtype=np.float64), dtype=np.float32)


class DAViHDScorer(NeuralScorer[DAViHDConfig]):
    """Scores clips by `DAViHD`, without a query.

    `Scores.parts` are `visual`, `audio` and `baseline`, which sum to the score.
    """

    name: ClassVar[str] = "davihd"
    config_class = DAViHDConfig

    @staticmethod
    def _contract(config: DAViHDConfig) -> Contract:
        """Every configured pathway is required: the network has no other way for a video that lacks one."""
        return Contract(
            streams=config.streams,
            signals=config.signals,
            required=(*config.streams, *config.signals),
            query="ignored",
            clip_seconds=config.clip_seconds,
            longest_clips=config.longest_clips,
        )

    @staticmethod
    def make_network(config: DAViHDConfig) -> nn.Module:
        """`DAViHD`."""
        from highlightr.scorers.davihd.network import DAViHD

        return DAViHD(config)

    def prepare(self, features: Features, query: Query | None = None) -> Mapping[str, FloatArray]:  # noqa: ARG002
        """See `NeuralScorer.prepare`; it takes no query."""
        self.check(features)
        found = {}
        if "visual" in self.config.pathways:
            found["visual"] = self._concatenate(features, self.config.visual_streams)
        if "semantic" in self.config.pathways:
            found["semantic"] = self._concatenate(features, self.config.audio_streams)
        if "dynamics" in self.config.pathways:
            pool = pool_mel_authors if self.config.mel_pooling == "authors-62" else pool_mel
            found["mel"] = pool(features.signals["davihd_mel"], features.grid)
        return found

    def _forward(self, window: Mapping[str, Tensor], query: Query | None) -> Mapping[str, Tensor]:  # noqa: ARG002
        found = self.network(**window, explain=True)
        gate = {} if found.gate is None else {"gate": found.gate}
        return {"scores": found.scores, **found.contributions, **gate}

    def _result(self, features: Features, query: Query | None, rows: Mapping[str, FloatArray]) -> Scores:
        values = np.clip(rows["scores"], 0, 1)  # rounding in a blend may pass 1 by an ulp
        parts = {name: part for name, part in rows.items() if name not in ("scores", "gate")}
        labels = {"visual": ("visual", "picture"), "audio": ("audio", "sound")}
        reasons = reasons_of({name: (*labels[name], part) for name, part in parts.items() if name in labels})
        if "gate" in rows:
            open_share = rows["gate"] / (1 + rows["gate"])
            gates = [(Reason("audio", "gate of the sound's dynamics", float(share)),) for share in open_share]
            reasons = tuple(own + gate for own, gate in zip(reasons, gates, strict=True))
        return Scores(features.grid, values, parts, reasons, self._notes(query))
