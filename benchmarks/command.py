"""What every benchmark and study is started through: an expected failure is one line on stderr, not a traceback.

In: a program. Out: its exit code: 2 where the caller has to change something or fetch weights, 1 where the work failed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from highlightr.core.errors import BAD_INPUT, FAILURE, HighlightrError, WeightsError
from highlightr.core.text import shown


def run_command(main: Callable[[], object]) -> None:
    """Run a program's `main`; errors that a user or a file can cause end it with one line."""
    try:
        main()
    except WeightsError as error:
        _leave(str(error), BAD_INPUT)
    except HighlightrError as error:
        _leave(str(error), error.exit_code)
    except OSError as error:
        bad = isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError | PermissionError)
        where = f"{error.filename}: " if error.filename else ""
        _leave(f"{where}{error.strerror or error}", BAD_INPUT if bad else FAILURE)


def one_of(choices: Collection[str], about: str | None, /, **flags: dict[str, Any]) -> argparse.Namespace:
    """The arguments of a program that does one thing of several with a video: `what`, `video`, `output` and flags."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("what", choices=choices)
    parser.add_argument("video", type=Path)
    parser.add_argument("output", type=Path)
    for flag, how in flags.items():
        parser.add_argument(f"--{flag}", **how)
    return parser.parse_args()


def _leave(words: str, exit_code: int) -> None:
    print(f"{Path(sys.argv[0]).stem}: {shown(' '.join(words.split()))}", file=sys.stderr)
    sys.exit(exit_code)
