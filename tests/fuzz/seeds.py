"""The good files that mutations start from: one per container and codec, tiny, made by script; and real odd ones.

In: a folder to write to, and the folder of real clips where there is one. Out: paths, always in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from highlightr.media.ffmpeg import run_ffmpeg
from tests.mediamaker import CLOSED_GOP, make_video

SMALL: Mapping[str, Any] = {"seconds": 1.6, "size": (96, 64)}

MADE: Mapping[str, Mapping[str, Any]] = {
    "plain.mp4": {},
    "bframes.mp4": CLOSED_GOP,
    "fast.mp4": {"muxing": (("movflags", "faststart"),)},
    "fragments.mp4": {"muxing": (("movflags", "frag_keyframe+empty_moov"),)},
    "turned.mov": {"rotation": 90},
    "wide.mp4": {"sound": False, "size": (128, 34)},
    "plain.mkv": {},
    "late.mkv": {"offset": 10.0, "channels": 2},
    "vp8.webm": {"codec": "libvpx", "options": (("cpu-used", "8"), ("deadline", "realtime")), "sound_codec": "libopus"},
    "plain.ts": {},
    "plain.flv": {},
    "hevc.mp4": {"codec": "libx265", "options": (("preset", "ultrafast"), ("x265-params", "log-level=none"))},
}

CONVERTED: Mapping[str, tuple[str, ...]] = {
    "plain.avi": ("-c:v", "mpeg4", "-c:a", "libmp3lame"),
    "plain.mpg": ("-c:v", "mpeg2video", "-c:a", "mp2"),
    "plain.wmv": ("-c:v", "wmv2", "-c:a", "wmav2"),
    "plain.mxf": ("-c:v", "mpeg2video", "-c:a", "pcm_s16le"),
    "part10.ts": ("-c:v", "mpeg2video", "-c:a", "ac3"),
    "colours.gif": ("-c:v", "gif", "-an"),
    "raw.nut": ("-c:v", "mjpeg", "-c:a", "pcm_s16le"),
    "plain.ogv": ("-c:v", "libtheora", "-c:a", "libvorbis"),
    "swapped.mov": ("-c:v", "libx264", "-af", "pan=FR+FL|FR=c0|FL=c0", "-c:a", "pcm_s16le", "-timecode", "01:00:00:00"),
    "tracks.mkv": ("-map", "0", "-map", "0:a", "-c:v", "copy", "-c:a", "aac", "-metadata:s:a:1", "title=second"),
    "hdr.mp4": (
        *("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-c:a", "aac", "-x265-params"),
        "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc:max-cll=1000,400",
    ),
}
"""Name to the codecs that ffmpeg turns the first of the above into."""

LARGEST_REAL_BYTES = 130_000
"""Larger ones would take most of the time for little more."""


def good_files(folder: Path, real: Path | None) -> list[Path]:
    """Make the small videos, and add the real odd files that are not too large."""
    paths = []
    for name, how in MADE.items():
        path = folder / name
        if not path.exists():
            make_video(path, **{**SMALL, **how})
        paths.append(path)
    for name, codecs in CONVERTED.items():
        if not (folder / name).exists():
            run_ffmpeg(["-i", f"file:{paths[0]}", *codecs, f"file:{folder / name}"])
        paths.append(folder / name)
    odd = sorted((real / "odd").iterdir()) if real is not None and (real / "odd").is_dir() else []
    return paths + [path for path in odd if 0 < path.stat().st_size <= LARGEST_REAL_BYTES]
