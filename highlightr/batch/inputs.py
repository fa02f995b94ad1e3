"""Which videos a batch is about: files, folders, lists and addresses come in; videos with names of their own go out.

The name is where the outputs will lie: the path below a named folder, else the file's name. Two videos never share one.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from highlightr.batch.jobs import Job
from highlightr.batch.names import FolderNames
from highlightr.batch.output_dir import INDEX_NAME, RESULTS_NAME, STATE_FOLDER
from highlightr.batch.remote import check_address
from highlightr.core.errors import ConfigError
from highlightr.core.reading import lines_of
from highlightr.core.text import is_address
from highlightr.export.receipt_reader import holds, is_summary, read_written
from highlightr.media.suffixes import VIDEO_SUFFIXES

logger = logging.getLogger(__name__)

RESERVED = (STATE_FOLDER, INDEX_NAME, RESULTS_NAME)
"""Names in the output folder that are the batch's own."""

_MAX_NAME_BYTES = 160


def find_videos(
    inputs: Iterable[str],
    output: Path,
    *,
    lists: Sequence[Path] = (),
    pattern: str | None = None,
    allow_remote: bool = False,
    known: Mapping[str, str] | None = None,
    absent_ok: bool = False,
) -> tuple[Job, ...]:
    """A job without a query for every video that is meant, each once, in the order given; folders are sorted by name.

    Arguments and errors as for `plan_jobs`; an `output` inside a folder that is walked through is left out, and what is
    relative in a list is looked up from its own folder. `known`: video to folder, as earlier runs gave them out.
    """
    places: list[tuple[str, Path | None]] = []
    for text in inputs:
        listed = text.startswith("@") and not Path(text).exists()
        places += _lines(Path(text[1:])) if listed else [(text, None)]
    for one in lists:
        places += _lines(one)
    jobs: dict[str, Job] = {}
    folders = FolderNames(RESERVED, known or {})
    for text, below in places:
        path = Path(text) if below is None else below / text
        found: Iterable[tuple[str, str]]
        if remote := is_address(text):
            check_address(text, allowed=allow_remote)
            found = [(text, _address_name(text))]
        elif path.is_dir():
            found = _inside(path.absolute(), output.absolute(), pattern, absent_ok)
        elif below is None and not path.exists():
            raise ConfigError(f"no video or folder at {path}")
        else:
            # A line of a list whose file is missing fails alone: the rest of a long list is still worth doing.
            inner = PurePosixPath(text)
            plain = below is not None and not inner.is_absolute() and ".." not in inner.parts
            found = [(os.path.abspath(path), str(inner) if plain else path.name)]  # noqa: PTH100  (drops `..` too)
        for video, title in found:
            if video not in jobs:
                folder = folders.folder_for(video, title)
                jobs[video] = Job(video, None, folder, remote=remote, title=title, video_folder=folder)
    if not jobs and not (absent_ok and places):
        raise ConfigError("no videos were given; name files, folders or a list")
    return tuple(jobs.values())


def _lines(path: Path) -> list[tuple[str, Path | None]]:
    """The lines of a list, each with its folder, but empty ones and those that begin with ``#``."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(f"cannot read the list {path}: {error.strerror or error}") from error
    lines = (line.strip() for line in lines_of(text) if not line.startswith("#"))
    return [(line, path.absolute().parent) for line in lines if line]


def _inside(folder: Path, output: Path, pattern: str | None, absent_ok: bool) -> Iterator[tuple[str, str]]:
    """The videos in a folder, and their paths below it."""
    if folder.resolve() == output.resolve():
        raise ConfigError(f"{folder} is the output folder too; choose another for the outputs")
    found, clips = list[Path](), dict[str, set[str]]()
    for folder_name, folders, files in os.walk(folder, onerror=_say_unreadable):
        here = Path(folder_name)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not _is_output(here / n, output))
        names = set(files)
        for name in sorted(files):
            usual = not name.startswith(".") and Path(name).suffix.lower() in VIDEO_SUFFIXES
            if not (usual if pattern is None else fnmatch(name, pattern)):
                continue
            made = read_written(here / f"{Path(name).stem}.json") if f"{Path(name).stem}.json" in names else None
            for each in () if made is None else made.files:
                clips.setdefault(each.name, set()).add(each.sha256)
            if not is_summary(here / name, made):
                found.append(here / name)
    # By content: a folder of clips may have been moved, and a video have the name of a clip that lies elsewhere.
    videos = [path for path in found if not any(holds(path, digest) for digest in clips.get(path.name, ()))]
    for path in videos:
        yield str(path), path.relative_to(folder).as_posix()
    if not videos and not absent_ok:
        meant = pattern or f"*{', *'.join(VIDEO_SUFFIXES)}"
        raise ConfigError(f"no videos in {folder}; their names would match {meant}")


def _is_output(folder: Path, output: Path) -> bool:
    """Whether this is the output folder of this batch, or of another."""
    # os.path.isdir: a folder that may not be looked into is none, and is told when its videos are read.
    return folder.resolve() == output.resolve() or os.path.isdir(folder / STATE_FOLDER / "done")  # noqa: PTH112


def _say_unreadable(error: OSError) -> None:
    logger.warning("%s: cannot be looked into (%s); what is in it is left out", error.filename, error.strerror or error)


def _address_name(address: str) -> str:
    """The last part of the address's path, as a file name that is safe anywhere."""
    last = unquote(urlsplit(address).path).rstrip("/").rpartition("/")[2]
    clean = re.sub(r"[^\w.() -]", "_", last).lstrip(".")
    stem, suffix = os.path.splitext(clean)  # noqa: PTH122  (a string, not a path)
    short = stem.encode("utf-8")[:_MAX_NAME_BYTES].decode("utf-8", "ignore") + suffix[:16]
    return short or "video"
