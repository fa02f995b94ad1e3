"""`highlightr summarize`: one video in; its summary, receipt and report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import AudioTrackChoice, CacheChoice, HdrOption, PrecisionChoice, ScorerChoice
from highlightr.cli.terminal import progress_hook, show_log, show_summary
from highlightr.core.device import check_precision
from highlightr.options import SummarizeOptions
from highlightr.pipeline import Highlighter
from highlightr.selection.options import DEFAULT_RATIO, SelectionOptions
from highlightr.zoo import DEFAULT_PRESET

__all__ = ["summarize"]

DEFAULTS = SummarizeOptions()
SELECTION = SelectionOptions()


def summarize(
    video: Annotated[Path, typer.Argument(help="The video. A name that begins with a dash goes after `--`.")],
    query: Annotated[str | None, typer.Option("--query", "-q", help="What to look for, in English.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The summary; by default NAME.summary.mp4 beside the source.")
    ] = DEFAULTS.output,
    preset: Annotated[str, typer.Option(help="See `highlightr presets`.")] = DEFAULT_PRESET,
    scorer: ScorerChoice = None,
    ratio: Annotated[
        float | None, typer.Option(help=f"Share of the video to keep, in (0, 1] (by default {DEFAULT_RATIO}).")
    ] = None,
    duration: Annotated[float | None, typer.Option(help="Seconds to keep, instead of a ratio.")] = None,
    mode: Annotated[str, typer.Option(help="`moments` or `knapsack`.")] = SELECTION.mode,
    detector: Annotated[
        str, typer.Option(help="How shots are found: `cheap`, or `transnetv2` (a network; slower).")
    ] = SELECTION.detector,
    max_clips: Annotated[int | None, typer.Option(help="At most this many segments.")] = SELECTION.max_clips,
    clips: Annotated[Path | None, typer.Option(help="Also write each segment as a file here.")] = DEFAULTS.clips,
    copy: Annotated[bool, typer.Option("--copy", help="Cut at keyframes, without re-encoding.")] = DEFAULTS.copy,
    hdr: HdrOption = DEFAULTS.hdr,
    audio_track: AudioTrackChoice = str(DEFAULTS.audio_track),
    device: Annotated[str, typer.Option(help="`auto`, `cpu` or `cuda`.")] = "auto",
    precision: PrecisionChoice = "fp32",
    cache: CacheChoice = True,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace outputs that exist.")] = DEFAULTS.overwrite,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print errors only.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the receipt alone on stdout.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the log and, on an error, the traceback.")] = False,
) -> None:
    """Cut the part of a video that is worth watching, and say why it was chosen."""

    show_log(quiet=quiet, debug=debug)
    options: dict[str, Any] = {
        "output": output,
        "clips": clips,
        "copy": copy,
        "hdr": hdr,
        "audio_track": audio_track,
        "overwrite": overwrite,
        "mode": mode,
        "detector": detector,
        "max_clips": max_clips,
        **({} if ratio is None else {"ratio": ratio}),
        **({} if duration is None else {"duration_seconds": duration}),
    }
    exact = check_precision(precision, device)
    with progress_hook(quiet=quiet or as_json) as progress:
        highlighter = Highlighter.from_preset(
            preset, device=device, precision=exact, scorer=scorer, cache=cache, progress=progress
        )
        summary = highlighter.summarize(video, query, **options)
    if as_json:
        typer.echo(json.dumps(summary.receipt, ensure_ascii=False, indent=2))
    elif not quiet:
        show_summary(summary)
