"""The studio's pages and what they ask for, as one ASGI application behind its guard.

Requests name videos by identifiers and send JSON, which is checked field by field; answers are JSON, pictures, bytes of
videos, and packaged files. An error that highlightr raises on purpose is an answer with one line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from highlightr import __version__
from highlightr.core.errors import ConfigError, HighlightrError, MediaError, OutputError
from highlightr.core.files import printable
from highlightr.core.progress import ProgressHook
from highlightr.export.report import packaged, template
from highlightr.selection.spans import Span
from highlightr.web.analyst import Analyst
from highlightr.web.bodies import Ask, Cancel, Propose, Save, read_body
from highlightr.web.examples import add_example
from highlightr.web.guard import LARGEST_BODY_BYTES, Access, BodyTooLargeError, Guard, RateLimit
from highlightr.web.jobs import JobQueue
from highlightr.web.library import MOST_VIDEOS, Library, Video
from highlightr.web.playback import play
from highlightr.web.state import EditedSegment, StaleStateError, StateStore, StudioState, clean_query
from highlightr.web.stills import BusyError, Stills
from highlightr.web.view import about_video, found_in, listed, proposed
from highlightr.web.writing import WriteRequest, targets_of, write

__all__ = ["Studio", "make_app"]

logger = logging.getLogger(__name__)

PACKAGE = "highlightr.web"
SHARED = {"theme.css": "text/css", "timeline.js": "text/javascript"}
"""Of the report."""

OWN = (
    "studio.css",
    "list.js",
    "studio.js",
    "api.js",
    "edit.js",
    "player.js",
    "lanes.js",
    "panels.js",
    "keyboard.js",
    "icon.svg",
)
TIMELINE_WORDS = (
    ("otio", "OpenTimelineIO"),
    ("edl", "EDL (CMX 3600)"),
    ("fcpxml", "Final Cut (FCPXML)"),
    ("premiere", "Premiere (XML)"),
    ("llc", "LosslessCut"),
    ("csv", "CSV"),
    ("chapters", "Chapters (YouTube)"),
    ("vtt", "Chapters (WebVTT)"),
    ("ffconcat", "FFmpeg list"),
)
"""What the dialog offers."""

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

EVENT_SECONDS = 0.2
PATIENCE_SECONDS = 1.0
"""How long a query about a video that was read already is waited for, rather than answered with a job."""
HEARTBEAT_SECONDS = 10.0
MOST_LISTENERS = 24

Answer = Callable[[Request], Awaitable[Response]]


@dataclass
class Studio:
    """Everything that requests share."""

    library: Library
    analyst: Analyst
    closing: Callable[[], bool] = lambda: False
    """Whether the server is going down, so that endless answers end."""
    jobs: JobQueue = field(default_factory=JobQueue)
    stills: Stills = field(default_factory=Stills)
    limit: RateLimit = field(default_factory=RateLimit)
    listeners: int = 0

    @cached_property
    def states(self) -> StateStore:
        """Of the library's videos."""
        return StateStore(self.library)

    def line(self, error: Exception | str) -> str:
        """An error in one line, with files named as they are below the folder."""
        return " ".join(str(error).replace(f"{self.library.root}{os.sep}", "").split())


def make_app(studio: Studio, access: Access) -> Guard:
    """The application behind its guard."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(studio.jobs.close)

    pages = Pages(studio)
    get = [
        ("/", pages.index),
        ("/v/{id}", pages.video),
        ("/static/{name}", pages.static),
        ("/media/{id}", pages.media),
        ("/api/events", pages.events),
        ("/api/videos", pages.videos),
        ("/api/videos/{id}", pages.about),
        ("/api/videos/{id}/frame", pages.frame),
    ]
    post = [
        ("/api/videos/{id}/curve", pages.curve),
        ("/api/videos/{id}/propose", pages.propose),
        ("/api/videos/{id}/write", pages.write),
        ("/api/videos/{id}/example", pages.example),
        ("/api/cancel", pages.cancel),
    ]
    routes = [Route(path, _answering(studio, answer), methods=["GET"]) for path, answer in get]
    routes += [Route(path, _answering(studio, answer), methods=["POST"]) for path, answer in post]
    routes.append(Route("/api/videos/{id}/state", _answering(studio, pages.save), methods=["PUT"]))
    return Guard(Starlette(routes=routes, lifespan=lifespan), access, studio.limit)


class Pages:
    """One method per address."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def index(self, _: Request) -> Response:
        """The list."""
        root = printable(self._studio.library.root)
        return _page("list.html.j2", folder=root.rpartition("/")[2] or root, path=root)

    async def video(self, request: Request) -> Response:
        """One video."""
        video = await self._video(request)
        return _page("video.html.j2", id=video.id, name=video.name, timelines=TIMELINE_WORDS)

    async def static(self, request: Request) -> Response:
        """A packaged file."""
        name = request.path_params["name"]
        if name in SHARED:
            return Response(packaged(name), media_type=SHARED[name])
        if name not in OWN:
            return JSONResponse({"error": "no such file"}, 404)
        text = files(PACKAGE).joinpath("static", name).read_text(encoding="utf-8")
        return Response(text, media_type=MEDIA_TYPES[name.rpartition(".")[2]])

    async def media(self, request: Request) -> Response:
        """Bytes of a video."""
        video = await self._video(request)
        return play(self._studio.library, video, request.headers.get("range"))

    async def videos(self, _: Request) -> Response:
        """The list's rows."""
        library = self._studio.library
        found = await run_in_threadpool(library.videos)
        note = f"Only the first {MOST_VIDEOS} videos are listed." if library.truncated else ""
        return JSONResponse({"videos": [listed(video) for video in found], "note": note})

    async def about(self, request: Request) -> Response:
        """A video, and what was kept of it."""
        video, studio = await self._video(request), self._studio
        try:
            source = await run_in_threadpool(studio.stills.source, video)
        except MediaError as error:
            if "quiet" not in request.query_params:
                raise
            # The list asks of every video, and shows which are broken.
            return JSONResponse({"error": studio.line(error)})
        answer = {**about_video(video, source), "ready": studio.analyst.ready(video)}
        try:
            state = await run_in_threadpool(studio.states.read, video)
        except ConfigError as error:
            return JSONResponse({**answer, "state": _plain(StudioState()), "refused": studio.line(error)})
        return JSONResponse({**answer, "state": _plain(state), "refused": ""})

    async def frame(self, request: Request) -> Response:
        """A still."""
        video = await self._video(request)
        asked, wide = request.query_params.get("at"), request.query_params.get("width", "320")
        try:
            seconds, width = None if asked is None else float(asked), int(wide)
        except ValueError as error:
            raise ConfigError("at and width must be numbers") from error
        if not (seconds is None or 0 <= seconds < 1e6) or not 0 < width <= 10_000:
            raise ConfigError("at and width must be positive numbers")
        try:
            picture = await run_in_threadpool(self._studio.stills.picture, video, seconds, width)
        except MediaError:
            picture = b""  # The page says why elsewhere; a picture that is not there is not an error by itself.
        headers = {"cache-control": "private, max-age=3600"}
        return Response(picture, 200 if picture else 204, headers, "image/jpeg")

    async def curve(self, request: Request) -> Response:
        """What was found for a query, or the job that finds it."""
        video, studio = await self._video(request), self._studio
        query = clean_query((await read_body(request, Ask)).query)
        known = studio.analyst.known(video, query)
        if known is not None:
            return JSONResponse(await run_in_threadpool(found_in, known))

        studio.library.check_beside(video)

        def work(hook: ProgressHook) -> dict[str, Any]:
            studio.analyst.analyse(video, query, hook)
            return {"query": query}

        job = studio.jobs.add("analyse", video.id, "Highlights" if query is None else query, work)
        waited = 0.0 if studio.analyst.ready(video) else PATIENCE_SECONDS
        while job.open and waited < PATIENCE_SECONDS:
            await asyncio.sleep(0.01)
            waited += 0.01
        known = studio.analyst.known(video, query)
        if known is not None:
            return JSONResponse(await run_in_threadpool(found_in, known))
        return JSONResponse({"job": job.plain()}, 202)

    async def propose(self, request: Request) -> Response:
        """What to keep for some queries that were analysed."""
        video, analyst = await self._video(request), self._studio.analyst
        wanted = await read_body(request, Propose)
        queries = [clean_query(query) for query in wanted.queries[:20]]
        taken = [Span(each.start_seconds, each.stop_seconds) for each in wanted.taken[:500]]
        found = await run_in_threadpool(analyst.propose, video, queries, wanted.seconds, taken)
        return JSONResponse({"segments": proposed(found)})

    async def save(self, request: Request) -> Response:
        """Keep a state."""
        video, wanted = await self._video(request), await read_body(request, Save)
        states, jobs = self._studio.states, self._studio.jobs
        try:
            saved = await run_in_threadpool(states.save, video, wanted.state, replace_damaged=wanted.replace_damaged)
        except StaleStateError as error:
            return JSONResponse({"error": str(error), "state": _plain(error.current)}, 409)
        jobs.version += 1
        return JSONResponse({"revision": saved.revision})

    async def write(self, request: Request) -> Response:
        """Queue the writing of a summary."""
        video, studio = await self._video(request), self._studio
        wanted = await read_body(request, WriteRequest)
        await run_in_threadpool(targets_of, studio.library, video, wanted)
        job = studio.jobs.add(
            "write", video.id, video.name, lambda hook: write(studio.analyst, studio.library, video, wanted, hook)
        )
        return JSONResponse({"job": job.plain()}, 202)

    async def example(self, request: Request) -> Response:
        """Mark an example."""
        video, segment = await self._video(request), await read_body(request, EditedSegment)
        query = None if segment.query is None else clean_query(segment.query)
        span = (segment.start_seconds, segment.stop_seconds)
        added = await run_in_threadpool(add_example, self._studio.library, video, *span, query)
        return JSONResponse({"added": added})

    async def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        self._studio.jobs.cancel((await read_body(request, Cancel)).job)
        return JSONResponse({})

    async def events(self, _: Request) -> Response:
        """Jobs and revisions as they change, as server-sent events."""
        if self._studio.listeners >= MOST_LISTENERS:
            raise BusyError("too many windows of the studio are open; close some")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(self._news(), headers=headers, media_type="text/event-stream")

    async def _news(self) -> AsyncIterator[str]:
        studio, told, quiet = self._studio, -1, 0.0
        studio.listeners += 1
        try:
            while not studio.closing():
                if studio.jobs.version != told:
                    told, quiet = studio.jobs.version, 0.0
                    jobs = [{**job, "error": studio.line(job["error"])} for job in studio.jobs.plain()]
                    news = {"jobs": jobs, "revisions": studio.states.revisions}
                    yield f"data: {json.dumps(news)}\n\n"
                elif quiet >= HEARTBEAT_SECONDS:
                    quiet = 0.0
                    yield ": still here\n\n"
                await asyncio.sleep(EVENT_SECONDS)
                quiet += EVENT_SECONDS
        finally:
            studio.listeners -= 1

    async def _video(self, request: Request) -> Video:
        return await run_in_threadpool(self._studio.library.find, request.path_params["id"])


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
            status = _status(error)
            line = studio.line(error)
            return PlainTextResponse(f"{line}\n", status) if page else JSONResponse({"error": line}, status)
        except OSError as error:
            return JSONResponse({"error": f"{error.strerror or error}"}, 409)

    return answered


def _status(error: HighlightrError) -> int:
    if isinstance(error, BusyError):
        return 503
    if isinstance(error, MediaError):
        return 404
    return 409 if isinstance(error, OutputError) else 400 if isinstance(error, ConfigError) else 500


def _page(page: str, **values: Any) -> Response:
    text = template(page, PACKAGE).render(version=__version__, **values)
    return Response(text, media_type="text/html")


def _plain(state: StudioState) -> Any:
    return msgspec.to_builtins(state)
