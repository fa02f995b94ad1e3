"""Writing what was edited: the summary, its clips and timelines, beside the video or in a folder below the library's.

In: a request that a page sent. Out: files, as `highlightr summarize` writes them; all paths are checked to lie in the
library's folder before any work, links resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from highlightr.core.errors import ConfigError, OutputError
from highlightr.core.files import path_shown, printable
from highlightr.core.folders import make_folder
from highlightr.core.progress import ProgressHook
from highlightr.export.captions import CAPTION_SUFFIXES
from highlightr.export.timelines.write import FORMATS, check_formats, timeline_paths
from highlightr.media.choices import CutChoice, SubtitleChoice
from highlightr.options import SummarizeOptions, TimelineFormat
from highlightr.selection.spans import Span
from highlightr.web.analyst import Analyst
from highlightr.web.library import CLIPS_SUFFIX, Library, Video
from highlightr.web.state import MOST_SEGMENTS, EditedSegment


@dataclass(frozen=True)
class WriteRequest:
    """What is to be written; `export`, `clips`, `cut`, `subtitles` and `overwrite` are those of `SummarizeOptions`."""

    segments: tuple[EditedSegment, ...]
    """In the order in which they play."""
    query: str | None = None
    """Whose scores the receipt and the report show."""
    export: tuple[TimelineFormat, ...] = ()
    clips: bool = False
    folder: str | None = None
    """Below the library's folder; `None`: beside the video."""
    cut: CutChoice = "auto"
    subtitles: SubtitleChoice = "soft"
    overwrite: bool = False
    version: str | None = None
    """Of the video that the page shows, as the list tells it."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.segments) <= MOST_SEGMENTS:
            raise ConfigError(f"a summary has 1 to {MOST_SEGMENTS} segments, got {len(self.segments)}")
        if len(self.export) > len(FORMATS):
            raise ConfigError("each timeline is written once")
        SummarizeOptions(cut=self.cut, subtitles=self.subtitles)  # Some do not go together.


def check_version(video: Video, version: str | None) -> None:
    """Refuse, as an `OutputError`, what a page asks of a video that is not the one that it shows any more."""
    if version not in (None, str(video.modified_ns)):
        raise OutputError(f"{printable(video.name)} was replaced meanwhile; reload this page")


def targets_of(library: Library, video: Video, request: WriteRequest) -> tuple[Path, Path | None]:
    """Name the summary and the folder of its clips, and refuse before any work what cannot be written.

    Raises:
        ConfigError: a folder that is not below the library's; timelines whose library is not installed.
        OutputError: an output exists, and `overwrite` was not asked for; or the video is not the one that was edited.
    """
    check_version(video, request.version)
    check_formats(request.export)
    folder = video.path.parent if request.folder is None else library.folder_below(request.folder)
    stem = video.path.stem
    clips = folder / f"{stem}{CLIPS_SUFFIX}" if request.clips else None
    summary = folder / f"{stem}.summary.mp4"
    suffixes = (".json", ".html", *(CAPTION_SUFFIXES.values() if request.subtitles == "soft" else ()))
    documents = (summary.with_suffix(suffix) for suffix in suffixes)
    files = dict.fromkeys((summary, *documents, *timeline_paths(summary, request.export).values()))
    for path in (*files, *([clips] if clips else [])):
        if path.is_symlink() or not library.inside(path):
            raise ConfigError(f"{printable(path.name)} is a link, or leads out of the folder; choose another place")
    existing = [printable(path.name) for path in files if path.exists()]
    if existing and not request.overwrite:
        names = f"{', '.join(existing)} {'exists' if len(existing) == 1 else 'exist'}"
        raise OutputError(f"{names} already; tick “Replace files that exist” or choose another folder")
    return summary, clips


def write(
    analyst: Analyst, library: Library, video: Video, request: WriteRequest, hook: ProgressHook
) -> Mapping[str, Any]:
    """Write everything; the value says what and where, for the page.

    Raises:
        HighlightrError: as for `Highlighter.summarize`; no file is half-written.
    """
    video = library.find(video.id)  # As it is now: it may have waited behind other work.
    output, clips = targets_of(library, video, request)
    library.check_sidecars(video)
    make_folder(output.parent)
    analysis = analyst.analyse(video, request.query, hook)
    asked = list(dict.fromkeys(each.query for each in request.segments if each.query is not None))
    answers = f" They answer: {', '.join(asked)}." if len(asked) > 1 else ""
    duration = analysis.source.duration_seconds
    spans = [Span(each.start_seconds, min(each.stop_seconds, duration)) for each in request.segments]
    options: dict[str, Any] = {
        "output": output,
        "clips": clips,
        "export": tuple(dict.fromkeys(request.export)),
        "cut": request.cut,
        "subtitles": request.subtitles,
        "overwrite": request.overwrite,
        "notes": (f"The segments were chosen by hand in the studio.{answers}",),
    }
    summary = analyst.deliver(analysis, spans, [each.title for each in request.segments], options, hook)
    outputs = [{"kind": name, "name": path_shown(path.name)} for name, path in summary.outputs.items()]
    folder = path_shown(next(iter(summary.outputs.values())).parent)
    return {"seconds": round(summary.seconds, 3), "folder": folder, "outputs": outputs, "notes": list(summary.notes)}
