"""`highlightr doctor`: what is installed, which weights are here, which ffmpeg and device will be used."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import Annotated

import typer

from highlightr.cli.say import say, say_folded
from highlightr.core.device import core_count, cuda_device_count
from highlightr.core.errors import FAILURE, HighlightrError
from highlightr.core.folders import home_folder
from highlightr.media.ffmpeg import av_generation, ffmpeg_generation, ffmpeg_path, ffmpeg_version
from highlightr.zoo.store import list_weights

LIBRARIES = ("av", "numpy", "onnxruntime", "tokenizers", "safetensors")
OPTIONAL = {
    "torch": "presets other than lite need it: pip install 'highlightr[backbones]'",
    "openvino": "fetched networks run faster with it on a CPU: pip install 'highlightr[backbones]'",
}


@dataclass(frozen=True)
class Finding:
    """One line of the examination."""

    part: str
    state: str
    good: bool = True
    """False where the `lite` preset cannot run because of it."""
    lacks: bool = False
    """True where `lite` runs, but something is missing that others need, or that makes it faster."""

    @property
    def mark(self) -> str:
        """What stands before it."""
        return "BAD" if not self.good else "-- " if self.lacks else "ok "


def examine() -> list[Finding]:
    """Look at everything that `lite` needs, without loading a model."""
    return [
        Finding("highlightr", metadata.version("highlightr")),
        Finding("python", platform.python_version()),
        *(_library(name) for name in LIBRARIES),
        *(_optional(name, use) for name, use in OPTIONAL.items()),
        *_ffmpeg(),
        *_weights(),
        _home(),
        _device(),
    ]


def _library(name: str) -> Finding:
    try:
        return Finding(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return Finding(name, f"missing: pip install {name}", good=False)


def _optional(name: str, use: str) -> Finding:
    found = _library(name)
    return found if found.good else Finding(name, f"not installed; {use}", lacks=True)


def _ffmpeg() -> list[Finding]:
    """The program that cuts, and the libraries that plan: both should be of one generation."""
    import av

    planning = Finding("libav", f"{av.ffmpeg_version_info}, libavformat {av_generation()}, inside PyAV")
    try:
        generation = ffmpeg_generation()
        told = f"{ffmpeg_version()}, libavformat {generation or 'unknown'}, at {ffmpeg_path()}"
    except HighlightrError as error:
        return [planning, Finding("ffmpeg", str(error), good=False)]
    is_older = (generation or 0) < av_generation()
    if is_older:
        told += "; older than what plans: pip install -U imageio-ffmpeg"
    return [planning, Finding("ffmpeg", told, lacks=is_older)]


def _weights() -> list[Finding]:
    """Weights that came with the installation, and those that were pulled; the rest is `highlightr models list`."""
    here = [state for state in list_weights() if state.state in ("embedded", "present")]
    return [Finding(f"weights {state.entry.name}", f"{state.state}, {state.size_bytes / 1e6:.0f} MB") for state in here]


def _home() -> Finding:
    folder = home_folder()
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
        return Finding("cache", str(folder))
    return Finding("cache", f"{folder} cannot be written; set HIGHLIGHTR_HOME", lacks=True)


def _device() -> Finding:
    count = cuda_device_count()
    return Finding("device", f"cuda ({count} found)" if count else f"cpu ({core_count()} cores; no CUDA driver)")


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """Say what is installed, which weights are here, and which ffmpeg and device will be used."""
    findings = examine()
    if as_json:
        say(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            say_folded(finding.state, begin=f"{finding.mark} {finding.part:<26} ")
    if not all(finding.good for finding in findings):
        raise typer.Exit(FAILURE)
