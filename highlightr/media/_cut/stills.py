"""Stills that come out of the run that cuts: the frames are decoded there anyway.

In: when the wanted frames appear on the output's time line, and its frames inside ffmpeg. Out: JPEG files, as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from highlightr.media._container.opening import file_url
from highlightr.media._decode.frame_converter import to_jpeg

STILLS = "stills"
"""The filters' output."""


@dataclass(frozen=True)
class Stills:
    """What stills look like; in pixels."""

    width: int
    height: int

    def filters(self, moments: Sequence[int], viewing: Sequence[str] = ()) -> str:
        """Of the frames that come in, the first one at or after each moment goes out, scaled.

        The very first frame always does: ffmpeg fails where an output stays empty, and the cut with it.

        Args:
            moments: in ticks, in order; between any two of them there is a frame.
            viewing: filters that make a frame fit for any screen.
        """
        reached, before = ("+".join(f"gte({pts},{moment})" for moment in moments) for pts in ("pts", "prev_pts"))
        picked = f"select='eq(n,0)+gt({reached},{before})'"
        scaled = f"scale={self.width}:{self.height}:flags=bicubic,format=rgb24"
        return ",".join([picked, *viewing, scaled])

    def output(self, path: Path) -> list[str]:
        """Arguments for one more file of the same run."""
        return ["-map", f"[{STILLS}]", "-c:v", "rawvideo", "-fps_mode", "passthrough", "-f", "rawvideo", file_url(path)]

    def take(self, path: Path, moments: Sequence[int]) -> list[bytes] | None:
        """Read the file and remove it: a still for each moment, or `None` where they are not as many."""
        try:
            content = path.read_bytes()
            path.unlink()
        except OSError:
            return None
        extra = int(moments[0] > 0)
        if len(content) != (extra + len(moments)) * self.height * self.width * 3:
            return None
        pictures = np.frombuffer(content, np.uint8).reshape(-1, self.height, self.width, 3)
        return [to_jpeg(picture) for picture in pictures[extra:]]
