"""Jobs and revisions as they change, as server-sent events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

from highlightr.web.shared import Studio

EVENT_SECONDS = 0.2
HEARTBEAT_SECONDS = 10.0
MOST_LISTENERS = 24


async def event_stream(studio: Studio) -> AsyncIterator[str]:
    """Everything at first and whenever something changes, until the server goes down."""
    told, quiet = -1, 0.0
    studio.listeners += 1
    try:
        while not studio.closing():
            if studio.jobs.version != told:
                told, quiet = studio.jobs.version, 0.0
                jobs = [{**job, "error": studio.line(job["error"])} for job in studio.jobs.plain()]
                event = {"jobs": jobs, "revisions": studio.states.revisions}
                yield f"data: {json.dumps(event)}\n\n"
            elif quiet >= HEARTBEAT_SECONDS:
                quiet = 0.0
                yield ": still here\n\n"
            await asyncio.sleep(EVENT_SECONDS)
            quiet += EVENT_SECONDS
    finally:
        studio.listeners -= 1
