"""Damage that a reader has to understand to notice: the file parses, and says something that is not so.

In: the bytes of a good file. Out: other bytes, by box, by element, by packet. What a format does not have, another kind
of damage stands for, so that every file can be given to every kind.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np

from tests.fuzz.fields import ISO_PARENTS, box_spans

Generator = np.random.Generator
Mutation = Callable[[bytes, Generator], bytes]

TABLES = {b"stts": (8, 8), b"ctts": (8, 8), b"stsz": (12, 4), b"stsc": (8, 12), b"stco": (8, 4), b"stss": (8, 4)}
"""Sample table to where its rows begin behind the box's header, and the bytes of a row."""

MUXERS = {"mov,mp4,m4a,3gp,3g2,mj2": "mp4", "matroska,webm": "matroska", "mpegts": "mpegts", "flv": "flv", "avi": "avi"}
"""What a file was read as, and what it is written as again."""

EBML_MASTERS = (b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\x16\x54\xae\x6b", b"\xae", b"\xa3", b"\x1c\x53\xbb\x6b")
"""Segment, cluster, tracks, track, simple block, cues."""


def _boxes(data: bytes, start: int = 0, stop: int | None = None) -> Iterator[tuple[bytes, int, int, tuple[int, ...]]]:
    """(type, first byte, byte after the last, where its parents begin) of every box."""
    if start == 0 and data[4:8] not in (b"ftyp", b"moov", b"styp"):
        return
    for kind, begin, end in box_spans(data, start, stop):
        yield kind, begin, end, ()
        if kind in ISO_PARENTS:
            for name, first, last, parents in _boxes_inside(data, begin, end):
                yield name, first, last, (begin, *parents)


def _boxes_inside(data: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int, tuple[int, ...]]]:
    for kind, first, last in box_spans(data, begin + 8, end):
        yield kind, first, last, ()
        if kind in ISO_PARENTS:
            for name, inner, after, parents in _boxes_inside(data, first, last):
                yield name, inner, after, (first, *parents)


def sample_tables(data: bytes, rng: Generator) -> bytes:
    """Rows of a sample table change places, are repeated, or get a neighbour's or a great number."""
    tables = [box for box in _boxes(data) if box[0] in TABLES]
    if not tables:
        return packet_loss(data, rng)
    kind, begin, end, _ = tables[int(rng.integers(len(tables)))]
    head, size = TABLES[kind]
    first, count = begin + 8 + head, max(0, (end - begin - 8 - head) // size)
    if count < 1:
        return timestamps(data, rng)
    rows = [data[first + k * size : first + (k + 1) * size] for k in range(count)]
    one, other = (int(k) for k in rng.integers(count, size=2))
    way = int(rng.integers(4))
    if way == 0:
        rows[one], rows[other] = rows[other], rows[one]
    elif way == 1:
        rows[one] = rows[other]
    elif way == 2:
        rows = rows[one:] + rows[:one]
    else:
        values = list(struct.unpack(f">{size // 4}I", rows[one]))
        values[int(rng.integers(len(values)))] = int(rng.choice([0, 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1]))
        rows[one] = struct.pack(f">{size // 4}I", *values)
    return data[:first] + b"".join(rows) + data[first + count * size :]


def boxes(data: bytes, rng: Generator) -> bytes:
    """A box is lost, doubled or wrapped, and its parents' sizes agree."""
    found = [box for box in _boxes(data) if box[3]]
    if not found:
        return ebml_sizes(data, rng)
    _, begin, end, parents = found[int(rng.integers(len(found)))]
    box = data[begin:end]
    wrapped = struct.pack(">I4s", len(box) + 8, b"trak") + box
    new = (b"", box + box, wrapped, struct.pack(">I4s", len(box), b"free") + box[8:])[int(rng.integers(4))]
    changed = bytearray(data)
    for parent in parents:
        (size,) = struct.unpack_from(">I", changed, parent)
        struct.pack_into(">I", changed, parent, max(8, size + len(new) - len(box)))
    return bytes(changed[:begin]) + new + bytes(changed[end:])


def ebml_sizes(data: bytes, rng: Generator) -> bytes:
    """An element of Matroska claims to be longer, shorter, empty, or without end."""
    places = [at for code in EBML_MASTERS for at in _all(data, code)] if data[:4] == b"\x1a\x45\xdf\xa3" else []
    if not places:
        return packet_loss(data, rng)
    at = places[int(rng.integers(len(places)))]
    length = 9 - data[at].bit_length() if data[at] else 8
    unknown = (1 << (7 * length)) - 1
    value = int(rng.choice([unknown, 0, 1, unknown - 1, int(rng.integers(1 << min(7 * length, 40)))]))
    coded = (value & unknown | 1 << (7 * length)).to_bytes(length, "big")
    return data[:at] + coded + data[at + length :]


def _all(data: bytes, code: bytes) -> Iterator[int]:
    at = data.find(code)
    while 0 <= at < len(data) - len(code) - 9:
        yield at + len(code)
        at = data.find(code, at + 1)


def packet_loss(data: bytes, rng: Generator) -> bytes:
    """Packets are lost, one by one or in a stretch, sometimes those of one stream alone."""
    rate, stream = float(rng.choice([0.02, 0.2, 0.6])), int(rng.integers(3)) - 1
    start, stop = sorted(rng.uniform(0, 1, size=2))

    def is_lost(packet: Any, position: float) -> bool:
        in_stretch = start < position < min(stop, start + 0.2)
        return stream in (-1, packet.stream_index) and (in_stretch or bool(rng.random() < rate))

    def change(packets: list[Any]) -> list[Any]:
        return [packet for k, packet in enumerate(packets) if not is_lost(packet, k / len(packets))]

    return _remuxed(data, change, rng)


def timestamps(data: bytes, rng: Generator) -> bytes:
    """Timestamps jump ahead or back, stand still, or come from another clock, from some packet on or here and there."""
    way, at = int(rng.integers(5)), float(rng.uniform(0, 1))
    jump = int(rng.choice([-100_000, -1000, 1000, 90_000, 2**31, 2**33]))

    def change(packets: list[Any]) -> list[Any]:
        for k, packet in enumerate(packets):
            if packet.pts is None or packet.dts is None:
                continue
            if way == 0 and k / len(packets) > at:
                packet.pts, packet.dts = packet.pts + jump, packet.dts + jump
            elif way == 1 and rng.random() < 0.1:
                packet.pts = packet.pts + int(rng.integers(-2000, 2000))
            elif way == 2 and k / len(packets) > at:
                packet.pts = packet.dts = packets[max(0, k - 1)].dts
            elif way == 3:
                packet.pts, packet.dts = packet.pts * 7, packet.dts * 7
            elif way == 4 and packet.stream_index == 0:
                packet.pts, packet.dts = packet.pts + jump, packet.dts + jump
        return packets

    return _remuxed(data, change, rng, packets_as_they_are=True)


def stream_changes(data: bytes, rng: Generator) -> bytes:
    """In the middle the file begins anew, or another size or codec's packets go on under the same description."""
    way = int(rng.integers(3))
    if way == 0:
        cut = int(rng.integers(len(data)))
        return data[:cut] + data
    if way == 1:
        return data + data[: int(rng.integers(1, len(data)))]

    def change(packets: list[Any]) -> list[Any]:
        keys = [packet for packet in packets if packet.is_keyframe]
        for packet in packets[len(packets) // 2 :]:
            if rng.random() < 0.3 and keys:
                content = bytes(keys[int(rng.integers(len(keys)))])
                packet.update(content) if hasattr(packet, "update") else None
        half = len(packets) // 2
        return packets[half:] + packets[:half]

    return _remuxed(data, change, rng, packets_as_they_are=True)


def _remuxed(
    data: bytes, change: Callable[[list[Any]], list[Any]], rng: Generator, *, packets_as_they_are: bool = False
) -> bytes:
    """The same streams with other packets; where a muxer will not write them, bytes are lost instead."""
    written = io.BytesIO()
    try:
        with av.open(io.BytesIO(data)) as source:
            kind = MUXERS.get(source.format.name)
            if kind is None:
                return _lost(data, rng)
            options = {"fflags": "+bitexact", "avoid_negative_ts": "disabled" if packets_as_they_are else "auto"}
            with av.open(written, "w", format=kind, options=options) as target:
                wanted = [each for each in source.streams if each.type in ("video", "audio")]
                streams = {each.index: target.add_stream_from_template(each) for each in wanted}
                packets = [packet for packet in source.demux() if packet.stream.index in streams and packet.size]
                for packet in change(packets):
                    packet.stream = streams[packet.stream_index]
                    try:
                        target.mux(packet)
                    except (av.FFmpegError, ValueError, OverflowError):
                        continue
    except (av.FFmpegError, ValueError, OverflowError, TypeError, AttributeError):
        pass
    content = written.getvalue()
    return content if len(content) > 64 and content != data else _lost(data, rng)


def _lost(data: bytes, rng: Generator) -> bytes:
    """Packets of 188 bytes are lost or change places: those of a transport stream, and stretches of anything else."""
    size = 188
    parts = [data[k : k + size] for k in range(0, len(data), size)]
    for _ in range(int(rng.integers(1, 8))):
        one, other = (int(k) for k in rng.integers(len(parts), size=2))
        if rng.random() < 0.5:
            parts[one] = b""
        else:
            parts[one], parts[other] = parts[other], parts[one]
    return b"".join(parts) or data[:1]


STRUCTURES: dict[str, Mutation] = {
    "boxes": boxes,
    "sample tables": sample_tables,
    "EBML sizes": ebml_sizes,
    "packet loss": packet_loss,
    "timestamps": timestamps,
    "stream changes": stream_changes,
}
