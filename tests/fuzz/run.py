"""The campaign: seeded mutations of good files, each summarised in a watched child, and a table of what came of it.

In: how many, the seed, the good files. Out: a `Case` each; case *k* of a seed is the same bytes every time, so that one
can be made again alone.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.fuzz.mutations import mutate
from tests.fuzz.watched import Bounds, Outcome, WatchedChild

GOOD = ("summary", "error")
KINDS = (*GOOD, "WRONG", "TRACEBACK", "HANG", "CRASH", "MEMORY", "LITTER")


@dataclass(frozen=True)
class Case:
    """One damaged file and how it ended."""

    number: int
    origin: str
    mutation: str
    outcome: Outcome


def make_case(number: int, seed: int, origins: Sequence[Path]) -> tuple[Path, str, bytes]:
    """The file it comes from, the kind of damage, and the bytes."""
    rng = np.random.default_rng([seed, number])
    origin = origins[int(rng.integers(len(origins)))]
    kind, data = mutate(origin.read_bytes(), rng)
    return origin, kind, data


def campaign(
    numbers: Iterable[int], seed: int, origins: Sequence[Path], folder: Path, bounds: Bounds, keep: Path | None = None
) -> Iterator[Case]:
    """Run the cases; `keep` takes the files that ended badly."""
    with WatchedChild(bounds) as child:
        for number in numbers:
            origin, mutation, data = make_case(number, seed, origins)
            place = folder / f"case{number}"
            place.mkdir()
            path = place / f"case{number}{origin.suffix}"
            path.write_bytes(data)
            outcome = _tidy(child.run(path), path, data)
            if keep is not None and outcome.kind not in GOOD:
                keep.mkdir(parents=True, exist_ok=True)
                path.replace(keep / path.name)
            shutil.rmtree(place)
            yield Case(number, origin.name, mutation, outcome)


def _tidy(outcome: Outcome, path: Path, data: bytes) -> Outcome:
    """The outcome, unless the file was touched or something lies about that is no output."""
    ends = [".mp4", ".json", ".html"] if outcome.kind == "summary" else []
    expected = {path.name, *(f"{path.stem}.summary{end}" for end in ends)}
    found = {one.name for one in path.parent.iterdir()}
    touched = hashlib.sha256(path.read_bytes()).digest() != hashlib.sha256(data).digest()
    if outcome.kind in GOOD and (touched or found != expected):
        message = f"the file was changed: {touched}; beside it: {sorted(found - expected)}"
        return Outcome("LITTER", message, outcome.seconds, outcome.memory_bytes)
    return outcome


def table(cases: Sequence[Case]) -> str:
    """Mutations down, outcomes across, then what was worst."""
    counts = Counter((case.mutation, case.outcome.kind) for case in cases)
    rows = [*sorted({case.mutation for case in cases})]
    lines = [f"{'':<16}" + "".join(f"{kind:>11}" for kind in KINDS)]
    lines += [f"{row:<16}" + "".join(f"{counts[row, kind]:>11}" for kind in KINDS) for row in rows]
    total = Counter(case.outcome.kind for case in cases)
    lines.append(f"{'all':<16}" + "".join(f"{total[kind]:>11}" for kind in KINDS))
    slowest = max(cases, key=lambda case: case.outcome.seconds)
    largest = max(cases, key=lambda case: case.outcome.memory_bytes)
    lines.append(f"slowest: {slowest.outcome.seconds:.1f} s (case {slowest.number}, {slowest.origin})")
    lines.append(f"most memory: {largest.outcome.memory_bytes >> 20} MiB (case {largest.number}, {largest.origin})")
    return "\n".join(lines)
