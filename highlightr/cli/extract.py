"""`highlightr extract`: feature files for training code, from one video or a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from highlightr.cli.choices import DebugChoice, JsonChoice, QuietChoice
from highlightr.cli.completion import complete_extractors
from highlightr.cli.option_flags import with_flags
from highlightr.cli.say import say
from highlightr.cli.terminal import print_table, progress_hook, show_log
from highlightr.core.errors import FAILURE
from highlightr.export.feature_files.extract import ExtractOptions, VideoResult, extract_to_files, videos_in

RANDOM_SEED = 0


@with_flags(ExtractOptions, leave_out=("random_seed",))
def extract(
    *,
    place: Annotated[Path, typer.Argument(metavar="VIDEO|DIR", help="A video, or a folder of them.")],
    features: Annotated[
        list[str],
        typer.Option(help="Extractors, with commas between: i3d,cnn14,clip.", autocompletion=complete_extractors),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the feature files.")],
    options: Mapping[str, Any],
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Without downloads, to try things out; marked in the metadata.")
    ] = False,
    quiet: QuietChoice = False,
    as_json: JsonChoice = False,
    debug: DebugChoice = False,
) -> None:
    """Write feature files that existing training code reads, with metadata beside each; skips what is done."""
    show_log(quiet=quiet, debug=debug)
    wanted = ExtractOptions(**options, random_seed=RANDOM_SEED if random_weights else None)
    names = [name.strip() for name in ",".join(features).split(",") if name.strip()]
    with progress_hook(quiet=quiet or as_json) as progress:
        results = extract_to_files(videos_in(place), names, out, wanted, progress=progress)
    if as_json:
        say(json.dumps([asdict(result) for result in results], indent=2, default=str))
    elif not quiet:
        print_table(("video", "state", "clips", "written", "remarks"), map(_row, results))
    if any(result.state == "failed" for result in results):
        raise typer.Exit(FAILURE)


def _row(result: VideoResult) -> tuple[str, ...]:
    absent = f"absent: {', '.join(result.absent)}" if result.absent else ""
    remarks = result.error or "; ".join(filter(None, (absent, *result.notes)))
    return (result.video.name, result.state, str(result.num_clips), ", ".join(result.written) or "-", remarks)
