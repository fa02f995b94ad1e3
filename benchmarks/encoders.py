"""Which encoder setting is the fastest at equal size and quality: presets, threads, hardware where it is proven.

    python -m benchmarks.encoders VIDEO [--seconds 20] [--presets superfast veryfast] [--threads 0 1 2] [--json OUT]

Each setting encodes the same pictures at several qualities. Quality is VMAF where the program that runs has libvmaf,
else SSIM, of the whole. At the quality of what ships now, its size and processor seconds are read off the line through
the two nearest points (size on a logarithmic scale). *Size* is beside what ships: 100 % is equal. What does not reach
that quality, or is never below it, has a dash: give other `--qualities`.
"""

from __future__ import annotations

import argparse
import math
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.command import run_command
from benchmarks.running import cpu_seconds, machine, timed, write_json
from highlightr.core.errors import CutError
from highlightr.media._cut.codecs import CRF, PRESET
from highlightr.media._cut.encoders import fault_of, hardware
from highlightr.media.ffmpeg import ffmpeg_path, has_filter, run_ffmpeg
from highlightr.media.probe import probe

MAKERS = ("nvenc", "qsv", "vaapi", "videotoolbox")
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium")


@dataclass(frozen=True)
class Point:
    """One encoding."""

    setting: str
    quality_option: int
    """CRF, or what the hardware's setting calls so."""
    quality: float
    kilobytes: float
    wall_seconds: float
    processor_seconds: float


@dataclass(frozen=True)
class Setting:
    """How to encode at a quality."""

    name: str
    preset: str = PRESET
    threads: int = 0
    maker: str = ""

    def arguments(self, quality: int) -> list[str]:
        """For ffmpeg, of the picture."""
        if self.maker:
            return hardware(self.maker, hdr=False, quality=quality).arguments
        threads = ["-threads:v:0", str(self.threads)] if self.threads else []
        return ["-c:v:0", "libx264", "-preset", self.preset, "-crf", str(quality), "-pix_fmt:v:0", "yuv420p", *threads]


def at_quality(points: Sequence[Point], wanted: float) -> dict[str, float] | None:
    """Kilobytes and seconds at a quality, between the two nearest points; `None` outside of all of them."""
    ordered = sorted(points, key=lambda each: each.quality)
    for low, high in pairwise(ordered):
        if low.quality <= wanted <= high.quality and low.quality < high.quality:
            share = (wanted - low.quality) / (high.quality - low.quality)
            size = math.exp((1 - share) * math.log(low.kilobytes) + share * math.log(high.kilobytes))
            wall = (1 - share) * low.wall_seconds + share * high.wall_seconds
            processor = (1 - share) * low.processor_seconds + share * high.processor_seconds
            return {"kilobytes": size, "wall_seconds": wall, "processor_seconds": processor}
    return None


def encoded(setting: Setting, quality: int, pictures: Path, folder: Path) -> Point:
    """Encode once, and compare."""
    output = folder / "encoded.mp4"
    encoder = hardware(setting.maker, hdr=False) if setting.maker else None
    device, upload = (encoder.device, ["-vf", encoder.upload]) if encoder and encoder.upload else ((), [])
    command = [*device, "-i", f"file:{pictures}", *upload, *setting.arguments(quality), "-y", f"file:{output}"]
    before = cpu_seconds()
    wall = timed(lambda: run_ffmpeg(command))
    processor = cpu_seconds() - before
    return Point(setting.name, quality, measured(output, pictures), output.stat().st_size / 1000, wall, processor)


def measured(found: Path, pictures: Path) -> float:
    """VMAF, or SSIM, of the whole.

    Raises:
        CutError: the program does not say.
    """
    name, pattern = (
        ("libvmaf=n_threads=2", r"VMAF score: ([\d.]+)") if has_filter("libvmaf") else ("ssim", r"SSIM .*All:([\d.]+)")
    )
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-i", str(found), "-i", str(pictures)]
    run = subprocess.run([*command, "-lavfi", name, "-f", "null", "-"], capture_output=True, text=True)
    match = re.search(pattern, run.stderr)
    if match is None:
        raise CutError(f"ffmpeg does not say how alike the pictures are: {run.stderr.strip()[-200:]}")
    return float(match[1])


def settings(presets: Sequence[str], threads: Sequence[int], source_size: tuple[int, int]) -> Iterator[Setting]:
    """Presets; what ships with other numbers of threads; hardware that works."""
    yield from (Setting(preset, preset) for preset in presets)
    yield from (Setting(f"{PRESET}, {number} threads", threads=number) for number in threads if number)
    for maker in MAKERS:
        if fault_of(hardware(maker, hdr=False), *source_size) is None:
            yield Setting(f"h264_{maker}", maker=maker)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, keep."""
    options = _options(arguments)
    source = probe(options.video)
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as name:
        pictures = Path(name) / "pictures.mkv"
        lossless = ["-an", "-c:v", "ffv1", "-pix_fmt", "yuv420p"]
        run_ffmpeg(["-i", f"file:{options.video}", "-t", str(options.seconds), *lossless, f"file:{pictures}"])
        shipped = encoded(Setting("shipped"), int(CRF), pictures, Path(name))
        for setting in settings(options.presets, options.threads, (source.video.width, source.video.height)):
            points += [encoded(setting, quality, pictures, Path(name)) for quality in options.qualities]
    measure = "VMAF" if has_filter("libvmaf") else "SSIM"
    print(f"{measure} {shipped.quality:.4g} at {PRESET}, CRF {CRF}: {shipped.kilobytes:.0f} kB")
    print(encoders_table(shipped, points))
    figures: dict[str, Any] = {"machine": machine(), "video": options.video.name, "measure": measure}
    write_json(options.json, {**figures, "shipped": asdict(shipped), "points": [asdict(each) for each in points]})


def encoders_table(shipped: Point, points: Sequence[Point]) -> str:
    """Markdown, a row per setting, at the shipped quality."""
    lines = ["| setting | size | wall, s | processor, s |", "| --- | --- | --- | --- |"]
    for name in dict.fromkeys(each.setting for each in points):
        found = at_quality([each for each in points if each.setting == name], shipped.quality)
        cells = ["-"] * 3
        if found is not None:
            size = f"{100 * found['kilobytes'] / shipped.kilobytes:.0f} %"
            cells = [size, f"{found['wall_seconds']:.2f}", f"{found['processor_seconds']:.2f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the video")
    parser.add_argument("--presets", nargs="+", default=PRESETS)
    parser.add_argument("--threads", nargs="*", type=int, default=(1, 2), help="for the preset that ships")
    parser.add_argument("--qualities", nargs="+", type=int, default=(17, 20, 23, 26))
    parser.add_argument("--json", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    run_command(main)
