"""`highlightr cache`: what is kept of videos that were seen before and of models, and how to remove it."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from typing import Annotated, Any

import typer

from highlightr.cli.choices import JsonChoice, group
from highlightr.cli.say import say
from highlightr.cli.terminal import print_table
from highlightr.features.cache import LIMIT_VARIABLE, FeatureCache
from highlightr.features.engines.compiled import clear_compiled, compiled_files

app = group("Show or clear the features that are kept of videos seen before.")


@app.command("show")
def show(as_json: JsonChoice = False) -> None:
    """Where the cache lies, how large it is, its limit, and what it holds, video by video."""
    cache, compiled = FeatureCache(), compiled_files()
    videos = _by_video(cache)
    used = sum(video["size_bytes"] for video in videos)
    if as_json:
        about = {"folder": str(cache.folder), "limit_bytes": cache.limit_bytes, "size_bytes": used}
        models = [{"name": m.path.name, "size_bytes": m.size_bytes, "used_at": m.used_at} for m in compiled]
        say(json.dumps({**about, "videos": videos, "models": models}, indent=2))
        return
    if videos:
        rows = []
        for v in videos:
            used_at = time.strftime("%Y-%m-%d %H:%M", time.localtime(v["used_at"]))
            rows.append((v["hash"][:12], used_at, _size(v["size_bytes"]), ", ".join(v["features"])))
        print_table(("video", "last used", "size", "features"), rows)
    say(f"{_size(used)} of {_size(cache.limit_bytes)} ({LIMIT_VARIABLE} sets the limit):")
    say(cache.folder)
    if compiled:
        prepared = sum(model.size_bytes for model in compiled)
        say(f"{_size(prepared)}, {_count(len(compiled), 'prepared model')}:")
        say(compiled[0].path.parent)


@app.command("clear")
def clear(
    models: Annotated[bool, typer.Option("--models", help="Also remove what models were prepared into.")] = False,
    as_json: JsonChoice = False,
) -> None:
    """Remove the features that are kept; they are made again when they are needed."""
    entries, size = FeatureCache().clear()
    prepared, more = clear_compiled() if models else (0, 0)
    if as_json:
        say(json.dumps({"entries": entries, "models": prepared, "size_bytes": size + more}))
        return
    gone = _count(entries, "entry", "entries") + (f" and {_count(prepared, 'prepared model')}" if models else "")
    say(f"removed {gone}, {_size(size + more)}")


def _by_video(cache: Any) -> list[dict[str, Any]]:
    """One row per video, most recently used first; transcripts share one, and so do damaged entries."""
    grouped: dict[str, list[Any]] = defaultdict(list)
    for entry in cache.entries():
        other = "transcripts" if entry.about else "damaged"
        grouped[entry.about.get("video", {}).get("hash", other)].append(entry)
    return [
        {
            "hash": digest,
            "duration_seconds": group[0].about.get("duration_seconds"),
            "size_bytes": sum(entry.size_bytes for entry in group),
            "used_at": group[0].used_at,
            "features": sorted({entry.about.get("extractor", "utterances" if entry.about else "?") for entry in group}),
        }
        for digest, group in grouped.items()
    ]


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
