"""Running the studio: a socket on this machine, its address on the first line, until Ctrl-C.

In: a folder and where to listen. Out: nothing; it serves until a signal ends it.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from highlightr.core.errors import ConfigError
from highlightr.core.progress import ProgressHook
from highlightr.core.stop import is_stopping, stop_deferred
from highlightr.pipeline import Highlighter
from highlightr.web.analyst import Analyst
from highlightr.web.app import make_app
from highlightr.web.guard import Access
from highlightr.web.library import Library
from highlightr.web.shared import Studio
from highlightr.zoo.speech_models import check_speech_model

logger = logging.getLogger(__name__)

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 7861
MOST_CONNECTIONS = 128
GOODBYE_SECONDS = 2
HEAD_SECONDS = 10.0
"""A connection that is between two requests, or before the first, is looked at after each of these."""
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  (what a caller may ask for, with a warning)


@dataclass(frozen=True)
class StudioServer:
    """A studio that listens, but does not answer yet."""

    host: str
    url: str
    """With the token."""
    studio: Studio
    access: Access
    server: uvicorn.Server
    listening: socket.socket

    def run(self) -> None:
        """Answer until a signal comes, or `server.should_exit` is set."""
        with stop_deferred():  # The loop would tell what a signal raises as the fault of a callback, and go on.
            self.server.run(sockets=[self.listening])


def prepare(
    folder: Path,
    open_highlighter: Callable[[ProgressHook], Highlighter],
    host: str = DEFAULT_HOST,
    port: int | None = None,
    *,
    transcribe: str | None = None,
) -> StudioServer:
    """Listen for the studio of a folder, by default on `DEFAULT_PORT` or any free one; nothing else is read or written.

    `transcribe` names a model of faster-whisper that recognises what is said where it is not written. A `ConfigError`
    where there is no such folder or model, or no such address; other errors are those of `open_highlighter`.
    """
    if transcribe is not None:
        check_speech_model(transcribe)
    library, analyst = Library(folder), Analyst(open_highlighter, transcribe)
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    own, everywhere = f"[{host}]" if ":" in host else host, host in EVERYWHERE
    access = Access(port, ("*", socket.gethostname().lower()) if everywhere else (own.lower(),))
    name = "127.0.0.1" if everywhere else own
    studio = Studio(library, analyst)
    config = uvicorn.Config(
        make_app(studio, access),
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        http=PromptProtocol,
        lifespan="on",
        backlog=MOST_CONNECTIONS,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=GOODBYE_SECONDS,
        h11_max_incomplete_event_size=32 << 10,
    )
    server = _Server(config)
    studio.closing = lambda: server.should_exit
    return StudioServer(host, f"http://{name}:{port}/?token={access.token}", studio, access, server, listening)


def serve(prepared: StudioServer, announce: Callable[[str], None], *, browser: bool = True) -> None:
    """Serve until a signal comes; `announce` is told the first URL, before anything else."""
    # What others send that is no request is no news; nor are answers that are broken off when the server closes.
    quiet = logging.getLogger("uvicorn.error")
    quiet.setLevel(logging.ERROR)
    quiet.addFilter(lambda _: not prepared.server.should_exit)
    announce(prepared.url)
    if prepared.host not in (DEFAULT_HOST, "localhost", "::1"):
        why = "lets other machines reach the studio; anyone with the token can change your files"
        logger.warning("--host %s %s", prepared.host, why)
    if browser:
        webbrowser.open(prepared.url)
    prepared.run()


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """As there; a signal that came before uvicorn took them over ends it."""
        await super().startup(sockets)
        self.should_exit = self.should_exit or is_stopping()


class PromptProtocol(H11Protocol):
    """HTTP as uvicorn speaks it, closed where the head of a request is not there in time: connections are counted.

    Answers may take as long as they like.
    """

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As there; the first head is waited for."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """As there."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self._look, self.cycle)

    def _look(self, before: RequestResponseCycle | None) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.cycle is not before:
            self._wait()
        else:
            self.transport.close()


def _listen(host: str, port: int | None) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    wanted = [DEFAULT_PORT, 0] if port is None else [port]
    for port in wanted:
        listening = socket.socket(family, socket.SOCK_STREAM)
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(MOST_CONNECTIONS)
        except (OSError, OverflowError) as error:
            listening.close()
            taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
            if taken and port != wanted[-1]:
                continue
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise ConfigError(f"cannot listen on {host}:{port} ({why}); choose another --port") from error
        else:
            return listening
    raise AssertionError
