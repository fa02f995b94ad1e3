"""Run pages as a reader would: snippets in order, in an empty folder, from an installed wheel, with an empty cache.

In: pages. Out: a line per snippet that ran, what failed with the end of what it said, and an exit code.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from docs.python_code import expected_output
from docs.snippets import ROOT, Page, Snippet

SECONDS = 600
"""A snippet may not take longer."""

SHOWN_LINES = 12
"""Of what a failed command said."""

VIDEO_SIZE = (320, 180)
"""Of the videos that a page is given: small, so that pages run in minutes."""


def run_pages(pages: list[Page], folder: Path, *, keep: bool = False) -> int:
    """Run all snippets of these pages that are not marked otherwise; 1 if one fails."""
    environment = install(folder)
    failures = ran = 0
    for page in pages:
        wanted = [
            snippet for snippet in page.snippets if snippet.language in ("sh", "python") or "file" in snippet.marks
        ]
        place = folder / page.path.stem
        place.mkdir()
        if any("parse" not in snippet.marks for snippet in wanted):
            _give(page.given, place, folder)
        for snippet in wanted:
            if "parse" in snippet.marks:
                print(f"parsed  {snippet.where}: {snippet.marks['parse']}")
                continue
            began = time.monotonic()
            problem = run_snippet(snippet, place, environment | {"HIGHLIGHTR_HOME": str(place / ".home")})
            ran += 1
            failures += problem is not None
            print(f"{'FAILED' if problem else 'ran':<7} {snippet.where} ({time.monotonic() - began:.0f} s)", flush=True)
            if problem:
                print(problem)
    print(f"{ran} snippets ran, {failures} failed{f'; everything is in {folder}' if keep else ''}")
    if not keep:
        shutil.rmtree(folder)
    return int(failures > 0)


def install(folder: Path) -> dict[str, str]:
    """Build the wheel, install it below `folder`, and return the environment in which it alone is found."""
    site, programs = folder / ".site", folder / ".bin"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", site, ROOT)
    subprocess.run(pip, check=True, cwd=folder)
    programs.mkdir()
    for name, arguments in (("highlightr", "-P -m highlightr"), ("python", "-P")):
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        script.chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HIGHLIGHTR_", "PYTHON"))}
    environment = kept | {
        "PYTHONPATH": str(site),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "80",
    }
    asked = ("python", "-c", "import highlightr; print(highlightr.__file__)")
    found = subprocess.run(asked, env=environment, cwd=folder, check=True, capture_output=True, text=True).stdout
    if not Path(found.strip()).is_relative_to(site):
        raise RuntimeError(f"the pages would run {found.strip()}, not the wheel below {site}")
    return environment


def run_snippet(snippet: Snippet, place: Path, environment: dict[str, str]) -> str | None:
    """What went wrong, with the end of what was said; `None` if nothing did."""
    if "file" in snippet.marks:
        target = place / snippet.marks["file"]
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(snippet.text + "\n", encoding="utf-8")
        return None
    wanted = int(snippet.marks.get("exit", 0))
    if snippet.language == "python":
        return _python_problem(snippet, place, environment, wanted)
    for line, command in snippet.commands():
        done = _run(["bash", "-c", command], place, environment)
        if done.returncode != wanted:
            return f"line {line}: {command}\nleft with {done.returncode}, not {wanted}\n{_end(done)}"
    return None


def _python_problem(snippet: Snippet, place: Path, environment: dict[str, str], wanted: int) -> str | None:
    done = _run(["python", "-c", snippet.text], place, environment)
    if done.returncode != wanted:
        return f"left with {done.returncode}, not {wanted}\n{_end(done)}"
    expected, lines = expected_output(snippet.text), done.stdout.splitlines()
    if expected and lines != expected:
        return f"the page says it prints {expected}, it printed {lines}"
    return None


def _run(command: list[str], place: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=place,
            env=environment,
            text=True,
            capture_output=True,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", f"still running after {SECONDS} s")


def _end(done: subprocess.CompletedProcess[str]) -> str:
    return "\n".join(f"    {line}" for line in f"{done.stdout}\n{done.stderr}".strip().splitlines()[-SHOWN_LINES:])


def _give(names: tuple[str, ...], place: Path, folder: Path) -> None:
    """Put the videos there that the reader is taken to have: the demo, small."""
    made = folder / ".demo" / "demo.mp4"
    if names and not made.exists():
        program = "import sys; from pathlib import Path; from examples.make_demo import make_demo; "
        program += f"make_demo(Path(sys.argv[1]), {VIDEO_SIZE})"
        subprocess.run([sys.executable, "-c", program, made], check=True, cwd=ROOT)
    for name in names:
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(made, target)
