"""The studio as one ASGI application behind its guard.

An error that highlightr raises on purpose is an answer with one line.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from highlightr.core.errors import ConfigError, HighlightrError, MediaError, OutputError, shortage
from highlightr.web.guard import LARGEST_BODY_BYTES, Access, BodyTooLargeError, Guard
from highlightr.web.pages import Pages
from highlightr.web.shared import Studio
from highlightr.web.stills import BusyError

logger = logging.getLogger(__name__)

_STATUSES: dict[type[HighlightrError], int] = {BusyError: 503, MediaError: 404, OutputError: 409, ConfigError: 400}
"""Of errors; of others 500."""

Answer = Callable[[Request], Awaitable[Response]]


def make_app(studio: Studio, access: Access) -> Guard:
    """The application behind its guard."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        asyncio.get_running_loop().set_exception_handler(_Unhandled(studio))
        yield
        await run_in_threadpool(studio.jobs.close)

    pages = Pages(studio)
    answers = [
        ("GET", "/", pages.index),
        ("GET", "/v/{id}", pages.video),
        ("GET", "/static/{name}", pages.static),
        ("GET", "/media/{id}", pages.media),
        ("GET", "/api/events", pages.events),
        ("GET", "/api/videos", pages.videos),
        ("GET", "/api/videos/{id}", pages.about),
        ("GET", "/api/videos/{id}/frame", pages.frame),
        ("POST", "/api/videos/{id}/curve", pages.curve),
        ("POST", "/api/videos/{id}/propose", pages.propose),
        ("POST", "/api/videos/{id}/write", pages.write),
        ("POST", "/api/videos/{id}/example", pages.example),
        ("POST", "/api/cancel", pages.cancel),
        ("PUT", "/api/videos/{id}/state", pages.save),
    ]
    routes = [Route(path, _answering(studio, answer), methods=[method]) for method, path, answer in answers]
    return Guard(Starlette(routes=routes, lifespan=lifespan), access, studio.limit)


class _Unhandled:
    """Tells what no answer can; of connections that wait for free descriptors once, not a thousand times a second."""

    def __init__(self, studio: Studio) -> None:
        self._studio, self._is_told = studio, False

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        why = shortage(error)
        if why is not None:
            if not self._is_told:
                logger.warning("%s; some connections wait", why)
            self._is_told = True
        # asyncio listens again a second later, to a socket that may be closed by then.
        elif not (self._studio.closing() and isinstance(error, ValueError)):
            loop.default_exception_handler(context)


def _answering(studio: Studio, answer: Answer) -> Answer:
    """An error becomes one line with a fitting status."""

    async def answered(request: Request) -> Response:
        page = request.url.path == "/" or request.url.path.startswith("/v/")
        try:
            return await answer(request)
        except BodyTooLargeError:
            return JSONResponse({"error": f"the request is larger than {LARGEST_BODY_BYTES >> 10} KiB"}, 413)
        except ClientDisconnect:
            return Response(status_code=400)
        except HighlightrError as error:
            status = next((status for kind, status in _STATUSES.items() if isinstance(error, kind)), 500)
            line = studio.line(error)
            return PlainTextResponse(f"{line}\n", status) if page else JSONResponse({"error": line}, status)
        except OSError as error:
            return JSONResponse({"error": shortage(error) or f"{error.strerror or error}"}, 409)

    return answered
