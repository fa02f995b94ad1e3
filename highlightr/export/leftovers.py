"""What an earlier summary left in the places of a new one, and what of it goes.

In: the receipt that is about to be replaced, and what is about to be written. Out: files that go, and sentences about
those that stay. A file goes only if that receipt lists it and no other does, it lies where highlightr would have
written it, and it still holds what was written; everything else is a user's.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from highlightr.core.files import printable
from highlightr.core.outputs import is_same_file
from highlightr.export.captions import CAPTION_SUFFIXES
from highlightr.export.outputs import Outputs
from highlightr.export.segment_files import SegmentFolder, is_segment_name
from highlightr.export.timelines.write import FORMATS
from highlightr.export.written import Written, holds, read_written
from highlightr.media.suffixes import MUXERS

_logger = logging.getLogger(__name__)

BESIDE: Mapping[str, str] = {**{name: form.suffix for name, form in FORMATS.items()}, **CAPTION_SUFFIXES}
"""What may lie beside a summary under its name, by its name as an output."""


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
    for output, filled in folders.items():
        listed = {} if former is None else {each.name: each.sha256 for each in former.files if each.output == output}
        others = [path for path in _visible_files(filled.folder) if path.name not in filled.names]
        # Where letters of both cases are one name, a new file may be there under the old one's.
        new = {name.casefold() for name in filled.names}
        mine = {path: listed[path.name] for path in others if path.name in listed and path.name.casefold() not in new}
        mine = {path: digest for path, digest in mine.items() if is_segment_name(path.name) and holds(path, digest)}
        mine = _without_others(mine, filled.folder, outputs.receipt)
        own += mine.items()
        if count := len(others) - len(mine):
            files = "a file that is" if count == 1 else f"{count} files that are"
            notes.append(f"The folder {printable(filled.folder)} also holds {files} not of this summary.")
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
