"""What every scorer is: a published contract, and a function from features to one saliency score per clip.

Scorers know tensors and arrays. They never read videos, decode, or know which extractor made a stream.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from highlightr.core.errors import ConfigError
from highlightr.core.types import Features, Query, Scores, Shot

__all__ = ["Contract", "QueryUse", "Scorer", "check_query"]

QueryUse = Literal["optional", "required", "ignored"]


@dataclass(frozen=True)
class Contract:
    """What a scorer needs and promises, as data."""

    streams: Mapping[str, int]
    """Streams it can use, name to width."""
    signals: Mapping[str, int] = field(default_factory=dict)
    """Signals it can use, name to width."""
    required: tuple[str, ...] = ()
    """Streams and signals it cannot do without; the others may be absent from a video."""
    query: QueryUse = "optional"
    text_width: int | None = None
    """Width of the query tokens it takes; `None` if it takes none."""
    clip_seconds: float | None = None
    """The clip length it was made for; `None`: any."""
    longest_clips: int | None = None
    """More clips than this are scored in overlapping windows; `None`: any number at once."""
    score_range: tuple[float, float] = (0.0, 1.0)


class Scorer(ABC):
    """From features (and a query) to scores."""

    contract: Contract

    @abstractmethod
    def score(self, features: Features, query: Query | None, shots: Sequence[Shot]) -> Scores:
        """Score every clip.

        Args:
            features: streams on the grid; absent modalities are absent keys.
            query: the embedded query, or `None`.
            shots: the video's shots in order, covering it; a scorer may pool evidence over them.

        Raises:
            ConfigError: the features or the query do not fit the contract.
        """


def check_query(name: str, query: Query | None, width: int) -> None:
    """Refuse a query of another width than `width`.

    Raises:
        ConfigError: such a query.
    """
    if query is not None and query.tokens.shape[1] != width:
        raise ConfigError(f"{name} takes query tokens {width} wide, got {query.tokens.shape[1]}")
