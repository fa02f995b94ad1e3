"""Networks of one configuration whose scores are averaged.

In and out: as `CFSumRegularised`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from highlightr.scorers.cfsum.config import CFSumConfig
from highlightr.scorers.cfsum.modules import CFSumOutput
from highlightr.scorers.cfsum.regularised import CFSumRegularised


class CFSumMembers(nn.Module):
    """Several networks of one configuration, trained from different seeds; scores, terms and attention are averaged."""

    def __init__(self, config: CFSumConfig) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(CFSumRegularised(config) for _ in range(config.members))

    def blocks(self) -> dict[str, nn.Module]:
        """The blocks of every member."""
        parts = [(i, member.blocks()) for i, member in enumerate(self.members)]  # type: ignore[operator]
        return {f"member {i} {name}": block for i, blocks in parts for name, block in blocks.items()}

    def forward(
        self,
        inputs: Mapping[str, Tensor],
        clip_lengths: Tensor | None = None,
        token_lengths: Tensor | None = None,
        *,
        explain: bool = False,
    ) -> CFSumOutput:
        """The mean of the members' outputs; see `CFSumModules.forward`."""
        found = [member(inputs, clip_lengths, token_lengths, explain=explain) for member in self.members]
        first = found[0]
        terms = {name: _mean([each.terms[name] for each in found]) for name in first.terms}
        attention = {name: _mean([each.attention[name] for each in found]) for name in first.attention}
        return CFSumOutput(_mean([each.scores for each in found]), terms, attention)


def _mean(values: list[Tensor]) -> Tensor:
    return torch.stack(values).mean(0)
