"""Stills that come out of the run that cuts: the frames are decoded there anyway.

In: when the wanted frames appear on the output's time line, and its frames inside ffmpeg. Out: JPEG files, as bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from highlightr.core.types import Source
from highlightr.media._container.opening import file_url
from highlightr.media._decode.frame_converter import assumed_matrix, shown_size, to_jpeg

if TYPE_CHECKING:
    from av.container import InputContainer

__all__ = ["STILLS", "Stills", "plan_stills"]

STILLS = "stills"
"""The filters' output."""


@dataclass(frozen=True)
class Stills:
    """What stills look like; in pixels."""

    width: int
    height: int
    matrix: str | None
    """ffmpeg's name of the colour matrix that is assumed, where the video does not tell its own."""

    def filters(self, moments: Sequence[int]) -> str:
        """Of the frames that come in, the first one at or after each moment goes out, scaled.

        The very first frame always does: ffmpeg fails where an output stays empty, and the cut with it.

        Args:
            moments: in ticks, in order; between any two of them there is a frame.
        """
        reached, before = ("+".join(f"gte({pts},{moment})" for moment in moments) for pts in ("pts", "prev_pts"))
        matrix = "" if self.matrix is None else f":in_color_matrix={self.matrix}"
        picked = f"select='eq(n,0)+gt({reached},{before})'"
        return f"{picked},scale={self.width}:{self.height}:flags=bicubic{matrix},format=rgb24"

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


def plan_stills(container: InputContainer, source: Source, width: int) -> Stills:
    """Stills of this width, upright and with square pixels.

    Args:
        container: the source, open.
        source: what `probe` returned.
        width: in pixels.
    """
    across, down = shown_size(source.video)
    stream: Any = container.streams[source.video.index]
    matrix = assumed_matrix(stream.codec_context.colorspace, source.video.height)
    return Stills(width, max(1, round(width * down / across)), matrix)
