"""What pages send: JSON, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import msgspec
from starlette.requests import Request

from highlightr.core.errors import ConfigError
from highlightr.web.state import LONGEST_SECONDS, EditedSegment, StudioState

Body = TypeVar("Body")


@dataclass(frozen=True)
class Ask:
    """A query about a video."""

    query: str | None


@dataclass(frozen=True)
class Propose:
    """What is to be chosen for."""

    queries: tuple[str | None, ...]
    seconds: float | None = None
    taken: tuple[EditedSegment, ...] = ()
    fill: bool = False
    """Spend all of the seconds, where the queries' best moments leave some."""

    def __post_init__(self) -> None:
        if self.seconds is not None and not 0 < self.seconds <= LONGEST_SECONDS:
            raise ConfigError(f"seconds must be a positive number, got {self.seconds!r}")


@dataclass(frozen=True)
class Save:
    """A state, and whether a damaged file may be replaced."""

    state: StudioState
    replace_damaged: bool = False


@dataclass(frozen=True)
class Cancel:
    """A job to cancel."""

    job: int


async def read_body(request: Request, kind: type[Body]) -> Body:
    """The request's JSON, checked; a `ConfigError` where it is not what was expected."""
    try:
        return msgspec.json.decode(await request.body(), type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ConfigError(f"the request was not understood: {error}") from error
