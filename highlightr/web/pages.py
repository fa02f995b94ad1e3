"""What the studio answers, one method per address.

Requests name videos by identifiers and send JSON, which is checked field by field; answers are JSON, pictures, bytes of
videos, and packaged files.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from highlightr import __version__
from highlightr.core.errors import ConfigError, MediaError
from highlightr.core.files import path_shown
from highlightr.export.report import packaged, template
from highlightr.export.timelines.write import FORMATS
from highlightr.selection.spans import Span
from highlightr.web.examples import add_example
from highlightr.web.jobs import JobHook
from highlightr.web.library import MOST_VIDEOS, Video
from highlightr.web.playback import play
from highlightr.web.shared import MOST_LISTENERS, Studio, event_stream
from highlightr.web.state import LONGEST_SECONDS, EditedSegment, StaleStateError, StudioState, clean_query
from highlightr.web.stills import BusyError
from highlightr.web.view import analysis_values, list_row, partial_curve, proposal_rows, video_facts
from highlightr.web.writing import WriteRequest, check_version, targets_of, write

PACKAGE = "highlightr.web"
SHARED = {"theme.css": "text/css", "timeline.js": "text/javascript"}
"""Of the report."""

SCRIPTS = ("list", "studio", "api", "edit", "player", "lanes", "panels", "keyboard")
OWN = ("studio.css", "icon.svg", *(f"{name}.js" for name in SCRIPTS))

MEDIA_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

PATIENCE_SECONDS = 1.0
"""How long a query about a video that was read already is waited for, rather than answered with a job."""

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


class Pages:
    """One method per address."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    async def index(self, _: Request) -> Response:
        """The list."""
        root = path_shown(self._studio.library.root)
        return _page("list.html.j2", folder=root.rpartition("/")[2] or root, path=root)

    async def video(self, request: Request) -> Response:
        """One video."""
        video = await self._video(request)
        timelines = [(name, form.words) for name, form in FORMATS.items()]
        return _page("video.html.j2", id=video.id, name=video.name, timelines=timelines)

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
        return JSONResponse({"videos": [list_row(video) for video in found], "note": note})

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
        answer = video_facts(video, source)
        try:
            state = await run_in_threadpool(studio.states.read, video)
        except ConfigError as error:
            return JSONResponse({**answer, "state": asdict(StudioState()), "refused": studio.line(error)})
        return JSONResponse({**answer, "state": asdict(state), "refused": ""})

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

        def work(hook: JobHook) -> dict[str, Any]:
            studio.analyst.analyse(video, query, hook, lambda scores: hook.show(partial_curve(scores)))
            return {"query": query}

        before = studio.analyst.known(video)
        if (known := before.get(query)) is None:
            studio.library.check_sidecars(video)
            job = studio.jobs.add("analyse", video.id, "Highlights" if query is None else query, work)
            waited = 0.0 if before else PATIENCE_SECONDS
            while job.open and waited < PATIENCE_SECONDS:
                await asyncio.sleep(0.01)
                waited += 0.01
            if (known := studio.analyst.known(video).get(query)) is None:
                return JSONResponse({"job": job.plain()}, 202)
        return JSONResponse(await run_in_threadpool(analysis_values, known))

    async def propose(self, request: Request) -> Response:
        """What to keep for some queries that were analysed."""
        video, analyst = await self._video(request), self._studio.analyst
        wanted = await read_body(request, Propose)
        queries = [clean_query(query) for query in wanted.queries[:20]]
        taken = [Span(each.start_seconds, each.stop_seconds) for each in wanted.taken[:500]]
        found = await run_in_threadpool(analyst.propose, video, queries, wanted.seconds, taken, fill=wanted.fill)
        return JSONResponse({"segments": proposal_rows(found)})

    async def save(self, request: Request) -> Response:
        """Keep a state."""
        video, wanted = await self._video(request), await read_body(request, Save)
        states, jobs = self._studio.states, self._studio.jobs
        try:
            saved = await run_in_threadpool(states.save, video, wanted.state, replace_damaged=wanted.replace_damaged)
        except StaleStateError as error:
            return JSONResponse({"error": str(error), "state": asdict(error.current)}, 409)
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
        return StreamingResponse(event_stream(self._studio), headers=headers, media_type="text/event-stream")

    async def _video(self, request: Request) -> Video:
        video = await run_in_threadpool(self._studio.library.find, request.path_params["id"])
        check_version(video, request.query_params.get("version"))
        return video


def _page(page: str, **values: Any) -> Response:
    text = template(page, PACKAGE).render(version=__version__, **values)
    return Response(text, media_type="text/html")
