"""What was asked and edited of one video: a JSON file beside it, so that it survives a reload and a restart.

In: a file that anyone may have written, or what a page sent. Out: a `StudioState`, checked, or one line that says why
not. A state has a revision: a page that edits an older one than lies on the disk is told so, and nothing is lost.
"""

from __future__ import annotations

import stat
import threading
from dataclasses import asdict, dataclass, replace
from typing import Literal

import msgspec

from highlightr.core.checks import check_text
from highlightr.core.errors import ConfigError
from highlightr.core.files import write_whole
from highlightr.core.reading import read_at_most
from highlightr.core.text import json_shown, shown
from highlightr.web.library import Library, Video

LARGEST_BYTES = 1 << 20
MOST_SEGMENTS, MOST_QUERIES = 500, 12
LONGEST_TEXT = 300
LONGEST_SECONDS = 1e6
REVISIONS = 1 << 53
"""Then they begin anew: JavaScript counts no further."""


@dataclass(frozen=True)
class EditedSegment:
    """``[start_seconds, stop_seconds)`` of the source."""

    start_seconds: float
    stop_seconds: float
    title: str = ""
    query: str | None = None
    """What was asked when it was proposed."""

    def __post_init__(self) -> None:
        if not 0 <= self.start_seconds < self.stop_seconds <= LONGEST_SECONDS:
            raise ConfigError(
                f"a segment must begin before it ends, got {self.start_seconds:g} to {self.stop_seconds:g}"
            )
        _check_text(self.title, self.query)


@dataclass(frozen=True)
class AskedQuery:
    """A query, or `None` for what stands out."""

    text: str | None
    shown: bool = True
    """Whether its curve is drawn."""

    def __post_init__(self) -> None:
        _check_text(self.text)


@dataclass(frozen=True)
class StudioState:
    """Everything about one video that a reload must not lose."""

    schema_version: Literal[1] = 1
    revision: int = 0
    queries: tuple[AskedQuery, ...] = ()
    active: int = 0
    """Index of the query that lanes and scores are about."""
    segments: tuple[EditedSegment, ...] = ()
    """In the order in which they play."""
    budget_seconds: float | None = None
    """How long the summary is to be; `None`: not said."""

    def __post_init__(self) -> None:
        if len(self.segments) > MOST_SEGMENTS or len(self.queries) > MOST_QUERIES:
            raise ConfigError(f"at most {MOST_SEGMENTS} segments and {MOST_QUERIES} queries")
        if self.budget_seconds is not None and not 0 < self.budget_seconds <= LONGEST_SECONDS:
            raise ConfigError(f"budget_seconds must be a positive number, got {self.budget_seconds!r}")
        if not 0 <= self.active <= MOST_QUERIES or not 0 <= self.revision < REVISIONS:
            raise ConfigError("active and revision must be small whole numbers")


class StaleStateError(ConfigError):
    """Another page saved meanwhile: take over what they saved."""

    def __init__(self, current: StudioState) -> None:
        super().__init__("this video was edited in another window meanwhile; its state was taken over")
        self.current = current


class StateStore:
    """Reads and writes the states of a library's videos; for any number of threads."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._lock = threading.Lock()
        self.revisions: dict[str, int] = {}
        """Video to the revision that was saved last, for pages that show the same video."""

    def read(self, video: Video) -> StudioState:
        """What lies beside the video; an empty state where nothing does.

        Raises:
            ConfigError: the file is no state, or leads out of the folder.
        """
        path, name = video.state_path, shown(video.state_path.name)
        if not self._library.inside(path):
            raise ConfigError(f"{name}: leads out of the folder; remove it")
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise ConfigError(f"{name}: not a file; remove it")
            content = read_at_most(path, LARGEST_BYTES)
        except FileNotFoundError:
            return StudioState()
        except OSError as error:
            raise ConfigError(f"{name}: cannot be read ({error.strerror or error})") from error
        if content is None:
            raise ConfigError(f"{name}: too large to be a state of the studio")
        return parse_state(content, name)

    def save(self, video: Video, state: StudioState, *, replace_damaged: bool = False) -> StudioState:
        """Keep a state that was made from the one on the disk; its revision grows by one.

        Raises:
            StaleStateError: another one was saved meanwhile.
            ConfigError: what lies there cannot be read, and may not be replaced.
            OutputError: the folder cannot be written.
        """
        with self._lock:
            try:
                current = self.read(video)
            except ConfigError:
                if not replace_damaged:
                    raise
                current = replace(StudioState(), revision=state.revision)
            # Where the file was removed, what the page has is all that there is.
            if current.revision != state.revision and video.state_path.exists():
                raise StaleStateError(current)
            saved = replace(state, revision=(state.revision + 1) % REVISIONS)
            write_whole(video.state_path, json_shown(asdict(saved), indent=1) + "\n")
            self.revisions[video.id] = saved.revision
            return saved


def parse_state(content: bytes, where: str) -> StudioState:
    """A state from JSON; `where` names it in errors. A `ConfigError` where it is none."""
    try:
        plain = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError(f"{where}: not JSON: {error}") from error
    version = plain.get("schema_version") if isinstance(plain, dict) else None
    if isinstance(version, int) and version > StudioState.schema_version:
        raise ConfigError(f"{where}: written by a newer highlightr (schema_version {version}); update highlightr")
    try:
        return msgspec.convert(plain, StudioState)
    except (ConfigError, msgspec.ValidationError) as error:
        raise ConfigError(f"{where}: not a state of the studio: {error}") from error


def clean_query(text: str | None) -> str | None:
    """One line without outer spaces; `None` stays. A `ConfigError` where nothing is left, or it is too long."""
    if text is None:
        return None
    words = " ".join(text.split())
    if not words:
        raise ConfigError("the query is empty; write what to look for")
    _check_text(words)
    return words


def _check_text(*texts: str | None) -> None:
    for text in texts:
        if text is not None and len(text) > LONGEST_TEXT:
            raise ConfigError(f"a text is longer than {LONGEST_TEXT} characters")
        check_text("the text", text or "")
