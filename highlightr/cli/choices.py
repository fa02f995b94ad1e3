"""Options that several commands share, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
ModelChoice = Annotated[
    str | None,
    typer.Option(help="With `--preset clip`: another model of open_clip, `NAME/TAG`, from the Hugging Face hub."),
]

TranscriptChoice = Annotated[
    Path | None,
    typer.Option(
        help="What is said in the video: a file of subtitles (.srt, .vtt, .ass) or Whisper's JSON; by default "
        "subtitles beside the video (`NAME.srt`) or inside it."
    ),
]
TranscribeChoice = Annotated[
    str | None,
    typer.Option(help="Recognise what is said where it is not written: a model of faster-whisper, such as `tiny.en`."),
]
CacheChoice = Annotated[bool, typer.Option(help="Keep features for the next run, and use what is kept.")]
CopyChoice = Annotated[bool, typer.Option("--copy", help="Short for `--cut copy`.")]
