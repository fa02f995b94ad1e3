"""What happens to colour, range and scan when a picture is encoded anew.

In: what the source's pictures are. Out: filters and parameters of the encoder, and sentences about what changes. No
file is touched. The rules: what is written always states its matrix; standard dynamic range
becomes H.264 with 8 bits; high dynamic range is either HEVC with 10 bits and its labels, or tone-mapped to BT.709.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from highlightr.core.errors import CutError
from highlightr.core.source import VideoStream
from highlightr.media._container.picture_format import (
    REFERENCE_WHITE,
    UNMARKED,
    HdrMetadata,
    PictureFormat,
    assumed_matrix,
)
from highlightr.media.choices import HdrChoice
from highlightr.media.ffmpeg import has_encoder, has_filter

_BASE_LAYER_PROFILES = frozenset({7, 8})
"""Dolby Vision profiles whose picture is a complete HDR10, HLG or BT.709 one without Dolby's metadata."""

_UNCONVERTED = frozenset({"ycgco", "bt2020c", "smpte2085", "chroma-derived-nc", "chroma-derived-c", "ictcp"})
"""Matrices that ffmpeg's scaler does not know."""

_PLAIN_PIXELS = ("yuv420p", "yuvj420p")
"""Of what is written, too: nothing is converted."""

_DYNAMIC_METADATA = (
    "MASTERING_DISPLAY_METADATA",
    "CONTENT_LIGHT_LEVEL",
    "DYNAMIC_HDR_PLUS",
    "DOVI_METADATA",
    "DOVI_RPU_BUFFER",
)


@dataclass(frozen=True)
class ColourPlan:
    """How pictures are converted and encoded."""

    deinterlace: str = ""
    """A filter for whole frames, before any of them is left out; empty where none is needed."""
    filters: tuple[str, ...] = ()
    """For the frames that are kept, in order."""
    is_hdr: bool = False
    """Whether HEVC with 10 bits is written, and not H.264 with 8."""
    chroma_location: str | None = None
    x265_parameters: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def plan_colour(
    picture: PictureFormat, video: VideoStream, choice: HdrChoice | None, metadata: HdrMetadata
) -> ColourPlan:
    """Decide; by default high dynamic range is kept where the installed ffmpeg can.

    Raises:
        CutError: the picture's colours are Dolby's own, or ffmpeg can do nothing with high dynamic range.
    """
    if picture.dolby_vision is not None and picture.dolby_vision not in _BASE_LAYER_PROFILES:
        raise CutError(
            f"its Dolby Vision picture (profile {picture.dolby_vision}) has colours that only Dolby's decoders know; "
            f"use --copy, which leaves it as it is"
        )
    if picture.matrix in _UNCONVERTED and not (picture.hdr is None and picture.pixels in _PLAIN_PIXELS):
        raise CutError(f"its colours ({picture.matrix}) are of a kind that ffmpeg does not convert; use --copy")
    if picture.hdr is None:
        plan = ColourPlan(filters=_standard(picture, video.height), notes=_less(picture, 8))
    elif choice == "sdr" or (choice is None and not _encodes_hdr()):
        plan = _tone_mapped(picture)
    else:
        plan = _kept(picture, metadata)
    siting = None if picture.is_rgb else picture.chroma_location
    notes, deinterlace = list(plan.notes), ""
    if picture.dolby_vision is not None:
        below = picture.hdr or "standard dynamic range"
        notes.insert(0, f"its Dolby Vision metadata is not kept; it plays as {below}")
    if picture.has_alpha:
        notes.append("its transparency is not kept")
    if video.interlaced:
        deinterlace = f"bwdif=mode=send_frame:parity=auto:deint={'all' if video.codec in UNMARKED else 'interlaced'}"
        notes.append("its interlaced picture is deinterlaced")
    return replace(plan, deinterlace=deinterlace, chroma_location=siting, notes=tuple(notes))


def _standard(picture: PictureFormat, height: int) -> tuple[str, ...]:
    """Filters to 8 bits with halved colour."""
    if picture.is_rgb:
        matrix = assumed_matrix(height)
        converted = f"scale=out_color_matrix={matrix}:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int"
        return converted, "format=yuv420p", _labels(picture, matrix, full_range=False)
    full_range = bool(picture.full_range) or picture.pixels.startswith("yuvj")
    labels = _labels(picture, picture.matrix or assumed_matrix(height), full_range=full_range)
    if picture.pixels in _PLAIN_PIXELS:
        return (labels,)
    levels = "pc" if full_range else "tv"
    # Grey has no range of its own here: swscale takes it for a full one.
    given = "" if picture.pixels.startswith("gray") else f"in_range={levels}:"
    return f"scale={given}out_range={levels}:flags=bicubic+accurate_rnd", "format=yuv420p", labels


def _less(picture: PictureFormat, bits: int) -> tuple[str, ...]:
    """What samples lose that are written with so many bits, and colour that is halved in both directions."""
    fewer = (f"its {picture.bits} bits per sample are written as {bits}",) if picture.bits > bits else ()
    colour = "RGB picture" if picture.is_rgb else None if picture.sampling is None else f"{picture.sampling} colour"
    return fewer if colour is None else (*fewer, f"its {colour} is written as 4:2:0")


def _labels(picture: PictureFormat, matrix: str, *, full_range: bool) -> str:
    labels = [f"range={'pc' if full_range else 'tv'}", f"colorspace={matrix}"]
    if picture.primaries is not None:
        labels.append(f"color_primaries={picture.primaries}")
    if picture.transfer is not None:
        labels.append(f"color_trc={picture.transfer}")
    return f"setparams={':'.join(labels)}"


def _encodes_hdr() -> bool:
    return has_encoder("libx265")


def _kept(picture: PictureFormat, metadata: HdrMetadata) -> ColourPlan:
    if not _encodes_hdr():
        raise CutError(f"keeping {picture.hdr} needs an ffmpeg with libx265; use --hdr sdr, or --copy")
    full_range = bool(picture.full_range) and not picture.is_rgb
    matrix = picture.matrix if picture.matrix and not picture.is_rgb else "bt2020nc"
    labels = PictureFormat(primaries=picture.primaries or "bt2020", transfer=picture.transfer)
    levels = "pc" if full_range else "tv"
    given = f"out_color_matrix=bt2020:out_range={levels}" if picture.is_rgb else f"in_range={levels}:out_range={levels}"
    converted = f"scale={given}:flags=bicubic+accurate_rnd,format=yuv420p10le"
    parameters = [f"range={'full' if full_range else 'limited'}", f"colorprim={labels.primaries}"]
    parameters += [f"transfer={labels.transfer}", f"colormatrix={matrix}"]
    if metadata.master_display:
        parameters.append(f"master-display={metadata.master_display}")
    if metadata.max_cll:
        parameters.append(f"max-cll={metadata.max_cll}")
    return ColourPlan(
        filters=(converted, _labels(labels, matrix, full_range=full_range)),
        is_hdr=True,
        x265_parameters=tuple(parameters),
        notes=_less(picture, 10),
    )


def _tone_mapped(picture: PictureFormat) -> ColourPlan:
    """From high dynamic range to limited-range BT.709 with 8 bits.

    Source: the Hable curve of FFmpeg's tonemap filter, on linear light where 1.0 is the white of ITU-R BT.2408. On a
    filmed colour chart (HLG) patches come out 9.7 from their published values (CIELAB), 16.4 where 1.0 is 100 cd/m².
    """
    if not (has_filter("zscale") and has_filter("tonemap")):
        remedy = "use --hdr keep, or --copy" if _encodes_hdr() else "install another ffmpeg, or use --copy"
        raise CutError(f"mapping {picture.hdr} to BT.709 needs an ffmpeg with zscale and tonemap; {remedy}")
    matrix = "gbr" if picture.is_rgb else picture.matrix or "bt2020nc"
    given = f"tin={picture.transfer}:pin={picture.primaries or 'bt2020'}:min={matrix}"
    levels = "full" if picture.full_range or picture.is_rgb else "limited"
    filters = (
        f"zscale={given}:rin={levels}:t=linear:npl={REFERENCE_WHITE}",
        "format=gbrpf32le",
        "zscale=p=bt709",
        "tonemap=hable:desat=0",
        "zscale=t=bt709:m=bt709:r=limited",
        "format=yuv420p",
        "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709",
    )
    deleted = (f"sidedata=mode=delete:type={kind}" for kind in _DYNAMIC_METADATA)
    notes = (f"its {picture.hdr} picture is tone-mapped to standard dynamic range (BT.709)",)
    return ColourPlan(filters=(*filters, *deleted), notes=notes)
