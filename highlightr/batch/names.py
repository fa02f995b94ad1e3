"""Which folder below the output folder belongs to which video: the same one in every run, and no other's.

In: a video and the name that it has by itself. Out: that name without its suffix, shortened if need be, with a short
hash where another video has it already, be it in other case or with another suffix, or where it is a folder of others.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

_MAX_PART_BYTES = 160
"""Of each folder's name; file names made of it have to stay below 255 bytes."""

_MAX_SLUG_LETTERS = 48


class FolderNames:
    """Gives out folders."""

    def __init__(self, reserved: Iterable[str], known: Mapping[str, str]) -> None:
        self._known = {video: folder for video, folder in known.items() if is_inside(folder)}
        self._taken = {_key(name) for name in reserved}
        self._taken |= {_key(folder) for folder in self._known.values()}
        self._parents = {parent for folder in self._known.values() for parent in _parents(_key(folder))}

    def folder_for(self, video: str, name: str) -> str:
        """A video's folder, relative, with ``/``; `video` is an absolute path or address, `name` below the input."""
        if video in self._known:
            return self._known[video]
        parts = [_short(part) for part in PurePosixPath(name).with_suffix("").parts]
        for index in range(len(parts)):
            here, is_video = "/".join(parts[: index + 1]), index == len(parts) - 1
            # A folder of others may not lie in a video's own, nor a video's be one that others lie in.
            if _key(here) in self._taken or (is_video and _key(here) in self._parents):
                above = video if is_video else "/".join(PurePosixPath(name).parts[: index + 1])
                parts[index] = f"{parts[index]}~{short_hash(above)}"
        folder = "/".join(parts)
        self._taken.add(_key(folder))
        self._parents |= set(_parents(_key(folder)))
        self._known[video] = folder
        return folder


def slug(query: str, taken: Collection[str]) -> str:
    """A folder's name for a query: its words with dashes between, and a short hash if another query has that name."""
    words = re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", query).lower())[:_MAX_SLUG_LETTERS].strip("-")
    name = _short(words) or "query"
    return f"{name}-{short_hash(query)}" if _key(name) in map(_key, taken) else name


def is_inside(folder: object) -> bool:
    """Whether this is a relative path that stays inside."""
    if not isinstance(folder, str) or not folder or "\0" in folder:
        return False
    try:
        os.fsencode(folder)
    except UnicodeEncodeError:
        return False
    path = PurePosixPath(folder)
    return not path.is_absolute() and ".." not in path.parts and path.as_posix() == folder and folder != "."


def short_hash(text: str) -> str:
    """Six digits that tell two of one name apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:6]


def _key(name: str) -> str:
    """Equal for what some file system takes for the same name."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _parents(folder: str) -> list[str]:
    return [parent.as_posix() for parent in PurePosixPath(folder).parents][:-1]


def _short(part: str) -> str:
    encoded = part.encode("utf-8", "surrogateescape")
    if len(encoded) <= _MAX_PART_BYTES:
        return part
    return encoded[:_MAX_PART_BYTES].decode("utf-8", "ignore").rstrip(" .")
