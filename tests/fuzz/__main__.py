"""python -m tests.fuzz [--count 500] [--seed 0] [--first 0] [--json] [--verbose] [--keep DIR]

Damages good files and prints a table of outcomes; leaves with 1 if one was neither a summary nor a clear error.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.conftest import real_data_folder
from tests.fuzz.run import GOOD, Case, campaign, table
from tests.fuzz.seeds import good_files
from tests.fuzz.watched import Bounds


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seconds", type=float, default=Bounds.seconds, help="of the processor, per file")
    parser.add_argument("--mebibytes", type=int, default=Bounds.memory_bytes >> 20, help="bound per file")
    parser.add_argument("--verbose", action="store_true", help="print every case as it ends")
    parser.add_argument("--json", action="store_true", help="print every case")
    parser.add_argument("--keep", type=Path, help="folder for the files that end badly")
    return parser.parse_args()


def main() -> None:
    """Run and report."""
    wanted = _arguments()
    cases: list[Case] = []
    real = real_data_folder()
    numbers = range(wanted.first, wanted.first + wanted.count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        origins = good_files(folder, real if real.is_dir() else None)
        bounds = Bounds(wanted.seconds, wanted.mebibytes << 20)
        for case in campaign(numbers, wanted.seed, origins, folder, bounds, wanted.keep):
            cases.append(case)
            if wanted.verbose:
                print(case.number, case.origin, case.mutation, case.outcome, file=sys.stderr, flush=True)
            elif case.outcome.kind not in GOOD:
                print(f"case {case.number} {case.origin} {case.mutation}: {case.outcome}", file=sys.stderr)
    print(json.dumps([asdict(case) for case in cases], indent=1) if wanted.json else table(cases))
    sys.exit(any(case.outcome.kind not in GOOD for case in cases))


if __name__ == "__main__":
    main()
