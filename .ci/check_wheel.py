"""Build the wheel, install it alone in an empty environment outside the checkout, and run the main job there.

python .ci/check_wheel.py demo/demo.mp4
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def _run(*command: str | Path, cwd: Path, **extra: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment | extra, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _build(folder: Path) -> Path:
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, CHECKOUT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def check(video: Path, folder: Path) -> None:
    """Raise unless the installed wheel summarises the video and finds the cat."""
    wheel = _build(folder)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    constraints = CHECKOUT / "constraints.txt"
    _run(python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=folder)
    shutil.copy(video, folder / "video.mp4")
    command = ("summarize", "video.mp4", "--query", "a cat", "--duration", "8", "--json")
    home = str(folder / "home")
    receipt = json.loads(_run(python.with_name("highlightr"), *command, cwd=folder, HIGHLIGHTR_HOME=home))
    truth = json.loads(video.with_suffix(".shots.json").read_text())["shots"]
    cat = next(shot for shot in truth if shot["name"] == "cat")
    best = max(receipt["segments"], key=lambda segment: segment["score"])
    middle = (best["start_seconds"] + best["stop_seconds"]) / 2
    if not cat["start_seconds"] <= middle < cat["stop_seconds"]:
        sys.exit(f"the wheel chose {best}, but the cat is at {cat}")
    for suffix in ("mp4", "json", "html"):
        if not (folder / f"video.summary.{suffix}").stat().st_size:
            sys.exit(f"the wheel wrote an empty video.summary.{suffix}")
    print(f"wheel check: {wheel.name} alone in an empty environment found the cat at {middle:.1f} s")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        check(Path(sys.argv[1]).resolve(), Path(name))
