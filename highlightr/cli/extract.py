"""`highlightr extract`: feature files for training code, from one video or a folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import (
    DebugChoice,
    DeviceChoice,
    JsonChoice,
    PrecisionChoice,
    QuietChoice,
    TranscribeChoice,
    TranscriptChoice,
)
from highlightr.cli.completion import complete_extractors, words
from highlightr.cli.say import say
from highlightr.cli.terminal import print_table, progress_hook, show_log
from highlightr.core.device import check_precision
from highlightr.core.errors import FAILURE
from highlightr.export.feature_files.extract import ExtractOptions, VideoResult, extract_to_files
from highlightr.media.suffixes import videos_in

RANDOM_SEED = 0


def extract(
    place: Annotated[Path, typer.Argument(metavar="VIDEO|DIR", help="A video, or a folder of them.")],
    features: Annotated[
        list[str],
        typer.Option(help="Extractors, with commas between: i3d,cnn14,clip.", autocompletion=complete_extractors),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the feature files.")],
    file_format: Annotated[
        str,
        typer.Option(
            "--format",
            help="`npz`, `npy`, `h5` or `safetensors`.",
            autocompletion=words("npz", "npy", "h5", "safetensors"),
        ),
    ] = "npz",
    clip_seconds: Annotated[float | None, typer.Option(help="Length of a clip, one row each, 2 by default.")] = None,
    fps: Annotated[float | None, typer.Option(help="Rows per second, instead of a clip length.")] = None,
    transcript: TranscriptChoice = None,
    transcribe: TranscribeChoice = None,
    device: DeviceChoice = "auto",
    precision: PrecisionChoice = "fp32",
    compile_networks: Annotated[
        bool, typer.Option("--compile", help="Have torch compile the networks: for long folders on a GPU.")
    ] = False,
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Without downloads, to try things out; marked in the metadata.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Make again what is there already.")] = False,
    quiet: QuietChoice = False,
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Write feature files that existing training code reads, with metadata beside each; skips what is done."""

    show_log(quiet=quiet, debug=debug)
    options = ExtractOptions(
        format=file_format,
        clip_seconds=clip_seconds,
        fps=fps,
        transcript=transcript,
        transcribe=transcribe,
        device=device,
        precision=check_precision(precision, device),
        compile=compile_networks,
        random_seed=RANDOM_SEED if random_weights else None,
        overwrite=overwrite,
    )
    names = [name.strip() for name in ",".join(features).split(",") if name.strip()]
    with progress_hook(quiet=quiet or as_json) as progress:
        results = extract_to_files(videos_in(place), names, out, options, progress=progress)
    if as_json:
        say(json.dumps([_row(result) for result in results], indent=2))
    elif not quiet:
        _show(results)
    if any(result.state == "failed" for result in results):
        raise typer.Exit(FAILURE)


def _row(result: VideoResult) -> dict[str, Any]:
    return {
        "video": str(result.video),
        "state": result.state,
        "num_clips": result.num_clips,
        "duration_seconds": result.duration_seconds,
        "written": {name: str(path) for name, path in result.written.items()},
        "kept": list(result.kept),
        "absent": list(result.absent),
        "error": result.error,
        "notes": list(result.notes),
    }


def _show(results: Sequence[VideoResult]) -> None:
    rows = []
    for result in results:
        made = ", ".join(result.written) or "-"
        absent = f"absent: {', '.join(result.absent)}" if result.absent else ""
        remarks = result.error or "; ".join(filter(None, (absent, *result.notes)))
        rows.append((result.video.name, result.state, str(result.num_clips), made, remarks))
    print_table(("video", "state", "clips", "written", "remarks"), rows)
