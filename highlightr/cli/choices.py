"""Options that several commands share, worded once."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["HELP_OPTIONS", "AudioTrackChoice", "CacheChoice", "HdrOption", "PrecisionChoice", "ScorerChoice"]

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command."""

ScorerChoice = Annotated[
    str | None,
    typer.Option(help="One of the preset's scorers (by default what the preset uses with or without a query)."),
]
PrecisionChoice = Annotated[
    str,
    typer.Option(help="`fp32`; `bf16` or `fp16` are faster on a GPU, less exact; `bf16` also on a CPU that has it."),
]
CacheChoice = Annotated[bool, typer.Option(help="Keep features for the next run, and use what is kept.")]
HdrOption = Annotated[
    str | None,
    typer.Option(help="High dynamic range: `keep`, or `sdr` for standard range (by default kept where possible)."),
]
AudioTrackChoice = Annotated[
    str, typer.Option(help="Audio tracks that are heard and kept: `all`, a number from 1, or `mix` (all as one).")
]
