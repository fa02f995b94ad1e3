"""HTTP as uvicorn speaks it, without waiting for ever: connections are counted, so those that say nothing must end.

In: a connection. Out: the same, closed where the head of a request is not there in time. Answers may take as long as
they like.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_SECONDS = 10.0
"""A connection that is between two requests, or before the first, is looked at after each of these."""


class PromptProtocol(H11Protocol):
    """One connection."""

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
