"""Opening a media file safely, and choosing its streams.

A path comes in, an open PyAV container goes out. Only local files are read: the name is always passed as a
``file:`` URL, so that no name is taken for a protocol, an option or a pattern, and only demuxers that read
one self-contained file are allowed, so that a playlist cannot make us open anything else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from highlightr.core.errors import DecodeError, MediaError
from highlightr.core.hashing import FileIdentity
from highlightr.media._container.av_types import InputContainer, Packet
from highlightr.media._container.boxes import check_tables
from highlightr.media._container.limits import DECODER_OPTIONS, check_picture

DEMUXERS = (
    "mov,matroska,webm,avi,flv,mpegts,mpeg,mpegvideo,asf,ogg,gif,apng,rm,mxf,gxf,nut,dv,nsv,wtv,swf,ivf,obu,av1,"
    "h261,h263,h264,hevc,vvc,m4v,vc1,yuv4mpegpipe,y4m,bink,smk,roq,flic,film_cpk,ty,pva,live_flv,kux,dhav,nuv,"
    "aac,ac3,mp3,flac,wav,w64,aiff,amr,au,caf,opus"
)
"""Demuxers that read a single self-contained file; playlists (hls, dash, concat, imf…) are left out on purpose.
The sound-only ones are allowed so that such a file gets the message that it holds no video."""

RANGE_PROTOCOLS = "file,subfile"

_MOST_LINKS = 40
"""One leading to the next; where there are more, nothing can be opened."""

_LOOKED_AT_PICTURES = 250
"""Of several video streams, the one that had only one picture when another had so many is a still."""

_STILL_HEADS = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"II*\0", b"MM\0*", b"BM", b"8BPS", b"\xff\x0a", b"\0\0\0\x0cJXL ")
"""Of JPEG, PNG, TIFF, BMP, Photoshop and JPEG XL."""

_STILL_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif")
"""Of HEIF files that hold a picture, often in tiles; sequences have others."""

_PLAYLIST_HEADS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"<MPD", b"v=0", b"[playlist]", b"[Reference]")


def file_url(path: Path) -> str:
    """The name as ffmpeg's file protocol takes it literally, whatever characters it has."""
    return f"file:{path.absolute()}"


def open_container(path: Path) -> InputContainer:
    """Open a local media file for reading.

    Raises:
        MediaError: a missing or unreadable file, a directory, an empty file, a playlist, no media file, or one whose
            header promises what it cannot hold.
    """
    import av

    check_readable(path)
    head = _head(path)
    if head[4:8] == b"ftyp" and head[8:12] in _STILL_BRANDS:
        raise MediaError(_still(path))
    check_tables(path)
    # The decoders' options hold while the file is opened, too: some headers are completed by decoding a picture.
    options = {"protocol_whitelist": "file", "format_whitelist": DEMUXERS, **DECODER_OPTIONS}
    try:
        container = av.open(file_url(path), options=options, metadata_errors="replace")
    except (av.FFmpegError, UnicodeError, ValueError) as error:
        if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(_PLAYLIST_HEADS):
            raise MediaError(f"{path}: a playlist, which points to other files; give the video file itself") from error
        if head.startswith(_STILL_HEADS) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
            raise MediaError(_still(path)) from error
        raise MediaError(
            f"{path}: not a video that can be read, or cut off before its index "
            f"({_words(error)}); give a complete video file"
        ) from error
    _limit(container)
    return container


def _limit(container: InputContainer) -> None:
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = dict(DECODER_OPTIONS)


def range_url(path: Path, span: tuple[int, int]) -> str:
    """The bytes of a file from the first up to the second, as a file of its own; needs the protocol ``subfile``."""
    return f"subfile,,start,{span[0]},end,{span[1]},,:{file_url(path)}"


@contextmanager
def open_range(path: Path, span: tuple[int, int], format_name: str) -> Iterator[InputContainer]:
    """Open some bytes of a media file that was opened whole before; a `MediaError` where nothing can be read there."""
    import av

    options = {"protocol_whitelist": RANGE_PROTOCOLS, "format_whitelist": DEMUXERS, **DECODER_OPTIONS}
    try:
        with av.open(range_url(path, span), format=format_name, options=options, metadata_errors="replace") as part:
            _limit(part)
            yield part
    except av.FFmpegError as error:
        raise MediaError(f"{path}: cannot be read from byte {span[0]} on ({_words(error)}); remux it") from error


@contextmanager
def reading(path: Path) -> Iterator[InputContainer]:
    """`open_container`, closed at the end; what FFmpeg refuses in between is told as an error of this file.

    Raises:
        MediaError: as `open_container`.
        DecodeError: the file cannot be sought in, decoded or converted where that was needed.
    """
    import av

    with open_container(path) as container:
        try:
            yield container
        except (av.FFmpegError, ArithmeticError) as error:
            raise DecodeError(f"{path}: cannot be read to its end ({_words(error)}); remux or convert it") from error


def check_readable(path: Path) -> None:
    """Raise the MediaError that says why a path cannot be read as a file."""
    if not path.exists():
        raise MediaError(f"{path}: no such file; check the name")
    if path.is_dir():
        raise MediaError(f"{path}: a directory; give one video file")
    if not path.is_file():
        raise MediaError(f"{path}: not a regular file; give a video file on disk")
    if _is_own_descriptor(path):
        raise MediaError(f"{path}: a file that is open in this process alone, and ffmpeg reads it, too; give its name")
    if not os.access(path, os.R_OK):
        raise MediaError(f"{path}: no permission to read it; change its permissions")
    if path.stat().st_size == 0:
        raise MediaError(f"{path}: the file is empty (0 bytes); give a complete video file")


def _is_own_descriptor(path: Path) -> bool:
    """Whether this is ``/dev/stdin`` or the like, or leads there: to another process it is another file."""
    own = os.path.realpath("/dev/fd")
    for _ in range(_MOST_LINKS):
        if os.path.realpath(path.parent) == own:
            return True
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return False


def best_video(container: InputContainer, path: Path) -> Any:
    """The largest moving picture; cover art is not a video, nor a single picture beside a stream of them.

    Raises:
        MediaError: there is no video stream, none whose codec can be read, or its picture is beyond all bounds.
    """
    import av

    pictures = moving_pictures(container)
    if not pictures:
        held = " and ".join(sorted({"cover pictures" if s.type == "video" else s.type for s in container.streams}))
        raise MediaError(f"{path}: no video stream{held and f', only {held}'}; give a file with moving pictures")
    readable = [s for s in pictures if s.codec_context is not None]
    if not readable:
        raise MediaError(f"{path}: the video codec is unknown or its description is missing; convert it to H.264")
    indices = tuple(s.index for s in readable)
    stills = _stills(path, FileIdentity.of(path), indices) if len(indices) > 1 else frozenset[int]()
    default = av.stream.Disposition.default
    best = max(readable, key=lambda s: (s.index not in stills, s.width * s.height, bool(s.disposition & default)))
    check_picture(path, best.width, best.height)
    return best


@lru_cache(maxsize=64)
def _stills(path: Path, _: FileIdentity, indices: tuple[int, ...]) -> Set[int]:
    """Those of several streams that hold one picture only, as far as is read."""
    counts = Counter[int]()
    with reading(path) as again:
        for packet in packets(again, *(again.streams[index] for index in indices)):
            counts[packet.stream.index] += packet.size > 0
            if counts[packet.stream.index] >= _LOOKED_AT_PICTURES:
                break
    return frozenset(index for index in indices if counts[index] < 2)


def moving_pictures(container: InputContainer) -> list[Any]:
    """The video streams that are not a cover picture."""
    import av

    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def start_seconds(container: InputContainer) -> Fraction:
    """The container's first timestamp in seconds: time zero, and the zero that ffmpeg's ``-ss`` seeks from."""
    return Fraction(container.start_time or 0, 1_000_000)


def packets(
    container: InputContainer, *streams: Any, broken_off: Callable[[Exception], object] = lambda _: None
) -> Iterator[Packet]:
    """Every packet of the streams in file order; a file that breaks off simply ends there, and `broken_off` is called.

    The empty packets that PyAV appends to flush each decoder come last, even after a read error.
    """
    import av

    flushed: set[int] = set()
    try:
        for packet in container.demux(*streams):
            if packet.size == 0 and packet.dts is None:
                flushed.add(packet.stream.index)
            yield packet
    except av.FFmpegError as error:
        broken_off(error)
    except IndexError:
        pass  # PyAV 18 raises it at the end of a file in which a stream appeared that was not there at its beginning.
    for stream in streams:
        if stream.index not in flushed:
            yield end_of(stream)


def end_of(stream: Any) -> Packet:
    """The empty packet at which a decoder shows what it still holds; it tells the time base of that."""
    import av

    ending: Packet = av.Packet()
    ending.stream, ending.time_base = stream, stream.time_base
    return ending


def decoded(
    packet: Packet, decoder: Any = None, *, damaged: Callable[[Exception], object] = lambda _: None
) -> list[Any]:
    """The frames that a packet completes, by its stream's own decoder or another one.

    None where the packet is `damaged`, which is then called.
    """
    import av

    try:
        return list(packet.decode() if decoder is None else decoder.decode(packet))
    except av.FFmpegError as error:
        damaged(error)
        return []


def _still(path: Path) -> str:
    made = "ffmpeg -framerate 25 -i NAME%04d.png OUT.mp4"
    return f"{path}: a picture, or bare pictures in a row; give a video, which ffmpeg makes of many ({made})"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16)
    except OSError:
        return b""  # Whatever reads on says why.


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
