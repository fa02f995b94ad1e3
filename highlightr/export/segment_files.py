"""A file per segment: its clip, its picture, named so that a folder of them reads like a list.

In: segments and the source. Out: files that say rank, time and title in their names; all of them appear, or none.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from highlightr.core.clock import clock
from highlightr.core.files import whole_folder
from highlightr.core.outputs import check_output, writing_to
from highlightr.core.progress import Stages
from highlightr.core.source import Source
from highlightr.core.types import Segment
from highlightr.media import grab_thumbnails, shown_size
from highlightr.media.cut import CutOptions, CutResult, cut_clips
from highlightr.options import SummarizeOptions

LONGEST_BYTES = 120
"""Of a name without its suffix: file systems hold 255, and players show less."""

LARGEST_WIDTH = 1280
"""Of a thumbnail, in pixels; smaller videos keep their own width."""

_SEGMENT_NAME = re.compile(r"\d{2,} (\d+-)?\d+-\d\d( [^/\\\0]*)?\.(mp4|m4v|mov|mkv|jpg)", re.ASCII)

_UNSAFE = re.compile(r"[^\w .()&+'-]")


def segment_names(segments: Sequence[Segment]) -> list[str]:
    """Rank, time and title, such as ``01 0-38 Dog bark``: safe everywhere, distinct by rank, without a suffix."""
    digits = max(2, len(str(len(segments))))
    names = []
    for each in segments:
        time = clock(each.start_seconds).replace(":", "-")
        # Without separators, control characters and what file systems or shells give a meaning.
        title = " ".join(_UNSAFE.sub(" ", unicodedata.normalize("NFC", each.title)).split())
        name = f"{each.rank:0{digits}d} {time} {title}"
        names.append(name.encode()[:LONGEST_BYTES].decode(errors="ignore").rstrip(" ."))
    return names


def is_segment_name(name: str) -> bool:
    """Whether a file of this name may be the clip or the picture of a segment."""
    return _SEGMENT_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class SegmentFolder:
    """Files of all segments, on their way to a folder."""

    folder: Path
    """Where they go."""
    files: tuple[Path, ...]
    """Where they are until then."""
    notes: tuple[str, ...] = ()
    cuts: tuple[CutResult, ...] = ()
    """Of clips, in the order of the segments."""

    @property
    def names(self) -> frozenset[str]:
        """Of the files."""
        return frozenset(path.name for path in self.files)


@contextmanager
def segment_folders(
    source: Source,
    segments: Sequence[Segment],
    wanted: SummarizeOptions,
    suffix: str,
    options: CutOptions,
    stages: Stages,
) -> Iterator[Mapping[str, SegmentFolder]]:
    """Write the thumbnails and clips that are wanted; they move to their folders on a clean exit, or none does.

    Clips have the `suffix`, and the `options` of the summary, but do not fade; one that is too short to be cut smart is
    encoded, as it is in the summary. An `OutputError` where a folder cannot
    be written, or holds the source or what may not be replaced; others as for `cut_clips` and `write_thumbnails`.
    """
    names, found = segment_names(segments), dict[str, SegmentFolder]()
    with ExitStack() as stack:
        places = {"thumbnails": (wanted.thumbnails, ".jpg"), "clips": (wanted.clips, suffix)}
        filled: dict[str, tuple[Path, Path]] = {}
        for output, (folder, ending) in places.items():
            if folder is None:
                continue
            for name in names if folder.exists() else ():
                check_output(folder / f"{name}{ending}", source.path, overwrite=wanted.overwrite)
            filled[output] = folder, stack.enter_context(whole_folder(folder, overwrite=wanted.overwrite))
        for output, (folder, filling) in filled.items():
            notes: tuple[str, ...] = ()
            cuts: tuple[CutResult, ...] = ()
            with stages(output) as advance:
                if output == "thumbnails":
                    notes = write_thumbnails(source, segments, filling)
                else:
                    files = [filling / f"{name}{suffix}" for name in names]
                    cut = "auto" if options.cut == "smart" else options.cut
                    cuts = cut_clips(source, segments, files, replace(options, fade=False, cut=cut), progress=advance)
            found[output] = SegmentFolder(folder, tuple(sorted(filling.iterdir())), notes, cuts)
        yield found


def folder_notes(folders: Mapping[str, SegmentFolder], summary: CutResult) -> tuple[str, ...]:
    """What there is to say of the files; of a clip, what is not true of the summary, too."""
    notes = [note for each in folders.values() for note in each.notes]
    cuts = [cut for each in folders.values() for cut in each.cuts]
    own = [f"{cut.path.name}: {note}" for cut in cuts for note in cut.notes if note not in summary.notes]
    return (*notes, *own)


def _telling_seconds(segment: Segment) -> float:
    """When the segment shows what it was chosen for."""
    start, stop = segment.start_seconds, segment.stop_seconds
    if segment.reasons and segment.reasons[0].start_seconds is not None and segment.reasons[0].stop_seconds is not None:
        start, stop = max(start, segment.reasons[0].start_seconds), min(stop, segment.reasons[0].stop_seconds)
    return (start + stop) / 2


def write_thumbnails(source: Source, segments: Sequence[Segment], folder: Path) -> tuple[str, ...]:
    """Write a frame of each segment as ``NAME.jpg``: from the middle of where its first reason was found, or its own.

    A note comes back for each that no frame could be decoded of. An `OutputError` where the folder cannot be written, a
    `MediaError` where the source cannot be opened any more, or has changed.
    """
    width = min(LARGEST_WIDTH, round(shown_size(source.video)[0]))
    middles = [_telling_seconds(each) for each in segments]
    notes = []
    with source.unchanged():
        for name, picture in zip(segment_names(segments), grab_thumbnails(source, middles, width=width), strict=True):
            if not picture:
                notes.append(f"No picture could be decoded for {name}.")
                continue
            with writing_to(folder):
                (folder / f"{name}.jpg").write_bytes(picture)
    return tuple(notes)
