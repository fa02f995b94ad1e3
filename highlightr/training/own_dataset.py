"""Labelled items in memory as a `Dataset`, for the training loop."""

from __future__ import annotations

from collections.abc import Sequence

from highlightr.datasets import Dataset, Example
from highlightr.datasets.base import Item
from highlightr.training.own_data import LabelledItem


class OwnDataset(Dataset):
    """Items whose features are here already."""

    def __init__(self, labelled: Sequence[LabelledItem], streams: Sequence[str]) -> None:
        super().__init__("own", (), (), {})
        self._labelled, self._streams = tuple(labelled), streams

    def __len__(self) -> int:
        return len(self._labelled)

    def __getitem__(self, index: int) -> Example:
        """See `Dataset`; only the streams that are trained on."""
        one = self._labelled[index]
        streams = {name: rows for name, rows in one.features.streams.items() if name in self._streams}
        return Example(one.item, streams, one.item.labels, None if one.query is None else one.query.tokens)

    @property
    def items(self) -> tuple[Item, ...]:
        """The annotations."""
        return tuple(each.item for each in self._labelled)
