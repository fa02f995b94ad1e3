"""The videos of the studio's folder: each has an identifier, and no other file is ever served or written beside.

In: a folder. Out: `Video`s, found anew whenever the list is asked for. A video counts only if it is a regular file that
lies below the folder after every link is resolved; identifiers are digests of relative paths, so that no part of a
request is ever used as a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from highlightr.core.errors import ConfigError, MediaError
from highlightr.core.files import LONGEST_NAME_BYTES, path_shown, printable
from highlightr.export.captions import CAPTION_SUFFIXES
from highlightr.export.timelines.write import FORMATS
from highlightr.media.suffixes import MUXERS, VIDEO_SUFFIXES
from highlightr.media.transcript import sidecars

STATE_SUFFIX = ".studio.json"
"""Of the studio's own file, after the video's whole name, so that two videos of one stem keep apart."""

_DIGEST_DIGITS = 12

CLIPS_SUFFIX = ".clips"
"""Of the folder that takes a video's clips; videos in such folders are not listed."""

MOST_VIDEOS = 5000

_MADE = re.compile(r"(.+)\.(summary|cut)")
"""What `highlightr` calls the summaries that it writes, without their suffix."""

_OUTPUTS = {
    **{f".summary{suffix}": "summary" for suffix in MUXERS},
    ".summary.html": "report",
    ".summary.json": "receipt",
    **{f".summary{form.suffix}": form.words.partition(" (")[0] for form in FORMATS.values()},
    **{f".summary{suffix}": "subtitles" for suffix in CAPTION_SUFFIXES.values()},
    CLIPS_SUFFIX: "clips",
}
"""Ends of names of what is made of a video, and what it is called."""


@dataclass(frozen=True)
class Video:
    """One video of the folder."""

    id: str
    path: Path
    """Below the folder, as it was found: outputs lie beside it, also where it is a link."""
    name: str
    """Path relative to the folder, with ``/``; fit to be shown."""
    size_bytes: int
    modified_ns: int
    made: tuple[str, ...] = ()
    """What was made of it, as people call it."""
    summary_id: str | None = None
    """Of its summary, which plays too."""

    @property
    def state_path(self) -> Path:
        """Where the studio keeps what was asked and edited; named by a part and a digest of too long a name."""
        name = os.fsencode(self.path.name)
        if len(name) + len(STATE_SUFFIX) <= LONGEST_NAME_BYTES:
            return self.path.with_name(self.path.name + STATE_SUFFIX)
        digest = hashlib.sha256(name).hexdigest()[:_DIGEST_DIGITS]
        part = name[: LONGEST_NAME_BYTES - _DIGEST_DIGITS - 1 - len(STATE_SUFFIX)].decode("utf-8", "ignore")
        return self.path.with_name(f"{part}.{digest}{STATE_SUFFIX}")


class Library:
    """A folder, and the videos that were found in it."""

    def __init__(self, folder: Path) -> None:
        """A `ConfigError` where there is no such folder."""
        try:
            self.root = folder.resolve(strict=True)
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"no folder at {folder}") from error
        if not self.root.is_dir():
            raise ConfigError(f"{folder}: not a folder; name the folder that the videos lie in")
        self.truncated = False
        """Whether there are more videos than `MOST_VIDEOS`."""
        self._known: dict[str, Video] = {}
        self._lock = threading.Lock()

    def videos(self) -> list[Video]:
        """Every video, sorted by name; summaries are listed with the video that they were made of.

        Raises:
            MediaError: the folder is not there any more.
        """
        if not self.root.is_dir():
            raise MediaError("the folder of the videos is not there any more; bring it back, then reload this page")
        found: dict[Path, Video] = {}
        names: dict[Path, set[str]] = {}
        for path, status, siblings in self._files():
            found[path], names[path] = self._video(path, status), siblings
        summaries = {path: self._source_of(path, found) for path in found}
        with self._lock:
            self._known = {video.id: video for video in found.values()}
        made_of = {source: found[path] for path, source in summaries.items() if source is not None}
        return [
            self._with_outputs(video, names[path], made_of.get(path))
            for path, video in found.items()
            if summaries[path] is None
        ]

    def find(self, video_id: str) -> Video:
        """The video of an identifier, checked again; a `MediaError` where it is not in the folder any more."""
        with self._lock:
            known = self._known.get(video_id)
        if known is None and re.fullmatch(r"[0-9a-f]{24}", video_id):
            self.videos()
            known = self._known.get(video_id)
        status = None if known is None else self._regular(known.path)
        if known is None or status is None:
            raise MediaError("this video is not in the folder any more")
        return self._video(known.path, status)

    def inside(self, path: Path) -> bool:
        """Whether a path lies in the folder after every link is resolved; it need not exist yet."""
        try:
            return path.resolve().is_relative_to(self.root)
        except (OSError, RuntimeError):
            return False

    def check_sidecars(self, video: Video) -> None:
        """Make sure that no subtitles that would be taken for the video's lie elsewhere.

        Raises:
            ConfigError: a link leads out of the folder.
        """
        for path in sidecars(video.path):
            if not self.inside(path):
                raise ConfigError(f"{printable(path.name)} is a link that leads out of the folder; remove it")

    def folder_below(self, text: str) -> Path:
        """The folder that a relative path names; a `ConfigError` for one that leads out, or for a file."""
        parts = Path(text).parts
        plain = "\0" not in text and not Path(text).is_absolute() and ".." not in parts and "\\" not in text
        folder = self.root / text
        if not plain or len(text) > 500 or not self.inside(folder):
            raise ConfigError(f"{text!r} is not a folder below {printable(self.root.name)}")
        if folder.exists() and not folder.is_dir():
            raise ConfigError(f"{text!r} is a file; name a folder")
        return folder

    def _files(self) -> Iterator[tuple[Path, os.stat_result, set[str]]]:
        self.truncated, count = False, 0
        for folder_name, folders, files in os.walk(self.root):
            siblings = {*files, *folders}
            folders[:] = sorted(
                each for each in folders if not each.startswith(".") and not each.endswith(CLIPS_SUFFIX)
            )
            for name in sorted(files):
                path = Path(folder_name) / name
                if name.startswith(".") or path.suffix.lower() not in VIDEO_SUFFIXES:
                    continue
                status = self._regular(path)
                if status is None:
                    continue
                count += 1
                if count > MOST_VIDEOS:
                    self.truncated = True
                    return
                yield path, status, siblings

    def _regular(self, path: Path) -> os.stat_result | None:
        """The status of a regular file that lies in the folder; `None` of anything else."""
        try:
            status = path.stat()
        except OSError:
            return None
        return status if stat.S_ISREG(status.st_mode) and self.inside(path) else None

    def _video(self, path: Path, status: os.stat_result) -> Video:
        relative = path.relative_to(self.root)
        identifier = hashlib.sha256(os.fsencode(relative.as_posix())).hexdigest()[:24]
        return Video(identifier, path, path_shown(relative), status.st_size, status.st_mtime_ns)

    @staticmethod
    def _source_of(path: Path, found: dict[Path, Video]) -> Path | None:
        match = _MADE.fullmatch(path.stem)
        if match is None:
            return None
        return next((each for suffix in VIDEO_SUFFIXES if (each := path.with_name(match[1] + suffix)) in found), None)

    def _with_outputs(self, video: Video, siblings: set[str], summary: Video | None) -> Video:
        stem = video.path.stem
        made = tuple(dict.fromkeys(word for end, word in _OUTPUTS.items() if stem + end in siblings))
        edited = ("edit",) if video.state_path.name in siblings else ()
        summary_id = None if summary is None else summary.id
        return replace(video, made=(*made, *edited), summary_id=summary_id)
