"""Tags and chapters of a summary: what is kept, and the file by which ffmpeg is told of it.

In: the source's contents and the pieces as cut. Out: chapters on the summary's time line, and text in ffmpeg's metadata
format. Tags go through a file because a command line has a limit and is seen by every process of the machine.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from highlightr.media._container.contents import Chapter
from highlightr.media._cut.result import Piece

_SHORTEST_SECONDS = 0.04
"""A chapter of which less than a frame is left is left out."""


def cut_chapters(chapters: Sequence[Chapter], pieces: Sequence[Piece]) -> list[Chapter]:
    """The chapters that the pieces show, on the output's time line; one that goes on in the next piece stays one."""
    kept: list[tuple[Chapter, Chapter]] = []
    for piece in pieces:
        shift = piece.output_start_seconds - piece.start_seconds
        for chapter in chapters:
            start = max(chapter.start_seconds, piece.start_seconds)
            stop = min(chapter.stop_seconds, piece.stop_seconds)
            if stop - start < _SHORTEST_SECONDS:
                continue
            if kept and kept[-1][0] is chapter and abs(kept[-1][1].stop_seconds - start - shift) < _SHORTEST_SECONDS:
                start = kept.pop()[1].start_seconds - shift
            kept.append((chapter, Chapter(start + shift, stop + shift, chapter.title)))
    return [written for _, written in kept]


def metadata_text(tags: Mapping[str, str], chapters: Sequence[Chapter]) -> str:
    """A file in ffmpeg's metadata format."""
    lines = [";FFMETADATA1", *(f"{_escaped(name)}={_escaped(value)}" for name, value in tags.items())]
    for chapter in chapters:
        start, stop = round(chapter.start_seconds * 1000), round(chapter.stop_seconds * 1000)
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={stop}", f"title={_escaped(chapter.title)}"]
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return re.sub(r"([=;#\[\\\n])", r"\\\1", text.replace("\r\n", "\n").replace("\0", ""))
