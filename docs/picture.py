"""Make the picture of the front page: a report in headless Chromium, its two halves side by side.

python -m docs.picture demo/demo.summary.html docs/report.jpg [--chromium PROGRAM]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path

from PIL import Image

WINDOW = (720, 1560)
TOP, REASONS = (0, 980), (1060, 1560)
"""Rows of the window with verdict, video and curve, and with what was chosen and why."""

SHIFT = 120
"""Row at which the reasons begin beside the verdict."""

SCALE = 0.7
LARGEST_BYTES = 150_000


def picture(report: Path, output: Path, chromium: str) -> None:
    """Write the picture.

    Raises:
        subprocess.CalledProcessError: Chromium fails.
        RuntimeError: the picture is too large for a front page.
    """
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=8000")
        size = f"--window-size={WINDOW[0]},{WINDOW[1]}"
        subprocess.run([chromium, *options, size, f"--screenshot={shot}", report.resolve().as_uri()], check=True)
        page = Image.open(shot).convert("RGB")
    wide = Image.new("RGB", (2 * WINDOW[0], TOP[1]), page.getpixel((2, 2)))
    wide.paste(page.crop((0, TOP[0], WINDOW[0], TOP[1])), (0, 0))
    wide.paste(page.crop((0, REASONS[0], WINDOW[0], REASONS[1])), (WINDOW[0], SHIFT))
    wide.resize((round(wide.width * SCALE), round(wide.height * SCALE)), Image.Resampling.LANCZOS).save(
        output, quality=88, optimize=True
    )
    if output.stat().st_size > LARGEST_BYTES:
        raise RuntimeError(f"{output} has {output.stat().st_size} bytes, more than {LARGEST_BYTES}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--chromium", default="chromium")
    options = parser.parse_args()
    picture(options.report, options.output, options.chromium)


if __name__ == "__main__":
    main()
