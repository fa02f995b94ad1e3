"""The measured tables of the pages: run a benchmark, keep what it measured, and write its table.

    python -m docs.measured demo/demo.mp4                   # all of them; hours on two cores
    python -m docs.measured demo/demo.mp4 realtime flow     # some

What is kept of each benchmark is one file, `benchmarks/results/NAME.json`: the command, the day, the commit, the
machine, every figure, and the table made of them. A file that says `older` was measured by an earlier version, and the
page says so.
"""

from __future__ import annotations

import argparse
import compileall
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from docs.measured_rows import Rows
from docs.measurements import MEASUREMENTS
from docs.snippets import ROOT

RESULTS = ROOT / "benchmarks" / "results"

BEGINNINGS = {"SHORT": "8", "HALF_MINUTE": "28"}
"""Seconds of the video that presets with large networks are measured on."""


def measured_blocks() -> dict[str, Callable[[], str]]:
    """Name of a block to what makes it, for every measured table."""
    return {f"measured-{name}": lambda name=name: block(kept(name)) for name in MEASUREMENTS}  # type: ignore[misc]


def kept(name: str) -> Mapping[str, Any] | None:
    """What was measured last, if anything was."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def block(result: Mapping[str, Any] | None) -> str:
    """The table, and below it when, at what commit, on what machine and by which command."""
    if result is None:
        return "Not measured yet."
    lines = [result["columns"], ["---"] * len(result["columns"]), *result["rows"]]
    rows = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    older = f" **{result['older']}**" if result.get("older") else ""
    machine = f", {result['machine']}" if result["machine"] else ""
    about = f"Measured on {result['day']} at {result['commit']}{machine}."
    return f"{rows}\n\n{about}{older} Command: `{result['command']}`."


def measure(name: str, video: Path, data: Path, features: Path | None, folder: Path) -> dict[str, Any]:
    """Run what a table needs.

    Raises:
        subprocess.CalledProcessError: a benchmark fails.
    """
    wanted = MEASUREMENTS[name]
    kept_features = features or folder / "features"
    kept_features.mkdir(parents=True, exist_ok=True)
    places = {
        "VIDEO": str(video),
        **{name: str(beginning(video, folder, seconds)) for name, seconds in BEGINNINGS.items()},
        "DATA": str(data),
        "FEATURES": str(kept_features),
    }
    rows: Rows = []
    figures = []
    for arguments in wanted.runs:
        command = (sys.executable, "-m", wanted.module, *(_placed(each, places) for each in arguments))
        figures.append(_figures(command, folder / "figures.json", wanted.prints_json))
        rows += wanted.rows(figures[-1])
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    about = next((each["machine"] for each in figures if "machine" in each), None)
    machine = f"{about['cores']} cores, {about['machine']}" if about else ""
    return {
        "command": f"python -m docs.measured VIDEO {name}",
        "day": datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        "commit": commit.stdout.strip(),
        "machine": machine,
        "columns": list(wanted.columns),
        "rows": rows,
        "figures": figures,
    }


def _placed(argument: str, places: Mapping[str, str]) -> str:
    place, slash, rest = argument.partition("/")
    return f"{places[place]}{slash}{rest}" if place in places else argument


def beginning(video: Path, folder: Path, seconds: str) -> Path:
    """The first seconds of a video."""
    from highlightr.media.ffmpeg import run_ffmpeg

    path = folder / f"first-{seconds}-seconds.mp4"
    if not path.exists():
        run_ffmpeg(["-i", f"file:{video}", "-t", seconds, f"file:{path}"])
    return path


@cache
def _figures(command: tuple[str, ...], path: Path, prints: bool) -> Any:
    """What one run found; tables that are made of the same run share it."""
    if prints:
        return json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    path.unlink(missing_ok=True)
    subprocess.run([*command, "--json", str(path)], cwd=ROOT, check=True)
    return json.loads(path.read_text(encoding="utf-8"))


def main() -> None:
    """Measure, keep, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folders of clips with captions.csv")
    parser.add_argument("--features", type=Path, help="folder of `benchmarks.edit_quality`, kept between runs")
    parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)}; all by default")
    options = parser.parse_args()
    if unknown := set(options.name) - set(MEASUREMENTS):
        parser.error(f"no table {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    # As pip does with what it installs; else, where PYTHONDONTWRITEBYTECODE is set, every process would compile it.
    compileall.compile_dir(ROOT / "highlightr", quiet=1)
    with tempfile.TemporaryDirectory() as folder:
        for name in options.name or MEASUREMENTS:
            result = measure(name, options.video.resolve(), options.data.resolve(), options.features, Path(folder))
            text = json.dumps(result, indent=1, ensure_ascii=False) + "\n"
            (RESULTS / f"{name}.json").write_text(text, encoding="utf-8")
    subprocess.run([sys.executable, "-m", "docs.generate"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
