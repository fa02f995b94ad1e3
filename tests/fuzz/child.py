"""The process that is risked: summarises one file after the other, and says how each ended.

In: a path per line of stdin. Out: a JSON line each on the handle that stdout was, ``outcome`` being ``summary``,
``error`` (a `HighlightrError`, as the command line would print it) or ``TRACEBACK``.
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
from highlightr.pipeline import Highlighter
from tests.light import light_highlighter

__all__ = ["main"]

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
    return {"outcome": "summary", "message": repr(summary), "seconds": summary.source.duration_seconds}


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
