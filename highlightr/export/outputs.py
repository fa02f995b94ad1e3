"""Where a summary's files go, checked before any work and moved into place when all of them are whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from highlightr.core.files import check_folder_output, check_output, move, staging_folder
from highlightr.core.stop import stop_deferred
from highlightr.core.types import Source
from highlightr.media import check_suffix
from highlightr.options import SummarizeOptions

__all__ = ["Outputs", "plan_outputs", "staged"]


@dataclass(frozen=True)
class Outputs:
    """The three files that describe one summary."""

    video: Path
    receipt: Path
    report: Path


def plan_outputs(source: Source, wanted: SummarizeOptions) -> Outputs:
    """Name the outputs and make sure that they, and the folders of clips and thumbnails, can be written.

    Raises:
        OutputError: one of them exists and `overwrite` was not asked for, is the source itself, or cannot be written.
        ConfigError: a suffix that the cutter does not write.
    """
    video = wanted.output or source.path.with_name(f"{source.path.stem}.summary.mp4")
    check_suffix(video)
    outputs = Outputs(video, video.with_suffix(".json"), video.with_suffix(".html"))
    for path in (outputs.video, outputs.receipt, outputs.report):
        check_output(path, source.path, overwrite=wanted.overwrite)
    for folder in (wanted.clips, wanted.thumbnails):
        if folder is not None:
            check_folder_output(folder)
    return outputs


@contextmanager
def staged(outputs: Outputs) -> Iterator[Outputs]:
    """Paths to write to; on a clean exit all files move to their final names, on an error none does."""
    finals = (outputs.video, outputs.receipt, outputs.report)
    with staging_folder(outputs.video.absolute().parent) as staging:
        yield Outputs(*(staging / final.name for final in finals))
        with stop_deferred():
            for final in finals:
                move(staging / final.name, final)
