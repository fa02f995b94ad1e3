"""What a labelled data set is: items that were checked, problems that were counted, examples that are read on demand.

A `Dataset` hands out `Example`s: streams and labels on one grid, cut to the shortest. `building` makes it from what the
annotations say. Nothing is dropped in silence: what cannot be used is in `problems`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from highlightr.core.checks import check_positive
from highlightr.core.errors import ConfigError
from highlightr.core.numeric import unit_rows
from highlightr.core.types import Features, FloatArray, Query, Signal, TimeGrid
from highlightr.datasets.arrays import Source


@dataclass(frozen=True)
class Problem:
    """Something about an item that a user should know."""

    item: str
    """Key of the item, or file and line where it has none."""
    reason: str
    used: bool = False
    """The item is in the data set all the same."""
    annotated: bool = True
    """It is about an annotated item; `False`: about a file or a name beside the annotations."""
    about: Item | None = None
    """The item, where its annotation could be read."""

    def __str__(self) -> str:
        """The item and the reason, which may begin with it."""
        return f"{self.item}: {self.reason.removeprefix(f'{self.item}: ')}"

    @property
    def missing(self) -> bool:
        """An annotated item is not in the data set: figures on the rest are not the data set's."""
        return self.annotated and not self.used


@dataclass(frozen=True)
class Layout:
    """Where a data set's files lie below its folder. Patterns may hold ``{video}`` and ``{key}``."""

    annotations: str
    streams: Mapping[str, str]
    """Stream name to pattern, such as ``features/{video}.npz``, or to one HDF5 file for all videos."""
    tokens: str | None = None
    """Pattern of the query's token embeddings (L, width); `None`: the trainer embeds the text."""
    signals: Mapping[str, str] = field(default_factory=dict)
    """Signal name to pattern of an ``.npz`` with ``values`` (T, width) and ``times_seconds`` (T,)."""
    split: str | None = None
    """Mr.HiSum: which keys of `split_file` to take, ``train``, ``val`` or ``test``. UMT: the first two."""
    split_file: str | None = None
    clip_seconds: float | None = None
    """Length of a clip, one row each. Plain format, `None`: the metadata beside the features says; TVSum, `None`: 2."""

    def __post_init__(self) -> None:
        check_positive(self, "clip_seconds")


@dataclass(frozen=True)
class Item:
    """One annotated video, or one query for a video."""

    key: str
    video: str
    query: str | None
    grid: TimeGrid
    labels: FloatArray
    """(num_clips,) training target in [0, 1]."""
    ratings: npt.NDArray[np.float64]
    """(num_clips, num_annotators) as annotated: what the data set's protocol judges."""
    group: str = ""
    change_points: npt.NDArray[np.int64] | None = None
    summary: npt.NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.ratings.ndim != 2 or len(self.ratings) != len(self.labels):
            raise ValueError(f"item {self.key!r}: labels {self.labels.shape} and ratings {self.ratings.shape} disagree")


@dataclass(frozen=True)
class Example:
    """An item with its features, everything cut to the shortest."""

    item: Item
    streams: Mapping[str, FloatArray]
    """Stream name to (num_clips, width) float32."""
    labels: FloatArray
    """(num_clips,) float32 in [0, 1]."""
    tokens: FloatArray | None = None
    """(L, width) float32 token embeddings of the query."""
    signals: Mapping[str, Signal] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {name: len(values) for name, values in self.streams.items()} | {"labels": len(self.labels)}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"example {self.item.key!r}: lengths disagree: {lengths}")

    @property
    def num_clips(self) -> int:
        """Rows of every stream."""
        return len(self.labels)

    @property
    def own_query(self) -> Query | None:
        """The query by the data set's own tokens, where it brings them; its vector is their mean, unit length."""
        if self.item.query is None or self.tokens is None:
            return None
        return Query(self.item.query, self.tokens, unit_rows(self.tokens.mean(axis=0)))

    def features(self) -> Features:
        """The streams as a scorer takes them, on a grid of `num_clips` clips."""
        full = self.item.grid
        same = full.num_clips == self.num_clips
        grid = full if same else TimeGrid(self.num_clips * full.clip_seconds, full.clip_seconds)
        return Features(grid, self.streams, self.signals)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{name} {values.shape}" for name, values in self.streams.items())
        tokens = "" if self.tokens is None else f", tokens {self.tokens.shape}"
        return f"Example({self.item.key!r}, {self.num_clips} clips: {shapes}{tokens})"


@dataclass(frozen=True)
class LocatedItem:
    """An item whose feature files were found and checked."""

    item: Item
    sources: Mapping[str, Source]
    num_clips: int
    tokens: Source | None = None
    signals: Mapping[str, Source] = field(default_factory=dict)


class Dataset:
    """Examples by index, in the order of the annotations; safe to hand to worker processes.

    Attributes:
        problems: what could not be used, or was cut, with the reason. ``len(dataset)`` counts the rest.
        widths: stream name to width.
    """

    def __init__(
        self,
        name: str,
        entries: Sequence[LocatedItem | Example],
        problems: Sequence[Problem] = (),
        widths: Mapping[str, int] | None = None,
    ) -> None:
        """Take items whose files were found, or examples that are in memory."""
        self.name = name
        self.entries = tuple(entries)
        self.problems = tuple(problems)
        self.widths = dict(widths or {})

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: int) -> Example:
        """Read one example; a `ConfigError` names a feature file that is damaged."""
        entry = self.entries[index]
        if isinstance(entry, Example):
            return entry
        streams = {name: _on_grid(source, entry) for name, source in entry.sources.items()}
        tokens = None if entry.tokens is None else entry.tokens.read()
        stop_seconds = entry.num_clips * entry.item.grid.clip_seconds
        signals = {name: _signal(source, stop_seconds) for name, source in entry.signals.items()}
        return Example(entry.item, streams, entry.item.labels[: entry.num_clips], tokens, signals)

    @property
    def items(self) -> tuple[Item, ...]:
        """The annotations, without reading features."""
        return tuple(entry.item for entry in self.entries)

    @property
    def kinds(self) -> tuple[tuple[str, ...], ...]:
        """Names of what features each example has, without reading them."""
        of = (each.streams if isinstance(each, Example) else each.sources for each in self.entries)
        return tuple((*sorted(own), *sorted(each.signals)) for own, each in zip(of, self.entries, strict=True))

    @property
    def videos(self) -> tuple[str, ...]:
        """Names of the videos, each once, sorted."""
        return tuple(sorted({entry.item.video for entry in self.entries}))

    def subset(self, keep: Callable[[Item], bool]) -> Dataset:
        """The examples whose item satisfies `keep`, and the problems with such items."""
        problems = [each for each in self.problems if each.about is not None and keep(each.about)]
        return Dataset(self.name, [entry for entry in self.entries if keep(entry.item)], problems, self.widths)

    @property
    def missing(self) -> tuple[Problem, ...]:
        """Annotated items that cannot be used."""
        return tuple(each for each in self.problems if each.missing)

    def split_by_video(self, share: float, seed: int = 0) -> tuple[Dataset, Dataset]:
        """The rest, and about `share` of the *videos* with all their queries; a `ConfigError` if one side is empty."""
        rest, held = self._without(self._shuffled(seed)[: round(share * len(self._named))])
        if not len(rest) or not len(held):
            raise ConfigError(f"a share of {share:g} of {len(self._named)} videos leaves one side empty")
        return rest, held

    def folds(self, count: int, seed: int = 0) -> list[tuple[Dataset, Dataset]]:
        """`count` pairs (rest, fold), every video in one fold; a `ConfigError` for under 2 or more than videos."""
        if not 2 <= count <= len(self._named):
            raise ConfigError(f"{len(self._named)} videos can be dealt to 2 … {len(self._named)} folds, not {count}")
        order = self._shuffled(seed)
        return [self._without(order[fold::count]) for fold in range(count)]

    def _without(self, videos: Sequence[str]) -> tuple[Dataset, Dataset]:
        """The examples of the other videos, and of these."""
        held_out = set(videos)
        rest = self.subset(lambda item: item.video not in held_out)
        return rest, self.subset(lambda item: item.video in held_out)

    def _shuffled(self, seed: int) -> list[str]:
        return [self._named[i] for i in np.random.default_rng(seed).permutation(len(self._named))]

    @property
    def _named(self) -> list[str]:
        """All annotated videos, so that a missing file does not move the others to another part."""
        return sorted({*self.videos, *(each.about.video for each in self.problems if each.about is not None)})

    def __repr__(self) -> str:
        widths = ", ".join(f"{name} {width}" for name, width in self.widths.items())
        return f"Dataset({self.name}: {len(self)} examples, {len(self.problems)} problems; {widths})"


def _on_grid(source: Source, entry: LocatedItem) -> FloatArray:
    """The rows of a stream for the clips of the example: by time where rows are dated, else one row per clip."""
    values, times = source.read(), source.times()
    if times is not None:
        centers = entry.item.grid.centers()[: entry.num_clips]
        values = values[np.maximum(np.searchsorted(times, centers, side="right") - 1, 0)]
    if len(values) < entry.num_clips:
        raise ConfigError(f"{source.path}: changed since the data set was opened; open it again")
    return values[: entry.num_clips]


def _signal(source: Source, stop_seconds: float) -> Signal:
    """Its rows before the end of the example: on a grid, later ones would count for the last clip."""
    times = source.times()
    if times is None:
        raise ConfigError(f"{source.path}: a signal needs 'times_seconds' beside its values")
    count = int(np.searchsorted(times, stop_seconds))
    return Signal(times[:count], source.read()[:count])
