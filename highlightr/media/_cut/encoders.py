"""Which encoder writes the picture: what the caller names, or what is here and proven.

In: a choice, and whether high dynamic range is kept. Out: an `Encoder`, its arguments, and sentences about those that
were passed over. Before a hardware encoder is believed, it encodes a few frames of the output's size, which are decoded
again and compared: ffmpeg lists encoders whether or not there is hardware for them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from highlightr.core.errors import CutError, HighlightrError
from highlightr.media._container.opening import file_url, reading
from highlightr.media._cut.shapes import even
from highlightr.media.choices import EncoderChoice
from highlightr.media.ffmpeg import ffmpeg_path, has_encoder, run_ffmpeg

_TRIED_FRAMES = 4
_MOST_DIFFERENT = 8.0
"""Mean difference of a decoded picture's luma from the one that was encoded, of 255."""

_VAAPI = ("-init_hw_device", "vaapi=gpu", "-filter_hw_device", "gpu")

SOFTWARE: EncoderChoice = "libx264"


@dataclass(frozen=True)
class Encoder:
    """One way to write pictures."""

    name: str = SOFTWARE
    """As ffmpeg calls it."""
    pixels: str = "yuv420p"
    options: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    """Before the inputs."""
    upload: str = ""
    """Filters behind the graph's ``[v]``, for an encoder that takes frames from a GPU's memory."""

    @property
    def is_software(self) -> bool:
        """Whether it runs everywhere, and alike."""
        return self.name.startswith("lib")

    @property
    def arguments(self) -> list[str]:
        """The encoder of the picture and its settings."""
        pixels = () if self.upload else ("-pix_fmt:v:0", self.pixels)
        return ["-c:v:0", self.name, *self.options, *pixels]

    @property
    def uploading(self) -> str:
        """What follows a graph that ends in ``[v]``."""
        return f";[v]{self.upload}[uploaded]" if self.upload else ""

    @property
    def label(self) -> str:
        """That of the pictures which are encoded, behind the graph."""
        return "[uploaded]" if self.upload else "[v]"


_HARDWARE: Mapping[str, tuple[str, bool]] = {
    "nvenc": ("-preset p4 -rc vbr -cq {crf} -b:v:0 0 -forced-idr 1", False),
    "qsv": ("-preset medium -global_quality {crf} -forced_idr 1", False),
    "vaapi": ("-rc_mode CQP -qp {crf}", True),
    "videotoolbox": ("-q:v:0 {percent} -allow_sw 0", False),
}
"""Maker to its options for a quality like x264's CRF, and whether it takes uploaded frames; tried in this order."""

_QUALITY, _HDR_QUALITY = 23, 25


def hardware(maker: str, *, hdr: bool, quality: int | None = None) -> Encoder:
    """A maker's encoder of H.264 with 8 bits, or of HEVC with 10, at a quality like x264's CRF."""
    options, uploads = _HARDWARE[maker]
    crf = quality or (_HDR_QUALITY if hdr else _QUALITY)
    chosen = options.format(crf=crf, percent=100 - 2 * crf).split()
    deep, plain = "p010le", "nv12" if uploads or maker == "qsv" else "yuv420p"
    pixels = deep if hdr else plain
    return Encoder(
        f"{'hevc' if hdr else 'h264'}_{maker}",
        pixels,
        (*chosen, *(("-profile:v:0", "main10") if hdr else ())),
        _VAAPI if uploads else (),
        f"format={pixels},hwupload" if uploads else "",
    )


def find_encoder(choice: EncoderChoice, width: int, height: int, *, hdr: bool) -> tuple[Encoder, tuple[str, ...]]:
    """The encoder to use for pictures of this size, and a sentence for each that ``auto`` passed over, or took.

    The software encoder is not tried. With `hdr` high dynamic range is kept, and the HEVC sibling is meant. A
    `CutError` where a named encoder is not here, or does not work.
    """
    software, (width, height) = Encoder("libx265" if hdr else SOFTWARE), even(width, height)
    if choice == SOFTWARE:
        return software, ()
    if choice != "auto":
        encoder = hardware(choice.partition("_")[2], hdr=hdr)
        if reason := fault_of(encoder, width, height):
            raise CutError(f"the encoder {encoder.name} cannot be used: {reason}; use --encoder auto, or leave it out")
        return encoder, ()
    notes: list[str] = []
    for maker in _HARDWARE:
        encoder = hardware(maker, hdr=hdr)
        if not has_encoder(encoder.name):
            continue
        reason = fault_of(encoder, width, height)
        if reason is None:
            return encoder, (*notes, f"Encoded by {encoder.name}.")
        notes.append(f"The encoder {encoder.name} was passed over: {reason}.")
    return software, tuple(notes)


def fault_of(encoder: Encoder, width: int, height: int) -> str | None:
    """Why an encoder cannot be used for pictures of this size, in a few words; `None` if it can."""
    if not has_encoder(encoder.name):
        return f"{ffmpeg_path()} does not have it"
    return _tried(ffmpeg_path(), encoder, width, height)


@cache
def _tried(program: str, encoder: Encoder, width: int, height: int) -> str | None:
    """Encode a few frames, decode them again, compare."""
    del program  # Part of the question: another ffmpeg is tried anew.
    with tempfile.TemporaryDirectory(prefix="highlightr-encoder-") as folder:
        encoded, given = Path(folder) / "tried.mp4", Path(folder) / "given.gray"
        picture = f"testsrc2=size={width}x{height}:rate=25"
        graph = f"[0:v]split[v][g];[g]format=gray[given]{encoder.uploading}"
        arguments = [*encoder.device, "-f", "lavfi", "-i", picture, "-filter_complex", graph]
        arguments += ["-map", encoder.label, *encoder.arguments]
        arguments += ["-frames:v:0", str(_TRIED_FRAMES), file_url(encoded)]
        arguments += ["-map", "[given]", "-frames:v:0", str(_TRIED_FRAMES), "-f", "rawvideo", "-pix_fmt", "gray"]
        try:
            run_ffmpeg([*arguments, file_url(given)])
            return _difference(_luma(encoded), np.fromfile(given, np.uint8).reshape(-1, height, width))
        except CutError as error:
            return str(error).removeprefix("ffmpeg failed with ").partition("|")[0].strip()
        except (HighlightrError, OSError, ValueError) as error:
            return f"what it encoded cannot be read ({error})"


def _luma(path: Path) -> npt.NDArray[np.uint8]:
    """(frames, height, width)."""
    with reading(path) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(container.streams.video[0])]
    return np.stack(frames)


def _difference(found: npt.NDArray[np.uint8], given: npt.NDArray[np.uint8]) -> str | None:
    if found.shape != given.shape:
        return f"of {len(given)} pictures it gave back {len(found)}, {found.shape[2]} x {found.shape[1]}"
    worst = float(np.abs(found.astype(np.int16) - given).mean(axis=(1, 2)).max())
    return f"its pictures differ by {worst:.0f} of 255 levels" if worst > _MOST_DIFFERENT else None
