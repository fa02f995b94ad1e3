"""Where a summary's files go, checked before any work and moved into place when all are whole; and what they replace.

Of what an earlier summary left in their places, by the receipt that is about to be replaced, a file goes only if that
receipt lists it and no other does, it lies where highlightr would have written it, and it still holds what was written;
everything else is a user's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from highlightr.core.errors import OutputError
from highlightr.core.files import move, printable, staging_folder
from highlightr.core.outputs import check_folder_output, check_no_input, check_output, is_same_file
from highlightr.core.source import Source
from highlightr.core.stop import stop_deferred
from highlightr.export.captions import CAPTION_SUFFIXES
from highlightr.export.receipt_reader import Written, holds, is_receipt, is_report, read_written
from highlightr.export.segment_files import SegmentFolder, is_segment_name
from highlightr.export.timelines.write import FORMATS, check_formats, timeline_paths
from highlightr.media import check_suffix
from highlightr.media.cut import check_encoder
from highlightr.media.suffixes import MUXERS
from highlightr.media.transcript import sidecars
from highlightr.media.whisper_json import is_whisper_json
from highlightr.options import SummarizeOptions

_logger = logging.getLogger(__name__)

BESIDE: Mapping[str, str] = {**{name: form.suffix for name, form in FORMATS.items()}, **CAPTION_SUFFIXES}
"""What may lie beside a summary under its name, by its name as an output."""


@dataclass(frozen=True)
class Outputs:
    """The files that describe one summary."""

    video: Path
    receipt: Path
    report: Path
    timelines: Mapping[str, Path] = field(default_factory=dict)
    captions: Mapping[str, Path] = field(default_factory=dict)
    """What is said in the summary."""
    inputs: tuple[Path, ...] = ()
    """Files that the summary is made of, or may be, which stay as they are."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return (self.video, self.receipt, self.report, *self.timelines.values(), *self.captions.values())


def plan_outputs(source: Source, wanted: SummarizeOptions) -> Outputs:
    """Name the outputs and make sure that they, and the folders of clips and thumbnails, can be written.

    Raises:
        OutputError: one of them exists and `overwrite` was not asked for, is the source itself, or cannot be written;
            or a file that no summary has is where the receipt or the report goes.
        CutError: a named encoder that is not here or does not work.
        ConfigError: a suffix that the cutter does not write, or timelines whose library is not installed.
    """
    video = wanted.output or source.path.with_name(f"{source.path.stem}.summary.mp4")
    check_suffix(video)
    check_formats(wanted.export)
    check_encoder(source, wanted.encoder)
    timelines = timeline_paths(video, wanted.export)
    outputs = Outputs(video, video.with_suffix(".json"), video.with_suffix(".html"), timelines)
    # What is said in the source, as far as an output may have its name; whether it is used this time or not.
    named = () if wanted.transcript is None else (wanted.transcript,)
    heard = (outputs.receipt,) if is_whisper_json(outputs.receipt) else ()
    outputs = replace(outputs, inputs=(*named, *sidecars(source.path), *heard))
    _check_files(outputs, source, wanted)
    for folder in (wanted.clips, wanted.thumbnails):
        if folder is not None:
            check_folder_output(folder)
    return outputs


def with_captions(outputs: Outputs, source: Source, wanted: SummarizeOptions, is_expected: bool) -> Outputs:
    """The same with files of what is said, where that is known or may be; a timeline of the same name goes first.

    Raises:
        OutputError: as for `plan_outputs`; or captions are there that are not as an earlier summary wrote them.
    """
    if wanted.subtitles != "soft" or not is_expected:
        return outputs
    captions = {name: outputs.video.with_suffix(suffix) for name, suffix in CAPTION_SUFFIXES.items()}
    taken = set(outputs.files)
    captions = {name: path for name, path in captions.items() if path not in taken}
    outputs = replace(outputs, captions=captions)
    _check_files(outputs, source, wanted)
    _check_captions(outputs)
    return outputs


def _check_captions(outputs: Outputs) -> None:
    """They were not asked for by name, so the only ones that give way are highlightr's own."""
    former = read_written(outputs.receipt)
    if former is None and _has_own_name(outputs):  # The receipt is lost, and nothing says that they were changed.
        return
    listed = {} if former is None else {each.output: each.sha256 for each in former.files}
    for name, path in outputs.captions.items():
        if path.exists() and not holds(path, listed.get(name, "")):
            raise OutputError(
                f"{path}: not as a summary wrote it; move it, choose another output, or write no subtitles "
                "(--subtitles none)"
            )


def _check_files(outputs: Outputs, source: Source, wanted: SummarizeOptions) -> None:
    folders = [Path(os.path.realpath(folder)) for folder in (wanted.clips, wanted.thumbnails) if folder is not None]
    for path in outputs.files:
        check_output(path, source.path, overwrite=wanted.overwrite)
        if any(Path(os.path.realpath(path)) in (folder, *folder.parents) for folder in folders):
            raise OutputError(f"{path}: a file of the summary, and no folder for clips or pictures; choose another")
        check_no_input(path, outputs.inputs, "a transcript of the source")
    for path, is_own in ((outputs.receipt, is_receipt), (outputs.report, is_report)):
        if path.exists() and not _has_own_name(outputs) and not is_own(path):  # Only the video was named.
            raise OutputError(f"{path}: not of a summary; move it, or choose another output")


def check_again(outputs: Outputs, *, overwrite: bool) -> None:
    """Make sure, after the work, that no file has appeared meanwhile; an `OutputError` unless it may be replaced."""
    appeared = [path for path in outputs.files if not overwrite and (path.exists() or path.is_symlink())]
    if appeared:
        raise OutputError(f"{appeared[0]}: has appeared meanwhile; choose another output or --overwrite")
    _check_captions(outputs)


def _has_own_name(outputs: Outputs) -> bool:
    """Whether the name ends in `.summary`, as those that highlightr gives by itself."""
    return outputs.video.stem.endswith(".summary")


@contextmanager
def staged(outputs: Outputs) -> Iterator[tuple[Outputs, list[Callable[[], None]]]]:
    """Paths to write to, and a list for what is done before all files move to their final names.

    On an error none moves, and nothing of the list is done. A timeline or captions that were not written are left out.
    """
    before = list[Callable[[], None]]()
    with staging_folder(outputs.video.absolute().parent) as staging:
        timelines = {name: staging / path.name for name, path in outputs.timelines.items()}
        captions = {name: staging / path.name for name, path in outputs.captions.items()}
        video, receipt, report = (staging / path.name for path in (outputs.video, outputs.receipt, outputs.report))
        yield Outputs(video, receipt, report, timelines, captions), before
        with stop_deferred():
            for act in before:
                act()
            for final in outputs.files:
                needed = final in (outputs.video, outputs.receipt, outputs.report)
                if needed or (staging / final.name).exists():
                    move(staging / final.name, final)


@dataclass(frozen=True)
class Leftovers:
    """What of an earlier summary a new one neither replaces nor has."""

    own: tuple[tuple[Path, str], ...] = ()
    """Files as highlightr wrote them, each with its SHA-256."""
    notes: tuple[str, ...] = ()
    """Sentences about what stays."""

    def remove(self) -> None:
        """Remove what is highlightr's own; what cannot be removed stays, with a warning."""
        for path, digest in self.own:
            try:
                if holds(path, digest):
                    path.unlink(missing_ok=True)
            except OSError as error:
                _logger.warning("%s: of an earlier summary, cannot be removed (%s)", path, error.strerror or error)


def find_leftovers(outputs: Outputs, folders: Mapping[str, SegmentFolder]) -> Leftovers:
    """Look for what an earlier summary left; `folders` are those that are about to be filled, by output."""
    former, own, notes = read_written(outputs.receipt), list[tuple[Path, str]](), list[str]()
    if former is not None:
        strange = _sort_beside(outputs, former, own)
        if strange:
            names, are = ", ".join(strange), "is" if len(strange) == 1 else "are"
            notes.append(f"{names} beside the summary {are} not of it.")
        notes += _former_places(outputs, former, folders)
    beside = (*outputs.files, *(path for path, _ in own))
    for folder in {each.folder.resolve(): each.folder for each in folders.values()}.values():
        filled = {output: each.names for output, each in folders.items() if is_same_file(each.folder, folder)}
        listed = {} if former is None else {each.name: each.sha256 for each in former.files if each.output in filled}
        kept = {path.name for path in beside if is_same_file(path.absolute().parent, folder)}.union(*filled.values())
        others = [path for path in _visible_files(folder) if path.name not in kept]
        # Where letters of both cases are one name, a new file may be there under the old one's.
        new = {name.casefold() for name in kept}
        mine = {path: listed[path.name] for path in others if path.name in listed and path.name.casefold() not in new}
        mine = {path: digest for path, digest in mine.items() if is_segment_name(path.name) and holds(path, digest)}
        mine = _without_others(mine, folder, outputs.receipt)
        own += mine.items()
        if count := len(others) - len(mine):
            files = "a file that is" if count == 1 else f"{count} files that are"
            notes.append(f"The folder {printable(folder)} also holds {files} not of this summary.")
    return Leftovers(tuple(own), tuple(notes))


def _without_others(mine: Mapping[Path, str], folder: Path, receipt: Path) -> dict[Path, str]:
    """Those files of a folder that no other summary lists, whose receipt lies there, above, or beside this one's."""
    places = {folder.absolute(), folder.absolute().parent, receipt.absolute().parent} if mine else set[Path]()
    others = (path for place in places for path in place.glob("*.json") if not is_same_file(path, receipt))
    listed = {(each.name, each.sha256) for path in others if (made := read_written(path)) for each in made.files}
    return {path: digest for path, digest in mine.items() if (path.name, digest) not in listed}


def _sort_beside(outputs: Outputs, former: Written, own: list[tuple[Path, str]]) -> list[str]:
    """Add highlightr's own to `own`; the names of the others."""
    listed, strange = {each.output: each.sha256 for each in former.files}, []
    for output, suffix in BESIDE.items():
        path = outputs.video.with_suffix(suffix)
        if not path.exists() or any(is_same_file(path, each) for each in outputs.inputs):
            continue
        if output in listed and holds(path, listed[output]):
            own.append((path, listed[output]))  # Also where a new one is planned, which may come to nothing.
        elif path not in outputs.files:
            strange.append(printable(path.name))
    return strange


def _former_places(outputs: Outputs, former: Written, folders: Mapping[str, SegmentFolder]) -> Iterator[str]:
    """Where files of the summary that is replaced lie that are out of reach."""
    for suffix in MUXERS:
        path = outputs.video.with_suffix(suffix)
        if path != outputs.video and Path(former.outputs.get("video", "")).name == path.name and path.exists():
            yield f"{printable(path)} is an earlier summary; its receipt and report were replaced."
    for output in ("clips", "thumbnails"):
        names = [each.name for each in former.files if each.output == output and is_segment_name(each.name)]
        folder = Path(former.outputs.get(output, ""))
        elsewhere = output not in folders or not is_same_file(folder, folders[output].folder)
        if elsewhere and any(os.path.exists(folder / name) for name in names):  # noqa: PTH110  (names may be no paths)
            yield f"The {output} in {printable(folder)} are of the summary that was replaced."


def _visible_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_file())
    except OSError:
        return []
