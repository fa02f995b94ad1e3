"""The process that is risked: summarises one file after the other, and says how each ended.

In: a path per line of stdin. Out: a JSON line each on the handle that stdout was, ``outcome`` being ``summary``,
``error`` (a `HighlightrError`, as the command line would print it), ``WRONG`` (a summary without a picture, of another
length than its receipt's, or that does not decode) or ``TRACEBACK``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from highlightr.core.errors import HighlightrError
from highlightr.core.types import Summary
from highlightr.media.verify import Planned, check_video
from highlightr.pipeline import Highlighter
from tests.light import light_highlighter

_FRAME_SECONDS = 0.05

RATIO = 0.5
"""Much is cut, because cutting reads the file again by other means."""


def _summarise(highlighter: Highlighter, path: Path) -> dict[str, Any]:
    try:
        summary = highlighter.summarize(path, ratio=RATIO, overwrite=True)
    except HighlightrError as error:
        clear = str(path) in str(error) or "ffmpeg" in str(error)
        if "\n" in str(error) or not clear or error.exit_code not in (1, 2):
            return {"outcome": "TRACEBACK", "message": f"unclear: {error!r}"}
        return {"outcome": "error", "message": str(error), "code": error.exit_code}
    except Exception:  # noqa: BLE001  # What is looked for.
        return {"outcome": "TRACEBACK", "message": traceback.format_exc()}
    made = [place for place in summary.outputs.values() if place.stat().st_size == 0]
    if made:
        return {"outcome": "TRACEBACK", "message": f"empty outputs: {made}"}
    fault = _fault(summary)
    if fault:
        return {"outcome": "WRONG", "message": fault}
    return {"outcome": "summary", "message": repr(summary), "seconds": summary.source.duration_seconds}


def _fault(summary: Summary) -> str:
    """What is wrong with the video, by the receipt alone; empty if nothing is."""
    receipt: Any = summary.receipt
    pieces = receipt["cut"]["pieces"]
    seconds = sum(piece["stop_seconds"] - piece["start_seconds"] for piece in pieces)
    if abs(seconds - receipt["summary_seconds"]) > _FRAME_SECONDS:
        return f"the pieces last {seconds} s, the summary {receipt['summary_seconds']} s"
    starts = [piece["output_start_seconds"] for piece in pieces]
    planned = Planned(seconds, starts, len(summary.source.audio_tracks))
    return check_video(summary.outputs["video"], planned).fault


def main() -> None:
    """Work until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    logging.getLogger("highlightr").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        highlighter = light_highlighter(Path(folder))
        print(json.dumps({"outcome": "ready"}), file=answers, flush=True)
        for line in sys.stdin:
            print(json.dumps(_summarise(highlighter, Path(line.rstrip("\n")))), file=answers, flush=True)


if __name__ == "__main__":
    main()
